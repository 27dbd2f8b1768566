"""Message flags: the system flags of IMAP and keywords (RFC 9051 §2.3.2)."""

from __future__ import annotations

import enum
from functools import lru_cache

Flags = frozenset[str]

SEEN = "\\Seen"
ANSWERED = "\\Answered"
FLAGGED = "\\Flagged"
DELETED = "\\Deleted"
DRAFT = "\\Draft"
HAS_ATTACHMENT = "$HasAttachment"
"""A keyword that IANA registers, as are $Junk and $Phishing."""
SYSTEM_FLAGS = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)

NO_FLAGS: Flags = frozenset()


class FlagChange(enum.Enum):
    """What a STORE does with the flags it names (RFC 9051 §6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"

    def apply(self, old: Flags, named: Flags) -> Flags:
        """Give the flags after the change. Names compare without case; the spelling that was first there stays."""
        if self is FlagChange.REPLACE:
            return _respelled(named, old)
        names = {flag.lower() for flag in named}
        if self is FlagChange.REMOVE:
            return frozenset(flag for flag in old if flag.lower() not in names)
        return old | _respelled(named, old)


def _respelled(named: Flags, old: Flags) -> Flags:
    spelling = {flag.lower(): flag for flag in old}
    return frozenset(spelling.setdefault(flag.lower(), flag) for flag in sorted(named))


def to_text(flags: Flags) -> str:
    """Write flags as the store keeps them: sorted, with a space between."""
    return " ".join(sorted(flags))


@lru_cache(maxsize=4096)
def from_text(text: str) -> Flags:
    """Read what `to_text` wrote. Mail has few different sets of flags, so equal sets are one object."""
    return frozenset(text.split())
