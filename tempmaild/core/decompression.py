"""What is in compressed files, in pieces of a bounded size and within a bounded memory.

Each has any number of members, one after the other; an empty piece stands before each of them. What is broken, or
goes on behind the last one, is `Unreadable`.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import zstandard

from tempmaild.core.archive import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INPUT: Final = 64 * 1024
_ZSTANDARD_INPUT: Final = 256
"""Octets that are unpacked at once where the output cannot be limited: a block of 128 KiB can be four octets long."""
_OUTPUT: Final = 256 * 1024
_MEMORY: Final = 80 * 2**20
"""Octets that unpacking may need: xz -9 uses a dictionary of 64 MiB."""
_MAX_WINDOW: Final = 8 * 2**20  # octets; what the format asks all decoders for (RFC 8878 §3.1.1.1.2)


class _Decompressor(Protocol):
    """The common side of the decompressors of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpack_gzip(data: bytes) -> Iterator[bytes]:
    """What gzip members hold."""
    position = 0
    while data.startswith(b"\x1f\x8b", position):
        yield b""
        decompressor = zlib.decompressobj(31)
        while not decompressor.eof:
            piece = decompressor.unconsumed_tail
            if not piece:
                piece = data[position : position + _INPUT]
                position += len(piece)
            if not piece:
                raise Unreadable("it ends too early")
            try:
                yield decompressor.decompress(piece, _OUTPUT)
            except zlib.error as error:
                raise Unreadable("it cannot be unpacked") from error
        position -= len(decompressor.unused_data)
    _expect_nothing(data, position)


def unpack_bzip2(data: bytes) -> Iterator[bytes]:
    """What the streams of a bzip2 file hold."""
    return _unpack(data, b"BZh", bz2.BZ2Decompressor)


def unpack_xz(data: bytes) -> Iterator[bytes]:
    """What the streams of an xz file hold."""
    return _unpack(data, b"\xfd7zXZ\0", partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_MEMORY))


def _unpack(data: bytes, mark: bytes, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    position = 0
    while data.startswith(mark, position):
        yield b""
        decompressor = make()
        while not decompressor.eof:
            piece = data[position : position + _INPUT] if decompressor.needs_input else b""
            position += len(piece)
            if not piece and decompressor.needs_input:
                raise Unreadable("it ends too early")
            try:
                yield decompressor.decompress(piece, _OUTPUT)
            except (OSError, ValueError, lzma.LZMAError, MemoryError) as error:
                raise Unreadable("it cannot be unpacked") from error
        position -= len(decompressor.unused_data)
    _expect_nothing(data, position)


def unpack_zstandard(data: bytes) -> Iterator[bytes]:
    """What the frames of a Zstandard file hold."""
    position = 0
    while data.startswith(b"\x28\xb5\x2f\xfd", position):
        yield b""
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
        while not decompressor.eof:
            piece = data[position : position + _ZSTANDARD_INPUT]
            position += len(piece)
            if not piece:
                raise Unreadable("it ends too early")
            try:
                yield decompressor.decompress(piece)
            except (zstandard.ZstdError, MemoryError) as error:
                raise Unreadable("it cannot be unpacked") from error
        position -= len(decompressor.unused_data)
    _expect_nothing(data, position)


def _expect_nothing(data: bytes, position: int) -> None:
    """Behind what has been unpacked there may be padding, but nothing that another program might unpack."""
    if data[position:].strip(b"\0"):
        raise Unreadable("it goes on after its end")
