"""The time that the appliance goes by, kept over restarts and between daemons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.timekeeper import LARGEST_STEP
from tempmaild.errors import InvalidValue
from tempmaild.store.clock import AcceptTime, MarkTime
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from tempmaild.core.timekeeper import Timekeeper
    from tempmaild.log import Log
    from tempmaild.notify.hub import Hub
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_MARK_EVERY = 60
"""Seconds after which the mark is written again; a daemon that is killed loses no more than this."""


class Standing(Struct, frozen=True):
    """What the clocks say, in UTC epoch seconds.

    Attributes:
        time: what the appliance goes by.
        host: the clock of this host.
        mark: the latest time that any daemon has noted; 0 when none ever ran.
        believed: whether the host's clock is followed.
    """

    time: float
    host: float
    mark: int
    believed: bool


class Clock:
    """Keeps the mark, and tells the operator when the clock of the host is not believed."""

    def __init__(self, access: Access, queries: Queries, hub: Hub, keeper: Timekeeper, log: Log) -> None:
        self._access = access
        self._queries = queries
        self._keeper = keeper
        self._log = log
        self._doubted = False
        self._mark = 0
        self._accepted = True
        hub.watch(SETTINGS, self._look_again)

    async def keep(self) -> None:
        """Write the mark when it is time to, and follow one that somebody else has set; to be done every few seconds.

        Raises:
            StoreFailed: the mark could not be written.
        """
        now = self._keeper()
        self._tell(now)
        if not self._accepted and now - self._mark < _MARK_EVERY:
            return
        self._accepted = False
        self._follow(now, await self._access.write(MarkTime(int(now), self._mark)))

    async def follow(self) -> None:
        """Follow the mark that another process of this daemon keeps; to be done every few seconds.

        Raises:
            StoreFailed: the mark could not be read.
        """
        self._follow(self._keeper(), await self._access.read(self._queries.counter, "clock"))

    def _follow(self, now: float, mark: int) -> None:
        if mark < self._mark or mark > now:
            # It was accepted by the operator, or seen by another daemon.
            self._keeper.move_to(mark)
        self._mark = mark

    async def accept(self, actor: str) -> Standing:
        """Believe the clock of this host, whatever the mark says; every daemon does so within seconds.

        Returns:
            How it stood before.
        """
        before = await self.standing()
        await self._access.write(AcceptTime(int(before.host), actor))
        return before

    async def check(self) -> None:
        """See whether the time of a process beside the daemons can be that by which they go.

        Raises:
            InvalidValue: the host's clock is far from the time that a daemon has noted last.
        """
        standing = await self.standing()
        if not standing.believed or (standing.mark and abs(standing.time - standing.mark) > LARGEST_STEP):
            raise InvalidValue(
                "clock",
                "no daemon has noted the time for an hour, or the clock of this host is wrong;"
                " see `tempmaild clock show`, and if it is right say `tempmaild clock accept`",
            )

    async def standing(self) -> Standing:
        """Tell what the clocks say."""
        mark = await self._access.read(self._queries.counter, "clock")
        now = self._keeper()
        return Standing(now, self._keeper.wall(), mark, not self._keeper.doubtful)

    def _look_again(self) -> None:
        self._accepted = True

    def _tell(self, now: float) -> None:
        doubted = self._keeper.doubtful
        if doubted and not self._doubted:
            self._log.warning(
                "clock-not-believed",
                host_clock=int(self._keeper.wall()),
                time=int(now),
                hint="lifetimes go on from where they were; if the host's clock is right: tempmaild clock accept",
            )
        elif self._doubted and not doubted:
            self._log.info("clock-believed", time=int(now))
        self._doubted = doubted
