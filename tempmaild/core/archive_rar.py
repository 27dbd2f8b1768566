"""The names in RAR archives of version 1.5 to 7, without unpacking anything.

The older format is described in the technote of RAR 4, the newer one in that of RAR 5. Both are headers one after the
other, each with the size of the data that follow it.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from tempmaild.core.archive import Entry, Octets, Unreadable, decoded_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK_4: Final = b"Rar!\x1a\x07\x00"
_MARK_5: Final = b"Rar!\x1a\x07\x01\x00"
_MAIN_4, _FILE_4, _END_4 = 0x73, 0x74, 0x7B
_MAIN_5, _FILE_5, _ENCRYPTION_5, _END_5 = 1, 2, 4, 5
_FIELDS_4: Final = struct.Struct("<HBHH2LB2L2BHL")  # of a file, from its header's start to its name
_FOLDER_4: Final = 0xE0
_MAX_NUMBER: Final = 10  # octets of a number in RAR 5, which has 64 bits


def rar_entries(data: bytes, start: int = 0) -> Iterator[Entry]:
    """The files in a RAR archive that begins at `start`.

    Raises:
        Unreadable: after what could be listed, if that may not be all.
    """
    if data.startswith(_MARK_5, start):
        yield from _entries_5(Octets(data, start + len(_MARK_5)))
    elif data.startswith(_MARK_4, start):
        yield from _entries_4(Octets(data, start + len(_MARK_4)))
    else:
        raise Unreadable("it is of another version")


def _entries_4(octets: Octets) -> Iterator[Entry]:
    """The end has a header of its own only since version 3."""
    begun = False
    while octets.position < len(octets.data):
        start = octets.position
        _, kind, flags, size = struct.unpack("<HBHH", octets.take(7))
        if kind == _END_4 and begun:  # in front of everything else unrar passes over it
            return
        if size < 7 or not _MAIN_4 <= kind <= _END_4:
            raise Unreadable("a header is broken")
        octets.position = start
        header = octets.take(size)
        if kind == _MAIN_4 and flags & 0x80:
            yield Entry("", encrypted=True)
            raise Unreadable("its headers are encrypted")
        begun = begun or kind == _MAIN_4
        has_data = kind == _FILE_4 or flags & 0x8000
        packed = int.from_bytes(header[7:11], "little") if has_data else 0
        if kind == _FILE_4:
            if size < _FIELDS_4.size:
                raise Unreadable("a header is broken")
            if flags & 0x100:
                packed |= int.from_bytes(header[_FIELDS_4.size : _FIELDS_4.size + 4], "little") << 32
            if packed or flags & _FOLDER_4 != _FOLDER_4:  # libarchive unpacks also a folder that has data
                yield from (Entry(name, bool(flags & 0x04)) for name in _names_4(header, flags))
        octets.skip(packed)


def _names_4(header: bytes, flags: int) -> Iterator[str]:
    """The name and, if the header has that, its Unicode form; of an empty one unrar takes the other, too."""
    size = _FIELDS_4.unpack_from(header)[11]
    start = _FIELDS_4.size + (8 if flags & 0x100 else 0)
    name = header[start : start + size]
    plain, zero, packed = name.partition(b"\0")
    if flags & 0x200 and zero:
        yield _unicode_4(name, packed)
        name = plain
    yield decoded_name(name)


def _unicode_4(name: bytes, packed: bytes) -> str:
    """Put a name together from its octets in some 8-bit encoding and what tells their Unicode characters.

    For unrar, what is behind the NUL that ends the octets belongs to them, too.

    After the high octet that most characters share come groups of four characters: an octet with two bits for each,
    and for each one what the bits say. What is missing at the end ends the name.
    """
    characters: list[int] = []
    octets = Octets(packed)
    try:
        high = octets.byte() << 8
        while octets.position < len(packed):
            kinds = octets.byte()
            for shift in (6, 4, 2, 0):
                kind = kinds >> shift & 3
                if kind == 0:
                    characters.append(octets.byte())
                elif kind == 1:
                    characters.append(octets.byte() | high)
                elif kind == 2:
                    characters.append(octets.byte() | octets.byte() << 8)
                else:
                    _copy_4(characters, name, octets, high)
    except Unreadable:
        pass
    return "".join(map(chr, characters)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _copy_4(characters: list[int], name: bytes, octets: Octets, high: int) -> None:
    """Take several characters from the plain name."""
    length = octets.byte()
    correction = octets.byte() if length & 0x80 else None
    copied = name[len(characters) : len(characters) + (length & 0x7F) + 2]
    characters.extend(copied if correction is None else [(octet + correction & 0xFF) | high for octet in copied])


def _entries_5(octets: Octets) -> Iterator[Entry]:
    data = octets.data
    begun = False
    while octets.position < len(data):
        checksum = int.from_bytes(octets.take(4), "little")
        start = octets.position
        size = _number(octets)
        header = Octets(octets.take(size))
        if zlib.crc32(data[start : octets.position]) != checksum:
            raise Unreadable("a header is broken")
        kind, flags = _number(header), _number(header)
        extra_size = _number(header) if flags & 1 else 0
        packed = _number(header) if flags & 2 else 0
        if kind == _END_5 and begun:
            return
        begun = begun or kind == _MAIN_5
        if kind == _ENCRYPTION_5:
            yield Entry("", encrypted=True)
            raise Unreadable("its headers are encrypted")
        if kind == _FILE_5:
            yield from _file_5(header, extra_size, packed)
        octets.skip(packed)
    raise Unreadable("it ends too early")


def _file_5(header: Octets, extra_size: int, packed: int) -> Iterator[Entry]:
    flags = _number(header)
    _number(header)  # the size when unpacked
    _number(header)  # attributes
    header.skip((4 if flags & 2 else 0) + (4 if flags & 4 else 0))  # time, checksum
    _number(header)  # compression
    _number(header)  # the system that it comes from
    name = header.take(_number(header))
    if packed or not flags & 1:  # a folder
        yield Entry(decoded_name(name), _is_encrypted_5(header, extra_size))


def _is_encrypted_5(header: Octets, extra_size: int) -> bool:
    """Whether the extra area, which ends the header, has a record about encryption."""
    header.position = max(header.position, len(header.data) - extra_size)
    while header.position < len(header.data):
        record = Octets(header.take(_number(header)))
        if _number(record) == 1:
            return True
    return False


def _number(octets: Octets) -> int:
    """A number in groups of seven bits, the lowest first."""
    number = 0
    for shift in range(0, 7 * _MAX_NUMBER, 7):
        octet = octets.byte()
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number
    raise Unreadable("a number is too long")
