"""What a server uses: the processor time and the memory of its whole tree of processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _UTIME, _CSTIME = 0, 1, 11, 14
"""Where fields stand in /proc/PID/stat behind the name, which is the second field (proc(5))."""


_ENDED = {"Z", "X"}


class _Stat(NamedTuple):
    state: str
    parent: int
    ticks: int


class Tree:
    """Processes and all that descend from them, whoever they are at the moment of asking."""

    def __init__(self, *roots: int, proc: Path = _PROC) -> None:
        self._roots = roots
        self._proc = proc

    def members(self) -> list[int]:
        """Give the processes."""
        return list(self._stats())

    def cpu_seconds(self) -> float:
        """Give what they have used so far, with those of their children that have ended."""
        return sum(stat.ticks for stat in self._stats().values()) / _TICKS

    def memory(self) -> int:
        """Give the octets in use: proportional set sizes, so that what is shared counts once."""
        return sum(self._pss(pid) for pid in self.members())

    def _stats(self) -> dict[int, _Stat]:
        everyone = {}
        children: dict[int, list[int]] = {}
        for entry in self._proc.iterdir():
            if entry.name.isdigit() and (stat := _read_stat(entry)):
                everyone[int(entry.name)] = stat
                children.setdefault(stat.parent, []).append(int(entry.name))
        found: dict[int, _Stat] = {}
        waiting = list(self._roots)
        while waiting:
            pid = waiting.pop()
            if pid in everyone:
                found[pid] = everyone[pid]
                waiting += children.get(pid, [])
        return found

    def _pss(self, pid: int) -> int:
        try:
            rollup = (self._proc / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0  # it has ended, or is about to
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) << 10


def is_running(pid: int, proc: Path = _PROC) -> bool:
    """Say whether a process has not ended, though nobody may have taken note of its end."""
    stat = _read_stat(proc / str(pid))
    return stat is not None and stat.state not in _ENDED


def _read_stat(entry: Path) -> _Stat | None:
    try:
        stat = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name may hold spaces and brackets.
    fields = stat[stat.rindex(")") + 2 :].split()
    return _Stat(fields[_STATE], int(fields[_PARENT]), sum(map(int, fields[_UTIME : _CSTIME + 1])))
