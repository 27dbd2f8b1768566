"""How often things have happened, by the hour; of whom and to whom is not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

HOUR = 3600
_KEPT_HOURS = 24 * 400
"""A year and a month, so that a month can be compared with that of the year before."""


class AddCounts(Struct, frozen=True):
    """Count what has happened since the last time, in the hour that it is now."""

    counts: dict[str, int]

    def apply(self, transaction: Transaction) -> None:
        """Add to what was counted, and forget what is long past."""
        hour = transaction.now // HOUR * HOUR
        db = transaction.db
        db.many(
            "INSERT INTO statistic (hour, name, value) VALUES (?, ?, ?)"
            " ON CONFLICT (hour, name) DO UPDATE SET value = statistic.value + excluded.value",
            [(hour, name, count) for name, count in sorted(self.counts.items())],
        )
        db.run("DELETE FROM statistic WHERE hour < ?", hour - _KEPT_HOURS * HOUR)


class StatisticQueries:
    """What is read of them."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def by_hour(self, since: int) -> list[tuple[int, str, int]]:
        """Give hour, name and count from the hour in which `since` is (UTC epoch seconds) on, in their order."""
        rows = self._db.rows(
            "SELECT hour, name, value FROM statistic WHERE hour >= ? ORDER BY hour, name", since // HOUR * HOUR
        )
        return [(hour, name, count) for hour, name, count in rows]

    def totals(self, since: int) -> dict[str, int]:
        """Give how often each thing has happened from the hour in which `since` is on, by name."""
        rows = self._db.rows(
            "SELECT name, SUM(value) FROM statistic WHERE hour >= ? GROUP BY name ORDER BY name", since // HOUR * HOUR
        )
        # PostgreSQL sums up to a decimal.
        return {name: int(count) for name, count in rows}
