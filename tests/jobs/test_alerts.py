"""The daemon tells people, tries again what failed, and is held up by nobody."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from tempmaild import log
from tempmaild.core.alerts import HOLD, REPEAT
from tempmaild.core.health import Finding
from tempmaild.errors import StoreFailed
from tempmaild.jobs.alerts import AlertsJob
from tempmaild.service.sending import NotSent
from tempmaild.settings import Settings
from tests.jobs.reactor import Reactor
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.service.sending import Kind
    from tests.support import TestAppliance

BAD = Finding("clamd", "problem", "It does not answer.", "start it")
WELL = Finding("clamd", "fine", "It answers.")
ONE, OTHER = "json://one.test/secret", "slack://other.test/secret"


def settings_of(*urls: str) -> Settings:
    return Settings.model_validate({"host": {"name": "mx.box.test"}, "alerts": {"urls": urls}})


class Told:
    """A job, and what it has sent.

    Attributes:
        refusing: URLs that take nothing.
        held: URLs that take it when this is set.
    """

    def __init__(self, house: TestAppliance, *urls: str) -> None:
        self.house = house
        self.reactor = Reactor()
        self.lines = io.StringIO()
        log.configure("info", "text", self.lines)
        self.sent: list[tuple[str, str]] = []
        self.refusing: set[str] = set()
        self.held = threading.Event()
        self.held.set()
        self.store = Finding("store", "fine", "It can be written to.")
        self.job = AlertsJob(
            self.reactor, house.appliance, settings_of(*urls), lambda: self.store, log.get_log("alerts"), self.send
        )
        self.job.start()

    def send(self, url: str, subject: str, body: str, kind: Kind) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.held.wait(30)
        if url in self.refusing:
            raise NotSent("no such channel")
        self.sent.append((url, f"{kind}: {subject}"))
        assert "What to do: start it" in body or kind == "success"

    def minute(self, finding: Finding = BAD, threads: int = 0) -> list[tuple[str, str]]:
        """Let a minute pass in which so many threads end; what was sent in it."""
        self.house.clock.now += 60
        run(self.house.appliance.health.put([finding]))
        self.sent.clear()
        self.reactor.advance(60)
        self.reactor.take(threads)
        return sorted(self.sent)

    def minutes(self, count: int, finding: Finding = BAD) -> None:
        for _ in range(count):
            assert self.minute(finding) == []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestAppliance]:
    house = make_appliance(tmp_path)
    yield house
    house.close()


def test_a_problem_and_its_end_are_told_to_all(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.minutes(HOLD // 60)
    subject = "failure: tempmaild on mx.box.test: 1 problem"
    assert told.minute(threads=2) == [(ONE, subject), (OTHER, subject)]
    told.minutes(10)
    told.minutes(HOLD // 60, WELL)
    assert told.minute(WELL, threads=2)[0] == (ONE, "success: tempmaild on mx.box.test: 1 over")
    told.minutes(10, WELL)
    assert [message.delivered for message in run(house.appliance.alerts.messages(10))] == [True, True]
    assert "alerted" in told.lines.getvalue()


def test_without_anybody_nothing_is_done(house: TestAppliance) -> None:
    told = Told(house)
    told.minutes(10)
    assert run(house.appliance.alerts.current()) == []
    told.job.change(settings_of(ONE))
    told.minutes(HOLD // 60)
    assert len(told.minute(threads=1)) == 1


def test_what_nobody_took_is_told_every_minute(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.refusing = {ONE, OTHER}
    told.minutes(2)
    for _ in range(3):
        assert told.minute(threads=2) == []
    assert [message.delivered for message in run(house.appliance.alerts.messages(10))] == [False] * 3
    told.refusing.clear()
    assert len(told.minute(threads=2)) == 2
    told.minutes(5)


def test_what_one_did_not_take_it_gets_later(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.refusing = {OTHER}
    told.minutes(2)
    assert [url for url, _ in told.minute(threads=2)] == [ONE]
    assert told.minute(threads=1) == []
    told.refusing.clear()
    assert [url for url, _ in told.minute(threads=1)] == [OTHER]
    told.minutes(5)


def test_it_is_given_up_after_half_an_hour(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.refusing = {OTHER}
    told.minutes(2)
    told.minute(threads=2)
    for _ in range(30):
        assert told.minute(threads=1) == []
    told.minutes(5)


def test_who_is_no_longer_to_be_told_is_not(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.refusing = {OTHER}
    told.minutes(2)
    told.minute(threads=2)
    told.job.change(settings_of(ONE))
    told.minutes(5)


def test_one_that_takes_too_long_is_given_up_and_holds_nobody_up(house: TestAppliance) -> None:
    told = Told(house, ONE)
    told.minutes(2)
    told.held.clear()
    told.minute()
    assert told.reactor.getDelayedCalls(), "the time limit"
    told.minute()
    assert "alert-failed to=json problem=" in told.lines.getvalue()
    # As long as that thread hangs no other one is begun.
    assert told.minute() == []
    assert "the message before is still under way" in told.lines.getvalue()
    told.held.set()
    # What it brings at last is not taken for the answer to anything else.
    told.reactor.take(1)
    told.sent.clear()
    assert len(told.minute(threads=1)) == 1


def test_the_log_holds_no_secret(house: TestAppliance) -> None:
    told = Told(house, ONE, OTHER)
    told.refusing = {ONE}
    told.minutes(2)
    told.minute(threads=2)
    lines = told.lines.getvalue()
    assert 'alert-failed to=json problem="no such channel"' in lines
    assert "secret" not in lines


def test_it_is_told_again_after_twelve_hours(house: TestAppliance) -> None:
    told = Told(house, ONE)
    told.minutes(2)
    assert told.minute(threads=1)
    house.clock.now += REPEAT - 120
    told.minutes(1)
    assert len(told.minute(threads=1)) == 1


class BrokenStore:
    """Alerts whose store is away, or which have a defect."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def take(self, _least: str) -> None:
        raise self._error


@pytest.mark.parametrize("error", [StoreFailed("no disk"), RuntimeError("defect")])
def test_a_round_that_fails_is_logged_and_not_the_last(house: TestAppliance, error: Exception) -> None:
    told = Told(house, ONE)
    alerts, told.job._alerts = told.job._alerts, BrokenStore(error)  # type: ignore[assignment]
    told.minutes(2)
    assert told.lines.getvalue().count("alerts-failed") == 2
    told.job._alerts = alerts
    told.minutes(2)
    assert len(told.minute(threads=1)) == 1


def test_a_store_that_is_away_is_told_without_it(house: TestAppliance) -> None:
    told = Told(house, ONE)
    alerts, told.job._alerts = told.job._alerts, BrokenStore(StoreFailed("no disk"))  # type: ignore[assignment]
    told.store = Finding("store", "problem", "Nothing could be written to it.", "start it")
    told.minutes(2)
    told.refusing = {ONE}
    assert told.minute(threads=1) == []
    told.refusing.clear()
    assert told.minute(threads=1) == [(ONE, "failure: tempmaild on mx.box.test: 1 problem")]
    told.minutes(10)
    told.store = Finding("store", "fine", "It can be written to.")
    told.job._alerts = alerts
    told.minutes(2, WELL)
    assert told.minute(WELL, threads=1) == [(ONE, "success: tempmaild on mx.box.test: 1 over")]
    told.minutes(10, WELL)


def test_it_ends_without_waiting(house: TestAppliance) -> None:
    told = Told(house, ONE)
    told.minutes(2)
    told.held.clear()
    told.minute()
    told.job.stop()
    told.held.set()
    told.reactor.take(1)
    told.house.clock.now += REPEAT
    told.reactor.advance(REPEAT)
    assert len(told.sent) == 1
