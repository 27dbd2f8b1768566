"""What is to be found on the disk: every file of a daemon, searched for a word in all forms it may take there."""

from __future__ import annotations

import base64
import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from tests.bench.process import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.daemon import RunningDaemon

_ZSTD = b"\x28\xb5\x2f\xfd"
"""How a frame begins (RFC 8878 §3.1.1)."""
_LARGEST = 8 << 20
_SQLITE = b"SQLite format 3\0"


def forms(word: str) -> list[bytes]:
    """Give a word as it may stand in a file: in any case, encoding and transfer encoding."""
    plain = [spelled.encode() for spelled in (word, word.lower(), word.upper(), word[::-1])]
    wide = [word.encode(encoding) for encoding in ("utf-16-le", "utf-16-be", "utf-32-le")]
    coded = [word.encode().hex().encode(), word.encode().hex().upper().encode()]
    coded += ["".join(f"={octet:02X}" for octet in word.encode()).encode()]
    coded += [_base64(octets, shift) for octets in (plain[0], wide[0], wide[1]) for shift in range(3)]
    return [*plain, *wide, *coded]


def _base64(octets: bytes, shift: int) -> bytes:
    """Give the digits that depend on nothing else where the octets stand `shift` behind a multiple of three."""
    digits = base64.b64encode(bytes(shift) + octets)
    first = -(-shift * 8 // 6)
    return digits[first : (shift + len(octets)) * 8 // 6]


def found(needles: Iterable[bytes], folder: Path, daemon: RunningDaemon | None = None) -> list[str]:
    """Say where any of these octets are, in a folder's files or those that a daemon has open, and in what form."""
    needles = list(needles)
    return [
        f"{place}: {needle!r}" for place, octets in _views(folder, daemon) for needle in needles if needle in octets
    ]


def findable(needles: Iterable[bytes], folder: Path, daemon: RunningDaemon) -> list[bytes]:
    """Give those of these octets that are anywhere, as `found` would; it looks at everything once."""
    needles = list(needles)
    there = {needle for _, octets in _views(folder, daemon) for needle in needles if needle in octets}
    return [needle for needle in needles if needle in there]


def opens_anything(attempt: Callable[[bytes], object], length: int, folder: Path) -> list[str]:
    """Say where something of `length` octets is with which `attempt` succeeds; it raises an exception otherwise."""
    places = []
    for path in _files(folder):
        octets = _read(path)
        for start in range(len(octets) - length + 1):
            try:
                attempt(octets[start : start + length])
            except Exception:  # nearly all of them
                continue
            places.append(f"{path}: {start}")
    return places


def _views(folder: Path, daemon: RunningDaemon | None) -> Iterator[tuple[str, bytes]]:
    """Give the octets of all files, and what can be read of them by undoing what programs do."""
    for path in [*_files(folder), *(_open_files(daemon) if daemon else ())]:
        octets = _read(path)
        yield str(path), octets
        for number, unpacked in enumerate(_unpacked(octets)):
            yield f"{path}, compressed, {number}", unpacked
        if octets.startswith(_SQLITE) and path.is_relative_to(folder):
            yield from _values(path)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _open_files(daemon: RunningDaemon) -> Iterator[Path]:
    """Give what the daemon's processes have open, files among it whose names were deleted."""
    for pid in Tree(daemon.pid).members():
        yield from Path(f"/proc/{pid}/fd").iterdir()


def _read(path: Path) -> bytes:
    """Give the octets of a file; none if it is gone, or what a process has open is something else."""
    try:
        # A pipe is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            return b""
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _unpacked(octets: bytes) -> Iterator[bytes]:
    start = octets.find(_ZSTD)
    while start >= 0:
        try:
            with zstandard.ZstdDecompressor().stream_reader(octets[start : start + _LARGEST]) as reader:
                yield reader.read(_LARGEST)
        except zstandard.ZstdError:
            pass  # no frame, or one that goes on elsewhere in the file
        start = octets.find(_ZSTD, start + 1)


def _values(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give every value of every table: those that are long lie in pieces in the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    octets = value.encode() if isinstance(value, str) else value
                    if isinstance(octets, bytes):
                        yield f"{path}, a value of {table}", octets
                        for unpacked in _unpacked(octets):
                            yield f"{path}, a compressed value of {table}", unpacked
