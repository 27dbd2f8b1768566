"""The end of the mailbox, as clients are told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tempmaild.core.lifetime import FOREVER

if TYPE_CHECKING:
    from tempmaild.imap.dialogue import Dialogue

_PARTS = 10
"""The last one of so many parts of its life is when the owner is warned."""


def moment(seconds: int) -> str:
    """Write a time, in UTC epoch seconds, as RFC 3339 §5.6 has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def alert(s: Dialogue) -> bytes:
    """Warn once in a session of a mailbox that is about to end, for clients to show (RFC 9051 §7.1, ALERT).

    Not of an idle time that runs out: it begins anew while somebody looks.
    """
    mailbox = s.inbox.mailbox
    # It may have been put off since the login.
    ends_at = max(mailbox.ends_at, s.inbox.expires_at)
    left = ends_at - s.shared.clock()
    if s.warned or ends_at >= FOREVER or left * _PARTS >= ends_at - mailbox.created_at:
        return b""
    s.warned = True
    return b"* OK [ALERT] This mailbox and all mail in it will be gone at %b\r\n" % moment(ends_at).encode()
