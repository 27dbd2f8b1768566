"""Counting what becomes of mail, without keeping whose it was."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tempmaild.store.statistics import AddCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.core.verdict import Verdict
    from tempmaild.store.access import Access
    from tempmaild.store.statistics import StatisticQueries


class Statistics:
    """Counts in memory, and puts it away when `flush` is called.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(self, access: Access, queries: StatisticQueries, clock: Callable[[], float]) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._counts: Counter[str] = Counter()

    def count(self, names: Iterable[str]) -> None:
        """Count one of each."""
        self._counts.update(names)

    async def flush(self) -> None:
        """Put away what was counted since the last time.

        Raises:
            StoreFailed: it could not be; it is not lost.
        """
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        try:
            await self._access.write(AddCounts(dict(counts)))
        except BaseException:
            self._counts.update(counts)
            raise

    async def totals(self, seconds: int) -> dict[str, int]:
        """Give how often each thing has happened in so many seconds before now, by name; in whole hours."""
        return await self._access.read(self._queries.totals, int(self._clock()) - seconds)


def names_of(verdict: Verdict) -> list[str]:
    """Give what is counted of a verdict: "accept" or "refuse", "refuse/clamav", and "spf=pass" for each finding."""
    names = [verdict.disposition, *(f"{finding.method}={finding.result}" for finding in verdict.findings)]
    if verdict.decided_by:
        names.append(f"{verdict.disposition}/{verdict.decided_by}")
    return names
