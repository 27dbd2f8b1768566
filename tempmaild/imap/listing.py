"""Which names LIST and LSUB give (RFC 3501 §6.3.8, §6.3.9)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.imap import utf7
from tempmaild.imap.replies import Refused
from tempmaild.imap.strings import string

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tempmaild.core.mailbox import Folder

_PIECES = re.compile(r"[*%]+|[^*%]+")
_MOST_PIECES = 20


class Pattern:
    """A pattern of folder names: `*` stands for anything, `%` for anything within one level.

    Raises:
        Refused: there are more wildcards in it than anybody needs.
    """

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        # Where INBOX is all of the name, it is so in any case of its letters.
        self._inbox_pieces = _pieces(text.upper())

    def matches(self, name: str) -> bool:
        """Tell whether the pattern stands for this name."""
        return _matches(self._inbox_pieces if name == INBOX else self._pieces, name)


def _pieces(text: str) -> list[str]:
    pieces = _PIECES.findall(text)
    if len(pieces) > _MOST_PIECES:
        raise Refused(b"LIMIT", b"The pattern has too many wildcards")
    return ["*" if "*" in piece else "%" if "%" in piece else piece for piece in pieces]


def _matches(pieces: list[str], name: str) -> bool:
    # All places that a match may have reached, so that no pattern takes more than a step for each place and piece.
    places = {0}
    for piece in pieces:
        if piece == "*":
            places = set(range(min(places), len(name) + 1))
        elif piece == "%":
            places = _within_levels(places, name)
        else:
            places = {place + len(piece) for place in places if name.startswith(piece, place)}
        if not places:
            return False
    return len(name) in places


def _within_levels(places: set[int], name: str) -> set[int]:
    reached: set[int] = set()
    for place in sorted(places):
        if place not in reached:
            end = name.find(FOLDER_SEPARATOR, place)
            reached.update(range(place, (end if end >= 0 else len(name)) + 1))
    return reached


def list_lines(folders: Sequence[Folder], pattern: Pattern) -> list[bytes]:
    r"""Write the LIST responses; a level without a folder of its own is \Noselect."""
    by_name = {folder.name: folder for folder in folders}
    parents = _parents(by_name)
    lines = []
    for name in sorted(parents | by_name.keys()):
        if not pattern.matches(name):
            continue
        attributes = ["\\HasChildren" if name in parents else "\\HasNoChildren"]
        folder = by_name.get(name)
        if folder is None:
            attributes.insert(0, "\\Noselect")
        elif folder.special_use:
            attributes.append(folder.special_use)
        lines.append(_line(b"LIST", attributes, name))
    return lines


def lsub_lines(folders: Sequence[Folder], pattern: Pattern) -> list[bytes]:
    r"""Write the LSUB responses: a name above subscribed ones is \Noselect when these do not match themselves."""
    subscribed = {folder.name for folder in folders if folder.subscribed}
    lines = [_line(b"LSUB", (), name) for name in sorted(subscribed) if pattern.matches(name)]
    hidden = (name for name in subscribed if not pattern.matches(name))
    above = _parents(hidden) - subscribed
    return lines + [_line(b"LSUB", ("\\Noselect",), name) for name in sorted(above) if pattern.matches(name)]


def _parents(names: Iterable[str]) -> set[str]:
    parents: set[str] = set()
    for name in names:
        parent, separator, _ = name.rpartition(FOLDER_SEPARATOR)
        while separator and parent not in parents:
            parents.add(parent)
            parent, separator, _ = parent.rpartition(FOLDER_SEPARATOR)
    return parents


def _line(kind: bytes, attributes: Iterable[str], name: str) -> bytes:
    return b'* %b (%b) "/" %b\r\n' % (kind, " ".join(attributes).encode(), string(utf7.encode(name)))
