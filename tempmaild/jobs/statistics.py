"""Putting away in the daemon, again and again, what was counted or measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tempmaild.errors import TempmaildError
from tempmaild.jobs.rounds import rounds

if TYPE_CHECKING:
    from tempmaild.log import Log

_EVERY = 10
"""Seconds; so much is lost when the daemon is killed."""
MEASURE_EVERY = 300
"""Seconds between two looks at how much there is: on a large store one takes a second of a thread."""


class Counted(Protocol):
    """What counts in memory, or measures."""

    async def flush(self) -> None:
        """Put away what was counted since the last time, or what is so now."""


class StatisticsJob:
    """Keeps the time, and puts away.

    Args:
        every: seconds.
        at_start: whether for the first time when it is started, which suits what is measured, and not counted.
    """

    def __init__(
        self, reactor: Any, statistics: Counted, log: Log, every: float = _EVERY, *, at_start: bool = False
    ) -> None:
        self._statistics = statistics
        self._log = log
        self._every = every
        self._at_start = at_start
        self._loop = rounds(reactor, self.put_away)

    def start(self) -> None:
        """Put away from now on."""
        self._ended = self._loop.start(self._every, now=self._at_start)

    async def stop(self) -> None:
        """Put away the rest."""
        self._loop.stop()
        await self._ended
        if not self._at_start:
            await self.put_away()

    async def put_away(self) -> None:
        """Put away what there is now."""
        try:
            await self._statistics.flush()
        except TempmaildError as error:
            self._log.error("statistics-failed", problem=error)
