"""What the readers of archives share: what they give, what they may use up, and how they read octets."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_ENTRIES: Final = 20_000
"""Files that are listed in the archives of one message: a file takes 5 to 10 µs."""
MAX_NAMES: Final = 8 * 2**20
"""Octets of their names: names of zip files can overlap, so that an archive can hold far more of them than octets."""
MAX_UNPACKED: Final = 64 * 2**20
"""Octets that are unpacked to find the headers in compressed tar archives: half a second at 150 MB/s."""


class Unreadable(Exception):
    """The archive, or the rest of it, cannot be listed: it is broken, contradicts itself, or goes beyond a limit."""


class Entry(NamedTuple):
    """A file in an archive; folders are none."""

    name: str
    encrypted: bool = False


class Budget:
    """What listing the archives of one message may still use up."""

    def __init__(self) -> None:
        self._entries = MAX_ENTRIES
        self._names = MAX_NAMES
        self._unpacked = MAX_UNPACKED

    def spend_entry(self, name: str) -> None:
        """Count one entry.

        Raises:
            Unreadable: this was too much.
        """
        self._entries -= 1
        self._names -= len(name)
        if self._entries < 0 or self._names < 0:
            raise Unreadable("too many names")

    def spend_unpacked(self, octets: int) -> None:
        """Count octets that have been unpacked.

        Raises:
            Unreadable: this was too much.
        """
        self._unpacked -= octets
        if self._unpacked < 0:
            raise Unreadable("too much to unpack")


class Octets:
    """Reads octets in their order; every method raises `Unreadable` for what is not there."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, count: int) -> bytes:
        """The next octets."""
        start = self.position
        self.skip(count)
        return self.data[start : self.position]

    def skip(self, count: int) -> None:
        """Go on without the next octets."""
        if count < 0 or count > len(self.data) - self.position:
            raise Unreadable("it ends too early")
        self.position += count

    def byte(self) -> int:
        """The next octet as a number."""
        self.skip(1)
        return self.data[self.position - 1]


def decoded_name(octets: bytes, encoding: str = "cp437") -> str:
    """A name that may be in UTF-8 whether the archive says so or not; otherwise in the encoding of its time."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode(encoding, "replace")
