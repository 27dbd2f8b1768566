"""Sweeping in the daemon: every two seconds, and not in the way of mail that arrives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from tempmaild.errors import TempmaildError

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.log import Log

_EVERY = 2
"""Seconds from the beginning of one round to that of the next, unless the round takes longer."""
_LONGEST_REST = 0.1
_RESTS_FOR = 30.0
"""Seconds of one rest, and of a round after which there is none: what is over has to be erased within a minute."""


class SweepJob:
    """Keeps the time, and sweeps.

    Attributes:
        finished_at: when it has last come to the end of a round, or begun, in the reactor's seconds.
    """

    def __init__(self, reactor: Any, appliance: Appliance, log: Log) -> None:
        self._reactor = reactor
        self._appliance = appliance
        self._log = log
        self._stopping = False
        self._begun = self._rested_at = 0.0
        self.finished_at = 0.0
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._round()))
        self._loop.clock = reactor

    def start(self) -> None:
        """Sweep now, and from now on."""
        self.finished_at = self._reactor.seconds()
        self._ended = self._loop.start(_EVERY)

    async def stop(self) -> None:
        """Begin nothing more, and come back when the portion that is being erased has been."""
        self._stopping = True
        self._loop.stop()
        await self._ended

    async def _round(self) -> None:
        self._begun = self._rested_at = time.monotonic()
        try:
            await self._appliance.clock.keep()
            await self._appliance.sweep.round(self._rest)
        except _Stopping:
            return
        except TempmaildError as error:
            self._log.error("sweep-failed", problem=error)
        except Exception as error:  # a defect in one round must not end the sweep for good
            self._log.failure("sweep-failed", error)
        else:
            self.finished_at = self._reactor.seconds()

    async def _rest(self) -> None:
        """Leave the writer to others for as long as a portion has taken, so that they have half of its time."""
        if self._stopping:
            raise _Stopping
        now = time.monotonic()
        if now - self._begun < _RESTS_FOR:
            await deferLater(self._reactor, min(now - self._rested_at, _LONGEST_REST), lambda: None)
        self._rested_at = time.monotonic()


class _Stopping(Exception):
    """The daemon ends."""
