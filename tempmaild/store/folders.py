"""Changes to the folders of a mailbox: made, renamed, subscribed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, Folder
from tempmaild.errors import FolderExists, NoSuchFolder, NoSuchMailbox, TooManyFolders
from tempmaild.store.creation import folder_row, insert_folders
from tempmaild.store.messages import Move, drop_contents, is_sealed, lock_contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.transaction import Transaction

_MOST_FOLDERS = 100
"""Folders a mailbox may have; more than anybody sorts throw-away mail into."""


class CreateFolder(Struct, frozen=True):
    """Make a folder, and those above it in the hierarchy that are missing (RFC 9051 §6.3.4)."""

    mailbox_id: int
    name: str
    special_use: str = ""

    def apply(self, transaction: Transaction) -> Folder:
        """Make it; it is subscribed only if its name was all the time.

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
        folder_id = transaction.next_id()
        rows = [folder_row(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in missing[:-1]]
        rows.append(folder_row(folder_id, self.mailbox_id, self.name, uid_validity, self.special_use))
        insert_folders(transaction, rows)
        subscribed = self.name in _find_subscriptions(transaction, self.mailbox_id)
        transaction.folders_changed(self.mailbox_id)
        return Folder(folder_id, self.mailbox_id, self.name, uid_validity, 1, 1, self.special_use, subscribed)


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
        row = db.row(
            "SELECT id, subscribed FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name
        )
        if row is None:
            raise NoSuchFolder(self.name)
        folder_id, subscribed = row
        if not is_sealed(db, folder_id):
            transaction.traces.add("main")
        db.run("DELETE FROM metadata WHERE mailbox_id = ? AND folder_id = ?", self.mailbox_id, folder_id)
        delete_folders(transaction, [folder_id])
        if subscribed:
            _lose_subscriptions(transaction, self.mailbox_id, [self.name])
        transaction.folders_changed(self.mailbox_id)


def delete_folders(transaction: Transaction, folder_ids: list[int]) -> None:
    """Delete folders with their messages."""
    if not folder_ids:
        return
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


class _Named(NamedTuple):
    id: int
    name: str
    subscribed: object


class RenameFolder(Struct, frozen=True):
    """Give a folder, and those below it, another name. INBOX stays and gives its messages away (RFC 9051 §6.3.6).

    What was subscribed is so under either name.
    """

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
        rows = db.rows("SELECT id, name, subscribed FROM folder WHERE mailbox_id = ?", self.mailbox_id)
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
        _lose_subscriptions(transaction, self.mailbox_id, [folder.name for folder in moving if folder.subscribed])
        _find_subscriptions(transaction, self.mailbox_id)
        transaction.folders_changed(self.mailbox_id)

    def _empty_inbox(self, transaction: Transaction) -> None:
        target = CreateFolder(self.mailbox_id, self.new).apply(transaction)
        inbox = transaction.db.row("SELECT id FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, INBOX)
        assert inbox is not None
        Move(inbox[0], None, target.id).apply(transaction)


class Subscribe(Struct, frozen=True):
    """Put a folder on the list of those that the owner wants to see, or take a name off (RFC 9051 §6.3.7)."""

    mailbox_id: int
    name: str
    subscribed: bool

    def apply(self, transaction: Transaction) -> None:
        """Do so.

        Raises:
            NoSuchFolder: it is not there, or not on the list.
        """
        db = transaction.db
        changed = db.run(
            "UPDATE folder SET subscribed = ? WHERE mailbox_id = ? AND name = ?",
            *(self.subscribed, self.mailbox_id, self.name),
        )
        if not changed and not self.subscribed:
            changed = db.run(
                "DELETE FROM lost_subscription WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name
            )
        if not changed:
            raise NoSuchFolder(self.name)
        transaction.folders_changed(self.mailbox_id)


def _lose_subscriptions(transaction: Transaction, mailbox_id: int, names: Sequence[str]) -> None:
    """Keep names on the list whose folders are gone; no more of them than there may be folders."""
    db = transaction.db
    row = db.row("SELECT count(*) FROM lost_subscription WHERE mailbox_id = ?", mailbox_id)
    assert row is not None
    kept = [(mailbox_id, name) for name in names[: max(0, _MOST_FOLDERS - row[0])]]
    if kept:
        db.many("INSERT INTO lost_subscription (mailbox_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING", kept)


def _find_subscriptions(transaction: Transaction, mailbox_id: int) -> set[str]:
    """Have folders subscribed that were made anew under names that are on the list; these names."""
    db = transaction.db
    rows = db.rows(
        "SELECT f.id, f.name FROM lost_subscription s JOIN folder f"
        " ON f.mailbox_id = s.mailbox_id AND f.name = s.name WHERE s.mailbox_id = ?",
        mailbox_id,
    )
    if rows:
        db.many("UPDATE folder SET subscribed = ? WHERE id = ?", [(True, folder_id) for folder_id, _ in rows])
        db.many(
            "DELETE FROM lost_subscription WHERE mailbox_id = ? AND name = ?",
            [(mailbox_id, name) for _, name in rows],
        )
    return {name for _, name in rows}


def _names(transaction: Transaction, mailbox_id: int) -> set[str]:
    return {row[0] for row in transaction.db.rows("SELECT name FROM folder WHERE mailbox_id = ?", mailbox_id)}


def _parents(name: str) -> list[str]:
    levels = name.split(FOLDER_SEPARATOR)
    return [FOLDER_SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
