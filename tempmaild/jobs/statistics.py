"""Putting away in the daemon what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tempmaild.errors import TempmaildError

if TYPE_CHECKING:
    from tempmaild.log import Log

_EVERY = 10
"""Seconds; so much is lost when the daemon is killed."""


class Counted(Protocol):
    """What counts in memory."""

    async def flush(self) -> None:
        """Put away what was counted since the last time."""


class StatisticsJob:
    """Keeps the time, and puts away."""

    def __init__(self, reactor: Any, statistics: Counted, log: Log) -> None:
        self._statistics = statistics
        self._log = log
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._flush()))
        self._loop.clock = reactor

    def start(self) -> None:
        """Put away from now on."""
        self._ended = self._loop.start(_EVERY, now=False)

    async def stop(self) -> None:
        """Put away the rest."""
        self._loop.stop()
        await self._ended
        await self._flush()

    async def _flush(self) -> None:
        try:
            await self._statistics.flush()
        except TempmaildError as error:
            self._log.error("statistics-failed", problem=error)
