"""Sweeping in the daemon: every two seconds, and not in the way of mail that arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tempmaild.errors import TempmaildError
from tempmaild.jobs.rounds import Rests, Stopping, rounds

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.log import Log

_EVERY = 2
"""Seconds from the beginning of one round to that of the next, unless the round takes longer."""
_RESTS_FOR = 30.0
"""Seconds of a round after which there is no rest: what is over has to be erased within a minute."""


class SweepJob:
    """Keeps the time, and sweeps.

    Attributes:
        finished_at: when it has last come to the end of a round, or begun, in the reactor's seconds.
    """

    def __init__(self, reactor: Any, appliance: Appliance, log: Log) -> None:
        self._reactor = reactor
        self._appliance = appliance
        self._log = log
        self._rests = Rests(reactor, _RESTS_FOR)
        self.finished_at = 0.0
        self._loop = rounds(reactor, self._round)

    def start(self) -> None:
        """Sweep now, and from now on."""
        self.finished_at = self._reactor.seconds()
        self._ended = self._loop.start(_EVERY)

    async def stop(self) -> None:
        """Begin nothing more, and come back when the portion that is being erased has been."""
        self._rests.stop()
        self._loop.stop()
        await self._ended

    async def _round(self) -> None:
        self._rests.begin()
        try:
            await self._appliance.clock.keep()
            await self._appliance.sweep.round(self._rests.rest)
        except Stopping:
            return
        except TempmaildError as error:
            self._log.error("sweep-failed", problem=error)
        except Exception as error:  # a defect in one round must not end the sweep for good
            self._log.failure("sweep-failed", error)
        else:
            self.finished_at = self._reactor.seconds()
