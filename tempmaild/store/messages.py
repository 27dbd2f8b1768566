"""Changes to the messages of folders: they arrive, are flagged, copied and expunged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core import summary as summaries
from tempmaild.core.delivery import Recipient
from tempmaild.core.flags import NO_FLAGS, SEEN, FlagChange, Flags, to_text
from tempmaild.core.mailbox import Entry, Placement
from tempmaild.store.codec import pack
from tempmaild.store.queries import ENTRY_COLUMNS, entry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tempmaild.store.transaction import Counters, Transaction

_INSERT_CONTENT = "INSERT INTO content (id, codec, data) VALUES (?, ?, ?)"
_INSERT_ENTRY = (
    "INSERT INTO entry (id, folder_id, uid, modseq, flags, internal_date, save_date, size, unterminated, content_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_SUMMARY = "INSERT INTO summary (entry_id, data) VALUES (?, ?)"


class Deliver(Struct, frozen=True):
    """Put one message into the inboxes of its recipients; all its lines end with CRLF.

    The result is who got it; a recipient whose mailbox was destroyed meanwhile did not.
    """

    content: bytes
    recipients: tuple[Recipient, ...]

    def apply(self, transaction: Transaction) -> list[Recipient]:
        """Deliver this message alone."""
        return deliver_all(transaction, [self])[0]


def deliver_all(transaction: Transaction, deliveries: Sequence[Deliver]) -> list[list[Recipient]]:
    """Deliver many messages with few statements: the hot path of the writer."""
    folders = transaction.counters([r.inbox_id for delivery in deliveries for r in delivery.recipients])
    transaction.reserve_ids(sum(1 + len(delivery.recipients) for delivery in deliveries))
    batch = _Batch(transaction)
    taken = []
    for delivery in deliveries:
        reached = [recipient for recipient in delivery.recipients if recipient.inbox_id in folders]
        taken.append(reached)
        if reached:
            stored = batch.add_content(delivery.content)
            for recipient in reached:
                batch.add_entry(recipient.inbox_id, folders[recipient.inbox_id], stored)
    batch.insert()
    return taken


class _Stored(NamedTuple):
    """A content and what its entries say of it."""

    id: int
    summary: bytes
    size: int
    unterminated: bool


class _Batch:
    """Rows that are inserted together."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._contents: list[tuple[object, ...]] = []
        self._entries: list[tuple[object, ...]] = []
        self._summaries: list[tuple[object, ...]] = []

    def add_content(self, content: bytes) -> _Stored:
        content_id = self._transaction.next_id()
        self._contents.append((content_id, *pack(content)))
        summary = summaries.encode(summaries.summarise(content))
        return _Stored(content_id, summary, len(content), not content.endswith(b"\r\n"))

    def add_entry(
        self,
        folder_id: int,
        folder: Counters,
        stored: _Stored,
        flags: Flags = NO_FLAGS,
        internal_date: int | None = None,
    ) -> int:
        now = self._transaction.now
        entry_id = self._transaction.next_id()
        uid = folder.next_uid()
        folder.count(1, SEEN not in flags, stored.size)
        self._transaction.touched.add(folder_id)
        self._entries.append(
            (
                entry_id,
                folder_id,
                uid,
                folder.next_modseq(),
                to_text(flags) if flags else "",
                now if internal_date is None else internal_date,
                now,
                stored.size,
                stored.unterminated,
                stored.id,
            )
        )
        self._summaries.append((entry_id, stored.summary))
        return uid

    def insert(self) -> None:
        db = self._transaction.db
        if self._contents:
            db.many(_INSERT_CONTENT, self._contents)
        if self._entries:
            db.many(_INSERT_ENTRY, self._entries)
            db.many(_INSERT_SUMMARY, self._summaries)


class Append(Struct, frozen=True):
    """Put a message into a folder as its owner wants it (RFC 9051 §6.3.12); all its lines end with CRLF."""

    folder_id: int
    content: bytes
    flags: Flags
    internal_date: int | None

    def apply(self, transaction: Transaction) -> Placement:
        """Append it.

        Raises:
            NoSuchFolder: it was deleted.
        """
        folder = transaction.folder(self.folder_id)
        batch = _Batch(transaction)
        stored = batch.add_content(self.content)
        uid = batch.add_entry(self.folder_id, folder, stored, self.flags, self.internal_date)
        batch.insert()
        return Placement(folder.uid_validity, ((0, uid),))


class FlagResult(Struct, frozen=True):
    """What became of a change of flags.

    Attributes:
        changed: the named entries that exist, as they are now.
        modified: UIDs left as they were because of `unchanged_since` (RFC 7162 §3.1.3).
    """

    changed: tuple[Entry, ...]
    modified: tuple[int, ...]


class ChangeFlags(Struct, frozen=True):
    """Set, add or remove flags of some messages of a folder."""

    folder_id: int
    uids: tuple[int, ...]
    change: FlagChange
    flags: Flags
    unchanged_since: int | None = None

    def apply(self, transaction: Transaction) -> FlagResult:
        """Change them; messages whose flags stay the same keep their modification sequence.

        Raises:
            NoSuchFolder: it was deleted.
        """
        folder = transaction.folder(self.folder_id)
        now_so, modified, rows = [], [], []
        for entry in _entries(transaction, self.folder_id, self.uids):
            flags = self.change.apply(entry.flags, self.flags)
            if self.unchanged_since is not None and entry.modseq > self.unchanged_since:
                modified.append(entry.uid)
            elif flags == entry.flags:
                now_so.append(entry)
            else:
                modseq = folder.next_modseq()
                folder.count(0, (SEEN in entry.flags) - (SEEN in flags), 0)
                rows.append((to_text(flags), modseq, self.folder_id, entry.uid))
                now_so.append(_with(entry, flags, modseq))
        if rows:
            transaction.touched.add(self.folder_id)
            transaction.db.many("UPDATE entry SET flags = ?, modseq = ? WHERE folder_id = ? AND uid = ?", rows)
        return FlagResult(tuple(now_so), tuple(modified))


def _with(entry: Entry, flags: Flags, modseq: int) -> Entry:
    return Entry(
        entry.id, entry.uid, modseq, flags, entry.internal_date, entry.size, entry.content_id, entry.unterminated
    )


class Copy(Struct, frozen=True):
    """Copy messages, with their flags and dates, into another folder of the same mailbox (RFC 9051 §6.4.7).

    All messages when `uids` is None.
    """

    folder_id: int
    uids: tuple[int, ...] | None
    target_id: int

    def apply(self, transaction: Transaction) -> Placement:
        """Copy all of them that exist.

        Raises:
            NoSuchFolder: one of the folders was deleted.
        """
        transaction.folder(self.folder_id)
        target = transaction.folder(self.target_id)
        pairs, rows, sources = [], [], []
        for entry in _entries(transaction, self.folder_id, self.uids):
            entry_id, uid = transaction.next_id(), target.next_uid()
            target.count(1, SEEN not in entry.flags, entry.size)
            origin = (self.folder_id, entry.uid)
            rows.append((entry_id, self.target_id, uid, target.next_modseq(), transaction.now, *origin))
            sources.append((entry_id, entry.id))
            pairs.append((entry.uid, uid))
        transaction.touched.add(self.target_id)
        transaction.db.many(
            "INSERT INTO entry (id, folder_id, uid, modseq, save_date, flags, internal_date, size, unterminated,"
            " content_id, content_key) SELECT ?, ?, ?, ?, ?, flags, internal_date, size, unterminated, content_id,"
            " content_key FROM entry WHERE folder_id = ? AND uid = ?",
            rows,
        )
        transaction.db.many(
            "INSERT INTO summary (entry_id, data) SELECT ?, data FROM summary WHERE entry_id = ?", sources
        )
        return Placement(target.uid_validity, tuple(pairs))


class Move(Struct, frozen=True):
    """Copy messages and remove the originals, as one change (RFC 6851 §3.3)."""

    folder_id: int
    uids: tuple[int, ...] | None
    target_id: int

    def apply(self, transaction: Transaction) -> Placement:
        """Move all of them that exist.

        Raises:
            NoSuchFolder: one of the folders was deleted.
        """
        placement = Copy(self.folder_id, self.uids, self.target_id).apply(transaction)
        remove(transaction, self.folder_id, _entries(transaction, self.folder_id, [old for old, _ in placement.uids]))
        return placement


class Remove(Struct, frozen=True):
    """Expunge messages of a folder: those of `uids`, all when it is None; with `having` only those so flagged."""

    folder_id: int
    uids: tuple[int, ...] | None
    having: str | None = None

    def apply(self, transaction: Transaction) -> list[int]:
        """Expunge them; the UIDs that are gone, ascending.

        Raises:
            NoSuchFolder: the folder was deleted.
        """
        transaction.folder(self.folder_id)
        entries = _entries(transaction, self.folder_id, self.uids)
        if self.having is not None:
            entries = [entry for entry in entries if self.having in entry.flags]
        remove(transaction, self.folder_id, entries)
        return [entry.uid for entry in entries]


def remove(transaction: Transaction, folder_id: int, entries: Sequence[Entry]) -> None:
    """Take entries out of a folder that exists, and the contents that nothing refers to any longer."""
    if not entries:
        return
    folder = transaction.folder(folder_id)
    transaction.touched.add(folder_id)
    for entry in entries:
        folder.count(-1, -(SEEN not in entry.flags), -entry.size)
    db = transaction.db
    gone = [(folder_id, entry.uid, folder.next_modseq()) for entry in entries]
    db.many("INSERT INTO expunged (folder_id, uid, modseq) VALUES (?, ?, ?)", gone)
    db.many("DELETE FROM summary WHERE entry_id = ?", [(entry.id,) for entry in entries])
    contents = {entry.content_id for entry in entries}
    lock_contents(transaction, contents)
    db.many("DELETE FROM entry WHERE folder_id = ? AND uid = ?", [(folder_id, entry.uid) for entry in entries])
    drop_contents(transaction, contents)


def lock_contents(transaction: Transaction, content_ids: Collection[int]) -> None:
    """Have other daemons wait that take away entries of the same contents, so that one of them sees the last go."""
    db = transaction.db
    if not db.sqlite:
        db.rows(f"SELECT id FROM content WHERE id {db.among} ORDER BY id FOR UPDATE", db.listed(content_ids))


def drop_contents(transaction: Transaction, content_ids: Iterable[int]) -> None:
    """Delete those contents to which no entry refers any longer."""
    transaction.db.many(
        "DELETE FROM content WHERE id = ? AND NOT EXISTS (SELECT 1 FROM entry WHERE content_id = content.id)",
        [(content_id,) for content_id in sorted(content_ids)],
    )


def _entries(transaction: Transaction, folder_id: int, uids: Sequence[int] | None) -> list[Entry]:
    """Give the entries with these UIDs, or all, by ascending UID."""
    if uids is None:
        rows = transaction.db.rows(f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? ORDER BY uid", folder_id)
        return [entry_of(row) for row in rows]
    if not uids:
        return []
    rows = transaction.db.rows(
        f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? AND uid BETWEEN ? AND ? ORDER BY uid",
        folder_id,
        min(uids),
        max(uids),
    )
    wanted = frozenset(uids)
    return [entry_of(row) for row in rows if row[1] in wanted]
