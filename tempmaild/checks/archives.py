"""The names in an archive, whatever its format, within bounds of time and memory.

The readers are our own, in `core/archive_*.py`: the standard library's, py7zr, rarfile and libarchive are made to
unpack. They trust one of several headers that may differ, build an object for every file before anybody can say that
there are too many, and take the sizes of hostile headers for the memory they ask for. Here nothing is unpacked but
the header of a 7z archive and what is in front of the headers in a compressed tar archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.core.archive import Entry, Unreadable, decoded_name
from tempmaild.core.archive_7z import MARK as SEVEN_ZIP_MARK
from tempmaild.core.archive_7z import seven_zip_entries
from tempmaild.core.archive_rar import rar_entries
from tempmaild.core.archive_tar import BLOCK, is_tar, tar_entries
from tempmaild.core.archive_tnef import tnef_attachments
from tempmaild.core.archive_zip import zip_entries
from tempmaild.core.attachment_names import extensions
from tempmaild.core.decompression import unpack_bzip2, unpack_gzip, unpack_xz, unpack_zstandard
from tempmaild.core.file_types import file_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.archive import Budget

_TAR_EXTENSIONS: Final = ("tar", "tgz", "taz", "tbz", "tbz2", "tlz", "txz", "tzst")
_COMPRESSED_EXTENSIONS: Final = ("gz", "gzip", "z", "bz2", "bzip2", "xz", "zst", "lz", "lz4", "lzma")
_OTHER_EXTENSIONS: Final = ("arj", "lha", "lzh", "ace", "cab", "cpio", "xar", "deb", "rpm")
_EXTENSIONS: Final = frozenset(
    ("zip", "zipx", "7z", "rar", *_TAR_EXTENSIONS, *_COMPRESSED_EXTENSIONS, *_OTHER_EXTENSIONS)
)
"""What a name must end with for its content to be an archive that has to be listed, whatever it begins with."""
_FOUND_ANYWHERE: Final = {
    "zip": "application/zip",
    "zipx": "application/zip",
    "rar": "application/vnd.rar",
    "7z": "application/x-7z-compressed",
}
"""Formats that programs find behind something else, by the extensions for which they look."""
_UNLISTED: Final = frozenset(
    {
        "application/vnd.ms-cab-compressed",
        "application/x-ace-compressed",
        "application/x-arj",
        "application/x-compress",
        "application/x-lzip",
    }
)
"""Formats that nobody sends any more but to get past filters."""
_MAX_STUB: Final = 2**20
"""Octets in front of an archive that unpacks itself, among which RAR and 7-Zip look for its beginning."""
_MEMBER_COST: Final = 4096
"""Octets that beginning another compressed member counts as."""
_START: Final = 40 * 1024
"""Octets of what is compressed that show its type; the marks of optical disks are the farthest."""


_Reader = Callable[[bytes, "Budget", set[str]], "Iterable[Entry]"]
"""Gives the files of an archive, may use up some of the budget, and adds the types of what else it sees."""


class Listing(Struct, frozen=True):
    """What is in an archive.

    Attributes:
        names: of the files, as the archive has them, each in every form that it has there.
        types: what the content of a single compressed file shows, or those of attachments show and claim.
        encrypted: whether some of it is encrypted.
        problem: why there may be more than is listed here; "" if there is not.
    """

    names: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    encrypted: bool = False
    problem: str = ""


def is_archive(types: frozenset[str], extensions: frozenset[str]) -> bool:
    """Whether a content is an archive by what it shows, or by its name."""
    return not types.isdisjoint(_READERS) or not types.isdisjoint(_UNLISTED) or not extensions.isdisjoint(_EXTENSIONS)


def list_archive(data: bytes, types: frozenset[str], extensions: frozenset[str], budget: Budget) -> Listing:
    """List what is in an archive, one level deep.

    Args:
        data: the content.
        types: those that it shows. Without one of an archive, or with another one than a name claims, the content is
            looked through for the beginning of an archive.
        extensions: those of its names.
        budget: of the message that it belongs to.
    """
    readers = [_READERS[media_type] for media_type in types if media_type in _READERS]
    claimed = {_FOUND_ANYWHERE[extension] for extension in extensions if extension in _FOUND_ANYWHERE}
    if not readers or not claimed <= types:
        readers += [reader for reader in _found(data) if reader not in readers]
    names: dict[str, None] = {}
    contents: set[str] = set()
    encrypted = False
    known = readers and types.isdisjoint(_UNLISTED)
    problem = "" if known or not data else "its format is not known here"
    for read in readers:
        try:
            for entry in read(data, budget, contents):
                budget.spend_entry(entry.name)
                names[entry.name] = None
                encrypted = encrypted or entry.encrypted
        except Unreadable as error:
            problem = str(error)
    return Listing(tuple(names), frozenset(contents), encrypted, problem)


def _found(data: bytes) -> Iterator[_Reader]:
    """Readers for archives that do not stand at the beginning, or whose beginning is no mark."""
    rar = data.find(b"Rar!\x1a\x07", 0, _MAX_STUB)
    seven_zip = data.find(SEVEN_ZIP_MARK, 0, _MAX_STUB)
    if rar >= 0:
        yield lambda data, _budget, _contents: rar_entries(data, rar)
    if seven_zip >= 0:
        yield lambda data, _budget, _contents: seven_zip_entries(data, seven_zip)
    if b"PK\x05\x06" in data or b"PK\x03\x04" in data:
        yield _READERS["application/zip"]
    if is_tar(data[:BLOCK]) or (data and not data.strip(b"\0")):  # an empty one is nothing but its end
        yield _READERS["application/x-tar"]


def _in_tnef(data: bytes, budget: Budget, contents: set[str]) -> Iterator[Entry]:
    """A reader for TNEF, which is a message rather than an archive: archives attached to it are listed, too."""
    problems: list[str] = []
    for attachment in tnef_attachments(data, budget):
        yield from map(Entry, attachment.names)
        contents |= attachment.types
        named = frozenset(extension for name in attachment.names for extension in extensions(name))
        for content in attachment.contents:
            types = file_types(content)
            contents |= types
            if is_archive(types, named):
                listing = list_archive(content, types, named, budget)
                yield from (Entry(name, listing.encrypted) for name in listing.names)
                contents |= listing.types
                if listing.problem:
                    problems.append(listing.problem)
    if problems:
        raise Unreadable(problems[0])


class _Source:
    """Octets that come in pieces, for reading forwards."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._position = 0

    def peek(self, count: int) -> bytes:
        """The next octets, which stay; fewer at the end."""
        while len(self._piece) - self._position < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._piece, self._position = self._piece[self._position :] + piece, 0
        return self._piece[self._position : self._position + count]

    def take(self, count: int) -> bytes:
        """The next octets; fewer at the end."""
        octets = self.peek(count)
        self._position += len(octets)
        return octets

    def skip(self, count: int) -> bool:
        """Go on without the next octets, and tell whether there were so many."""
        while count > (left := len(self._piece) - self._position):
            piece = next(self._pieces, None)
            if piece is None:
                return False
            count -= left
            self._piece, self._position = piece, 0
        self._position += count
        return True


def _compressed(unpack: Callable[[bytes], Iterator[bytes]], slowness: int = 1) -> _Reader:
    """A reader for a compressed tar archive, or the one file that is compressed."""

    def read(data: bytes, budget: Budget, contents: set[str]) -> Iterator[Entry]:
        source = _Source(_counted(unpack(data), budget, slowness))
        start = source.peek(_START)
        if is_tar(start[:BLOCK]):
            yield from tar_entries(source)
            return
        contents |= file_types(start)
        if name := _gzip_name(data):
            yield Entry(name)

    return read


def _counted(pieces: Iterator[bytes], budget: Budget, slowness: int) -> Iterator[bytes]:
    for piece in pieces:
        budget.spend_unpacked((len(piece) or _MEMBER_COST) * slowness)
        yield piece


def _gzip_name(data: bytes) -> str:
    """The name in a gzip header (RFC 1952 §2.3); "" if there is none."""
    if not data.startswith(b"\x1f\x8b") or len(data) < 12 or not data[3] & 8:
        return ""
    start = 10
    if data[3] & 4:
        start += 2 + int.from_bytes(data[10:12], "little")
    return decoded_name(data[start : start + 1024].partition(b"\0")[0], "latin-1")


_READERS: Final[dict[str, _Reader]] = {
    "application/zip": lambda data, _budget, _contents: zip_entries(data),
    "application/vnd.rar": lambda data, _budget, _contents: rar_entries(data),
    "application/x-7z-compressed": lambda data, _budget, _contents: seven_zip_entries(data),
    "application/x-tar": lambda data, _budget, _contents: tar_entries(_Source(iter([data]))),
    "application/vnd.ms-tnef": _in_tnef,
    "application/ms-tnef": _in_tnef,  # what headers call it
    "application/gzip": _compressed(unpack_gzip),
    "application/zstd": _compressed(unpack_zstandard),
    # The others are slower than zlib, by so much that each octet counts as several.
    "application/x-bzip2": _compressed(unpack_bzip2, slowness=4),
    "application/x-xz": _compressed(unpack_xz, slowness=2),
}
