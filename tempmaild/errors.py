"""What the appliance can refuse, in its own words.

These errors know nothing of protocols: each protocol has one table that maps them to its replies. The text of an
error is for the log and the command line; a protocol never shows it to a stranger.
"""

from __future__ import annotations


class TempmaildError(Exception):
    """A request that was understood and cannot be carried out."""


class InvalidAddress(TempmaildError):
    """The text is no address that a mailbox or a domain can have."""


class InvalidValue(TempmaildError):
    """A value is impossible.

    Args:
        field: which.
        template: what is wrong with it, in the operator's words, with a place such as %(longest)s for each value.
        values: what is put into the template; further errors among them say what is wrong in their places.

    Attributes:
        reason: the template with the values. The console translates the template, which is a literal therefore.
    """

    def __init__(self, field: str = "", template: str = "", **values: object) -> None:
        self.field = field
        self.template = template
        self.values = values
        self.reason = template % values if values else template
        super().__init__(field, self.reason)

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason

    def about(self, field: str) -> InvalidValue:
        """Give the same about a field that is called otherwise where the value was given."""
        return InvalidValue(field, self.template, **self.values)


class NoSuchDomain(TempmaildError):
    """The domain is not one of ours."""


class DomainExists(TempmaildError):
    """The domain is there already."""


class DomainInUse(TempmaildError):
    """The domain still has mailboxes."""


class DomainDisabled(TempmaildError):
    """The domain takes no mail and gets no mailboxes for the time being."""


class NoSuchMailbox(TempmaildError):
    """No mailbox has this address now; it may never have existed or be destroyed or expired."""


class AddressTaken(TempmaildError):
    """The address belongs to a mailbox, or is in quarantine after one."""


class AddressReserved(TempmaildError):
    """The address is kept for whoever runs the host."""


class WrongCredentials(TempmaildError):
    """The address and the secret do not belong together. Says nothing of whether the mailbox exists."""


class NoSuchCredential(TempmaildError):
    """The mailbox has no such credential."""


class CredentialRefused(TempmaildError):
    """The mailbox cannot have this credential, or cannot lose it."""


class TooManyLogins(TempmaildError):
    """Too many logins wait for their password to be looked at; later there will be room."""


class TooFast(TempmaildError):
    """A limit of the operator is reached; later it will be possible."""


class Banned(TempmaildError):
    """The client's network is turned away for a while."""


class NotExtendable(TempmaildError):
    """The end of the mailbox cannot be put off, or not so far."""


class NoSuchLimit(TempmaildError):
    """No limit has this name."""


class NoSuchBan(TempmaildError):
    """The network is not banned."""


class SenderBlocked(TempmaildError):
    """The operator takes no mail from this sender or client; the text is the rule."""


class NoSuchBlockRule(TempmaildError):
    """There is no such rule."""


class NoSuchSchedule(TempmaildError):
    """No schedule has this name."""


class NameTaken(TempmaildError):
    """There is a limit, schedule or API key of this name."""


class NoSuchReceipt(TempmaildError):
    """There is no receipt of this id: its mailbox exists, or there never was one."""


class NoSuchPerson(TempmaildError):
    """Nobody of this name operates the host."""


class PersonExists(TempmaildError):
    """Somebody of this name operates the host already."""


class LastOwner(TempmaildError):
    """Without this owner there would be none who can sign in."""


class NoSuchInvitation(TempmaildError):
    """The invitation was used or withdrawn, is too old, or never was one."""


class NoSuchSession(TempmaildError):
    """Nobody is signed in by this any more."""


class NoSuchApiKey(TempmaildError):
    """There is no such API key."""


class ApiKeyExpired(TempmaildError):
    """The API key is good no longer."""


class ApiKeyElsewhere(TempmaildError):
    """The API key may not be used from this address."""


class OutOfScope(TempmaildError):
    """The API key may not do this."""


class MailboxGone(TempmaildError):
    """The mailbox of this very login has expired or was destroyed meanwhile."""


class MailboxFull(TempmaildError):
    """The mailbox takes no further message."""


class MaildropLocked(TempmaildError):
    """Another POP3 session has the maildrop (RFC 1939 §3)."""


class NoSuchFolder(TempmaildError):
    """The mailbox has no folder of this name."""


class FolderExists(TempmaildError):
    """The mailbox has a folder of this name."""


class FolderRefused(TempmaildError):
    """The name cannot be given to a folder, or this folder cannot be renamed or deleted."""


class TooManyFolders(TempmaildError):
    """The mailbox may have no further folder."""


class TooMuchMetadata(TempmaildError):
    """The mailbox may have no further entry of metadata."""


class MetadataTooLarge(TempmaildError):
    """A value of metadata has more octets than one may have."""


class ReadOnly(TempmaildError):
    """These credentials, or this way of opening the folder, allow no change."""


class MessageTooLarge(TempmaildError):
    """The message has more octets than the appliance takes."""


class MessageDamaged(TempmaildError):
    """What is kept of the message cannot be read: it was damaged, or tampered with."""


class OutOfMemory(TempmaildError):
    """As much message data is in memory as the settings allow; later there will be room."""


class DiskFull(TempmaildError):
    """Too little room is left on the disk to take mail."""


class StoreFailed(TempmaildError):
    """The database did not answer, or refused the change; nothing was stored."""
