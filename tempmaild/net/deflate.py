"""A compressed connection: both directions are raw DEFLATE (RFC 4978 §3)."""

from __future__ import annotations

import zlib
from typing import Final

from tempmaild.net.conversation import Garbled

PIECE: Final = 1 << 16
"""Octets that are unpacked at once: whatever the client has packed, no more than these are in memory before they are
taken."""

_WINDOW_BITS = 13
_MEMORY_LEVEL = 6
"""The packer takes 2^(13+2) + 2^(6+9) octets, 64 KiB, where the largest window would take 256 KiB."""

_LEVEL = 3
"""Mail shrinks by hardly more with the default of 6, which takes twice the time."""

_CLIENTS_WINDOW_BITS = 15
"""What a client may use without asking: the unpacker takes up to 40 KiB."""


_STORED_AT_ONCE = (1 << 16) - 1
"""Octets that a stored block may have (RFC 1951 §3.2.4)."""


class Deflate:
    """Packs what is said, and unpacks in pieces what the client sends."""

    __slots__ = ("_cut_short", "_packed", "_packer", "_unpacker")

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(-_CLIENTS_WINDOW_BITS)
        self._packer: zlib._Compress | None = None
        self._packed = b""
        # There may be more to come of what the unpacker has in itself.
        self._cut_short = False

    def __len__(self) -> int:
        """Give how many packed octets wait to be unpacked."""
        return len(self._packed)

    @property
    def waiting(self) -> bool:
        """Whether there is something to unpack."""
        return bool(self._packed) or self._cut_short

    def append(self, packed: bytes) -> None:
        """Add what has just arrived."""
        self._packed = self._packed + packed if self._packed else packed

    def unpack(self) -> bytes:
        """Give what follows, at most `PIECE` octets.

        Raises:
            Garbled: it is not what was agreed upon, or comes after the end that the client has made.
        """
        unpacker = self._unpacker
        if unpacker.eof:
            raise Garbled
        try:
            data = unpacker.decompress(self._packed, PIECE)
        except zlib.error:
            raise Garbled from None
        self._packed = unpacker.unconsumed_tail + unpacker.unused_data
        self._cut_short = len(data) == PIECE and not unpacker.eof
        return data

    def pack(self, data: bytes) -> bytes:
        """Pack what is said, so that the client can unpack all of it at once."""
        packer = self._packer
        if packer is None:
            packer = self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL)
        return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)

    def store(self, data: bytes) -> bytes:
        """Wrap what is said, and pack nothing, for a client that waits without having asked.

        Such a client may take no more octets than it sees arrive, and not look for the rest before it sees others
        (Thunderbird 153 while it idles). What is packed may be shorter than what it says; what is stored never is.
        """
        self.rest()
        return b"".join(
            _stored(data[start : start + _STORED_AT_ONCE]) for start in range(0, len(data), _STORED_AT_ONCE)
        )

    def rest(self) -> None:
        """Need less memory while nothing is said.

        All that was packed has been flushed up to a whole octet, and raw DEFLATE is a mere row of blocks: those of
        another packer, which refer to nothing before them, may follow.
        """
        self._packer = None


def _stored(data: bytes) -> bytes:
    """Write a block that is not the last and not packed; it begins with a whole octet, as everything flushed ends."""
    length = len(data)
    return b"\0" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little") + data
