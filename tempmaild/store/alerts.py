"""What people were told of parts that are not well: kept, so that a restart tells nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tempmaild.core import alerts
from tempmaild.core.alerts import Alert, News
from tempmaild.core.health import Finding, State
from tempmaild.core.timespan import HOUR

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

SENDING = 300
"""Seconds that a daemon may take to send a message, after which another one does it."""
KEPT_MESSAGES = 200
"""So many are remembered."""


class Message(Struct, frozen=True):
    """A message with alerts.

    Attributes:
        sent_at: UTC epoch seconds.
        delivered: whether anybody has got it.
    """

    sent_at: int
    subject: str
    delivered: bool


class TakeNews(Struct, frozen=True):
    """Have what people are to be told now, for oneself alone."""

    findings: list[Finding]
    least: State

    def apply(self, transaction: Transaction) -> list[News]:
        """Note how the parts are; what is to be told, nothing while another daemon is at it."""
        db, now = transaction.db, transaction.now
        row = db.row(f"SELECT value FROM counter WHERE name = 'alerts'{_lock(transaction)}")
        assert row is not None
        # One that reaches further was made before somebody set the clock back.
        if now < row[0] <= now + SENDING:
            return []
        planned = alerts.plan(self.findings, _alerts(db), now, self.least)
        _put(transaction, planned.alerts)
        if not planned.news or _recent(db, now) >= alerts.MOST_AN_HOUR:
            return []
        db.run("UPDATE counter SET value = ? WHERE name = 'alerts'", now + SENDING)
        return planned.news


class NoteMessage(Struct, frozen=True):
    """Note what has become of a message with these news; what nobody has got is told again."""

    news: list[News]
    subject: str
    delivered: bool

    def apply(self, transaction: Transaction) -> None:
        """Note it."""
        db, now = transaction.db, transaction.now
        db.run("UPDATE counter SET value = 0 WHERE name = 'alerts'")
        if self.delivered:
            _put(transaction, alerts.told(_alerts(db), self.news, now))
        db.run(
            "INSERT INTO alert_message (id, sent_at, subject, delivered) VALUES (?, ?, ?, ?)",
            *(transaction.next_id(), now, self.subject, self.delivered),
        )
        db.run(
            "DELETE FROM alert_message WHERE id <= (SELECT id FROM alert_message ORDER BY id DESC LIMIT 1 OFFSET ?)",
            KEPT_MESSAGES,
        )


class AlertQueries:
    """What is read of them."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def alerts(self) -> list[Alert]:
        """Give the parts that are not well, by name."""
        return _alerts(self._db)

    def messages(self, count: int) -> list[Message]:
        """Give the last messages, the newest first."""
        rows = self._db.rows("SELECT sent_at, subject, delivered FROM alert_message ORDER BY id DESC LIMIT ?", count)
        return [Message(sent_at, subject, bool(delivered)) for sent_at, subject, delivered in rows]


def _alerts(db: Handle) -> list[Alert]:
    rows = db.rows("SELECT name, state, since, told, told_at, better_since FROM alert ORDER BY name")
    return [Alert(*row) for row in rows]


def _put(transaction: Transaction, kept: list[Alert]) -> None:
    db = transaction.db
    if kept == _alerts(db):
        return
    db.run("DELETE FROM alert")
    if kept:
        db.many(
            "INSERT INTO alert (name, state, since, told, told_at, better_since) VALUES (?, ?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(alert) for alert in kept],
        )


def _recent(db: Handle, now: int) -> int:
    row = db.row(
        "SELECT count(*) FROM alert_message WHERE delivered AND sent_at > ? AND sent_at <= ?", now - HOUR, now
    )
    assert row is not None
    count: int = row[0]
    return count


def _lock(transaction: Transaction) -> str:
    return "" if transaction.db.sqlite else " FOR UPDATE"
