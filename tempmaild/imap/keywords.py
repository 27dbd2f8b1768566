"""The keywords of folders of which clients have been told.

A client may keep a keyword for as long as it keeps a folder, and take it for lost when FLAGS leaves it out: so a
keyword that no message has any more is still told of, as long as the daemon runs.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder

MOST_FOLDERS: Final = 1_000
MOST_KEYWORDS: Final = 100
"""Of one folder: with those of all folders some megabytes at most."""


class ToldKeywords:
    """Remembers keywords of the folders that were told of some last."""

    def __init__(self) -> None:
        # By id and UIDVALIDITY, so that a folder never has those of another one.
        self._folders: OrderedDict[tuple[int, int], frozenset[str]] = OrderedDict()

    def add(self, folder: Folder, keywords: frozenset[str]) -> frozenset[str]:
        """Note that these are told; give them together with those that were told before."""
        name = folder.id, folder.uid_validity
        told = self._folders.get(name)
        if told is None:
            if not keywords:
                return keywords
            told = frozenset()
        together = _together(keywords, told)
        self._folders[name] = together if len(together) <= MOST_KEYWORDS else told
        self._folders.move_to_end(name)
        if len(self._folders) > MOST_FOLDERS:
            self._folders.popitem(last=False)
        return together


def _together(keywords: frozenset[str], told: frozenset[str]) -> frozenset[str]:
    """Give keywords, and those told before as far as there is room; the case of a name means nothing."""
    if told >= keywords:
        return told
    names = {keyword.lower() for keyword in keywords}
    before = sorted(keyword for keyword in told if keyword.lower() not in names)
    return keywords.union(before[: max(0, MOST_KEYWORDS - len(keywords))])
