"""What SMTP says: replies with their enhanced status codes (RFC 3463), and the one table of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.errors import (
    AddressReserved,
    Banned,
    DiskFull,
    DomainDisabled,
    InvalidAddress,
    MailboxFull,
    MailboxGone,
    MessageTooLarge,
    NoSuchDomain,
    NoSuchMailbox,
    OutOfMemory,
    SenderBlocked,
    StoreFailed,
    TempmaildError,
    TooFast,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.verdict import Refusal

OUR_FAULT = b"451 4.3.0 Something went wrong here; please try again later\r\n"

# The first that fits counts: what is not in the table is a defect of ours to the client, and it may try again.
_ERRORS: Sequence[tuple[type[TempmaildError], bytes]] = (
    (NoSuchDomain, b"550 5.7.1 We do not relay mail\r\n"),
    (NoSuchMailbox, b"550 5.1.1 No such mailbox here\r\n"),
    (MailboxGone, b"550 5.1.1 No such mailbox here\r\n"),
    (InvalidAddress, b"550 5.1.3 This cannot be the address of a mailbox here\r\n"),
    (DomainDisabled, b"550 5.2.1 This domain takes no mail now\r\n"),
    (AddressReserved, b"550 5.1.1 No such mailbox here\r\n"),
    (SenderBlocked, b"550 5.7.1 Mail from you is not accepted here\r\n"),
    (TooFast, b"450 4.7.0 Too much at once; please try again later\r\n"),
    (Banned, b"421 4.7.0 Not now; please try again later\r\n"),  # RFC 5321 §3.8: the session is over
    (MailboxFull, b"452 4.2.2 The mailbox is full\r\n"),
    (MessageTooLarge, b"552 5.3.4 The message is too large\r\n"),
    (OutOfMemory, b"452 4.3.1 Too much mail is arriving; please try again later\r\n"),
    (DiskFull, b"452 4.3.1 Insufficient system storage\r\n"),
    (StoreFailed, b"451 4.3.0 The message could not be stored; please try again later\r\n"),
)


def reply_to(error: TempmaildError) -> bytes:
    """Give the reply that tells a client of an error, and no more than it needs to know."""
    for kind, reply in _ERRORS:
        if isinstance(error, kind):
            return reply
    return OUR_FAULT


def refusal(why: Refusal, *, later: bool = False) -> bytes:
    """Give the reply to a message that the checks do not let through, for now or for good."""
    if later:
        return f"451 4{why.status[1:]} {why.text}\r\n".encode("ascii")
    return f"550 {why.status} {why.text}\r\n".encode("ascii")


def multiline(code: int, lines: Sequence[str]) -> bytes:
    """Write a reply of several lines (RFC 5321 §4.2.1)."""
    *first, last = lines
    return "".join([*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]).encode("ascii")
