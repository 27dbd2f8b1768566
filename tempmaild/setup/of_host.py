"""What the host gives: space, time, and who may read what."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import stat
from typing import TYPE_CHECKING

from tempmaild.settings.values import size_text
from tempmaild.setup.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.settings import Settings

_TIME_ERROR = 5
"""What adjtimex(2) says while nobody keeps the clock right."""
_TIMEX_OCTETS = 512
"""More than struct timex has; all zero, it asks and changes nothing."""
_SECRETS = ("receipts.key", "admin.key", "keys.db", "tempmaild.db")
_MIB = 2**20


def examine(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """Look at the disk, the clock and the files."""
    yield from _disk(settings)
    yield _clock(clock_state())
    yield from _permissions(settings, config)


def _disk(settings: Settings) -> Iterator[Finding]:
    state = settings.host.state
    try:
        usage = shutil.disk_usage(state)
    except OSError as error:
        yield Finding("error", "disk", f"{state} cannot be looked at: {error.strerror}", "run `tempmaild setup`")
        return
    free, floor = usage.free, settings.store.minimum_free_disk_bytes
    text = f"{size_text(free // _MIB * _MIB)} free in {state}"
    if free < floor:
        remedy = "make room, or lower store.minimum_free_disk_bytes; until then senders are asked to come back"
        yield Finding("error", "disk", text, remedy)
    elif free < max(2 * floor, usage.total // 10):
        yield Finding("warning", "disk", text, "make room before senders have to be asked to come back")
    else:
        yield Finding("fine", "disk", text)


def clock_state() -> int:
    """Ask the kernel how well its clock is kept; -1 where it does not tell."""
    return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS)))


def _clock(state: int) -> Finding:
    if state == _TIME_ERROR:
        text = "nobody keeps the clock of this host right, and lifetimes go by it"
        return Finding("warning", "clock", text, "apt install systemd-timesyncd, or chrony")
    if state < 0:
        return Finding("note", "clock", "the kernel does not tell whether it is kept right")
    return Finding("fine", "clock", "it is kept right")


def _permissions(settings: Settings, config: Path | None) -> Iterator[Finding]:
    state = settings.host.state
    wrong = list(_of_state(state)) if state.is_dir() else []
    key = settings.tls.key
    if key and (mode := _mode(key)) is not None and mode & 0o007:
        wrong.append(Finding("error", "permissions", f"anybody can read {key}", f"chmod o= {key}"))
    if config and (mode := _mode(config)) is not None and mode & 0o002:
        wrong.append(Finding("error", "permissions", f"anybody can write {config}", f"chmod o= {config}"))
    yield from wrong or [Finding("fine", "permissions", "nobody else reads what is ours")]


def _of_state(state: Path) -> Iterator[Finding]:
    try:
        owner = state.stat().st_uid
        if state.stat().st_mode & 0o007:
            yield Finding("error", "permissions", f"anybody can look into {state}", f"chmod o= {state}")
        for path in sorted(state.iterdir()):
            if path.lstat().st_uid != owner:
                name = _user(owner)
                yield Finding("error", "permissions", f"{path} does not belong to {name}", f"chown {name}: {path}")
            if path.name in _SECRETS and stat.S_IMODE(path.lstat().st_mode) & 0o007:
                yield Finding("error", "permissions", f"anybody can read {path}", f"chmod o= {path}")
    except OSError as error:
        text = f"{error.filename or state} cannot be looked at: {error.strerror}"
        yield Finding("note" if os.geteuid() else "error", "permissions", text, "ask as root")


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
