"""What is read, as frozen values. Each is one short indexed query."""

from __future__ import annotations

from hashlib import blake2b
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, Struct

from tempmaild.core import lifetime as lifetimes
from tempmaild.core import policy as policies
from tempmaild.core import summary as summaries
from tempmaild.core.delivery import Recipient
from tempmaild.core.flags import DELETED, SEEN, from_text
from tempmaild.core.lifetime import FOREVER
from tempmaild.core.mailbox import Changes, Credential, Domain, Entry, Folder, Mailbox
from tempmaild.core.sealing import NotOurs
from tempmaild.errors import MessageDamaged, NoSuchFolder
from tempmaild.store.codec import PLAIN, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tempmaild.core.sealing import ContentKey, Opener
    from tempmaild.core.summary import Summary
    from tempmaild.store.database import Handle

ENTRY_COLUMNS = "id, uid, modseq, flags, internal_date, size, content_id, unterminated, expires_at, save_date"
_FOLDER = (
    "id, mailbox_id, name, uid_validity, uid_next, highest_modseq, special_use, subscribed, messages, unseen, size"
)
_SELECT_FOLDER = f"SELECT {_FOLDER} FROM folder WHERE mailbox_id = ? AND name = ?"
_SELECT_SUMMARIES = (
    "SELECT e.uid, e.content_key, s.data FROM entry e JOIN summary s ON s.entry_id = e.id"
    " WHERE e.folder_id = ? AND (e.expires_at IS NULL OR e.expires_at > ?) AND e.uid"
)
_SELECT_SUMMARY = f"{_SELECT_SUMMARIES} = ?"
_DOMAIN = "id, name, kind, created_at, sealed, enabled, policy"
MAILBOX_COLUMNS = (
    "id, address, created_at, expires_at, domain_id, public_key, lifetime, ends_at, extend_until, used_at"
)
_PAGE = 1000
_ALL = 1 << 62
_MARK = 16

CHANGES_REMEMBERED = 4096
"""How many of a folder's latest changes tell what was expunged, twice as many are kept (RFC 7162 §5.3)."""


class Lock(Struct, frozen=True):
    """A credential that opens a mailbox.

    Attributes:
        verifier: as `core.secret` makes it, of the password under `salt` where that is not None.
        owner: whether it is the first one, which may do everything.
        wrapped: the mailbox's private key under this secret; None where nothing is sealed.
    """

    credential_id: int
    verifier: bytes
    owner: bool
    read_only: bool
    salt: bytes | None
    wrapped: bytes | None


class Sealed(Struct, frozen=True):
    """What is kept of a message, as it is kept; `key` is its sealed content key, None where nothing is sealed."""

    key: bytes | None
    data: bytes
    codec: int = PLAIN

    def content(self, opener: Opener | None) -> bytes:
        """Give the content.

        Raises:
            MessageDamaged: it was damaged or tampered with, or is sealed to another mailbox.
        """
        try:
            data = _opened(self.key, opener).open_content(self.data, self.codec) if self.key else self.data
            return unpack(self.codec, data)
        except (NotOurs, ValueError) as error:
            raise MessageDamaged(str(error)) from None

    def summary(self, opener: Opener | None) -> Summary:
        """Give the summary.

        Raises:
            MessageDamaged: it was damaged or tampered with, or is sealed to another mailbox.
        """
        try:
            return summaries.decode(_opened(self.key, opener).open_summary(self.data) if self.key else self.data)
        except (NotOurs, DecodeError) as error:
            raise MessageDamaged(str(error)) from None


def _opened(key: bytes, opener: Opener | None) -> ContentKey:
    if opener is None:
        raise NotOurs("there is no key")
    return opener.open(key)


class Queries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    # Domains and mailboxes

    def domains(self) -> list[Domain]:
        """Give all domains by name."""
        rows = self._db.rows(f"SELECT {_DOMAIN} FROM domain")
        return [_domain(row) for row in sorted(rows, key=_name)]

    def domain(self, name: str) -> Domain | None:
        """Give the domain of this name."""
        row = self._db.row(f"SELECT {_DOMAIN} FROM domain WHERE name = ?", name)
        return row and _domain(row)

    def counter(self, name: str) -> int:
        """Give a number that is kept under a name (`store.models.Counter`)."""
        row = self._db.row("SELECT value FROM counter WHERE name = ?", name)
        value: int = row[0] if row else 0
        return value

    def receipt(self, lookup: bytes) -> str | None:
        """Give the receipt that is found by this, as JSON; None when there is none."""
        row = self._db.row("SELECT data FROM receipt WHERE lookup = ?", lookup)
        return row and row[0]

    def mailbox(self, address: str) -> Mailbox | None:
        """Give the mailbox that has this address, expired or not."""
        row = self._db.row(f"SELECT {MAILBOX_COLUMNS} FROM mailbox WHERE address = ?", address)
        return row and mailbox_of(row)

    def mailboxes(self, domain_id: int | None = None) -> Iterator[Mailbox]:
        """Give all mailboxes, or those of one domain, by id; read in pages, so that nothing is held long."""
        after = 0
        while True:
            rows = self._db.rows(
                f"SELECT {MAILBOX_COLUMNS} FROM mailbox WHERE id > ? AND domain_id = coalesce(?, domain_id)"
                f" ORDER BY id LIMIT {_PAGE}",
                after,
                domain_id,
            )
            yield from map(mailbox_of, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def mailboxes_of(self, mailbox_ids: Sequence[int]) -> list[Mailbox]:
        """Give those of these mailboxes that are still there, expired or not."""
        rows = self._db.rows(
            f"SELECT {MAILBOX_COLUMNS} FROM mailbox WHERE id {self._db.among}", self._db.listed(mailbox_ids)
        )
        return [mailbox_of(row) for row in rows]

    def expired(self, now: int, limit: int) -> list[Mailbox]:
        """Give up to `limit` mailboxes whose time is over."""
        rows = self._db.rows(
            f"SELECT {MAILBOX_COLUMNS} FROM mailbox WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now, limit
        )
        return [mailbox_of(row) for row in rows]

    def expired_with_keys(self, now: int, limit: int) -> list[int]:
        """Give up to `limit` mailboxes whose time is over and which can still be opened, by id."""
        rows = self._db.rows(
            "SELECT id FROM mailbox m WHERE expires_at <= ?"
            " AND EXISTS (SELECT 1 FROM keys.wrapped_key k WHERE k.mailbox_id = m.id) ORDER BY expires_at LIMIT ?",
            *(now, limit),
        )
        return [mailbox_id for (mailbox_id,) in rows]

    def lost_keys(self, after: int, limit: int) -> tuple[list[int], int]:
        """Look at `limit` wrapped keys, those of the credentials after this one.

        Returns:
            The credentials that do not exist, and the last one looked at; 0 when there are no more.
        """
        rows = self._db.rows(
            "SELECT k.credential_id, c.id FROM keys.wrapped_key k LEFT JOIN credential c ON c.id = k.credential_id"
            " WHERE k.credential_id > ? ORDER BY k.credential_id LIMIT ?",
            *(after, limit),
        )
        lost = [opened for opened, credential_id in rows if credential_id is None]
        return lost, rows[-1][0] if len(rows) == limit else 0

    def messages(self, mailbox_ids: Sequence[int]) -> dict[int, int]:
        """Give how many messages mailboxes have."""
        rows = self._db.rows(
            f"SELECT mailbox_id, sum(messages) FROM folder WHERE mailbox_id {self._db.among} GROUP BY mailbox_id",
            self._db.listed(mailbox_ids),
        )
        return {mailbox_id: int(messages) for mailbox_id, messages in rows}

    def recipient(self, address: str) -> Recipient | None:
        """Give who takes mail for this address, expired or not."""
        row = self._db.row(
            "SELECT address, id, inbox_id, expires_at, public_key, lifetime FROM mailbox WHERE address = ?", address
        )
        if row is None:
            return None
        lifetime = lifetimes.from_text(row[5])
        address, mailbox_id, inbox_id, expires_at, public_key = row[:5]
        return Recipient(
            *(address, mailbox_id, inbox_id, expires_at, public_key),
            *(lifetime.messages, lifetime.when_full == "oldest", lifetime.retention),
        )

    def has_room(self, recipient: Recipient) -> bool:
        """Tell whether a mailbox that may be full takes one more message."""
        row = self._db.row("SELECT messages FROM folder WHERE id = ?", recipient.inbox_id)
        return row is None or row[0] < recipient.messages

    def locks(self, address: str) -> tuple[Mailbox, list[Lock]] | None:
        """Give the mailbox of this address and the credentials that open it; None when there is none."""
        # In one statement, so that both are of the same moment.
        rows = self._db.rows(_SELECT_LOCKS, address)
        if not rows:
            return None
        mailbox = mailbox_of(rows[0][:_MAILBOX_WIDTH])
        credentials = [row[_MAILBOX_WIDTH:] for row in rows if row[_MAILBOX_WIDTH] is not None]
        return mailbox, [
            Lock(credential_id, verifier, kind == "owner", bool(read_only), salt, wrapped)
            for credential_id, verifier, kind, read_only, salt, wrapped in credentials
        ]

    def credentials(self, mailbox_id: int) -> list[Credential]:
        """Give the credentials of a mailbox in the order in which they were made."""
        rows = self._db.rows(
            "SELECT id, kind, label, read_only, salt IS NOT NULL, created_at FROM credential WHERE mailbox_id = ?"
            " ORDER BY id",
            mailbox_id,
        )
        return [Credential(row[0], row[1], row[2], bool(row[3]), bool(row[4]), row[5]) for row in rows]

    def expires_at(self, mailbox_id: int, credential_id: int = 0) -> int:
        """Give when the mailbox expires; 0 when it is destroyed, or the credential was revoked."""
        if credential_id:
            row = self._db.row(
                "SELECT m.expires_at FROM mailbox m JOIN credential c ON c.mailbox_id = m.id"
                " WHERE m.id = ? AND c.id = ?",
                *(mailbox_id, credential_id),
            )
        else:
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
        row = self._db.row(_SELECT_FOLDER, mailbox_id, name)
        if row is None:
            raise NoSuchFolder(name)
        return _folder(row)

    def lost_subscriptions(self, mailbox_id: int) -> list[str]:
        """Give the names that are subscribed and have no folder."""
        rows = self._db.rows("SELECT name FROM lost_subscription WHERE mailbox_id = ?", mailbox_id)
        return [name for (name,) in rows]

    def metadata(self, mailbox_id: int, folder_id: int) -> dict[str, Sealed]:
        """Give what clients keep with a folder, or with the mailbox (`WHOLE_MAILBOX`), by name."""
        rows = self._db.rows(
            "SELECT name, value_key, data FROM metadata WHERE mailbox_id = ? AND folder_id = ?", mailbox_id, folder_id
        )
        return {name: Sealed(key, data) for name, key, data in rows}

    def metadata_marks(self, mailbox_id: int) -> dict[tuple[int, str], bytes]:
        """Give a few octets for each entry that is kept, by folder and name, which are others when it is set anew."""
        # The key of a sealed value is new with each value. A value that is not sealed is told by itself.
        rows = self._db.rows(
            "SELECT folder_id, name, value_key, CASE WHEN value_key IS NULL THEN data END FROM metadata"
            " WHERE mailbox_id = ?",
            mailbox_id,
        )
        return {
            (folder_id, name): blake2b(data if key is None else key, digest_size=_MARK).digest()
            for folder_id, name, key, data in rows
        }

    def deleted(self, folder_id: int, now: int) -> tuple[int, int]:
        r"""Give the number and the octets of messages that are \Deleted and whose time is not over `now`."""
        row = self._db.row(
            "SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE folder_id = ? AND flags LIKE ? ESCAPE '!'"
            " AND (expires_at IS NULL OR expires_at > ?)",
            *(folder_id, f"%{DELETED}%", now),
        )
        assert row is not None
        return row[0], int(row[1])

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
        changes = self.few_changes(folder_id, since, _ALL)
        assert changes is not None, "there is no end to what may be read"
        return changes

    def few_changes(self, folder_id: int, since: int, most: int) -> Changes | None:
        """Give what `changes` gives, None when more than `most` messages have changed.

        Raises:
            NoSuchFolder: it was deleted.
        """
        # Read first: what is committed while the rest is read will be told again, not missed.
        highest = self.highest_modseq(folder_id)
        if highest == since:
            return Changes((), (), highest)
        changed = self._db.rows(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? AND modseq > ? ORDER BY uid LIMIT ?",
            *(folder_id, since, most + 1),
        )
        if len(changed) > most:
            return None
        gone = self._expunged(folder_id, since)
        forgotten = since < highest - CHANGES_REMEMBERED
        return Changes(tuple(map(entry_of, changed)), gone, highest, forgotten)

    def gone(self, folder_id: int, since: int) -> tuple[int, ...] | None:
        """Give the UIDs expunged since a modification sequence, ascending; None when that is too long ago to tell.

        Raises:
            NoSuchFolder: the folder was deleted.
        """
        if since < self.highest_modseq(folder_id) - CHANGES_REMEMBERED:
            return None
        return self._expunged(folder_id, since)

    def _expunged(self, folder_id: int, since: int) -> tuple[int, ...]:
        rows = self._db.rows(
            "SELECT uid FROM expunged WHERE folder_id = ? AND modseq > ? ORDER BY uid", folder_id, since
        )
        return tuple(uid for (uid,) in rows)

    def summaries(self, folder_id: int, uids: Sequence[int], now: int = 0) -> dict[int, Sealed]:
        """Give the summaries of those messages that are still there and whose time is not over `now`, by UID."""
        # A client that has just been told of mail asks for one; a list of one takes twice the time.
        if len(uids) == 1:
            rows = self._db.rows(_SELECT_SUMMARY, folder_id, now, uids[0])
        else:
            rows = self._db.rows(f"{_SELECT_SUMMARIES} {self._db.among}", folder_id, now, self._db.listed(uids))
        return {uid: Sealed(key, data) for uid, key, data in rows}

    def content(self, folder_id: int, uid: int, now: int = 0) -> Sealed | None:
        """Give a message's octets, None when it is gone or its time is over `now`."""
        row = self._db.row(
            "SELECT e.content_key, c.data, c.codec FROM entry e JOIN content c ON c.id = e.content_id"
            " WHERE e.folder_id = ? AND e.uid = ? AND (e.expires_at IS NULL OR e.expires_at > ?)",
            folder_id,
            uid,
            now,
        )
        return row and Sealed(*row)

    def ended(self, mailbox_id: int, now: int) -> dict[int, list[tuple[bool, int]]]:
        """Give the messages of a mailbox whose own time is over: whether it is unseen and its size, by folder."""
        rows = self._db.rows(
            "SELECT e.folder_id, e.flags, e.size FROM folder f JOIN entry e ON e.folder_id = f.id"
            " WHERE f.mailbox_id = ? AND e.expires_at <= ?",
            *(mailbox_id, now),
        )
        ended: dict[int, list[tuple[bool, int]]] = {}
        for folder_id, flags, size in rows:
            ended.setdefault(folder_id, []).append((SEEN not in from_text(flags), size))
        return ended

    def expired_entries(self, now: int, limit: int) -> list[tuple[int, int]]:
        """Give up to `limit` messages whose own time is over, as folder and UID."""
        return self._db.rows(
            "SELECT folder_id, uid FROM entry WHERE expires_at IS NOT NULL AND expires_at <= ?"
            " ORDER BY expires_at LIMIT ?",
            *(now, limit),
        )


# Databases differ in how they order text.
_name = itemgetter(1)
_folder_name = itemgetter(2)


def _folder(row: tuple[int, int, str, int, int, int, str, object, int, int, int]) -> Folder:
    return Folder(*row[:7], bool(row[7]), *row[8:])


def _domain(row: tuple[int, str, Any, int, object, object, str]) -> Domain:
    return Domain(*row[:4], bool(row[4]), bool(row[5]), policies.from_text(row[6]))


_MAILBOX_OF_M = ", ".join(f"m.{column}" for column in MAILBOX_COLUMNS.split(", "))
_SELECT_LOCKS = (
    f"SELECT {_MAILBOX_OF_M}, c.id, c.verifier, c.kind, c.read_only, c.salt, k.data"
    " FROM mailbox m LEFT JOIN credential c ON c.mailbox_id = m.id"
    " LEFT JOIN keys.wrapped_key k ON k.credential_id = c.id AND k.mailbox_id = m.id WHERE m.address = ?"
)
_MAILBOX_WIDTH = len(MAILBOX_COLUMNS.split(", "))


def mailbox_of(row: Sequence[Any]) -> Mailbox:
    """Make the value of a row of `MAILBOX_COLUMNS`."""
    return Mailbox(*row[:6], lifetimes.from_text(row[6]), *row[7:_MAILBOX_WIDTH])  # type: ignore[call-arg]


def entry_of(row: tuple[int, int, int, str, int, int, int, object, int | None, int]) -> Entry:
    """Make the value of a row of `ENTRY_COLUMNS`."""
    entry_id, uid, modseq, flags, internal_date, size, content_id, unterminated, expires_at, save_date = row
    return Entry(
        entry_id,
        uid,
        modseq,
        from_text(flags),
        internal_date,
        size,
        content_id,
        bool(unterminated),
        FOREVER if expires_at is None else expires_at,
        save_date,
    )
