"""How much there is of everything: now, and hour by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.statistics import SetLevels

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.store.access import Access
    from tempmaild.store.amounts import AmountQueries
    from tempmaild.store.statistics import StatisticQueries


class Amounts:
    """Measures what takes too long to be asked for a page, and notes it.

    What is noted: "mailboxes" that have not expired, "messages", their "octets" before they are compressed, and the
    octets that the "database" takes on the disk.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(
        self, access: Access, queries: AmountQueries, statistics: StatisticQueries, clock: Callable[[], float]
    ) -> None:
        self._access = access
        self._queries = queries
        self._statistics = statistics
        self._clock = clock

    async def flush(self) -> None:
        """Measure, and note it.

        Raises:
            StoreFailed: it could not be.
        """
        now = int(self._clock())
        await self._access.write(SetLevels(await self._access.read_long(self._measure, now)))

    def _measure(self, now: int) -> dict[str, int]:
        amount = self._queries.messages()
        return {
            "mailboxes": self._queries.mailboxes(now),
            "messages": amount.messages,
            "octets": amount.octets,
            "database": self._queries.database(),
        }

    async def mailboxes(self) -> int:
        """Give how many mailboxes have not expired."""
        return await self._access.read_long(self._queries.mailboxes, int(self._clock()))

    async def levels(self, since: int) -> list[tuple[int, str, int]]:
        """Give hour, name and what was noted last in it, from an hour on (UTC epoch seconds), in their order."""
        return await self._access.read(self._statistics.levels, since)
