"""Changes to domains, mailboxes and folders: made, renamed, destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core import policy as policies
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, Credential, Domain, Folder, Mailbox
from tempmaild.core.policy import Kind, Policy
from tempmaild.errors import (
    AddressTaken,
    CredentialRefused,
    DomainExists,
    DomainInUse,
    FolderExists,
    NoSuchCredential,
    NoSuchDomain,
    NoSuchFolder,
    NoSuchMailbox,
    TooManyFolders,
)
from tempmaild.store.audit import record
from tempmaild.store.creation import folder_row, insert_folders, insert_mailbox
from tempmaild.store.messages import Move, drop_contents, is_sealed, lock_contents, remove_oldest
from tempmaild.store.receipts import prove_destruction

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction

_MOST_FOLDERS = 100
"""Folders a mailbox may have; more than anybody sorts throw-away mail into."""
_MOST_CREDENTIALS = 20
"""Credentials a mailbox may have: each costs a login a comparison."""

_SETTLED = 1_000_000
"""Entries that are deleted in one transaction where nobody waits for another."""


class AddDomain(Struct, frozen=True):
    """Take mail for a domain."""

    name: str
    kind: Kind = "claimed"
    sealed: bool = True
    policy: Policy = Policy()
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Add it.

        Raises:
            DomainExists: it is there.
        """
        db = transaction.db
        if db.row("SELECT id FROM domain WHERE name = ?", self.name):
            raise DomainExists(self.name)
        domain = Domain(
            transaction.next_id(), self.name, self.kind, transaction.now, sealed=self.sealed, policy=self.policy
        )
        db.run(
            "INSERT INTO domain (id, name, kind, created_at, sealed, enabled, policy) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(domain.id, domain.name, domain.kind, domain.created_at, domain.sealed, domain.enabled),
            policies.to_text(domain.policy),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "domain-add", self.name, {"kind": self.kind, "sealed": self.sealed})
        return domain


class ChangeDomain(Struct, frozen=True):
    """Decide otherwise for a domain; its mailboxes keep the lifetime and the sealing that they were made with."""

    domain: Domain
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Change it to what `domain` says; its name and id stay.

        Raises:
            NoSuchDomain: it is not there.
        """
        domain = self.domain
        policy = policies.to_text(domain.policy)
        if not transaction.db.run(
            "UPDATE domain SET kind = ?, sealed = ?, enabled = ?, policy = ? WHERE id = ?",
            *(domain.kind, domain.sealed, domain.enabled, policy, domain.id),
        ):
            raise NoSuchDomain(domain.name)
        transaction.settings_changed()
        record(
            transaction,
            self.actor,
            "domain-change",
            domain.name,
            {"kind": domain.kind, "sealed": domain.sealed, "enabled": domain.enabled, "policy": policy},
        )
        return domain


class RemoveDomain(Struct, frozen=True):
    """Take no more mail for a domain that has no mailboxes."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        db = transaction.db
        row = db.row("SELECT id FROM domain WHERE name = ?", self.name)
        if row is None:
            raise NoSuchDomain(self.name)
        if db.row("SELECT 1 FROM mailbox WHERE domain_id = ? LIMIT 1", row[0]):
            raise DomainInUse(self.name)
        db.run("DELETE FROM domain WHERE id = ?", row[0])
        transaction.settings_changed()
        record(transaction, self.actor, "domain-remove", self.name, {})


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
        twins = db.rows("SELECT address FROM mailbox WHERE skeleton = ?", skeleton)
        # Two that are both ASCII are no twins: "modern" and "modem" may exist side by side.
        if not all(twin.isascii() and self.address.isascii() for (twin,) in twins):
            raise AddressTaken(f"{self.address} looks like {twins[0][0]}")
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

    def apply(self, transaction: Transaction) -> Credential:
        """Add it.

        Raises:
            NoSuchMailbox: the mailbox is gone.
            CredentialRefused: it may have no more.
        """
        db = transaction.db
        if not db.row("SELECT 1 FROM mailbox WHERE id = ?", self.mailbox_id):
            raise NoSuchMailbox(str(self.mailbox_id))
        if len(db.rows("SELECT id FROM credential WHERE mailbox_id = ?", self.mailbox_id)) >= _MOST_CREDENTIALS:
            raise CredentialRefused(f"a mailbox has at most {_MOST_CREDENTIALS}")
        return insert_credential(transaction, self.mailbox_id, self.credential)


class RevokeCredential(Struct, frozen=True):
    """Take a further credential from a mailbox; the owner's first one stays."""

    mailbox_id: int
    credential_id: int

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
        transaction.forgets = True
        transaction.lifetimes_changed()


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
    """

    mailbox_ids: tuple[int, ...]

    def apply(self, transaction: Transaction) -> None:
        """End them; those that have ended stay as they are."""
        db = transaction.db
        mailboxes = db.listed(self.mailbox_ids)
        now = transaction.now
        db.run(
            "UPDATE mailbox SET expires_at = ?, ends_at = ?, extend_until = 0"
            f" WHERE id {db.among} AND expires_at > ?",
            *(now, now, mailboxes, now),
        )
        if db.run(f"DELETE FROM keys.wrapped_key WHERE mailbox_id {db.among}", mailboxes):
            transaction.forgets = True
        transaction.lifetimes_changed()
        # Whoever waits for mail in them is told.
        transaction.touched |= {
            folder_id for (folder_id,) in db.rows(f"SELECT inbox_id FROM mailbox WHERE id {db.among}", mailboxes)
        }


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
        db = transaction.db
        row = db.row(
            "SELECT address, erased, public_key, receipt_lookup, receipt_subject FROM mailbox WHERE id = ?",
            self.mailbox_id,
        )
        if row is None:
            raise NoSuchMailbox(str(self.mailbox_id))
        address, erased, public_key, *receipt = row
        if db.run("DELETE FROM keys.wrapped_key WHERE mailbox_id = ?", self.mailbox_id) or public_key is None:
            transaction.forgets = True
        folder_ids = [
            folder_id for (folder_id,) in db.rows("SELECT id FROM folder WHERE mailbox_id = ?", self.mailbox_id)
        ]
        # Locked together, in the order in which deliveries to several of them lock.
        messages = sum(folder.messages for folder in transaction.counters(folder_ids).values())
        if messages > self.most:
            self._erase_some(transaction, folder_ids)
            return None
        messages += int(erased)
        _delete_folders(transaction, folder_ids)
        db.run("DELETE FROM mailbox WHERE id = ?", self.mailbox_id)
        db.run("DELETE FROM quarantine WHERE address = ? OR until <= ?", address, transaction.now)
        if self.quarantine_until > transaction.now:
            db.run("INSERT INTO quarantine (address, until) VALUES (?, ?)", address, self.quarantine_until)
        transaction.lifetimes_changed()
        prove_destruction(transaction, self.actor, self.mailbox_id, messages, *receipt)
        return messages

    def _erase_some(self, transaction: Transaction, folder_ids: list[int]) -> None:
        db = transaction.db
        left = self.most
        for folder_id in folder_ids:
            left -= remove_oldest(transaction, folder_id, left)
            # Nobody will ask what was in it.
            db.run("DELETE FROM expunged WHERE folder_id = ?", folder_id)
        db.run("UPDATE mailbox SET erased = erased + ? WHERE id = ?", self.most - left, self.mailbox_id)


def _delete_folders(transaction: Transaction, folder_ids: list[int]) -> None:
    """Delete folders with their messages."""
    db = transaction.db
    folders = db.listed(folder_ids)
    entries = f"FROM entry WHERE folder_id {db.among}"
    contents = {row[0] for row in db.rows(f"SELECT content_id {entries}", folders)}
    if contents:
        db.run(f"DELETE FROM summary WHERE entry_id IN (SELECT id {entries})", folders)
        lock_contents(transaction, contents)
        db.run(f"DELETE {entries}", folders)
        drop_contents(transaction, contents)
    db.run(f"DELETE FROM expunged WHERE folder_id {db.among}", folders)
    transaction.retire_uid_validity(max(c.uid_validity for c in transaction.counters(folder_ids).values()))
    db.run(f"DELETE FROM folder WHERE id {db.among}", folders)
    for folder_id in folder_ids:
        transaction.folder_deleted(folder_id)


class CreateFolder(Struct, frozen=True):
    """Make a folder, and those above it in the hierarchy that are missing (RFC 9051 §6.3.4)."""

    mailbox_id: int
    name: str

    def apply(self, transaction: Transaction) -> Folder:
        """Make it.

        Raises:
            NoSuchMailbox: the mailbox is gone.
            FolderExists: it is there.
            TooManyFolders: the mailbox may have no more.
        """
        if not transaction.db.row("SELECT 1 FROM mailbox WHERE id = ?", self.mailbox_id):
            raise NoSuchMailbox(str(self.mailbox_id))
        names = _names(transaction, self.mailbox_id)
        if self.name in names:
            raise FolderExists(self.name)
        missing = [name for name in (*_parents(self.name), self.name) if name not in names]
        if len(names) + len(missing) > _MOST_FOLDERS:
            raise TooManyFolders(self.name)
        uid_validity = transaction.new_uid_validity()
        rows = [folder_row(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in missing]
        insert_folders(transaction, rows)
        folder_id = rows[-1][0]
        assert isinstance(folder_id, int)
        return Folder(folder_id, self.mailbox_id, self.name, uid_validity, 1, 1, "", subscribed=True)


class DeleteFolder(Struct, frozen=True):
    """Delete a folder with its messages; those below it stay (RFC 9051 §6.3.5)."""

    mailbox_id: int
    name: str

    def apply(self, transaction: Transaction) -> None:
        """Delete it.

        Raises:
            NoSuchFolder: it is not there.
        """
        db = transaction.db
        row = db.row("SELECT id FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name)
        if row is None:
            raise NoSuchFolder(self.name)
        transaction.forgets |= not is_sealed(db, row[0])
        _delete_folders(transaction, [row[0]])


class _Named(NamedTuple):
    id: int
    name: str


class RenameFolder(Struct, frozen=True):
    """Give a folder, and those below it, another name. INBOX stays and gives its messages away (RFC 9051 §6.3.6)."""

    mailbox_id: int
    old: str
    new: str

    def apply(self, transaction: Transaction) -> None:
        """Rename it.

        Raises:
            NoSuchFolder: it is not there.
            FolderExists: another folder has the new name, or a folder below would get one that is taken.
            TooManyFolders: the folders above the new name are missing and too many.
        """
        db = transaction.db
        rows = db.rows("SELECT id, name FROM folder WHERE mailbox_id = ?", self.mailbox_id)
        folders = [_Named(*row) for row in rows]
        names = {folder.name for folder in folders}
        if self.old not in names:
            raise NoSuchFolder(self.old)
        if self.new in names:
            raise FolderExists(self.new)
        if self.old == INBOX:
            self._empty_inbox(transaction)
            return
        below = self.old + FOLDER_SEPARATOR
        moving = [folder for folder in folders if folder.name == self.old or folder.name.startswith(below)]
        moved = {self.new + folder.name[len(self.old) :] for folder in moving}
        if moved & (names - {folder.name for folder in moving}):
            raise FolderExists(self.new)
        parents = [name for name in _parents(self.new) if name not in names]
        if len(names) + len(parents) > _MOST_FOLDERS:
            raise TooManyFolders(self.new)
        counters = transaction.counters([folder.id for folder in moving]).values()
        # A name that is used again must not look like the folder that had it (RFC 9051 §2.3.1.1).
        transaction.retire_uid_validity(max(folder.uid_validity for folder in counters))
        uid_validity = transaction.new_uid_validity()
        insert_folders(
            transaction, [folder_row(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in parents]
        )
        db.many(
            "UPDATE folder SET name = ?, uid_validity = ? WHERE id = ?",
            [(self.new + folder.name[len(self.old) :], uid_validity, folder.id) for folder in moving],
        )
        for folder in counters:
            folder.uid_validity = uid_validity

    def _empty_inbox(self, transaction: Transaction) -> None:
        target = CreateFolder(self.mailbox_id, self.new).apply(transaction)
        inbox = transaction.db.row("SELECT id FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, INBOX)
        assert inbox is not None
        Move(inbox[0], None, target.id).apply(transaction)


class Subscribe(Struct, frozen=True):
    """Put a folder on the list of those that the owner wants to see, or take it off (RFC 9051 §6.3.7)."""

    mailbox_id: int
    name: str
    subscribed: bool

    def apply(self, transaction: Transaction) -> None:
        """Do so.

        Raises:
            NoSuchFolder: it is not there.
        """
        if not transaction.db.run(
            "UPDATE folder SET subscribed = ? WHERE mailbox_id = ? AND name = ?",
            self.subscribed,
            self.mailbox_id,
            self.name,
        ):
            raise NoSuchFolder(self.name)


def _names(transaction: Transaction, mailbox_id: int) -> set[str]:
    return {row[0] for row in transaction.db.rows("SELECT name FROM folder WHERE mailbox_id = ?", mailbox_id)}


def _parents(name: str) -> list[str]:
    levels = name.split(FOLDER_SEPARATOR)
    return [FOLDER_SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
