"""Runs a program as a unit's sandbox options would have it, without systemd.

    python -m tests.unit_sandbox systemd/tempmaild.service WRITABLE_FOLDER program argument…

For a host on which systemd is not PID 1. As root it does what systemd would do, by the same means of the kernel:

- a mount namespace in which all is read-only but one folder (ProtectSystem=strict, StateDirectory=), with /proc
  as ProtectProc= and ProcSubset= want it,
- no capabilities (CapabilityBoundingSet=, AmbientCapabilities=) and NoNewPrivileges=,
- seccomp filters for SystemCallFilter= (the groups as this machine's systemd-analyze has them),
  SystemCallErrorNumber=, MemoryDenyWriteExecute=, RestrictAddressFamilies=, RestrictNamespaces=, RestrictSUIDSGID=,
  RestrictRealtime= and LockPersonality=,
- UMask= and LimitNOFILE=.

What it does not do, and tests/setup/fresh_host.sh does: User=, PrivateUsers=, PrivateTmp=, PrivateDevices=, what
cgroups limit (TasksMax=, SocketBindDeny=, IPAddressDeny=), LoadCredential=.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

from tests.units import Unit

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEW… of mount, cgroup, uts, ipc, user, pid and net; clone(2)."""
_MS_READ_ONLY, _MS_NO_SUID, _MS_NO_DEV, _MS_NO_EXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NOT_EQUAL, _GREATER, _MASKED_EQUAL = 1, 6, 7
_PROT_WRITE, _PROT_EXEC, _SHM_EXEC = 2, 4, 0o100000
_FIFO, _RR, _DEADLINE = 1, 2, 6


Compared = tuple[int, int, int, int]
"""Which argument, how it is compared, and with what (for bits: the mask first)."""
Rule = tuple[str, *tuple[Compared, ...]]
"""A system call, and what has to be so of its arguments."""


def _has(place: int, bits: int) -> Compared:
    """Compare: all these bits are set in the argument at this place."""
    return place, _MASKED_EQUAL, bits, bits


_RESTRICTIONS: dict[str, list[Rule]] = {
    "MemoryDenyWriteExecute": [
        ("mmap", _has(2, _PROT_WRITE | _PROT_EXEC)),
        ("mprotect", _has(2, _PROT_EXEC)),
        ("pkey_mprotect", _has(2, _PROT_EXEC)),
        ("shmat", _has(2, _SHM_EXEC)),
    ],
    "RestrictNamespaces": [
        ("setns",),
        *((call, _has(0, flag)) for call in ("unshare", "clone") for flag in _NAMESPACES),
    ],
    "RestrictSUIDSGID": [
        (call, _has(place, bit))
        for bit in (stat.S_ISUID, stat.S_ISGID)
        for call, place in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2))
    ],
    "RestrictRealtime": [
        ("sched_setscheduler", (1, _MASKED_EQUAL, 0xFFFFFFFF, policy)) for policy in (_FIFO, _RR, _DEADLINE)
    ],
    "LockPersonality": [("personality", (0, _NOT_EQUAL, 0, 0))],
}
"""What an option forbids: system calls, each with what its arguments are compared with."""


class _Compare(ctypes.Structure):
    """struct scmp_arg_cmp; seccomp_rule_add(3)."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Filter:
    """One filter for seccomp; several of them are asked one after the other, and the strictest answer counts."""

    def __init__(self, otherwise: int) -> None:
        library = self._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        library.seccomp_init.restype = ctypes.c_void_p
        library.seccomp_init.argtypes = [ctypes.c_uint32]
        library.seccomp_rule_add_array.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.POINTER(_Compare),
        ]
        library.seccomp_load.argtypes = [ctypes.c_void_p]
        self._context = library.seccomp_init(otherwise)
        assert self._context

    def add(self, action: int, call: str, *compare: Compared) -> None:
        """Add a rule for a system call; one that this machine does not have is left out."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            array = (_Compare * len(compare))(*(_Compare(*one) for one in compare))
            code = self._library.seccomp_rule_add_array(self._context, action, number, len(compare), array)
            assert code == 0, (call, os.strerror(-code))

    def load(self) -> None:
        """Have it from now on."""
        code = self._library.seccomp_load(self._context)
        assert code == 0, os.strerror(-code)


def system_calls(group: str) -> set[str]:
    """Give the system calls of a group such as @system-service; a name without @ stands for itself."""
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    words = {line.strip() for line in told.splitlines()[1:]} - {""}
    return set().union(*(system_calls(word) for word in words if not word.startswith("#")))


def allowed_calls(unit: Unit) -> set[str]:
    """Give what SystemCallFilter= leaves; a line with ~ takes away from the lines before."""
    calls: set[str] = set()
    for line in unit.values("SystemCallFilter"):
        named = set().union(*(system_calls(word) for word in line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def _filters(unit: Unit) -> list[Filter]:
    calls = Filter(_ERRNO | getattr(errno, unit.value("SystemCallErrorNumber")))
    for call in allowed_calls(unit):
        calls.add(_ALLOW, call)
    # What allows system calls is the last, for it does not allow any more to add a filter.
    return [_restrictions(unit), _families(unit), calls]


def _restrictions(unit: Unit) -> Filter:
    made = Filter(_ALLOW)
    for option, rules in _RESTRICTIONS.items():
        assert unit.is_on(option), option
        for call, *compare in rules:
            made.add(_ERRNO | errno.EPERM, call, *compare)
    # Its flags are in memory, where no filter sees them; libraries then use clone.
    made.add(_ERRNO | errno.ENOSYS, "clone3")
    return made


def _families(unit: Unit) -> Filter:
    made, unsupported = Filter(_ALLOW), _ERRNO | errno.EAFNOSUPPORT
    wanted = {int(getattr(socket, name)) for name in unit.value("RestrictAddressFamilies").split()}
    for family in set(range(max(wanted))) - wanted:
        made.add(unsupported, "socket", (0, _MASKED_EQUAL, 0xFFFFFFFF, family))
    made.add(unsupported, "socket", (0, _GREATER, max(wanted), 0))
    return made


def _checked(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _checked(_LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode() or None))


def _see_only(unit: Unit, writable: Path) -> None:
    """Make everything read-only but a folder, as for `ProtectSystem=strict`."""
    assert unit.value("ProtectSystem") == "strict"
    _checked(_LIBC.unshare(_CLONE_NEWNS))
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount(str(writable), str(writable), "", _MS_BIND)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for target in mounts:
        # /dev is for PrivateDevices=; what is put below /proc and /sys by a container is not ours to change.
        if target != str(writable) and not target.startswith(("/dev", "/proc", "/sys")):
            _mount("none", target.encode().decode("unicode_escape"), "", _MS_REMOUNT | _MS_BIND | _MS_READ_ONLY)
    hide = f"hidepid={unit.value('ProtectProc')}"
    subset = ",subset=pid" if unit.value("ProcSubset") == "pid" else ""
    _mount("proc", "/proc", "proc", _MS_NO_SUID | _MS_NO_DEV | _MS_NO_EXEC, hide + subset)


def _drop_capabilities(unit: Unit) -> None:
    assert unit.value("CapabilityBoundingSet") == unit.value("AmbientCapabilities") == ""
    number = 0
    while _LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    assert number > 30, "root's capabilities are needed to begin with"
    # struct __user_cap_header_struct (version 3, this process) and its data, all zero; capset(2).
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capset(header, data))


def main(unit_file: str, writable: str, *command: str) -> None:
    """Become the program, in the sandbox."""
    unit = Unit.read(Path(unit_file))
    filters = _filters(unit)
    _see_only(unit, Path(writable).resolve())
    os.umask(int(unit.value("UMask"), 8))
    if limit := int(unit.value("LimitNOFILE") or 0):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), min(limit, hard)))
    assert unit.is_on("NoNewPrivileges")
    _checked(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _drop_capabilities(unit)
    for one in filters:
        one.load()
    if "LISTEN_FDS" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
