"""Which names LIST and LSUB give (RFC 3501 §6.3.8, §6.3.9)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.imap import utf7
from tempmaild.imap.strings import string

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tempmaild.core.mailbox import Folder

_TOKENS = re.compile(r"[*%]+|[^*%]+")


class Pattern:
    """A pattern of folder names: `*` stands for anything, `%` for anything within one level."""

    def __init__(self, text: str) -> None:
        level, separator, below = text.partition(FOLDER_SEPARATOR)
        # The first level, where it is INBOX, is so in any case of its letters.
        self._tokens = _tokens(INBOX + separator + below if level.upper() == INBOX else text)
        self._inbox_tokens = _tokens(text.upper())

    def matches(self, name: str) -> bool:
        """Tell whether the pattern stands for this name."""
        return _matches(self._inbox_tokens if name == INBOX else self._tokens, name)


def _tokens(text: str) -> list[str]:
    return ["*" if "*" in piece else "%" if "%" in piece else piece for piece in _TOKENS.findall(text)]


def _matches(tokens: list[str], name: str) -> bool:
    # All places that a match may have reached, so that no pattern takes more than a step for each place and token.
    places = {0}
    for piece in tokens:
        if piece == "*":
            places = set(range(min(places), len(name) + 1))
        elif piece == "%":
            places = {place for start in places for place in range(start, _level_end(name, start) + 1)}
        else:
            places = {place + len(piece) for place in places if name.startswith(piece, place)}
        if not places:
            return False
    return len(name) in places


def _level_end(name: str, start: int) -> int:
    end = name.find(FOLDER_SEPARATOR, start)
    return len(name) if end < 0 else end


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
