"""The daemon's part in schedules: what it waits for, and what it runs at once."""

from __future__ import annotations

import io
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tempmaild import log
from tempmaild.core.schedule import Cron, Every, Outcome, Purge, Report, Schedule
from tempmaild.core.timespan import DAY
from tempmaild.errors import StoreFailed
from tempmaild.jobs.schedules import ScheduleJobs
from tempmaild.store.transaction import SETTINGS
from tests.support import NOW, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tempmaild.service.schedules import Schedules
    from tests.support import TestAppliance


class Reactor(Clock):
    """A reactor whose time the test moves; APScheduler goes by the host's clock all the same."""

    def callFromThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:  # noqa: N802
        self.callLater(0, function, *args, **kwargs)


class Jobs:
    """The jobs of one appliance."""

    def __init__(self, house: TestAppliance) -> None:
        self.house = house
        self.reactor = Reactor()
        self.wall = time.time()
        self.jobs = ScheduleJobs(self.reactor, house.appliance, lambda: self.wall, log.get_log("schedules"))

    @property
    def schedules(self) -> Schedules:
        return self.house.appliance.schedules

    def start(self) -> None:
        self.jobs.start()
        self.turn()

    def turn(self) -> None:
        """Let the reactor turn until nothing is to be done at once."""
        for _ in range(20):
            self.reactor.advance(0)

    def pass_seconds(self, seconds: float) -> None:
        """Let all clocks go on."""
        self.house.clock.now += seconds
        self.wall += seconds
        self.reactor.advance(seconds)
        self.turn()

    def rest(self) -> None:
        """Let the rests between portions pass."""
        self.reactor.pump([0.2] * 10)

    def waits(self) -> dict[str, int]:
        """Give in how many seconds APScheduler will wake us, by the name of the schedule."""
        return {job.id: round(job.next_run_time.timestamp() - time.time()) for job in self.jobs._scheduler.get_jobs()}

    def kept(self, name: str = "often") -> Schedule:
        return run(self.schedules.get(name))

    def stop(self) -> None:
        stopped = Deferred.fromCoroutine(self.jobs.stop())
        self.turn()
        assert stopped.called


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    house = make_appliance(tmp_path)
    yield Jobs(house)
    house.close()


@pytest.fixture
def lines() -> io.StringIO:
    """Where log lines go in this test, as JSON."""
    stream = io.StringIO()
    log.configure("info", "json", stream)
    return stream


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def often(name: str = "often", seconds: int = 100) -> Schedule:
    return Schedule(name, "", Report(), Every(seconds))


def test_waits_until_it_is_due(jobs: Jobs) -> None:
    run(jobs.schedules.add(often()))
    jobs.start()
    assert jobs.waits() == {"often": 100}
    assert jobs.kept().last_run == 0
    jobs.stop()


def test_changes_are_followed_at_once(jobs: Jobs) -> None:
    jobs.start()
    assert jobs.waits() == {}
    run(jobs.schedules.add(often()))
    run(jobs.schedules.add(often("seldom", 1000)))
    assert jobs.waits() == {"often": 100, "seldom": 1000}
    run(jobs.schedules.change(often(seconds=200)))
    run(jobs.schedules.remove("seldom"))
    assert jobs.waits() == {"often": 200}
    run(jobs.schedules.pause("often"))
    assert jobs.waits() == {}
    run(jobs.schedules.resume("often"))
    assert jobs.waits() == {"often": 200}
    jobs.stop()


def test_what_another_process_changed_is_followed(jobs: Jobs) -> None:
    jobs.start()
    jobs.house.appliance.hub.unwatch(SETTINGS, jobs.jobs._look)
    run(jobs.schedules.add(often()))
    assert jobs.waits() == {}
    jobs.house.appliance.hub.watch(SETTINGS, jobs.jobs._look)
    jobs.house.appliance.hub.publish(None)
    assert jobs.waits() == {"often": 100}
    jobs.stop()


def test_what_was_missed_is_made_up_once(jobs: Jobs) -> None:
    run(jobs.schedules.add(often()))
    jobs.house.clock.now = NOW + 1050
    jobs.start()
    kept = jobs.kept()
    assert (kept.last_due, kept.last_run) == (NOW + 1000, NOW + 1050)
    assert jobs.waits() == {"often": 50}
    jobs.house.clock.now += 1
    run(jobs.schedules.add(often("other")))
    assert jobs.kept().last_run == NOW + 1050
    jobs.stop()


def test_a_wish_is_fulfilled_at_once(jobs: Jobs) -> None:
    run(jobs.schedules.add(Schedule("often", "", Purge(), Cron("0 4 * * *"))))
    jobs.house.create()
    jobs.start()
    jobs.house.clock.now += 1
    run(jobs.schedules.run_now("often"))
    jobs.rest()
    kept = jobs.kept()
    assert (kept.last_run, kept.last_outcome) == (NOW + 1, Outcome(1, 0))
    jobs.stop()


def test_a_wish_from_before_the_start_is_fulfilled(jobs: Jobs) -> None:
    run(jobs.schedules.add(msgspec.structs.replace(often(), enabled=False)))
    run(jobs.schedules.run_now("often"))
    jobs.start()
    assert jobs.kept().last_run == NOW
    jobs.stop()


def test_apscheduler_wakes_what_is_due(jobs: Jobs) -> None:
    run(jobs.schedules.add(often()))
    jobs.start()
    (job,) = jobs.jobs._scheduler.get_jobs()
    jobs.house.clock.now = NOW + 100
    jobs.jobs._scheduler.modify_job(job.id, next_run_time=job.next_run_time.replace(year=2001))
    jobs.turn()
    assert jobs.kept().last_run == NOW + 100
    assert jobs.waits() == {"often": 100}
    jobs.stop()


def test_who_is_woken_too_early_waits_on(jobs: Jobs) -> None:
    run(jobs.schedules.add(often()))
    jobs.start()
    (job,) = jobs.jobs._scheduler.get_jobs()
    jobs.house.clock.now = NOW + 99
    jobs.jobs._scheduler.modify_job(job.id, next_run_time=job.next_run_time.replace(year=2001))
    jobs.turn()
    assert jobs.kept().last_run == 0
    assert jobs.waits() == {"often": 1}
    jobs.stop()


@pytest.mark.parametrize("step", [-365 * DAY, 365 * DAY])
def test_a_clock_that_is_set_changes_no_time(jobs: Jobs, step: int) -> None:
    run(jobs.schedules.add(often()))
    jobs.start()
    jobs.wall += step
    # As after the host's clock was set: what APScheduler waits for is far away, or long past.
    (job,) = jobs.jobs._scheduler.get_jobs()
    job.modify(next_run_time=job.next_run_time.replace(year=2000 if step > 0 else 2100))
    jobs.turn()
    jobs.pass_seconds(10)
    assert jobs.kept().last_run == 0
    assert jobs.waits() == {"often": 90}
    jobs.stop()


def test_a_failure_stops_no_other(jobs: Jobs, lines: io.StringIO) -> None:
    run(jobs.house.domains.add("gone.test"))
    run(jobs.schedules.add(Schedule("a", "gone.test", Report(), Every(100))))
    run(jobs.schedules.add(often("b")))
    run(jobs.house.domains.remove("gone.test"))
    jobs.house.clock.now += 100
    jobs.start()
    assert jobs.kept("a").last_outcome == Outcome(error="NoSuchDomain (gone.test)")
    outcome = jobs.kept("b").last_outcome
    assert outcome is not None
    assert not outcome.error
    jobs.stop()
    written = [{name: line[name] for name in line.keys() - {"time", "part"}} for line in read(lines)]
    assert written == [
        {
            "level": "error",
            "event": "schedule-failed",
            "schedule": "a",
            "action": "report",
            "error": "NoSuchDomain",
            "problem": "gone.test",
        },
        {
            "level": "info",
            "event": "schedule-report",
            "schedule": "b",
            "action": "report",
            "domain": "box.test",
            "mailboxes": 0,
            "expired": 0,
            "messages": 0,
            "octets": 0,
        },
        {
            "level": "info",
            "event": "schedule-run",
            "schedule": "b",
            "action": "report",
            "mailboxes": 0,
            "messages": 0,
            "ended_early": False,
        },
    ]


def test_without_a_database_it_is_tried_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run(jobs.schedules.add(often()))
    jobs.start()
    jobs.house.clock.now += 100
    jobs.wall += 100

    async def fail(_: int) -> None:
        raise StoreFailed("gone")

    with monkeypatch.context() as gone:
        gone.setattr(jobs.schedules, "take_up", fail)
        run(jobs.schedules.run_now("often"))
        jobs.turn()
    assert jobs.kept().last_run == 0
    jobs.pass_seconds(10)
    assert jobs.kept().last_run == NOW + 110
    jobs.stop()


def test_a_stop_waits_for_the_portion_under_way(jobs: Jobs) -> None:
    for _ in range(3):
        jobs.house.create()
    run(jobs.schedules.add(Schedule("often", "", Purge(), Every(100))))
    run(jobs.schedules.run_now("often"))
    jobs.jobs.start()
    stopped = Deferred.fromCoroutine(jobs.jobs.stop())
    before = stopped.called
    jobs.rest()
    assert (before, stopped.called) == (False, True)
    assert jobs.kept().last_outcome == Outcome(3, 0)
    # Nothing is begun any more.
    jobs.house.clock.now += 1
    run(jobs.schedules.run_now("often"))
    jobs.turn()
    assert jobs.kept().last_run == NOW


def test_apscheduler_writes_where_all_else_is_written(jobs: Jobs, lines: io.StringIO) -> None:
    jobs.start()
    scheduler = logging.getLogger("apscheduler.scheduler")
    scheduler.info("of no interest")
    scheduler.warning("odd")
    scheduler.error("bad", exc_info=ValueError("worse"))
    jobs.stop()
    odd, bad = read(lines)
    assert (odd["level"], odd["part"], odd["text"]) == ("warning", "apscheduler", "odd")
    assert (bad["level"], bad["text"]) == ("error", "bad")
    assert "worse" in bad["traceback"]
