"""What is put away again and again, and what a process says of itself."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tempmaild import log
from tempmaild.errors import StoreFailed
from tempmaild.jobs.gauges import Gauges, Lateness
from tempmaild.jobs.statistics import StatisticsJob

if TYPE_CHECKING:
    from collections.abc import Mapping


class Counted:
    """What is put away, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at: list[float] = []
        self.failure: Exception | None = None

    async def flush(self) -> None:
        self.at.append(self.clock.seconds())
        if self.failure:
            raise self.failure


@pytest.fixture
def clock() -> Clock:
    return Clock()


def end(coroutine: Any) -> None:
    """Run what has no need to wait."""
    ended: list[object] = []
    Deferred.fromCoroutine(coroutine).addCallback(ended.append)
    assert ended == [None]


def test_what_is_counted_is_put_away_every_ten_seconds_and_in_the_end(clock: Clock) -> None:
    counted = Counted(clock)
    job = StatisticsJob(clock, counted, log.get_log("test"))
    job.start()
    clock.pump([5] * 5)
    assert counted.at == [10, 20]
    end(job.stop())
    clock.advance(100)
    assert counted.at == [10, 20, 25]


def test_what_is_measured_is_so_at_once_and_not_in_the_end(clock: Clock) -> None:
    counted = Counted(clock)
    job = StatisticsJob(clock, counted, log.get_log("test"), 300, at_start=True)
    job.start()
    clock.pump([100] * 7)
    assert counted.at == [0, 300, 600]
    end(job.stop())
    clock.advance(1000)
    assert counted.at == [0, 300, 600]


def test_a_database_that_fails_is_told_of_and_tried_again(clock: Clock) -> None:
    written = io.StringIO()
    log.configure("info", "json", written)
    counted = Counted(clock)
    counted.failure = StoreFailed("full")
    StatisticsJob(clock, counted, log.get_log("statistics")).start()
    clock.pump([10] * 2)
    assert counted.at == [10, 20]
    told = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["event"], line["problem"]) for line in told] == [("statistics-failed", "full")] * 2


class Statistics:
    """What was put."""

    def __init__(self) -> None:
        self.put_by: list[tuple[str, dict[str, float]]] = []

    async def put(self, process: str, gauges: Mapping[str, float]) -> None:
        self.put_by.append((process, dict(gauges)))


def test_gauges_of_all_sources_are_put_together(clock: Clock) -> None:
    statistics: Any = Statistics()
    waiting = {"writer/waiting": 1.0}
    gauges = Gauges(clock, statistics, "serving-1", [lambda: {"sessions/imap": 2}, lambda: waiting])
    end(gauges.flush())
    waiting["writer/waiting"] = 7
    end(gauges.flush())
    assert statistics.put_by == [
        ("serving-1", {"sessions/imap": 2, "writer/waiting": 1, "reactor/lag": 0}),
        ("serving-1", {"sessions/imap": 2, "writer/waiting": 7, "reactor/lag": 0}),
    ]


class TestLateness:
    def test_is_nothing_where_the_reactor_is_on_time(self, clock: Clock) -> None:
        lateness = Lateness(clock)
        clock.advance(100)
        assert lateness.take() == {"reactor/lag": 0}, "it is looked at from now on"
        clock.pump([0.5] * 40)
        assert lateness.take() == {"reactor/lag": 0}

    def test_is_the_worst_since_it_was_asked_for(self, clock: Clock) -> None:
        lateness = Lateness(clock)
        lateness.take()
        for took in (1.0, 1.25, 3.5, 1.1):
            clock.advance(took)
        assert lateness.take() == {"reactor/lag": 2.5}
        assert lateness.take() == {"reactor/lag": 0}
        clock.advance(1.5)
        assert lateness.take() == {"reactor/lag": 0.5}
