"""The names in tar archives (POSIX pax and ustar, GNU tar, the tar of Version 7), read forwards block by block."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from tempmaild.core.archive import MAX_ENTRIES, Entry, Unreadable, decoded_name

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 512
_MAX_EXTENSION: Final = 1024 * 1024  # octets of a long name or of pax records, as in GNU tar
_NUMBER: Final = re.compile(rb"[ \0]*([0-7]+)[ \0]*")
# A number begins with its first digit, so that no text is read from each of them.
_PAX_RECORD: Final = re.compile(rb"(?<![0-9])0*+([0-9]++)[ \t]++(path|size|GNU\.sparse\.name)=([^\n]*+)(?:\n|\Z)")
_WITHOUT_DATA: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
"""Links, devices, folders; some programs pass over as many octets as their size says, and some do not."""
_EMPTY: Final = bytes(BLOCK)


class Source(Protocol):
    """Octets that can be read once, from the first to the last."""

    def take(self, count: int) -> bytes:
        """The next octets; fewer at the end."""

    def skip(self, count: int) -> bool:
        """Go on without the next octets, and tell whether there were so many."""


def is_tar(block: bytes) -> bool:
    """Whether a block is the header of a file: its checksum is right."""
    if len(block) < BLOCK or block == _EMPTY:
        return False
    stated = _NUMBER.fullmatch(block[148:156])
    if stated is None:
        return False
    octets = block[:148] + b" " * 8 + block[156:BLOCK]
    total = sum(octets)
    signed = total - 256 * sum(octet > 127 for octet in octets)  # as some old programs have added
    return int(stated[1], 8) in {total, signed}


def tar_entries(source: Source) -> Iterator[Entry]:
    """The files in a tar archive.

    Raises:
        Unreadable: after what could be listed, if that may not be all.
    """
    names: list[str] = []
    ended = goes_on = False
    while block := source.take(BLOCK):
        if block == _EMPTY:
            ended = True
            continue
        goes_on = ended
        if not is_tar(block):
            raise Unreadable("a header is broken")
        kind, size = block[156:157], _number(block[124:136])
        if kind in b"LKxXg":
            names += islice(_extended(kind, size, source), MAX_ENTRIES)
            if len(names) >= MAX_ENTRIES:
                raise Unreadable("it has too many files")
            continue
        if kind != b"5":  # a folder
            yield from map(Entry, (_name(block), *names))
        names = []
        _pass_over(kind, size, source)
    if goes_on:  # some programs stop at the end, and some do not
        raise Unreadable("it goes on after its end")
    if not ended:
        raise Unreadable("it has no end")


def _pass_over(kind: bytes, size: int, source: Source) -> None:
    """Go on to the next header."""
    if size and kind in _WITHOUT_DATA:
        raise Unreadable("something that is no file has a size")
    if not source.skip(_padded(size)):
        raise Unreadable("it ends too early")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _name(block: bytes) -> str:
    name, prefix = block[:100].partition(b"\0")[0], b""
    if block[257:262] == b"ustar" and block[262:263] == b"\0":
        prefix = block[345:500].partition(b"\0")[0]
    return decoded_name(prefix + b"/" + name if prefix else name, "latin-1")


def _extended(kind: bytes, size: int, source: Source) -> Iterator[str]:
    """The names in the data of a header that says something about the next one."""
    if size > _MAX_EXTENSION:
        raise Unreadable("a name is too long")
    content = source.take(_padded(size))[:size]
    if kind in b"LK":
        return iter([decoded_name(content.rstrip(b"\0"), "latin-1")])
    return _pax_names(content)


def _pax_names(records: bytes) -> Iterator[str]:
    for record in _PAX_RECORD.finditer(records):
        length, key, value = record.groups()
        if length != b"%d" % len(record[0]):
            # Its value goes on in the next line, or somebody thinks so.
            raise Unreadable("a record is not as long as it says")
        if key == b"size":
            raise Unreadable("a file has two sizes")
        yield decoded_name(value, "latin-1")


def _number(field: bytes) -> int:
    """A number in octal digits, or in octets if the first bit is set."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & (1 << (8 * len(field) - 1)) - 1
    digits = _NUMBER.fullmatch(field)
    if digits is None:
        if field.strip(b" \0"):
            raise Unreadable("a size is no number")
        return 0
    return int(digits[1], 8)
