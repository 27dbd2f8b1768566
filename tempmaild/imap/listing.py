"""Which names LIST and LSUB give, and what they tell of each (RFC 9051 §6.3.9, RFC 3501 §6.3.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.imap.names import written
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tempmaild.core.mailbox import Folder

MOST_WILDCARDS = 10
"""Of one LIST; more than anybody needs, and few enough for the longest names to be gone through in a moment."""

_PIECES = re.compile(r"[*%]+|[^*%]+")
_WILDCARDS = frozenset("*%")


class Pattern:
    """A pattern of folder names: `*` stands for anything, `%` for anything within one level.

    Attributes:
        wildcards: how many there are.

    Raises:
        Refused: there are more wildcards in it than anybody needs.
    """

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        # Where INBOX is all of the name, it is so in any case of its letters, of which there are only those of ASCII.
        self._inbox_pieces = _pieces(text.encode().upper().decode())
        self.wildcards = sum(piece in _WILDCARDS for piece in self._pieces)
        if self.wildcards > MOST_WILDCARDS:
            raise Refused(b"LIMIT", b"The pattern has too many wildcards")

    def matches(self, name: str) -> bool:
        """Tell whether the pattern stands for this name."""
        pieces = self._inbox_pieces if name == INBOX else self._pieces
        if not self.wildcards:
            return pieces == [name]
        return pieces == ["*"] or _matches(pieces, name)


def _pieces(text: str) -> list[str]:
    pieces = _PIECES.findall(text)
    return ["*" if "*" in piece else "%" if "%" in piece else piece for piece in pieces]


def _matches(pieces: list[str], name: str) -> bool:
    # All places that a match may have reached, as bits, so that no pattern takes more than a few steps for each of
    # its characters.
    letters, levels = _shape(name)
    everywhere = (2 << len(name)) - 1
    places = 1
    for piece in pieces:
        if piece == "*":
            places = everywhere & -(places & -places)
        elif piece == "%":
            places = _within_levels(places, levels)
        else:
            for letter in piece:
                places = (places & letters.get(letter, 0)) << 1
                if not places:
                    return False
    return bool(places >> len(name))


@lru_cache(maxsize=256)
def _shape(name: str) -> tuple[dict[str, int], list[int]]:
    """Give the places before each letter of a name, and those of each level, as bits."""
    letters: dict[str, int] = {}
    for place, letter in enumerate(name):
        letters[letter] = letters.get(letter, 0) | 1 << place
    levels = []
    start = 0
    for level in name.split(FOLDER_SEPARATOR):
        levels.append((2 << len(level)) - 1 << start)
        start += len(level) + 1
    return letters, levels


def _within_levels(places: int, levels: list[int]) -> int:
    reached = 0
    for level in levels:
        here = places & level
        reached |= level & -(here & -here)
    return reached


@dataclass(frozen=True, slots=True)
class Request:
    r"""What LIST is asked.

    Attributes:
        patterns: any of which may match.
        subscribed: whether only subscribed names are wanted, be there a folder or not.
        special_use: whether only folders with a special use are wanted.
        recursive: whether names above wanted ones are to be given, too.
        tells_subscribed: whether to tell of each name whether it is subscribed.
        status: what STATUS is to tell of each folder.
        extended: whether this is the extended syntax, so that \NonExistent is known.
    """

    patterns: Sequence[Pattern]
    subscribed: bool = False
    special_use: bool = False
    recursive: bool = False
    tells_subscribed: bool = False
    status: Sequence[bytes] = ()
    extended: bool = False

    def matches(self, name: str) -> bool:
        """Tell whether one of the patterns stands for this name."""
        return any(pattern.matches(name) for pattern in self.patterns)

    @property
    def child_info(self) -> list[tuple[str, list[str]]]:
        """What is said of names that are above wanted ones."""
        wanted = [("SUBSCRIBED", self.subscribed), ("SPECIAL-USE", self.special_use)]
        return [("CHILDINFO", [name for name, is_asked in wanted if is_asked])]


class Listed(NamedTuple):
    """A LIST response, and the folder that is wanted; None for a name that is only above others, or has none."""

    line: bytes
    folder: Folder | None


class Listing:
    """All names of a mailbox.

    Args:
        lost: names that are subscribed and have no folder.
        utf8: whether names are written in UTF-8.
    """

    def __init__(self, folders: Iterable[Folder], lost: Iterable[str] = (), *, utf8: bool = False) -> None:
        self._folders = {folder.name: folder for folder in folders}
        self._subscribed = {folder.name for folder in self._folders.values() if folder.subscribed}.union(lost)
        self._parents = _parents(self._folders)
        self._utf8 = utf8

    def responses(self, request: Request) -> list[Listed]:
        """Answer LIST; a level without a folder of its own cannot be selected."""
        wanted = self._wanted(request)
        matching = {name for name in wanted if request.matches(name)}
        # RFC 9051 §6.3.9.6: what the client can see by itself needs no hint.
        hints = _parents(wanted - matching) - wanted if request.recursive else set()
        above = _parents(wanted) if request.recursive else set()
        listed = []
        for name in sorted(matching.union(hint for hint in hints if request.matches(hint))):
            attributes = self._attributes(name, request)
            extended = request.child_info if name in above else ()
            folder = self._folders.get(name) if name in matching else None
            listed.append(Listed(list_line(attributes, name, extended, utf8=self._utf8), folder))
        return listed

    def _wanted(self, request: Request) -> set[str]:
        """Give the names that meet the selection criteria, whatever the patterns."""
        if not request.subscribed and not request.special_use:
            return self._parents | self._folders.keys()
        wanted = set(self._subscribed if request.subscribed else self._folders)
        if request.special_use:
            wanted.intersection_update(name for name, folder in self._folders.items() if folder.special_use)
        return wanted

    def _attributes(self, name: str, request: Request) -> list[str]:
        folder = self._folders.get(name)
        attributes = []
        if folder is None:
            attributes.append("\\NonExistent" if request.extended else "\\Noselect")
        if request.tells_subscribed and name in self._subscribed:
            attributes.append("\\Subscribed")
        attributes.append("\\HasChildren" if name in self._parents else "\\HasNoChildren")
        if folder is not None and folder.special_use:
            attributes.append(folder.special_use)
        return attributes

    def renamed(self, name: str, old_name: str) -> bytes:
        """Tell of one name, and how the client has called it."""
        extended = [("OLDNAME", [old_name])] if old_name != name else []
        return list_line(self._attributes(name, _ALL), name, extended, utf8=self._utf8)

    def lsub_responses(self, pattern: Pattern) -> list[bytes]:
        """Answer LSUB: a name above subscribed ones cannot be selected when these do not match themselves."""
        subscribed = self._subscribed
        lines = [self._lsub_line("", name) for name in sorted(subscribed) if pattern.matches(name)]
        above = _parents(name for name in subscribed if not pattern.matches(name)) - subscribed
        return lines + [self._lsub_line("\\Noselect", name) for name in sorted(above) if pattern.matches(name)]

    def _lsub_line(self, attributes: str, name: str) -> bytes:
        return b'* LSUB (%b) "/" %b\r\n' % (attributes.encode(), written(name, utf8=self._utf8))


_ALL = Request((), tells_subscribed=True, extended=True)


def _parents(names: Iterable[str]) -> set[str]:
    parents: set[str] = set()
    for name in names:
        parent, separator, _ = name.rpartition(FOLDER_SEPARATOR)
        while separator and parent not in parents:
            parents.add(parent)
            parent, separator, _ = parent.rpartition(FOLDER_SEPARATOR)
    return parents


def list_line(
    attributes: Iterable[str], name: str, extended: Collection[tuple[str, Sequence[str]]] = (), *, utf8: bool
) -> bytes:
    """Write a LIST response.

    Args:
        extended: extended data items (RFC 9051 §6.3.9.6, §6.3.9.7), each with the strings that belong to it.
    """
    line = b'* LIST (%b) "/" %b' % (" ".join(attributes).encode(), written(name, utf8=utf8))
    items = [
        b'"%b" (%b)' % (tag.encode(), b" ".join([written(value, utf8=utf8) for value in values]))
        for tag, values in extended
    ]
    return line + b" (%b)\r\n" % b" ".join(items) if items else line + b"\r\n"
