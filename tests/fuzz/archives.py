"""Readers of archives, and of what shows the type of a file."""

from __future__ import annotations

import bz2
import gzip
import lzma
from contextlib import suppress
from typing import TYPE_CHECKING

from tempmaild.core.archive import MAX_ENTRIES, Budget, Entry, Unreadable
from tempmaild.core.archive_7z import seven_zip_entries
from tempmaild.core.archive_rar import rar_entries
from tempmaild.core.archive_tar import tar_entries
from tempmaild.core.archive_tnef import MARK as TNEF_MARK
from tempmaild.core.archive_tnef import tnef_attachments
from tempmaild.core.archive_zip import zip_entries
from tempmaild.core.file_types import file_types
from tests.checks.test_archives import (
    MESSAGE,
    RENDERING,
    attribute,
    header_7z,
    listing,
    mapi,
    packed_7z,
    properties,
    rar_4,
    rar_5,
    seven_zip,
    tarred,
    tnef,
    tnef_of,
    zipped,
)
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ZIP = (zipped("a.txt", "b/c.exe"), zipped("\u0430.js"))
_TAR = (tarred("a.txt", "b" * 120 + ".exe"), tarred("\u0430.js"))
_SEVEN_ZIP = (seven_zip(header_7z("a.txt", "b.exe"), bytes(20)), packed_7z(header_7z("a.exe")))
_RAR = (rar_4(b"a.txt", b"b.exe"), rar_5(b"a.txt", b"b.exe"))
_TNEF = (
    tnef_of("a.txt", "b.exe"),
    tnef(RENDERING, properties(mapi(0x3701, MESSAGE + tnef_of("a.zip", content=_ZIP[0]), kind=0x000D))),
    tnef(RENDERING, attribute(0x18010, b"a.exe\0"), properties(mapi(0x3707, b"a.exe"), mapi(0x3703, b".exe"))),
)
_COMPRESSED = (gzip.compress(_TAR[0]), bz2.compress(_TAR[0]), lzma.compress(_TAR[0]))


class _Memory:
    """Octets that are read forwards."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        octets = self._data[self._position : self._position + count]
        self._position += len(octets)
        return octets

    def skip(self, count: int) -> bool:
        self._position += count
        return self._position <= len(self._data)


def _lists(read: Callable[[bytes], Iterable[Entry]]) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        budget = Budget()
        count = 0
        with suppress(Unreadable):
            for entry in read(data):
                budget.spend_entry(entry.name)
                count += 1
        assert count <= MAX_ENTRIES

    return check


def _list_tnef(data: bytes) -> Iterator[Entry]:
    for attachment in tnef_attachments(data, Budget()):
        assert sum(map(len, attachment.contents)) <= len(data)
        yield from map(Entry, attachment.names)


def check_listing(data: bytes) -> None:
    found = listing(data)
    assert len(found.names) <= MAX_ENTRIES
    assert all(found.types)


def check_file_types(data: bytes) -> None:
    types = file_types(data)
    assert len(types) <= 3
    assert all("/" in media_type for media_type in types)


_MARKS = (
    b"PK\3\4",
    b"PK\1\2",
    b"PK\5\6",
    b"PK\6\6",
    b"Rar!\x1a\x07\0",
    b"Rar!\x1a\x07\1\0",
    b"7z\xbc\xaf\x27\x1c",
    b"ustar\0",
    TNEF_MARK,
)
_NUMBERS = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80", b"\1\0")

_SECONDS = 2.0
"""To unpack what a budget allows, of which a few octets can be enough (`core.archive.MAX_UNPACKED`)."""

TARGETS = (
    Target("zip", _lists(zip_entries), _ZIP, (*_MARKS[:4], *_NUMBERS, b"\1\0\x18\0")),
    Target(
        "7z",
        _lists(seven_zip_entries),
        _SEVEN_ZIP,
        (*_NUMBERS, b"\x17\x06", b"\x05", b"\x11", b"\x21", b"\x03\x01\x01"),
    ),
    Target("rar", _lists(rar_entries), _RAR, (*_MARKS[4:6], *_NUMBERS, b"\x74")),
    Target(
        "tar",
        _lists(lambda data: tar_entries(_Memory(data))),
        _TAR,
        (*_NUMBERS, b"\0" * 512, b"ustar\0", b"0000644\0", b"x", b"L", b"20 path=a\n"),
    ),
    Target(
        "tnef",
        _lists(_list_tnef),
        _TNEF,
        (*_NUMBERS, TNEF_MARK, MESSAGE, RENDERING, properties(), mapi(0x3707, "a"), mapi(0x3701, b"", kind=0x000D)),
    ),
    Target("archives", check_listing, (*_ZIP, *_TAR, *_SEVEN_ZIP, *_RAR, *_TNEF, *_COMPRESSED), (*_MARKS, *_NUMBERS)),
    Target(
        "file-types",
        check_file_types,
        (*_ZIP, b"MZ\0\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), b"REGEDIT4\r\n"),
        (*_MARKS, *_NUMBERS, b"koly", b"conectix", b"MZ", b"\xca\xfe\xba\xbe"),
    ),
)
