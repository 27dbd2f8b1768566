"""The mark: the latest time that any daemon has seen, from which time goes on when a clock is not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.store.audit import record

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction


class MarkTime(Struct, frozen=True):
    """Note what time it is.

    Attributes:
        now: UTC epoch seconds.
        known: the mark as it was last seen. One below it was put back by `AcceptTime` and stays as it is.
    """

    now: int
    known: int

    def apply(self, transaction: Transaction) -> int:
        """Note it unless a later time is noted; the mark as it is now."""
        mark = _mark(transaction)
        if mark < self.known or mark >= self.now:
            return mark
        _put(transaction, self.now)
        return self.now


class AcceptTime(Struct, frozen=True):
    """Have all daemons go by this time from now on, be it before or after the mark."""

    now: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> int:
        """Accept it; the mark as it was."""
        mark = _mark(transaction)
        _put(transaction, self.now)
        # Daemons look at the mark when they hear of this.
        transaction.settings_changed()
        record(transaction, self.actor, "clock-accept", "clock", {"from": mark, "to": self.now})
        return mark


def _mark(transaction: Transaction) -> int:
    lock = "" if transaction.db.sqlite else " FOR UPDATE"
    row = transaction.db.row(f"SELECT value FROM counter WHERE name = 'clock'{lock}")
    assert row is not None
    mark: int = row[0]
    return mark


def _put(transaction: Transaction, now: int) -> None:
    transaction.db.run("UPDATE counter SET value = ? WHERE name = 'clock'", now)
