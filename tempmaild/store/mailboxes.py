"""Changes to mailboxes and their credentials: made, ended, destroyed."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import Credential, Mailbox
from tempmaild.errors import (
    AddressTaken,
    CredentialRefused,
    NoSuchCredential,
    NoSuchDomain,
    NoSuchMailbox,
)
from tempmaild.store.audit import mailbox_subject, record
from tempmaild.store.creation import find_twin, insert_mailbox
from tempmaild.store.folders import delete_folders
from tempmaild.store.messages import remove_oldest
from tempmaild.store.receipts import prove_destruction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_MOST_CREDENTIALS = 20
"""Credentials a mailbox may have: each costs a login a comparison."""

_SETTLED = 1_000_000
"""Entries that are deleted in one transaction where nobody waits for another."""
_OLD_QUARANTINES = 1000
"""Quarantines that are over and are deleted along with a destruction."""


class NewCredential(Struct, frozen=True):
    """A credential that is to be made.

    Attributes:
        verifier: as `core.secret` makes it.
        wrapped: the mailbox's private key under this secret (`core.sealing`); None where nothing is sealed.
        salt: of a password that was chosen, else None.
    """

    verifier: bytes
    kind: str = "owner"
    label: str = ""
    read_only: bool = False
    wrapped: bytes | None = None
    salt: bytes | None = None


class CreateMailbox(Struct, frozen=True):
    """Make a mailbox with its first credential and the folders that clients expect.

    Attributes:
        skeleton: what other addresses must not look like (`core.address`).
        public_key: to which its mail is sealed, or None.
        receipt: digest of the receipt's id, and what the receipt is to call the mailbox; None for no receipt.
    """

    domain_id: int
    address: str
    lifetime: Lifetime
    credential: NewCredential
    skeleton: str = ""
    public_key: bytes | None = None
    receipt: tuple[bytes, bytes] | None = None

    def apply(self, transaction: Transaction) -> Mailbox:
        """Make it.

        Raises:
            NoSuchDomain: the domain was removed meanwhile.
            AddressTaken: a mailbox has this address or one that looks like it, or had it and its quarantine is not
                over.
        """
        db, now = transaction.db, transaction.now
        if not db.row("SELECT 1 FROM domain WHERE id = ?", self.domain_id):
            raise NoSuchDomain(self.address)
        if db.row("SELECT 1 FROM mailbox WHERE address = ?", self.address) or db.row(
            "SELECT 1 FROM quarantine WHERE address = ? AND until > ?", self.address, now
        ):
            raise AddressTaken(self.address)
        skeleton = self.skeleton or self.address
        if twin := find_twin(transaction, self.address, skeleton):
            raise AddressTaken(f"{self.address} looks like {twin}")
        mailbox = insert_mailbox(transaction, self.domain_id, self.address, skeleton, self.lifetime, self.public_key)
        if self.receipt:
            db.run(
                "UPDATE mailbox SET receipt_lookup = ?, receipt_subject = ? WHERE id = ?", *self.receipt, mailbox.id
            )
        insert_credential(transaction, mailbox.id, self.credential)
        return mailbox


class AddCredential(Struct, frozen=True):
    """Give a mailbox one more credential."""

    mailbox_id: int
    credential: NewCredential
    actor: str = ""

    def apply(self, transaction: Transaction) -> Credential:
        """Add it.

        Raises:
            NoSuchMailbox: the mailbox is gone, or its time is over: keys that were destroyed must not come back.
            CredentialRefused: it may have no more, or not this one.
        """
        db, new = transaction.db, self.credential
        # Locked, so that a destruction which another daemon has begun is either seen or finds the new key.
        lock = "" if db.sqlite else " FOR UPDATE"
        alive = f"SELECT 1 FROM mailbox WHERE id = ? AND expires_at > ?{lock}"
        if not db.row(alive, self.mailbox_id, transaction.now):
            raise NoSuchMailbox(str(self.mailbox_id))
        others = db.rows("SELECT verifier, salt FROM credential WHERE mailbox_id = ?", self.mailbox_id)
        if len(others) >= _MOST_CREDENTIALS:
            raise CredentialRefused(f"a mailbox has at most {_MOST_CREDENTIALS}")
        if any(verifier == new.verifier for verifier, _ in others):
            raise CredentialRefused("the mailbox has this secret already")
        if new.salt is not None and any(salt not in {None, new.salt} for _, salt in others):
            # A login works out a password once, with one salt.
            raise CredentialRefused("another password was added at the same moment; try again")
        credential = insert_credential(transaction, self.mailbox_id, new)
        _record_credentials(transaction, self.actor, "credential-add", self.mailbox_id)
        return credential


class RevokeCredential(Struct, frozen=True):
    """Take a further credential from a mailbox; the owner's first one stays."""

    mailbox_id: int
    credential_id: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Revoke it; sessions that began with it end.

        Raises:
            NoSuchCredential: the mailbox has none of this id.
            CredentialRefused: it is the owner's.
        """
        db = transaction.db
        row = db.row(
            "SELECT kind FROM credential WHERE id = ? AND mailbox_id = ?", self.credential_id, self.mailbox_id
        )
        if row is None:
            raise NoSuchCredential(str(self.credential_id))
        if row[0] == "owner":
            raise CredentialRefused("the owner's secret cannot be revoked; destroy the mailbox instead")
        db.run("DELETE FROM keys.wrapped_key WHERE credential_id = ?", self.credential_id)
        db.run("DELETE FROM credential WHERE id = ?", self.credential_id)
        transaction.traces.add("keys")
        transaction.lifetimes_changed()
        _record_credentials(transaction, self.actor, "credential-revoke", self.mailbox_id)


def _count_credentials(db: Handle, mailbox_id: int) -> int:
    return len(db.rows("SELECT id FROM credential WHERE mailbox_id = ?", mailbox_id))


def _record_credentials(transaction: Transaction, actor: str, action: str, mailbox_id: int) -> None:
    """Note that a mailbox has more or fewer credentials, and how many it has now."""
    db = transaction.db
    row = db.row("SELECT receipt_subject FROM mailbox WHERE id = ?", mailbox_id)
    subject = mailbox_subject(mailbox_id, row and row[0])
    record(transaction, actor, action, subject, {"credentials": _count_credentials(db, mailbox_id)})


def insert_credential(transaction: Transaction, mailbox_id: int, new: NewCredential) -> Credential:
    """Insert a credential and, where mail is sealed, the private key under its secret."""
    db, now = transaction.db, transaction.now
    credential_id = transaction.next_id()
    db.run(
        "INSERT INTO credential (id, mailbox_id, kind, verifier, read_only, created_at, label, salt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(credential_id, mailbox_id, new.kind, new.verifier, new.read_only, now, new.label, new.salt),
    )
    if new.wrapped is not None:
        # On SQLite the two files are not committed as one: after a crash there may be a key of this id that nothing
        # refers to.
        db.run("DELETE FROM keys.wrapped_key WHERE credential_id = ?", credential_id)
        db.run(
            "INSERT INTO keys.wrapped_key (credential_id, mailbox_id, data) VALUES (?, ?, ?)",
            *(credential_id, mailbox_id, new.wrapped),
        )
    return Credential(credential_id, new.kind, new.label, new.read_only, new.salt is not None, now)


class EndLifetime(Struct, frozen=True):
    """Have mailboxes end now, and destroy the keys that open them: the first half of a destruction.

    From the commit on they cannot be reached and, where they are sealed, not be read by anybody, whatever becomes of
    the second half.

    Attributes:
        only_expired: leave alone those that live, because somebody has put off their end meanwhile.
    """

    mailbox_ids: tuple[int, ...]
    only_expired: bool = False

    def apply(self, transaction: Transaction) -> None:
        """End them; those that have ended stay as they are."""
        db, now = transaction.db, transaction.now
        living = db.rows(
            f"SELECT id, inbox_id, expires_at > ? FROM mailbox WHERE id {db.among} ORDER BY id{_lock(db)}",
            *(now, db.listed(self.mailbox_ids)),
        )
        ended = [row for row in living if not (self.only_expired and row[2])]
        ids = db.listed([mailbox_id for mailbox_id, *_ in ended])
        # Nothing that happens later puts off the end of a mailbox whose keys are gone.
        db.run(
            "UPDATE mailbox SET expires_at = CASE WHEN expires_at > ? THEN ? ELSE expires_at END, ends_at = ?,"
            f" extend_until = 0 WHERE id {db.among} AND (ends_at > ? OR expires_at > ? OR extend_until <> 0)",
            *(now, now, now, ids, now, now),
        )
        if db.run(f"DELETE FROM keys.wrapped_key WHERE mailbox_id {db.among}", ids):
            transaction.traces.add("keys")
        if any(was_alive for *_, was_alive in ended):
            transaction.lifetimes_changed()
        # Whoever waits for mail in them is told.
        transaction.touched |= {inbox_id for _, inbox_id, _ in ended}


class DestroyMailbox(Struct, frozen=True):
    """Delete a mailbox with all that belongs to it, and keep its address from others for a while.

    At most `most` messages are deleted at once, so that others need not wait long for the writer.
    """

    mailbox_id: int
    quarantine_until: int
    actor: str = ""
    most: int = _SETTLED

    def apply(self, transaction: Transaction) -> int | None:
        """Destroy it; the number of messages it had. None when there are more, and this has to be done again.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        doomed = ((self.mailbox_id, self.quarantine_until),)
        destroyed = DestroyMailboxes(doomed, self.actor, self.most).apply(transaction)
        if destroyed.left:
            return None
        if not destroyed.mailboxes:
            raise NoSuchMailbox(str(self.mailbox_id))
        return destroyed.messages


class Destroyed(Struct, frozen=True):
    """What became of mailboxes that were to be destroyed: how many were, with how many messages, and which are left.

    Those that are neither were gone already, or live again.
    """

    mailboxes: int
    messages: int
    left: tuple[int, ...]


class DestroyMailboxes(Struct, frozen=True):
    """Destroy mailboxes, as many as have no more than `most` messages together.

    Attributes:
        mailboxes: the id of each, and until when its address is in quarantine.
        only_expired: leave alone those that live, because somebody has put off their end meanwhile.
    """

    mailboxes: tuple[tuple[int, int], ...]
    actor: str = ""
    most: int = _SETTLED
    only_expired: bool = False

    def apply(self, transaction: Transaction) -> Destroyed:
        """Destroy them; of one that has more than `most` messages so many are erased, and it is left."""
        doomed = self._find(transaction)
        # Locked together, in the order in which deliveries to several of them lock.
        counters = transaction.counters([folder_id for mailbox in doomed for folder_id in mailbox.folder_ids])
        messages = [
            sum(counters[folder_id].messages for folder_id in mailbox.folder_ids if folder_id in counters)
            for mailbox in doomed
        ]
        count = sum(total <= self.most for total in accumulate(messages))
        left = tuple(mailbox.id for mailbox in doomed[count:])
        if doomed and not count:
            if _erase_some(transaction, doomed[0], self.most):
                return Destroyed(0, 0, left)
            # A counter was wrong: nothing is there any more, and nobody is to wait for that to end.
            count, messages[0], left = 1, 0, left[1:]
        _destroy(transaction, doomed[:count], dict(self.mailboxes))
        for mailbox, here in zip(doomed[:count], messages, strict=False):
            prove_destruction(transaction, self.actor, mailbox.id, here + mailbox.erased, *mailbox.receipt)
        return Destroyed(count, sum(messages[:count]) + sum(mailbox.erased for mailbox in doomed[:count]), left)

    def _find(self, transaction: Transaction) -> list[_Doomed]:
        db, now = transaction.db, transaction.now
        ids = db.listed([mailbox_id for mailbox_id, _ in self.mailboxes])
        folder_ids: dict[int, list[int]] = {}
        for folder_id, mailbox_id in db.rows(f"SELECT id, mailbox_id FROM folder WHERE mailbox_id {db.among}", ids):
            folder_ids.setdefault(mailbox_id, []).append(folder_id)
        rows = db.rows(
            "SELECT id, address, expires_at <= ?, public_key IS NOT NULL, erased, receipt_lookup, receipt_subject"
            f" FROM mailbox WHERE id {db.among} ORDER BY id{_lock(db)}",
            *(now, ids),
        )
        return [
            _Doomed(row[0], row[1], bool(row[2]), bool(row[3]), int(row[4]), row[5:], folder_ids.get(row[0], []))
            for row in rows
            if row[2] or not self.only_expired
        ]


class _Doomed(NamedTuple):
    """A mailbox that is to be destroyed.

    Attributes:
        receipt: the digest of the receipt's id, and what the receipt is to call the mailbox.
    """

    id: int
    address: str
    expired: bool
    sealed: bool
    erased: int
    receipt: tuple[bytes | None, bytes | None]
    folder_ids: list[int]


def _lock(db: Handle) -> str:
    """Give what keeps other daemons from changing rows that are read, until the commit."""
    return "" if db.sqlite else " FOR UPDATE"


def _erase_some(transaction: Transaction, mailbox: _Doomed, most: int) -> int:
    """Delete so many messages of a mailbox that is going to be destroyed; how many there were to be deleted."""
    db = transaction.db
    left = most
    for folder_id in mailbox.folder_ids:
        left -= remove_oldest(transaction, folder_id, left)
        # Nobody will ask what was in it.
        db.run("DELETE FROM expunged WHERE folder_id = ?", folder_id)
    db.run("UPDATE mailbox SET erased = erased + ? WHERE id = ?", most - left, mailbox.id)
    return most - left


def _destroy(transaction: Transaction, doomed: Sequence[_Doomed], quarantines: Mapping[int, int]) -> None:
    """Delete mailboxes with all that belongs to them, and put their addresses into quarantine."""
    if not doomed:
        return
    db, now = transaction.db, transaction.now
    ids = db.listed([mailbox.id for mailbox in doomed])
    if db.run(f"DELETE FROM keys.wrapped_key WHERE mailbox_id {db.among}", ids):
        transaction.traces.add("keys")
    if not all(mailbox.sealed for mailbox in doomed):
        transaction.traces.add("main")
    delete_folders(transaction, [folder_id for mailbox in doomed for folder_id in mailbox.folder_ids])
    db.run(f"DELETE FROM mailbox WHERE id {db.among}", ids)
    db.run(
        "DELETE FROM quarantine WHERE address IN (SELECT address FROM quarantine WHERE until <= ? LIMIT ?)",
        *(now, _OLD_QUARANTINES),
    )
    kept = [(mailbox.address, quarantines[mailbox.id]) for mailbox in doomed if quarantines[mailbox.id] > now]
    if kept:
        db.many(
            "INSERT INTO quarantine (address, until) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET until = excluded.until",
            kept,
        )
    if not all(mailbox.expired for mailbox in doomed):
        transaction.lifetimes_changed()


class RemoveLostKeys(Struct, frozen=True):
    """Delete wrapped keys whose credentials do not exist, as after a loss of power between two files' commits."""

    credential_ids: tuple[int, ...]

    def apply(self, transaction: Transaction) -> int:
        """Delete those that are lost; how many were."""
        db = transaction.db
        removed = db.run(
            f"DELETE FROM keys.wrapped_key WHERE credential_id {db.among} AND NOT EXISTS"
            " (SELECT 1 FROM credential c WHERE c.id = credential_id)",
            db.listed(self.credential_ids),
        )
        if removed:
            transaction.traces.add("keys")
        return removed
