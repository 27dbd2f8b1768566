"""Plain values over a pipe between two processes of ours: each as its length and its pickle."""

from __future__ import annotations

import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


def to_frame(value: Any) -> bytes:
    """Write a value."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Puts together what arrives in pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._octets = 0
        self._wanted = _LENGTH.size

    def feed(self, data: bytes) -> list[Any]:
        """Take a piece; the values that are complete now."""
        self._pieces.append(data)
        self._octets += len(data)
        if self._octets < self._wanted:
            return []
        buffer = b"".join(self._pieces)
        values, position = [], 0
        while True:
            self._wanted = _LENGTH.size
            if len(buffer) - position >= self._wanted:
                self._wanted += _LENGTH.unpack_from(buffer, position)[0]
            if len(buffer) - position < self._wanted:
                break
            # Only the other half of this very program writes here.
            values.append(pickle.loads(memoryview(buffer)[position + _LENGTH.size : position + self._wanted]))  # noqa: S301
            position += self._wanted
        rest = buffer[position:]
        # Without an empty piece, for what comes whole need not be copied.
        self._pieces, self._octets = [rest] if rest else [], len(rest)
        return values
