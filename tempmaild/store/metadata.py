"""What clients keep with a folder, or with the whole mailbox (RFC 5464)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.mailbox import WHOLE_MAILBOX
from tempmaild.core.sealing import new_content_key
from tempmaild.errors import NoSuchFolder, NoSuchMailbox, TooMuchMetadata
from tempmaild.store.codec import PLAIN

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction

MOST_ENTRIES = 100
"""A mailbox may have so many, with all its folders."""


class SetMetadata(Struct, frozen=True):
    """Keep values by name, all or none; None deletes.

    Attributes:
        folder_id: the folder to which they belong, or `WHOLE_MAILBOX`.
        public_key: of the mailbox, to which the values are sealed; None where nothing is.
        special_use: what the folder is for from now on (RFC 6154 §4); None leaves that as it is.
    """

    mailbox_id: int
    folder_id: int
    values: tuple[tuple[str, bytes | None], ...]
    public_key: bytes | None = None
    special_use: str | None = None

    def apply(self, transaction: Transaction) -> None:
        """Keep them.

        Raises:
            NoSuchMailbox: the mailbox is gone.
            NoSuchFolder: the folder was deleted.
            TooMuchMetadata: the mailbox may have no more.
        """
        db = transaction.db
        if not db.row("SELECT 1 FROM mailbox WHERE id = ?", self.mailbox_id):
            raise NoSuchMailbox(str(self.mailbox_id))
        if self.folder_id != WHOLE_MAILBOX and not db.row(
            "SELECT 1 FROM folder WHERE id = ? AND mailbox_id = ?", self.folder_id, self.mailbox_id
        ):
            raise NoSuchFolder(str(self.folder_id))
        self._check_number(transaction)
        replaced = sum(
            db.run(
                "DELETE FROM metadata WHERE mailbox_id = ? AND folder_id = ? AND name = ?",
                *(self.mailbox_id, self.folder_id, name),
            )
            for name, _ in self.values
        )
        if replaced and self.public_key is None:
            transaction.traces.add("main")
        rows = [self._row(transaction, name, value) for name, value in self.values if value is not None]
        if rows:
            db.many(
                "INSERT INTO metadata (mailbox_id, folder_id, name, value_key, data) VALUES (?, ?, ?, ?, ?)", rows
            )
        if self.folder_id != WHOLE_MAILBOX:
            # RFC 7162 §3.2
            transaction.folder(self.folder_id).next_modseq()
            transaction.touched.add(self.folder_id)
        else:
            transaction.folders_changed(self.mailbox_id)
        if self.special_use is not None:
            db.run("UPDATE folder SET special_use = ? WHERE id = ?", self.special_use, self.folder_id)

    def _check_number(self, transaction: Transaction) -> None:
        rows = transaction.db.rows("SELECT folder_id, name FROM metadata WHERE mailbox_id = ?", self.mailbox_id)
        entries = {(folder_id, name) for folder_id, name in rows}
        before = len(entries)
        for name, value in self.values:
            if value is None:
                entries.discard((self.folder_id, name))
            else:
                entries.add((self.folder_id, name))
        if len(entries) > max(before, MOST_ENTRIES):
            raise TooMuchMetadata(f"a mailbox has at most {MOST_ENTRIES} entries")

    def _row(self, transaction: Transaction, name: str, value: bytes) -> tuple[object, ...]:
        sealed = None
        if self.public_key is not None:
            key = new_content_key()
            sealed = transaction.vault.sealer.seal(key, self.public_key)
            value = key.seal_content(value, PLAIN)
        return (self.mailbox_id, self.folder_id, name, sealed, value)
