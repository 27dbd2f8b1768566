"""The audit log: what was done to mailboxes and settings, only ever added to. Each row proves the one before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from tempmaild.core import receipt as receipts
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tempmaild.core.receipt import Receipt
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

FIRST = bytes(32)
"""What stands in the first row for the digest of the one before."""
DESTRUCTION = "mailbox-destroy"
"""The action of a row that a receipt is about."""
SIGNING_KEY = "signing-key"
"""The action of a row that says with which key the receipts are signed that follow."""
_DOMAIN = b"tempmaild audit\0"
_APPENDING = 0x7465617564697401
"""The key of the lock under which daemons on one PostgreSQL database add rows, one after the other."""
_PAGE = 1000
_BEFORE_ALL = -(2**63)

_encoder = msgspec.json.Encoder(order="deterministic")


class AuditRow(NamedTuple):
    """A row of the log.

    Attributes:
        id: its number; they begin with 1, and none is left out.
        at: UTC epoch seconds.
        actor: who did it: "operator", "owner", "sweep", or a schedule.
        details: JSON, the same octets on both kinds of database.
        previous: the digest of the row before.
    """

    id: int
    at: int
    actor: str
    action: str
    subject: str
    details: str
    previous: bytes
    digest: bytes


_TYPES = (int, int, str, str, str, str, bytes, bytes)


def digest(row: AuditRow) -> bytes:
    """Give the digest that a row must have: SHA-256 of the one before and of the row's values as a JSON array."""
    values = [row.id, row.at, row.actor, row.action, row.subject, row.details]
    return hashlib.sha256(_DOMAIN + row.previous + msgspec.json.encode(values)).digest()


class _Note(NamedTuple):
    """What a row is to say, and what is to be done with the row."""

    actor: str
    action: str
    subject: str
    details: str
    then: Callable[[AuditRow], None] | None


class Notes:
    """What one transaction adds to the log.

    It is added at the very end: other daemons that add something wait from there to the commit, and who has taken all
    other locks before can wait without anybody waiting for him.
    """

    def __init__(self) -> None:
        self._notes: list[_Note] = []

    def __contains__(self, what: tuple[str, str]) -> bool:
        """Whether an action on a subject is going to be added."""
        return any((note.action, note.subject) == what for note in self._notes)

    def add(self, note: _Note) -> None:
        """Have a row added."""
        self._notes.append(note)

    def write(self, transaction: Transaction) -> None:
        """Add the rows."""
        if not self._notes:
            return
        db = transaction.db
        if not db.sqlite:
            db.row("SELECT pg_advisory_xact_lock(?)", _APPENDING)
        last, previous = db.row("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1") or (0, FIRST)
        rows = []
        for number, note in enumerate(self._notes, last + 1):
            draft = AuditRow(number, transaction.now, *note[:4], previous, b"")
            previous = digest(draft)
            rows.append(draft._replace(digest=previous))
        db.many(
            "INSERT INTO audit (id, at, actor, action, subject, details, previous, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for row, note in zip(rows, self._notes, strict=True):
            if note.then:
                note.then(row)


def record(
    transaction: Transaction,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, object],
    then: Callable[[AuditRow], None] | None = None,
) -> None:
    """Have a row added at the end of the transaction.

    Args:
        actor: who did it: "operator", "owner", "sweep", or a schedule.
        subject: to what. A mailbox is never named (`mailbox_subject`): the row stays when nothing else is left of it.
        details: how; no addresses and no secrets.
        then: what is to be done, in the same transaction, once the row is there.
    """
    transaction.notes.add(_Note(actor, action, subject, _as_text(details), then))


def _as_text(details: Mapping[str, object]) -> str:
    return _encoder.encode(details).decode()


def mailbox_subject(mailbox_id: int, receipt_subject: bytes | None) -> str:
    """Say of which mailbox a row is: as its receipt will call it, or by its id where it gets no receipt."""
    return receipt_subject.hex() if receipt_subject else str(mailbox_id)


def knows_key(db: Handle, key: str) -> bool:
    """Tell whether the log says that a key, in hexadecimal, signs receipts."""
    # The action is no parameter: an index of these few rows alone is used.
    return bool(db.row(f"SELECT 1 FROM audit WHERE action = '{SIGNING_KEY}' AND subject = ?", key))


class Note(Struct, frozen=True):
    """Add to the log what was done elsewhere than in the database."""

    actor: str
    action: str
    subject: str
    details: dict[str, object]

    def apply(self, transaction: Transaction) -> None:
        """Add it."""
        record(transaction, self.actor, self.action, self.subject, self.details)


class Verified(Struct, frozen=True):
    """What looking at every row has shown.

    Attributes:
        rows: how many are in order, from the first.
        digest: that of the last of them.
        problem: what is wrong with the row after them; "" when there is none.
    """

    rows: int
    digest: bytes
    problem: str = ""


NOTHING_YET = Verified(0, FIRST)
"""What is known before the first row."""


def verify(rows: Iterable[AuditRow], known: Verified = NOTHING_YET) -> Verified:
    """See that rows, in the order of their ids, are a whole log. What was cut off at its end cannot be seen.

    Args:
        known: what looking at those before has shown.
    """
    count, last = known.rows, known.digest
    for row in rows:
        problem = problem_of(row, count + 1, last)
        if problem:
            return Verified(count, last, problem)
        count, last = row.id, row.digest
    return Verified(count, last)


def problem_of(row: AuditRow, number: int, previous: bytes) -> str:
    """Tell what is wrong with a row that is to have this number, behind this digest; "" for nothing."""
    if not is_readable(row):
        return "it has values of a wrong type"
    if row.id != number:
        return f"it is missing, {row.id} comes next"
    if row.previous != previous:
        return "it does not follow the row before it"
    if row.digest != digest(row):
        return "its digest is not of its content"
    return ""


def is_readable(row: AuditRow) -> bool:
    """Tell whether its values are of the types that they must have: SQLite keeps any type in any column."""
    return tuple(map(type, row)) == _TYPES


class AuditLog:
    """The log, to be read."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def rows(self, since: int = 0, action: str = "") -> Iterator[AuditRow]:
        """Give the rows since a time in UTC epoch seconds, those of one action where it is not ""."""
        wanted, parameters = "at >= ?", [since]
        if action:
            return self._pages(f"{wanted} AND action = ?", *parameters, action)
        return self._pages(wanted, *parameters)

    def verify(self) -> Verified:
        """Look at every row."""
        return verify(self._pages("true"))

    def verify_on(self, known: Verified, limit: int) -> tuple[Verified, bool]:
        """Look at up to `limit` rows more; what is known then, and whether that is the end."""
        after = known.rows or _BEFORE_ALL  # nothing may stand before the first one
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        verified = verify(map(AuditRow._make, rows), known)
        return verified, len(rows) < limit or bool(verified.problem)

    def confirm(self, receipt: Receipt) -> None:
        """See that the log says what a receipt says, whose signature is good.

        Raises:
            InvalidValue: it does not, or does not know the key.
        """
        if not knows_key(self._db, receipt.key):
            raise InvalidValue("receipt", "the log knows no key %(key)s", key=receipt.key)
        row = self._db.row(f"SELECT {_COLUMNS} FROM audit WHERE id = ?", receipt.audit_row)
        if row is None:
            raise InvalidValue(
                "receipt",
                "the log has no row %(audit_row)s: it was cut, or is an old copy",
                audit_row=receipt.audit_row,
            )
        found = AuditRow(*row)
        if found.digest.hex() != receipt.audit_digest:
            raise InvalidValue("receipt", "row %(id)s of the log is another", id=found.id)
        # Who has stolen the key can name a row, but not have it say what he likes.
        said = (DESTRUCTION, receipt.mailbox, receipt.destroyed_at, _as_text({"messages": receipt.messages}))
        if (found.action, found.subject, receipts.moment(found.at), found.details) != said:
            raise InvalidValue("receipt", "row %(id)s of the log says something else", id=found.id)

    def _pages(self, condition: str, *parameters: object) -> Iterator[AuditRow]:
        # SQLite would find all rows of an action by its index, and sort them, for every single page.
        table = "audit NOT INDEXED" if self._db.sqlite else "audit"
        after = _BEFORE_ALL
        while True:
            page = self._db.rows(
                f"SELECT {_COLUMNS} FROM {table} WHERE id > ? AND {condition} ORDER BY id LIMIT {_PAGE}",
                *(after, *parameters),
            )
            yield from map(AuditRow._make, page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]


_COLUMNS = ", ".join(AuditRow._fields)
