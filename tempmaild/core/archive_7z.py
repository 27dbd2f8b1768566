"""The names in 7z archives (7zFormat.txt of the LZMA SDK); of the archive only its header is unpacked."""

from __future__ import annotations

import lzma
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.archive import MAX_ENTRIES, Entry, Octets, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = b"7z\xbc\xaf\x27\x1c"
_START: Final = struct.Struct("<6s2sLQQL")  # the mark, the version, a checksum; offset, size, checksum of the header
MAX_HEADER: Final = 8 * 2**20
"""Octets of a header, packed or not: 20,000 files with names of 200 characters."""
_MAX_NESTING: Final = 4  # headers packed within packed headers; 7-Zip packs once
_MAX_CODERS: Final = 32  # of one folder, and streams of one coder; as in 7-Zip
_MAX_DICTIONARY: Final = MAX_HEADER  # more than what comes out of it is never looked back at

_MAX_STEPS: Final = 16 * MAX_ENTRIES
"""Numbers and marks in a header: a file that is packed by itself has ten. So many are read in 0.2 s."""

_END, _HEADER, _PROPERTIES, _ADDITIONAL_STREAMS, _MAIN_STREAMS, _FILES, _PACK, _UNPACK, _SUBSTREAMS = range(9)
_SIZE, _CRC, _FOLDER, _UNPACK_SIZES, _SUBSTREAM_COUNTS, _EMPTY_STREAM, _EMPTY_FILE, _ANTI, _NAMES = range(9, 18)
_ENCODED_HEADER: Final = 0x17

_COPY, _LZMA2, _LZMA, _AES = b"\0", b"\x21", b"\x03\x01\x01", b"\x06\xf1\x07\x01"


class _Coder(NamedTuple):
    method: bytes
    properties: bytes


class _Streams(NamedTuple):
    position: int  # of the first packed stream, after the start header
    packed: list[int]  # their sizes
    folders: list[list[_Coder]]
    unpacked: list[list[int]]  # sizes of the streams of each folder

    @property
    def encrypted(self) -> bool:
        return any(coder.method == _AES for folder in self.folders for coder in folder)


_NO_STREAMS: Final = _Streams(0, [], [], [])


def seven_zip_entries(data: bytes, start: int = 0) -> Iterator[Entry]:
    """The files in a 7z archive that begins at `start`.

    Raises:
        Unreadable: after what could be listed, if that may not be all.
    """
    if len(data) - start < _START.size:
        raise Unreadable("it ends too early")
    _, _, checksum, offset, size, header_checksum = _START.unpack_from(data, start)
    base = start + _START.size
    if zlib.crc32(data[start + 12 : base]) != checksum:
        raise Unreadable("its start is broken")
    if not size:
        return  # it is empty
    header = _stretch(data, base + offset, size)
    if zlib.crc32(header) != header_checksum:
        raise Unreadable("its header is broken")
    for _ in range(_MAX_NESTING):
        reader = _Reader(header)
        kind = reader.byte()
        if kind == _HEADER:
            yield from _files(reader)
            return
        if kind != _ENCODED_HEADER:
            raise Unreadable("its header is broken")
        streams = reader.streams()
        if streams.encrypted:
            yield Entry("", encrypted=True)
            raise Unreadable("its header is encrypted")
        header = _unpacked(data, base, streams)
    raise Unreadable("its header is packed too often")


def _stretch(data: bytes, start: int, size: int) -> bytes:
    if size > MAX_HEADER or start + size > len(data):
        raise Unreadable("its header is too large")
    return data[start : start + size]


def _unpacked(data: bytes, base: int, streams: _Streams) -> bytes:
    """Unpack a header."""
    if len(streams.packed) != 1 or [len(folder) for folder in streams.folders] != [1]:
        raise Unreadable("its header is packed in a way of its own")
    packed = _stretch(data, base + streams.position, streams.packed[0])
    (coder,), (size,) = streams.folders[0], streams.unpacked[0]
    if size > MAX_HEADER:
        raise Unreadable("its header is too large")
    if coder.method == _COPY:
        return packed[:size]
    try:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_filter(coder)])
        unpacked = decompressor.decompress(packed, size)
    except (lzma.LZMAError, ValueError, MemoryError) as error:
        raise Unreadable("its header cannot be unpacked") from error
    if len(unpacked) != size:
        raise Unreadable("its header ends too early")
    return unpacked


def _filter(coder: _Coder) -> dict[str, int]:
    properties = coder.properties
    if coder.method == _LZMA2 and len(properties) == 1 and properties[0] <= 40:
        return {
            "id": lzma.FILTER_LZMA2,
            "dict_size": _dictionary((2 | properties[0] & 1) << (properties[0] // 2 + 11)),
        }
    if coder.method == _LZMA and len(properties) == 5:
        rest, context = divmod(properties[0], 9)
        positions, literals = divmod(rest, 5)
        return {
            "id": lzma.FILTER_LZMA1,
            "dict_size": _dictionary(int.from_bytes(properties[1:], "little")),
            "lc": context,
            "lp": literals,
            "pb": positions,
        }
    raise Unreadable("its header is packed in a way of its own")


def _dictionary(size: int) -> int:
    return min(max(size, 4096), _MAX_DICTIONARY)


def _files(reader: _Reader) -> Iterator[Entry]:
    """The files of an unpacked header, in which every structure but the last has to be read to find the next."""
    streams = _NO_STREAMS
    kind = reader.byte()
    if kind == _PROPERTIES:
        while reader.byte() != _END:
            reader.skip(reader.number())
        kind = reader.byte()
    if kind == _ADDITIONAL_STREAMS:
        reader.streams()
        kind = reader.byte()
    if kind == _MAIN_STREAMS:
        streams = reader.streams()
        kind = reader.byte()
    if kind == _FILES:
        for name in _file_names(reader):
            yield Entry(name, streams.encrypted)
    elif kind != _END:
        raise Unreadable("its header is broken")


def _file_names(reader: _Reader) -> Iterator[str]:
    """The names of all files but folders, which are empty streams and no empty files."""
    count = reader.count(MAX_ENTRIES)
    names: list[str] = []
    empty_streams = [False] * count
    empty_files: list[bool] = []
    while (kind := reader.number()) != _END:
        content = _Reader(reader.take(reader.number()))
        if kind == _NAMES:
            names = _names(content)
        elif kind == _EMPTY_STREAM:
            empty_streams = content.bits(count)
        elif kind == _EMPTY_FILE:
            empty_files = content.bits(sum(empty_streams))
    is_empty_file = iter(empty_files)
    for name, is_empty in zip(names, empty_streams, strict=False):
        if not is_empty or next(is_empty_file, False):
            yield name
    if len(names) != count:
        raise Unreadable("it has files without names")


def _names(content: _Reader) -> list[str]:
    if content.byte():
        raise Unreadable("its names are elsewhere")
    text = content.data[content.position :].decode("utf-16-le", "replace")
    return text.split("\0")[:-1]


class _Reader(Octets):
    """Reads the structures of a header, in a bounded number of steps whatever they say."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._steps = 0
        self._folder_digests: list[bool] = []

    def byte(self) -> int:
        """The next octet; numbers begin with one, and so does everything that could be repeated."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise Unreadable("its header is too long")
        return super().byte()

    def number(self) -> int:
        """A number; the ones that begin its first octet tell how many octets follow, the lowest first."""
        first = self.byte()
        mask = 0x80
        for length in range(8):
            if not first & mask:
                return int.from_bytes(self.take(length), "little") | (first & (mask - 1)) << (8 * length)
            mask >>= 1
        return int.from_bytes(self.take(8), "little")

    def count(self, most: int) -> int:
        """A number of things of which there must not be too many."""
        count = self.number()
        if count > most:
            raise Unreadable("it has too many files")
        return count

    def bits(self, count: int) -> list[bool]:
        """As many bits, the highest of an octet first."""
        octets = self.take((count + 7) // 8)
        return [bool(octets[index >> 3] & 0x80 >> (index & 7)) for index in range(count)]

    def digests(self, count: int) -> list[bool]:
        """Pass over checksums, and tell of which streams there are some."""
        defined = [True] * count if self.byte() else self.bits(count)
        self.skip(4 * sum(defined))
        return defined

    def streams(self) -> _Streams:
        """How the octets of the archive are packed."""
        position = 0
        packed: list[int] = []
        folders: list[list[_Coder]] = []
        unpacked: list[list[int]] = []
        while (kind := self.byte()) != _END:
            if kind == _PACK:
                position, packed = self._packed()
            elif kind == _UNPACK:
                folders, unpacked = self._folders()
            elif kind == _SUBSTREAMS:
                self._substreams(len(folders))
            else:
                raise Unreadable("its header is broken")
        return _Streams(position, packed, folders, unpacked)

    def _packed(self) -> tuple[int, list[int]]:
        position, count = self.number(), self.count(MAX_ENTRIES)
        sizes: list[int] = []
        while (kind := self.byte()) != _END:
            if kind == _SIZE:
                sizes = [self.number() for _ in range(count)]
            elif kind == _CRC:
                self.digests(count)
            else:
                raise Unreadable("its header is broken")
        return position, sizes

    def _folders(self) -> tuple[list[list[_Coder]], list[list[int]]]:
        self._expect(_FOLDER)
        count = self.count(MAX_ENTRIES)
        self._expect(0)  # they are here, and not in another stream
        folders, outputs = [], []
        for _ in range(count):
            coders, streams = self._folder()
            folders.append(coders)
            outputs.append(streams)
        self._expect(_UNPACK_SIZES)
        sizes = [[self.number() for _ in range(streams)] for streams in outputs]
        self._folder_digests = [False] * count
        while (kind := self.byte()) != _END:
            if kind != _CRC:
                raise Unreadable("its header is broken")
            self._folder_digests = self.digests(count)
        return folders, sizes

    def _folder(self) -> tuple[list[_Coder], int]:
        """The coders of one folder, and how many streams come out of them."""
        coders, inputs, outputs = [], 0, 0
        for _ in range(self.count(_MAX_CODERS)):
            flags = self.byte()
            if flags & 0xC0:
                raise Unreadable("its header is broken")
            method = self.take(flags & 0x0F)
            inputs += self.count(_MAX_CODERS) if flags & 0x10 else 1
            outputs += self.count(_MAX_CODERS) if flags & 0x10 else 1
            coders.append(_Coder(method, self.take(self.number()) if flags & 0x20 else b""))
        bound = outputs - 1
        for _ in range(2 * bound + (inputs - bound if inputs - bound > 1 else 0)):
            self.number()
        return coders, outputs

    def _substreams(self, folders: int) -> None:
        counts = [1] * folders
        kind = self.byte()
        if kind == _SUBSTREAM_COUNTS:
            counts = [self.count(MAX_ENTRIES) for _ in range(folders)]
            kind = self.byte()
        if sum(counts) > MAX_ENTRIES:
            raise Unreadable("it has too many files")
        if kind == _SIZE:
            for _ in range(sum(count - 1 for count in counts if count)):  # the last one is the rest
                self.number()
            kind = self.byte()
        if kind == _CRC:
            known = zip(counts, self._folder_digests, strict=False)
            self.digests(sum(0 if count == 1 and digest else count for count, digest in known))
            kind = self.byte()
        if kind != _END:
            raise Unreadable("its header is broken")

    def _expect(self, octet: int) -> None:
        if self.byte() != octet:
            raise Unreadable("its header is broken")
