"""What the IMAP server says: conditions, response codes, and the reply to each error that a service can raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tempmaild import errors
from tempmaild.core.flags import SYSTEM_FLAGS
from tempmaild.service.inbox import LARGEST_METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

NO = b"NO"
BAD = b"BAD"


class Refusal(NamedTuple):
    """How a command ends that is not carried out.

    Attributes:
        code: a response code without its brackets, b"" without one (RFC 9051 §7.1, RFC 5530 §3).
        condition: `BAD` where the client should have known better, else `NO`.
    """

    code: bytes
    text: bytes
    condition: bytes = NO


class Refused(Exception):
    """A command is not carried out. Made anew each time, from the fields of a `Refusal`."""

    def __init__(self, code: bytes, text: bytes, condition: bytes = NO) -> None:
        self.refusal = Refusal(code, text, condition)
        super().__init__(self.refusal)


WRONG_CREDENTIALS = Refusal(b"AUTHENTICATIONFAILED", b"Wrong address or password")
OUR_FAULT = Refusal(b"SERVERBUG", b"Internal error")
TRY_CREATE = Refusal(b"TRYCREATE", b"There is no such mailbox; create it first")  # RFC 9051 §6.3.12, §6.4.7
UNKNOWN_ENCODING = Refusal(b"UNKNOWN-CTE", b"A part has an encoding that is not known here")
DAMAGED = Refusal(b"SERVERBUG", b"A message cannot be read any more")
NO_SUCH_MESSAGE = Refusal(b"", b"There is no message of this number", BAD)
UID_REQUIRED = Refusal(b"UIDREQUIRED", b"Messages are named by UIDs only", BAD)  # RFC 9586 §3
SOME_GONE = Refusal(b"EXPUNGEISSUED", b"Some of the messages are gone")
DONE_BUT_SOME_GONE = b"OK [EXPUNGEISSUED] Some of the messages are gone"
"""The end of a command that was carried out for what is left: no client takes that for a failure (RFC 5530 §3)."""
GONE = b"* BYE [UNAVAILABLE] This mailbox no longer exists\r\n"
_LATER = Refusal(b"UNAVAILABLE", b"Not possible now, try later")
_CANNOT = Refusal(b"CANNOT", b"This cannot be done")

REFUSALS: dict[type[errors.TempmaildError], Refusal] = {
    # Why a login failed is nobody's business.
    errors.WrongCredentials: WRONG_CREDENTIALS,
    errors.InvalidAddress: WRONG_CREDENTIALS,
    errors.NoSuchDomain: WRONG_CREDENTIALS,
    errors.NoSuchMailbox: WRONG_CREDENTIALS,
    errors.MailboxGone: Refusal(b"UNAVAILABLE", b"This mailbox no longer exists"),
    errors.MailboxFull: Refusal(b"OVERQUOTA", b"The mailbox is full"),
    errors.MaildropLocked: Refusal(b"INUSE", b"Another session has the mailbox"),
    errors.NoSuchFolder: Refusal(b"NONEXISTENT", b"There is no such mailbox"),
    errors.FolderExists: Refusal(b"ALREADYEXISTS", b"There is such a mailbox"),
    errors.FolderRefused: Refusal(b"CANNOT", b"This cannot be done with a mailbox of this name"),
    errors.TooManyFolders: Refusal(b"LIMIT", b"There are too many mailboxes"),
    errors.TooMuchMetadata: Refusal(b"METADATA TOOMANY", b"The mailbox has too many entries"),
    errors.MetadataTooLarge: Refusal(b"METADATA MAXSIZE %d" % LARGEST_METADATA, b"The value is too large"),
    errors.CredentialRefused: Refusal(b"NOPERM", b"Only the owner's first secret may do this"),
    errors.NotExtendable: Refusal(b"CANNOT", b"The mailbox does not end before that time, or may not end so late"),
    errors.ReadOnly: Refusal(b"NOPERM", b"This login or mailbox is read-only"),
    errors.MessageTooLarge: Refusal(b"TOOBIG", b"The message is too large"),
    errors.MessageDamaged: DAMAGED,
    errors.OutOfMemory: _LATER,
    errors.DiskFull: _LATER,
    errors.StoreFailed: _LATER,
    errors.TooManyLogins: _LATER,
    errors.TooFast: Refusal(b"LIMIT", b"Too much at once, try later"),
    errors.Banned: WRONG_CREDENTIALS,
    # Reading mail has no part in these.
    **dict.fromkeys(
        (
            errors.AddressReserved,
            errors.AddressTaken,
            errors.ApiKeyElsewhere,
            errors.ApiKeyExpired,
            errors.DomainDisabled,
            errors.DomainExists,
            errors.DomainInUse,
            errors.InvalidValue,
            errors.LastOwner,
            errors.NameTaken,
            errors.NoSuchApiKey,
            errors.NoSuchBan,
            errors.NoSuchBlockRule,
            errors.NoSuchCredential,
            errors.NoSuchInvitation,
            errors.NoSuchLimit,
            errors.NoSuchPerson,
            errors.NoSuchReceipt,
            errors.NoSuchSchedule,
            errors.NoSuchSession,
            errors.OutOfScope,
            errors.PersonExists,
            errors.SenderBlocked,
        ),
        _CANNOT,
    ),
}


def refusal_for(error: errors.TempmaildError) -> Refusal:
    """Say why a request is refusal."""
    return REFUSALS.get(type(error), OUR_FAULT)


def tagged(tag: bytes, refusal: Refusal) -> bytes:
    """Write the end of a command that was not carried out; `tag` is b"*" where the client's is not known."""
    if refusal.code:
        return b"%b %b [%b] %b\r\n" % (tag, refusal.condition, refusal.code, refusal.text)
    return b"%b %b %b\r\n" % (tag, refusal.condition, refusal.text)


def flag_names(keywords: Iterable[str]) -> bytes:
    """Write the flags that messages of a folder can have: the system flags and these keywords."""
    return " ".join((*SYSTEM_FLAGS, *sorted(keywords))).encode()
