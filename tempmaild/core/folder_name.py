"""What a folder may be called, and INBOX in any letter case (RFC 9051 §5.1)."""

from __future__ import annotations

import re

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.errors import FolderExists, FolderRefused, NoSuchFolder

_LONGEST = 255
"""Octets in UTF-8."""
_DEEPEST = 20
"""Levels of the hierarchy."""
_POSSIBLE = re.compile("[^\\0-\\x1f*%\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]*").fullmatch
"""RFC 9051 §5.1 wants Net-Unicode without control characters and separators of lines and paragraphs."""


def normalise_name(name: str) -> str:
    """Give the name under which a folder is looked for: INBOX is one folder however it is written.

    Raises:
        NoSuchFolder: no folder can have it.
    """
    if "\0" in name:
        # No folder has it, and PostgreSQL has no way to ask for it.
        raise NoSuchFolder(name)
    return INBOX if name.isascii() and name.upper() == INBOX else name


def normalise_new_name(name: str) -> str:
    """Give the name that a folder gets which is to be made or renamed.

    Raises:
        FolderExists: it is INBOX.
        FolderRefused: no folder can have it.
    """
    if not _POSSIBLE(name):
        raise FolderRefused("the name has wildcards, control characters or line separators")
    levels = name.split(FOLDER_SEPARATOR)
    levels[0] = normalise_name(levels[0])
    name = FOLDER_SEPARATOR.join(levels)
    if name == INBOX:
        raise FolderExists(INBOX)
    if not all(levels) or len(levels) > _DEEPEST:
        raise FolderRefused("a level of the hierarchy has no name, or there are too many")
    if len(name.encode()) > _LONGEST:
        raise FolderRefused("the name is too long")
    return name
