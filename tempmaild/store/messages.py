"""Changes to the messages that are in folders: they are flagged, copied, moved and expunged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.flags import SEEN, FlagChange, Flags, to_text
from tempmaild.core.mailbox import Entry, Placement
from tempmaild.errors import MailboxFull
from tempmaild.store.queries import ENTRY_COLUMNS, entry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Counters, Transaction


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
        for entry in living(transaction, self.folder_id, self.uids):
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
        entry.id,
        entry.uid,
        modseq,
        flags,
        entry.internal_date,
        entry.size,
        entry.content_id,
        entry.unterminated,
        entry.expires_at,
        entry.save_date,
    )


class ExpireRead(Struct, frozen=True):
    """Have messages end so many seconds after they were first read."""

    folder_id: int
    uids: tuple[int, ...]
    after: int

    def apply(self, transaction: Transaction) -> None:
        """Note it; a message that ends sooner, or is gone already, stays as it is."""
        folder = transaction.counters([self.folder_id]).get(self.folder_id)
        if folder is None:
            return
        expires_at = transaction.now + self.after
        # As a change of the entry, so that nobody goes on with its old time.
        rows = [
            (expires_at, folder.next_modseq(), self.folder_id, entry.uid)
            for entry in _entries(transaction, self.folder_id, self.uids)
            if entry.expires_at > expires_at
        ]
        if rows:
            transaction.touched.add(self.folder_id)
            transaction.db.many("UPDATE entry SET expires_at = ?, modseq = ? WHERE folder_id = ? AND uid = ?", rows)


class Copy(Struct, frozen=True):
    """Copy messages, with their flags and dates, into another folder of the same mailbox (RFC 9051 §6.4.7).

    All messages when `uids` is None; `most` is how many the other folder may hold, 0 for any number.
    """

    folder_id: int
    uids: tuple[int, ...] | None
    target_id: int
    most: int = 0

    def apply(self, transaction: Transaction) -> Placement:
        """Copy all of them that exist.

        Raises:
            NoSuchFolder: one of the folders was deleted.
            MailboxFull: the other folder cannot hold so many.
        """
        transaction.folder(self.folder_id)
        target = transaction.folder(self.target_id)
        entries = living(transaction, self.folder_id, self.uids)
        check_space(target, len(entries), self.most)
        pairs, rows, sources = [], [], []
        for entry in entries:
            entry_id, uid = transaction.next_message_id(), target.next_uid()
            target.count(1, SEEN not in entry.flags, entry.size)
            origin = (self.folder_id, entry.uid)
            rows.append((entry_id, self.target_id, uid, target.next_modseq(), transaction.now, *origin))
            sources.append((entry_id, entry.id))
            pairs.append((entry.uid, uid))
        transaction.touched.add(self.target_id)
        transaction.db.many(
            "INSERT INTO entry (id, folder_id, uid, modseq, save_date, flags, internal_date, size, unterminated,"
            " content_id, content_key, expires_at) SELECT ?, ?, ?, ?, ?, flags, internal_date, size, unterminated,"
            " content_id, content_key, expires_at FROM entry WHERE folder_id = ? AND uid = ?",
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
    most: int = 0

    def apply(self, transaction: Transaction) -> Placement:
        """Move all of them that exist.

        Raises:
            NoSuchFolder: one of the folders was deleted.
            MailboxFull: the other folder cannot hold so many.
        """
        placement = Copy(self.folder_id, self.uids, self.target_id, self.most).apply(transaction)
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
    if not is_sealed(db, folder_id):
        transaction.traces.add("main")
    gone = [(folder_id, entry.uid, folder.next_modseq()) for entry in entries]
    db.many("INSERT INTO expunged (folder_id, uid, modseq) VALUES (?, ?, ?)", gone)
    db.many("DELETE FROM summary WHERE entry_id = ?", [(entry.id,) for entry in entries])
    contents = {entry.content_id for entry in entries}
    lock_contents(transaction, contents)
    db.many("DELETE FROM entry WHERE folder_id = ? AND uid = ?", [(folder_id, entry.uid) for entry in entries])
    drop_contents(transaction, contents)


def remove_oldest(transaction: Transaction, folder_id: int, count: int) -> int:
    """Take so many of the oldest entries out of a folder; how many there were."""
    rows = transaction.db.rows(
        f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? ORDER BY uid LIMIT ?", folder_id, count
    )
    remove(transaction, folder_id, [entry_of(row) for row in rows])
    return len(rows)


def is_sealed(db: Handle, folder_id: int) -> bool:
    """Tell whether what is in a folder is sealed."""
    row = db.row(
        "SELECT m.public_key IS NOT NULL FROM folder f JOIN mailbox m ON m.id = f.mailbox_id WHERE f.id = ?",
        folder_id,
    )
    return row is not None and bool(row[0])


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


def check_space(folder: Counters, messages: int, most: int) -> None:
    """See that a folder can hold so many further messages, where it holds at most so many; 0 for any number.

    Raises:
        MailboxFull: it cannot.
    """
    if most and folder.messages + messages > most:
        raise MailboxFull(f"a folder of it holds at most {most} messages")


def living(transaction: Transaction, folder_id: int, uids: Sequence[int] | None) -> list[Entry]:
    """Give those of them whose own time is not over."""
    return [entry for entry in _entries(transaction, folder_id, uids) if entry.expires_at > transaction.now]


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
