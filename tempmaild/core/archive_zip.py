"""The names in zip archives (PKWARE's APPNOTE.TXT 6.3.10), without unpacking anything.

The central directory says what there is, but some programs read the local headers instead, and some look for the
directory in another way. So all names of a file count, and whatever a program could find beside what the directory
names makes the archive unreadable: headers in gaps, a second directory, files that overlap, sizes that differ.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.archive import MAX_ENTRIES, Entry, Unreadable, decoded_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL: Final = struct.Struct("<4s5H3L2H")  # APPNOTE 4.3.7
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_END: Final = struct.Struct("<4s4H2LH")  # 4.3.16
_END64: Final = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR_SIZE: Final = 20  # 4.3.15
_MAX_COMMENT: Final = 0xFFFF
_LOCAL_MARK: Final = b"PK\x03\x04"
_CENTRAL_MARK: Final = b"PK\x01\x02"
_END_MARK: Final = b"PK\x05\x06"
_ENCRYPTED: Final = 1 | 1 << 6 | 1 << 13  # 4.4.4: encryption, strong encryption, masked headers
_IN_ZIP64: Final = 0xFFFFFFFF
_MANY: Final = 0xFFFF
_MAX_EXTRA_FIELDS: Final = 32  # of one file; programs write five at the most
_ZIP64_FIELD: Final = 1  # 4.5.3
_UNICODE_PATH: Final = 0x7075  # 4.6.9; "up" in the archive


class _Directory(NamedTuple):
    start: int
    end: int
    shift: int  # octets in front of the archive, which its offsets do not count
    files: int
    mark: int  # where the end record is


def zip_entries(data: bytes) -> Iterator[Entry]:
    """The files in a zip archive.

    Raises:
        Unreadable: after what could be listed, if that may not be all.
    """
    spans: list[tuple[int, int]] = []
    problems: list[str] = []
    try:
        directory = _directory(data)
        yield from _listed(data, directory, spans, problems)
    except Unreadable:
        yield from _strays(data, 0, len(data))
        raise
    spans.sort()
    position = 0
    for start, end in [*spans, (directory.start, directory.end)]:
        if start < position:
            problems.append("files overlap")
        else:
            yield from _gap(data, position, start, problems)
        position = max(position, end)
    yield from _gap(data, directory.end, directory.mark, problems)
    yield from _gap(data, directory.mark + len(_END_MARK), len(data), problems)
    if problems:
        raise Unreadable(problems[0])


def _directory(data: bytes) -> _Directory:
    """Find the central directory by the last end record."""
    mark = data.rfind(_END_MARK, max(len(data) - _MAX_COMMENT - _END.size, 0))
    if mark < 0 or mark + _END.size > len(data):
        raise Unreadable("it has no end")
    _, disk, first_disk, _, count, size, offset, _ = _END.unpack_from(data, mark)
    end = mark
    if mark >= _LOCATOR_SIZE and data.startswith(b"PK\x06\x07", mark - _LOCATOR_SIZE):
        end, count, size, offset = _zip64(data, mark, count, size, offset)
    elif disk or first_disk:
        raise Unreadable("it has several volumes")
    start = end - size
    shift = start - offset
    if shift < 0 or (count and not data.startswith(_CENTRAL_MARK, start)):
        raise Unreadable("its directory is elsewhere")
    if shift and data.startswith(_CENTRAL_MARK, offset):
        raise Unreadable("it has two directories")
    return _Directory(start, end, shift, count, mark)


def _zip64(data: bytes, mark: int, count: int, size: int, offset: int) -> tuple[int, int, int, int]:
    """The end of the directory and its numbers, which must not contradict those of the older record."""
    end = mark - _LOCATOR_SIZE - _END64.size
    if end < 0 or not data.startswith(b"PK\x06\x06", end):
        raise Unreadable("its zip64 record is elsewhere")
    *_, large_count, large_size, large_offset = _END64.unpack_from(data, end)
    pairs = ((count, large_count, _MANY), (size, large_size, _IN_ZIP64), (offset, large_offset, _IN_ZIP64))
    if any(small not in {large, limit} for small, large, limit in pairs):
        raise Unreadable("it has two ends")
    return end, large_count, large_size, large_offset


def _listed(data: bytes, directory: _Directory, spans: list[tuple[int, int]], problems: list[str]) -> Iterator[Entry]:
    """What the directory names, and what the local headers call it; adds where each file is."""
    position = directory.start
    count = 0
    while position + _CENTRAL.size <= directory.end and data.startswith(_CENTRAL_MARK, position):
        count += 1
        if count > MAX_ENTRIES:
            raise Unreadable("too many files")
        header = _CENTRAL.unpack_from(data, position)
        flags, name_size, extra_size, comment_size = header[3], *header[10:13]
        position += _CENTRAL.size
        octets = data[position : position + name_size]
        extra = data[position + name_size : position + name_size + extra_size]
        position += name_size + extra_size + comment_size
        name = decoded_name(octets)
        large = next(_extra(extra, _ZIP64_FIELD), b"")
        unpacked, packed, offset = _large((header[9], header[8], header[16]), large)
        if not (octets.endswith(b"/") and not packed and not unpacked):
            yield Entry(name, bool(flags & _ENCRYPTED))
            yield from _unicode_paths(extra)
        yield from _local(data, offset + directory.shift, octets, packed, spans, problems)
    if position != directory.end or (count - directory.files) & _MANY:
        problems.append("its directory is not as long as it says")


def _local(
    data: bytes, start: int, name: bytes, packed: int, spans: list[tuple[int, int]], problems: list[str]
) -> Iterator[Entry]:
    """What the local header calls a file, if that is something else."""
    if not data.startswith(_LOCAL_MARK, start) or start + _LOCAL.size > len(data):
        problems.append("a file is not where it should be")
        return
    header = _LOCAL.unpack_from(data, start)
    flags, own_packed, name_size, extra_size = header[2], header[7], header[9], header[10]
    body = start + _LOCAL.size + name_size + extra_size
    own_name = data[start + _LOCAL.size : start + _LOCAL.size + name_size]
    if own_name != name or flags & _ENCRYPTED:
        yield Entry(decoded_name(own_name), bool(flags & _ENCRYPTED))
    yield from _unicode_paths(data[body - extra_size : body])
    if own_packed not in {0, packed, _IN_ZIP64}:
        problems.append("a file has two sizes")
        packed = min(packed, own_packed)
    if body + packed > len(data):
        problems.append("a file ends too early")
    spans.append((start, body + packed))


def _large(numbers: tuple[int, int, int], field: bytes) -> Iterator[int]:
    """The numbers, those too large for the header from the zip64 field, which has only them."""
    for number in numbers:
        if number == _IN_ZIP64 and len(field) >= 8:
            yield int.from_bytes(field[:8], "little")
            field = field[8:]
        else:
            yield number


def _unicode_paths(extra: bytes) -> Iterator[Entry]:
    """Other names that extra fields give a file; libarchive believes those of local headers, and the last one."""
    if b"up" in extra:  # what programs fill with NULs for the content to be aligned looks like very many fields
        yield from (Entry(decoded_name(field[5:])) for field in _extra(extra, _UNICODE_PATH) if field[5:])


def _extra(extra: bytes, wanted: int) -> Iterator[bytes]:
    """The extra fields of this kind, APPNOTE 4.5.1."""
    position = 0
    for _ in range(_MAX_EXTRA_FIELDS):
        if position + 4 > len(extra):
            return
        kind, size = struct.unpack_from("<HH", extra, position)
        position += 4
        if kind == wanted:
            yield extra[position : position + size]
        position += size
    raise Unreadable("a file has too many extra fields")


def _gap(data: bytes, start: int, end: int, problems: list[str]) -> Iterator[Entry]:
    """What stands between the files, where nothing should be that looks like one."""
    if start >= end:
        return
    if any(data.find(mark, start, end) >= 0 for mark in (_LOCAL_MARK, _CENTRAL_MARK, _END_MARK)):
        problems.append("it has files that its directory does not name")
        yield from _strays(data, start, end)


def _strays(data: bytes, start: int, end: int) -> Iterator[Entry]:
    """Files by their local headers alone, as programs find them that repair archives or read them as a stream."""
    position = data.find(_LOCAL_MARK, start, end)
    while position >= 0 and position + _LOCAL.size <= len(data):
        header = _LOCAL.unpack_from(data, position)
        name_start = position + _LOCAL.size
        yield Entry(decoded_name(data[name_start : name_start + header[9]]), bool(header[2] & _ENCRYPTED))
        position = data.find(_LOCAL_MARK, name_start, end)
