"""What the POP3 server says: its lines, and the reply to each error that a service can raise."""

from __future__ import annotations

from tempmaild import errors

WRONG_CREDENTIALS = b"-ERR [AUTH] wrong address or password\r\n"  # RFC 3206 §4
OUR_FAULT = b"-ERR [SYS/TEMP] internal error\r\n"  # RFC 3206 §3
NOT_REMOVED = b"-ERR [SYS/TEMP] some deleted messages not removed\r\n"  # RFC 1939 §6
GONE = b"-ERR [SYS/PERM] this mailbox no longer exists\r\n"
_LATER = b"-ERR [SYS/TEMP] not possible now, try later\r\n"

LINE_TOO_LONG = b"-ERR line too long\r\n"
UNKNOWN = b"-ERR unknown command\r\n"
NOT_NOW = b"-ERR not allowed in this state\r\n"
NO_SUCH_MESSAGE = b"-ERR no such message\r\n"
TLS_FIRST = b"-ERR no password is taken without TLS\r\n"

REFUSALS: dict[type[errors.TempmaildError], bytes] = {
    # Why a login failed is nobody's business.
    errors.WrongCredentials: WRONG_CREDENTIALS,
    errors.InvalidAddress: WRONG_CREDENTIALS,
    errors.NoSuchDomain: WRONG_CREDENTIALS,
    errors.NoSuchMailbox: WRONG_CREDENTIALS,
    errors.MaildropLocked: b"-ERR [IN-USE] another POP3 session has this mailbox open\r\n",  # RFC 2449 §8.1.2
    errors.MailboxGone: GONE,
    errors.NoSuchFolder: GONE,
    errors.ReadOnly: b"-ERR this login may not remove messages\r\n",
    errors.StoreFailed: _LATER,
    errors.MessageDamaged: b"-ERR [SYS/PERM] this message cannot be read any more\r\n",
    errors.OutOfMemory: _LATER,
    errors.DiskFull: _LATER,
    errors.TooManyLogins: _LATER,
    errors.TooFast: _LATER,
    errors.Banned: WRONG_CREDENTIALS,
    # Reading mail has no part in these.
    **dict.fromkeys(
        (
            errors.AddressReserved,
            errors.AddressTaken,
            errors.ApiKeyElsewhere,
            errors.ApiKeyExpired,
            errors.CredentialRefused,
            errors.DomainDisabled,
            errors.DomainExists,
            errors.DomainInUse,
            errors.FolderExists,
            errors.FolderRefused,
            errors.InvalidValue,
            errors.LastOwner,
            errors.MailboxFull,
            errors.MessageTooLarge,
            errors.MetadataTooLarge,
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
            errors.NotExtendable,
            errors.OutOfScope,
            errors.PersonExists,
            errors.SenderBlocked,
            errors.TooManyFolders,
            errors.TooMuchMetadata,
        ),
        OUR_FAULT,
    ),
}


def ok(message: str) -> bytes:
    """Say yes."""
    return b"+OK %s\r\n" % message.encode()


def no(reason: str) -> bytes:
    """Say no."""
    return b"-ERR %s\r\n" % reason.encode()


def refusal(error: errors.TempmaildError) -> bytes:
    """Say why a request is refused."""
    return REFUSALS.get(type(error), OUR_FAULT)


def lines(first: bytes, rest: list[bytes]) -> bytes:
    """Say several lines, none of which begins with a dot. RFC 1939 §3."""
    return b"\r\n".join([first.removesuffix(b"\r\n"), *rest, b".\r\n"])


def stuffed(content: bytes) -> bytes:
    """Give a message, or its beginning, as the lines of a reply: dot-stuffed, and with the last line ended.

    `content` has CRLF line ends only, so that each line but the first begins after one. RFC 1939 §3.
    """
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content if content.endswith(b"\r\n") else content + b"\r\n"
