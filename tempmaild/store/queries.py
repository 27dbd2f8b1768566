"""What is read, as frozen values. Each is one short indexed query."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import summary as summaries
from tempmaild.core.delivery import Recipient
from tempmaild.core.flags import from_text
from tempmaild.core.mailbox import Changes, Domain, Entry, Folder, Mailbox
from tempmaild.errors import NoSuchFolder
from tempmaild.store.codec import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tempmaild.core.summary import Summary
    from tempmaild.store.database import Handle

ENTRY_COLUMNS = "id, uid, modseq, flags, internal_date, size, content_id, unterminated"
_FOLDER = (
    "id, mailbox_id, name, uid_validity, uid_next, highest_modseq, special_use, subscribed, messages, unseen, size"
)
_MAILBOX = "id, address, created_at, expires_at"
_PAGE = 1000


class Lock(Struct, frozen=True):
    """A credential and the mailbox it opens; `verifier` as `core.secret` makes it."""

    mailbox: Mailbox
    verifier: bytes
    read_only: bool


class Queries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    # Domains and mailboxes

    def domains(self) -> list[Domain]:
        """Give all domains by name."""
        rows = self._db.rows("SELECT id, name, kind, created_at FROM domain")
        return [Domain(*row) for row in sorted(rows, key=_name)]

    def domain(self, name: str) -> Domain | None:
        """Give the domain of this name."""
        row = self._db.row("SELECT id, name, kind, created_at FROM domain WHERE name = ?", name)
        return row and Domain(*row)

    def mailbox(self, address: str) -> Mailbox | None:
        """Give the mailbox that has this address, expired or not."""
        row = self._db.row(f"SELECT {_MAILBOX} FROM mailbox WHERE address = ?", address)
        return row and Mailbox(*row)

    def mailboxes(self, domain_id: int | None = None) -> Iterator[Mailbox]:
        """Give all mailboxes, or those of one domain, by id; read in pages, so that nothing is held long."""
        after = 0
        while True:
            rows = self._db.rows(
                f"SELECT {_MAILBOX} FROM mailbox WHERE id > ? AND domain_id = coalesce(?, domain_id)"
                f" ORDER BY id LIMIT {_PAGE}",
                after,
                domain_id,
            )
            yield from (Mailbox(*row) for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def expired(self, now: int, limit: int) -> list[Mailbox]:
        """Give up to `limit` mailboxes whose time is over."""
        rows = self._db.rows(
            f"SELECT {_MAILBOX} FROM mailbox WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now, limit
        )
        return [Mailbox(*row) for row in rows]

    def recipient(self, address: str) -> Recipient | None:
        """Give who takes mail for this address, expired or not."""
        row = self._db.row("SELECT address, id, inbox_id, expires_at FROM mailbox WHERE address = ?", address)
        return row and Recipient(*row)

    def locks(self, address: str) -> list[Lock]:
        """Give the credentials that open the mailbox of this address."""
        rows = self._db.rows(
            "SELECT m.id, m.address, m.created_at, m.expires_at, c.verifier, c.read_only"
            " FROM mailbox m JOIN credential c ON c.mailbox_id = m.id WHERE m.address = ?",
            address,
        )
        return [Lock(Mailbox(*row[:4]), row[4], bool(row[5])) for row in rows]

    def expires_at(self, mailbox_id: int) -> int:
        """Give when the mailbox expires; 0 when it is destroyed."""
        row = self._db.row("SELECT expires_at FROM mailbox WHERE id = ?", mailbox_id)
        return row[0] if row else 0

    # Folders

    def folders(self, mailbox_id: int) -> list[Folder]:
        """Give the folders of a mailbox by name."""
        rows = self._db.rows(f"SELECT {_FOLDER} FROM folder WHERE mailbox_id = ?", mailbox_id)
        return [_folder(row) for row in sorted(rows, key=_folder_name)]

    def folder(self, mailbox_id: int, name: str) -> Folder:
        """Give the folder of this name.

        Raises:
            NoSuchFolder: the mailbox has none.
        """
        row = self._db.row(f"SELECT {_FOLDER} FROM folder WHERE mailbox_id = ? AND name = ?", mailbox_id, name)
        if row is None:
            raise NoSuchFolder(name)
        return _folder(row)

    def highest_modseq(self, folder_id: int) -> int:
        """Give the modification sequence of the folder's latest change.

        Raises:
            NoSuchFolder: it was deleted.
        """
        row = self._db.row("SELECT highest_modseq FROM folder WHERE id = ?", folder_id)
        if row is None:
            raise NoSuchFolder(str(folder_id))
        modseq: int = row[0]
        return modseq

    # Messages

    def entries(self, folder_id: int) -> list[Entry]:
        """Give the messages of a folder by ascending UID."""
        return [
            entry_of(row)
            for row in self._db.rows(f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? ORDER BY uid", folder_id)
        ]

    def changes(self, folder_id: int, since: int) -> Changes:
        """Give what has happened in a folder since a modification sequence.

        Raises:
            NoSuchFolder: it was deleted.
        """
        # Read first: what is committed while the rest is read will be told again, not missed.
        highest = self.highest_modseq(folder_id)
        changed = self._db.rows(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? AND modseq > ? ORDER BY uid", folder_id, since
        )
        gone = self._db.rows(
            "SELECT uid FROM expunged WHERE folder_id = ? AND modseq > ? ORDER BY uid", folder_id, since
        )
        return Changes(tuple(map(entry_of, changed)), tuple(uid for (uid,) in gone), highest)

    def summaries(self, folder_id: int, uids: Sequence[int]) -> dict[int, Summary]:
        """Give the summaries of those messages that are still there, by UID."""
        rows = self._db.rows(
            "SELECT e.uid, s.data FROM entry e JOIN summary s ON s.entry_id = e.id"
            f" WHERE e.folder_id = ? AND e.uid {self._db.among}",
            folder_id,
            self._db.listed(uids),
        )
        return {uid: summaries.decode(data) for uid, data in rows}

    def content(self, folder_id: int, uid: int) -> bytes | None:
        """Give a message's octets, None when it is gone."""
        row = self._db.row(
            "SELECT c.codec, c.data FROM entry e JOIN content c ON c.id = e.content_id"
            " WHERE e.folder_id = ? AND e.uid = ?",
            folder_id,
            uid,
        )
        return row and unpack(*row)


# Databases differ in how they order text.
_name = itemgetter(1)
_folder_name = itemgetter(2)


def _folder(row: tuple[int, int, str, int, int, int, str, object, int, int, int]) -> Folder:
    return Folder(*row[:7], bool(row[7]), *row[8:])


def entry_of(row: tuple[int, int, int, str, int, int, int, object]) -> Entry:
    """Make the value of a row of `ENTRY_COLUMNS`."""
    entry_id, uid, modseq, flags, internal_date, size, content_id, unterminated = row
    return Entry(entry_id, uid, modseq, from_text(flags), internal_date, size, content_id, bool(unterminated))
