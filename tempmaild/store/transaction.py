"""One transaction, and what all changes need of it: ids, counters, UIDVALIDITY, and who is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from tempmaild.errors import NoSuchFolder
from tempmaild.store.audit import Notes
from tempmaild.store.queries import CHANGES_REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.vault import Vault

SETTINGS = 0
"""Stands among the folders that were touched for what daemons keep in memory."""
LIFETIMES = -1
"""Stands there for mailboxes that end sooner than was known, and for credentials that are no longer good."""

_SPARE_IDS = 256
"""Ids for messages that are fetched at once: a row and a page of the database less for nearly every commit."""
_FORGET_EVERY = 1024
"""Changes of a folder after which it is looked whether there is something to forget."""

R_co = TypeVar("R_co", covariant=True)


class Change(Protocol[R_co]):
    """Something to be done in a transaction, as a plain value.

    `apply` raises a `TempmaildError` before it has changed anything, or not at all.
    """

    def apply(self, transaction: Transaction) -> R_co:
        """Do it."""


class Counters:
    """A folder's counters while a transaction changes them."""

    __slots__ = ("highest_modseq", "messages", "modseq_before", "size", "uid_next", "uid_validity", "unseen")

    def __init__(
        self, uid_validity: int, uid_next: int, highest_modseq: int, messages: int, unseen: int, size: int
    ) -> None:
        self.uid_validity = uid_validity
        self.uid_next = uid_next
        self.highest_modseq = self.modseq_before = highest_modseq
        self.messages = messages
        self.unseen = unseen
        self.size = size

    def next_uid(self) -> int:
        """Take the next UID."""
        self.uid_next += 1
        return self.uid_next - 1

    def next_modseq(self) -> int:
        """Take the next modification sequence."""
        self.highest_modseq += 1
        return self.highest_modseq

    def count(self, messages: int, unseen: int, size: int) -> None:
        """Count messages that come, or go where the numbers are negative."""
        self.messages += messages
        self.unseen += unseen
        self.size += size


class Transaction:
    """What a group of changes shares.

    Attributes:
        vault: the keys of the process that commits.
        now: UTC epoch seconds.
        touched: folders in which something has happened, and mailboxes whose folders are others now, with `SETTINGS`
            and `LIFETIMES` among them; those who watch them are told after the commit.
        notes: what is added to the audit log at the end (`store.audit.record`).
        traces: the schemas in which something was deleted of which nothing may be left on the disk.
    """

    def __init__(self, db: Handle, vault: Vault, now: int) -> None:
        self.db = db
        self.vault = vault
        self.now = now
        self.traces: set[str] = set()
        self.touched: set[int] = set()
        self.notes = Notes()
        self._counters: dict[int, Counters] = {}
        self._ids: Iterator[int] = iter(())
        # Those of a transaction that is rolled back are given up: they may have been fetched in it.
        self._spare_ids, vault.spare_ids = vault.spare_ids, iter(())

    def reserve_ids(self, count: int) -> None:
        """Fetch as many ids at once as the next changes will need."""
        self._ids = self._fetch_ids(count)

    def next_id(self) -> int:
        """Give an id that no row has ever had."""
        for value in self._ids:
            return value
        self.reserve_ids(1)
        return next(self._ids)

    def next_message_id(self) -> int:
        """Give an id for a row of a message: no other has ever had it, and it tells nothing of the row's age."""
        for value in self._spare_ids:
            return value
        self._spare_ids = self._fetch_ids(_SPARE_IDS)
        return next(self._spare_ids)

    def _fetch_ids(self, count: int) -> Iterator[int]:
        if self.db.sqlite:
            row = self.db.row("UPDATE counter SET value = value + ? WHERE name = 'object' RETURNING value", count)
            assert row is not None
            return iter(range(row[0] - count + 1, row[0] + 1))
        rows = self.db.rows("SELECT nextval('object_id') FROM generate_series(1, ?)", count)
        return iter([value for (value,) in rows])

    def counters(self, folder_ids: Sequence[int]) -> dict[int, Counters]:
        """Give the counters of those folders that exist, locked against other daemons until the commit."""
        missing = sorted({folder_id for folder_id in folder_ids if folder_id not in self._counters})
        if missing:
            self._counters.update(self._load_counters(missing))
        return {folder_id: self._counters[folder_id] for folder_id in folder_ids if folder_id in self._counters}

    def _load_counters(self, folder_ids: list[int]) -> dict[int, Counters]:
        # Always in the order of the ids: two daemons never wait for each other.
        lock = "" if self.db.sqlite else " FOR UPDATE"
        rows = self.db.rows(
            "SELECT id, uid_validity, uid_next, highest_modseq, messages, unseen, size FROM folder"
            f" WHERE id {self.db.among} ORDER BY id{lock}",
            self.db.listed(folder_ids),
        )
        return {folder_id: Counters(*values) for folder_id, *values in rows}

    def folder_deleted(self, folder_id: int) -> None:
        """Forget the counters of a folder that was deleted, and have those who watch it told."""
        self._counters.pop(folder_id, None)
        self.touched.add(folder_id)

    def folders_changed(self, mailbox_id: int) -> None:
        """Have those told who want to know which folders a mailbox has, or what is kept with all of it.

        The id of the mailbox is that of no folder.
        """
        self.touched.add(mailbox_id)

    def folder(self, folder_id: int) -> Counters:
        """Give the counters of one folder; who changes them adds the folder to `touched`.

        Raises:
            NoSuchFolder: it was deleted.
        """
        try:
            return self.counters([folder_id])[folder_id]
        except KeyError:
            raise NoSuchFolder(str(folder_id)) from None

    def new_uid_validity(self) -> int:
        """Give a UIDVALIDITY above every one that has died: names keep growing though the clock be set back."""
        row = self.db.row("SELECT value FROM counter WHERE name = 'uid_validity'")
        assert row is not None
        return max(self.now, int(row[0]) + 1)

    def retire_uid_validity(self, highest: int) -> None:
        """Remember the UIDVALIDITY of folders that are deleted."""
        self.db.run("UPDATE counter SET value = ? WHERE name = 'uid_validity' AND value < ?", highest, highest)

    def settings_changed(self) -> None:
        """Have all daemons read again what they keep in memory: domains, limits, bans and schedules."""
        self.db.run("UPDATE counter SET value = value + 1 WHERE name = 'settings'")
        self.touched.add(SETTINGS)

    def lifetimes_changed(self) -> None:
        """Have all daemons look again whether mailboxes in use are still there, and their credentials."""
        self.touched.add(LIFETIMES)

    def finish(self) -> None:
        """Write the counters that have changed, and the audit log, and have other processes told."""
        rows = [
            (c.uid_next, c.highest_modseq, c.messages, c.unseen, c.size, folder_id)
            for folder_id, c in self._counters.items()
            if folder_id in self.touched
        ]
        if rows:
            self.db.many(
                "UPDATE folder SET uid_next = ?, highest_modseq = ?, messages = ?, unseen = ?, size = ? WHERE id = ?",
                rows,
            )
            self._forget_expunged()
        self.notes.write(self)
        self.db.announce(self.touched)

    def committed(self) -> None:
        """Leave to the next transaction what this one has fetched and not used."""
        self.vault.traces |= self.traces
        self.vault.spare_ids = self._spare_ids

    def _forget_expunged(self) -> None:
        """Now and then, forget what was expunged long ago: what is kept of a folder does not grow for ever."""
        for folder_id, counters in self._counters.items():
            if counters.highest_modseq // _FORGET_EVERY > counters.modseq_before // _FORGET_EVERY:
                # Twice what readers rely on, for they ask for the folder and for its expunged messages one by one.
                before = counters.highest_modseq - 2 * CHANGES_REMEMBERED
                self.db.run("DELETE FROM expunged WHERE folder_id = ? AND modseq <= ?", folder_id, before)
