"""How often things have happened, by the hour; of whom and to whom is not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tempmaild.core.timespan import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_KEPT_HOURS = 24 * 400
"""A year and a month, so that a month can be compared with that of the year before."""
_REMEMBERED = 86_400
"""Seconds that it is remembered what a process has said which says no more."""


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


class SetLevels(Struct, frozen=True):
    """Note how much there is of something in the hour that it is now."""

    levels: dict[str, int]

    def apply(self, transaction: Transaction) -> None:
        """Note it instead of what was noted in this hour, and forget what is long past."""
        hour = transaction.now // HOUR * HOUR
        db = transaction.db
        db.many(
            "INSERT INTO level (hour, name, value) VALUES (?, ?, ?)"
            " ON CONFLICT (hour, name) DO UPDATE SET value = excluded.value",
            [(hour, name, value) for name, value in sorted(self.levels.items())],
        )
        db.run("DELETE FROM level WHERE hour < ?", hour - _KEPT_HOURS * HOUR)


class Report(Struct, frozen=True):
    """What a process has said of itself.

    Attributes:
        host: the name of the host that it runs on.
        process: its name there, such as "main".
        noted_at: when it said so (UTC epoch seconds).
        gauges: numbers by name, such as "sessions/imap".
    """

    host: str
    process: str
    noted_at: int
    gauges: dict[str, float]


class PutReport(Struct, frozen=True):
    """Have this instead of what a process has said before."""

    host: str
    process: str
    gauges: dict[str, float]

    def apply(self, transaction: Transaction) -> None:
        """Note it, and forget processes that have long been silent."""
        db, now = transaction.db, transaction.now
        db.run(
            "INSERT INTO report (host, process, noted_at, gauges) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (host, process) DO UPDATE SET noted_at = excluded.noted_at, gauges = excluded.gauges",
            *(self.host, self.process, now, msgspec.json.encode(self.gauges).decode()),
        )
        db.run("DELETE FROM report WHERE noted_at < ?", now - _REMEMBERED)


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

    def counts(self, spans: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
        """Give how often each thing has happened in each span, by name.

        Args:
            spans: the hour with which each begins, and the hour before which it ends (UTC epoch seconds).
        """
        return [
            {
                name: int(count)
                for name, count in self._db.rows(
                    "SELECT name, SUM(value) FROM statistic WHERE hour >= ? AND hour < ? GROUP BY name", *span
                )
            }
            for span in spans
        ]

    def levels(self, since: int) -> list[tuple[int, str, int]]:
        """Give hour, name and value from that hour on (UTC epoch seconds), in their order."""
        rows = self._db.rows("SELECT hour, name, value FROM level WHERE hour >= ? ORDER BY hour, name", since)
        return [(hour, name, value) for hour, name, value in rows]

    def reports(self, since: int) -> list[Report]:
        """Give what processes have said of themselves since then (UTC epoch seconds), by host and process."""
        rows = self._db.rows(
            "SELECT host, process, noted_at, gauges FROM report WHERE noted_at >= ? ORDER BY host, process", since
        )
        return [
            Report(host, process, noted_at, msgspec.json.decode(gauges, type=dict[str, float]))
            for host, process, noted_at, gauges in rows
        ]
