"""Running the operator's schedules in the daemon, with APScheduler for the waiting.

When the time has come the database decides what is due, and which of several daemons does it. So nothing is run
twice, though APScheduler may wake several daemons, or one too often.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from apscheduler.executors.debug import DebugExecutor
from apscheduler.triggers.base import BaseTrigger
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from tempmaild import log as logs
from tempmaild.errors import TempmaildError
from tempmaild.jobs.rounds import rounds
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tempmaild.appliance import Appliance
    from tempmaild.core.schedule import Schedule
    from tempmaild.log import Log

_LOOK_AROUND = 10.0
"""Seconds after which it is seen whether a clock was set, or the database is there again."""
_CLOCK_STEP = 1.0
"""Seconds by which a clock must have been set for all waiting to begin anew."""
_LONGEST_REST = 0.1
"""Seconds; a writer that is slow must not make a run endless."""
_MARGIN = timedelta(milliseconds=20)
"""Added to every wait, so that rounding wakes nobody before the time."""


class ScheduleJobs:
    """Waits for the schedules of an appliance and runs them, from `start` to `stop`.

    Args:
        reactor: Twisted's.
        wall: the clock of the host, which APScheduler goes by; the appliance has one of its own.
    """

    def __init__(self, reactor: Any, appliance: Appliance, wall: Callable[[], float], log: Log) -> None:
        self._reactor = reactor
        self._schedules = appliance.schedules
        self._hub = appliance.hub
        self._clock = appliance.now
        self._wall = wall
        self._log = log
        self._scheduler = _make_scheduler(reactor)
        self._looking_around = rounds(reactor, self._look_around)
        self._version = -1
        self._ahead = 0.0
        self._looking = self._doubtful = self._ending = False
        self._busy: set[int] = set()
        self._working: set[Deferred[None]] = set()

    def start(self) -> None:
        """Make up for what was missed, and wait for what comes."""
        self._scheduler.start()
        self._hub.watch(SETTINGS, self._look)
        self._looking_around.start(_LOOK_AROUND)

    async def stop(self) -> None:
        """Begin nothing more, and come back when the portions under way are done."""
        self._ending = True
        self._hub.unwatch(SETTINGS, self._look)
        self._looking_around.stop()
        self._scheduler.shutdown()
        await DeferredList(list(self._working))

    def _look_around(self) -> None:
        ahead = self._clock() - self._wall()
        if abs(ahead - self._ahead) > _CLOCK_STEP:
            self._ahead = ahead
            self._version = -1
        self._look()

    def _look(self) -> None:
        self._doubtful = True
        if not self._looking:
            self._begin(self._look_again())

    async def _look_again(self) -> None:
        self._looking = True
        try:
            while self._doubtful:
                self._doubtful = False
                await self._follow_changes()
        finally:
            self._looking = False

    async def _follow_changes(self) -> None:
        """Read the schedules if they may be others than before, run those that are waiting, and wait for the rest."""
        try:
            version = await self._schedules.version()
            if version == self._version:
                return
            schedules = await self._schedules.list_all()
        except TempmaildError as error:
            self._fail(error)
            return
        if self._ending:
            return
        self._version = version
        self._scheduler.remove_all_jobs()
        for schedule in schedules:
            if schedule.enabled:
                self._wait_for(schedule)
            if schedule.is_waiting(int(self._clock())):
                self._begin(self._serve(schedule.id))

    def _wait_for(self, schedule: Schedule) -> None:
        self._scheduler.add_job(
            lambda: self._begin(self._serve(schedule.id)),
            _Due(schedule, self._clock),
            id=schedule.name,
            coalesce=True,
            misfire_grace_time=None,
        )

    async def _serve(self, schedule_id: int) -> None:
        """Run a schedule as often as there is something to do for it."""
        if schedule_id in self._busy:
            # Whoever is at it looks once more when it is done.
            return
        self._busy.add(schedule_id)
        try:
            while not self._ending and (schedule := await self._schedules.take_up(schedule_id)):
                await self._run(schedule)
        except TempmaildError as error:
            self._fail(error)
        finally:
            self._busy.remove(schedule_id)

    async def _run(self, schedule: Schedule) -> None:
        log = self._log.bind(schedule=schedule.name, action=schedule.action.name)
        try:
            outcome = await self._schedules.run(schedule, lambda: self._ending, _Rest(self._reactor))
        except TempmaildError as error:
            log.error("schedule-failed", error=type(error).__name__, problem=error)
        except Exception as error:  # a defect in one schedule must not stop the others
            log.failure("schedule-failed", error)
        else:
            for count in outcome.domains:
                log.info("schedule-report", **msgspec.structs.asdict(count))
            log.info(
                "schedule-run",
                mailboxes=outcome.mailboxes,
                messages=outcome.messages,
                ended_early=outcome.ended_early,
            )

    def _fail(self, error: TempmaildError) -> None:
        """Tell that the database was not there; when it is looked around next, all that is waiting is tried again."""
        self._version = -1
        self._log.error("schedules-unreadable", problem=error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        deferred = Deferred.fromCoroutine(work)
        self._working.add(deferred)
        deferred.addBoth(self._finish, deferred)

    def _finish(self, outcome: object, deferred: Deferred[None]) -> object:
        self._working.discard(deferred)
        return outcome


class _Rest:
    """A rest after each portion of a run, as long as the portion took: others have half of the writer's time."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._begun = time.monotonic()

    async def __call__(self) -> None:
        """Rest."""
        taken = time.monotonic() - self._begun
        await deferLater(self._reactor, min(taken, _LONGEST_REST), lambda: None)
        self._begun = time.monotonic()


class _Due(BaseTrigger):  # type: ignore[misc] # APScheduler is untyped
    """When a schedule is due next, as APScheduler's clock has it.

    APScheduler's own triggers would go through every due time in between when that clock is set forward by a year.
    """

    def __init__(self, schedule: Schedule, clock: Callable[[], float]) -> None:
        self._schedule = schedule
        self._clock = clock

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        """Give the time, by the clock that says it is `now`."""
        moment = self._clock()
        due = self._schedule.next_due(int(moment))
        return None if due is None else now + timedelta(seconds=due - moment) + _MARGIN


class _ToOurLog(logging.Handler):
    """Writes what goes wrong inside APScheduler where all else is written."""

    def emit(self, record: logging.LogRecord) -> None:
        log, text = logs.get_log("apscheduler"), record.getMessage()
        error = record.exc_info and record.exc_info[1]
        if error:
            log.failure("unhandled-error", error, text=text)
        else:
            log.warning("warning", text=text)


def _make_scheduler(reactor: Any) -> Any:
    # It takes Twisted's reactor when it is imported, before the daemon has put its own there.
    from apscheduler.schedulers.twisted import TwistedScheduler  # noqa: PLC0415

    logger = logging.getLogger("apscheduler")
    logger.handlers = [_ToOurLog()]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    # "Debug" means that jobs are begun in the thread of the reactor, and not in one of Twisted's pool.
    return TwistedScheduler(reactor=reactor, timezone="UTC", executors={"default": DebugExecutor()})
