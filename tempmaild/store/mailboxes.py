"""Changes to domains, mailboxes and folders: made, renamed, destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, Domain, Folder, Mailbox
from tempmaild.errors import (
    AddressTaken,
    DomainExists,
    DomainInUse,
    FolderExists,
    NoSuchDomain,
    NoSuchFolder,
    NoSuchMailbox,
    TooManyFolders,
)
from tempmaild.store.messages import Move, drop_contents, lock_contents

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction

_MOST_FOLDERS = 100
"""Folders a mailbox may have; more than anybody sorts throw-away mail into."""

# RFC 6154 §2.
_FIRST_FOLDERS = ((INBOX, ""), ("Drafts", "\\Drafts"), ("Junk", "\\Junk"), ("Sent", "\\Sent"), ("Trash", "\\Trash"))


class AddDomain(Struct, frozen=True):
    """Take mail for a domain."""

    name: str

    def apply(self, transaction: Transaction) -> Domain:
        """Add it.

        Raises:
            DomainExists: it is there.
        """
        db = transaction.db
        if db.row("SELECT id FROM domain WHERE name = ?", self.name):
            raise DomainExists(self.name)
        domain = Domain(transaction.next_id(), self.name, "claimed", transaction.now)
        db.run(
            "INSERT INTO domain (id, name, kind, created_at) VALUES (?, ?, ?, ?)",
            domain.id,
            domain.name,
            domain.kind,
            domain.created_at,
        )
        return domain


class RemoveDomain(Struct, frozen=True):
    """Take no more mail for a domain that has no mailboxes."""

    name: str

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


class CreateMailbox(Struct, frozen=True):
    """Make a mailbox with its first credential and the folders that clients expect."""

    domain_id: int
    address: str
    expires_at: int
    verifier: bytes

    def apply(self, transaction: Transaction) -> Mailbox:
        """Make it.

        Raises:
            NoSuchDomain: the domain was removed meanwhile.
            AddressTaken: a mailbox has this address, or had it and its quarantine is not over.
        """
        db, now = transaction.db, transaction.now
        if not db.row("SELECT 1 FROM domain WHERE id = ?", self.domain_id):
            raise NoSuchDomain(self.address)
        if db.row("SELECT 1 FROM mailbox WHERE address = ?", self.address) or db.row(
            "SELECT 1 FROM quarantine WHERE address = ? AND until > ?", self.address, now
        ):
            raise AddressTaken(self.address)
        db.run("DELETE FROM quarantine WHERE address = ?", self.address)
        transaction.reserve_ids(2 + len(_FIRST_FOLDERS))
        mailbox = Mailbox(transaction.next_id(), self.address, now, self.expires_at)
        inbox_id = transaction.next_id()
        db.run(
            "INSERT INTO mailbox (id, domain_id, address, created_at, expires_at, inbox_id)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(mailbox.id, self.domain_id, self.address, now, self.expires_at, inbox_id),
        )
        db.run(
            "INSERT INTO credential (id, mailbox_id, kind, verifier, read_only, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(transaction.next_id(), mailbox.id, "owner", self.verifier, False, now),
        )
        uid_validity = transaction.new_uid_validity()
        db.many(
            _INSERT_FOLDER,
            [
                _new_folder(inbox_id if name == INBOX else transaction.next_id(), mailbox.id, name, uid_validity, use)
                for name, use in _FIRST_FOLDERS
            ],
        )
        return mailbox


_INSERT_FOLDER = (
    "INSERT INTO folder (id, mailbox_id, name, uid_validity, uid_next, highest_modseq, special_use, subscribed,"
    " messages, unseen, size) VALUES (?, ?, ?, ?, 1, 1, ?, ?, 0, 0, 0)"
)


def _new_folder(
    folder_id: int, mailbox_id: int, name: str, uid_validity: int, special_use: str = ""
) -> tuple[object, ...]:
    return (folder_id, mailbox_id, name, uid_validity, special_use, True)


class DestroyMailbox(Struct, frozen=True):
    """Delete a mailbox with all that belongs to it, and keep its address from others for a while."""

    mailbox_id: int
    quarantine_until: int

    def apply(self, transaction: Transaction) -> int:
        """Destroy it; the number of messages it had.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        db = transaction.db
        row = db.row("SELECT address FROM mailbox WHERE id = ?", self.mailbox_id)
        if row is None:
            raise NoSuchMailbox(str(self.mailbox_id))
        folders = db.rows("SELECT id FROM folder WHERE mailbox_id = ?", self.mailbox_id)
        # Locked together, in the order in which deliveries to several of them lock.
        transaction.counters([folder_id for (folder_id,) in folders])
        messages = sum(_delete_folder(transaction, folder_id) for (folder_id,) in folders)
        db.run("DELETE FROM mailbox WHERE id = ?", self.mailbox_id)
        db.run("DELETE FROM quarantine WHERE address = ? OR until <= ?", row[0], transaction.now)
        if self.quarantine_until > transaction.now:
            db.run("INSERT INTO quarantine (address, until) VALUES (?, ?)", row[0], self.quarantine_until)
        return messages


def _delete_folder(transaction: Transaction, folder_id: int) -> int:
    """Delete a folder with its messages; how many they were."""
    db = transaction.db
    uid_validity = transaction.folder(folder_id).uid_validity
    contents = {row[0] for row in db.rows("SELECT content_id FROM entry WHERE folder_id = ?", folder_id)}
    db.run("DELETE FROM summary WHERE entry_id IN (SELECT id FROM entry WHERE folder_id = ?)", folder_id)
    lock_contents(transaction, contents)
    messages = db.run("DELETE FROM entry WHERE folder_id = ?", folder_id)
    drop_contents(transaction, contents)
    db.run("DELETE FROM expunged WHERE folder_id = ?", folder_id)
    db.run("DELETE FROM folder WHERE id = ?", folder_id)
    transaction.retire_uid_validity(uid_validity)
    transaction.folder_deleted(folder_id)
    return messages


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
        rows = [_new_folder(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in missing]
        transaction.db.many(_INSERT_FOLDER, rows)
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
        row = transaction.db.row(
            "SELECT id FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name
        )
        if row is None:
            raise NoSuchFolder(self.name)
        _delete_folder(transaction, row[0])


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
        db.many(
            _INSERT_FOLDER,
            [_new_folder(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in parents],
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
