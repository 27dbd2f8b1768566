"""The daemon looks around, puts away what it finds, and knows by itself whether it is ready."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from tempmaild import log
from tempmaild.errors import StoreFailed
from tempmaild.jobs.health import HealthJob
from tempmaild.jobs.sweep import SweepJob
from tempmaild.settings import Settings
from tests.jobs.reactor import Reactor
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.health import State
    from tests.support import TestAppliance


class Looking:
    """A job on an appliance; clamd and DNS are switched off.

    Attributes:
        open: what is listened on.
    """

    def __init__(self, house: TestAppliance) -> None:
        self.house = house
        self.reactor = Reactor()
        self.lines = io.StringIO()
        log.configure("info", "text", self.lines)
        self.settings = Settings.model_validate(
            {"host": {"name": "mx.box.test", "state": house.state}, "checks": {"enabled": False}}
        )
        self.open = {"smtp": ["[::]:25"]}
        self.sweep = SweepJob(self.reactor, house.appliance, log.get_log("sweep"))
        self.job = HealthJob(
            self.reactor,
            house.appliance,
            self.settings,
            lambda: self.open,
            lambda settings: {"smtp": settings.smtp.listen},
            self.sweep,
            log.get_log("health"),
        )

    def start(self) -> None:
        self.job.start()
        # The threads of what is asked every minute, and every hour.
        self.reactor.take(2)

    def pass_seconds(self, seconds: float, *, swept: bool = True) -> None:
        """Let time pass in steps of the job's."""
        while seconds > 0:
            step = min(seconds, 10)
            seconds -= step
            if swept:
                self.sweep.finished_at = self.reactor.seconds() + step
            self.house.clock.now += step
            self.reactor.advance(step)
            if self.reactor.seconds() % 60 == 0:
                self.reactor.take(1)

    def begin(self) -> None:
        assert Deferred.fromCoroutine(self.job.begin()).called

    def ready(self) -> bool:
        return self.job.is_ready

    def states(self) -> dict[str, State]:
        """Give what everybody can read."""
        return {finding.name: finding.state for finding in run(self.house.appliance.health.findings())}


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    house = make_appliance(tmp_path)
    yield Looking(house)
    house.close()


class Away:
    """An access whose store is away."""

    async def write(self, _change: object) -> None:
        raise StoreFailed("no disk")


def take_store_away(looking: Looking) -> Any:
    health = looking.house.appliance.health
    access, health._access = health._access, Away()  # type: ignore[assignment]
    return access


def test_what_is_found_is_put_away(looking: Looking) -> None:
    looking.start()
    assert looking.states() == dict.fromkeys(("daemon", "listener smtp", "disk", "sweep", "clock"), "fine")
    looking.pass_seconds(10)
    assert looking.states() == {
        **dict.fromkeys(("daemon", "listener smtp", "disk", "sweep", "clock", "clamd", "database", "DNS"), "fine"),
        "certificate": "warning",
    }


def test_a_listener_that_is_closed_is_a_problem(looking: Looking) -> None:
    looking.start()
    looking.begin()
    assert looking.ready()
    looking.open = {}
    looking.pass_seconds(10)
    assert looking.states()["listener smtp"] == "problem"
    assert not looking.ready()


def test_other_settings_are_gone_by(looking: Looking) -> None:
    looking.start()
    looking.open = {}
    smtp = looking.settings.smtp.model_copy(update={"listen": ()})
    looking.job.change(looking.settings.model_copy(update={"smtp": smtp}), ())
    looking.pass_seconds(10)
    assert "listener smtp" not in looking.states()


def test_what_waits_for_a_restart_is_told(looking: Looking) -> None:
    looking.start()
    assert "settings" not in looking.states()
    looking.job.change(looking.settings, ("host.name", "smtp.listen"))
    looking.pass_seconds(10)
    (finding,) = [finding for finding in looking.job.findings() if finding.name == "settings"]
    assert finding.state == "warning"
    assert finding.text == "They were read again, but a restart is needed for host.name, smtp.listen."
    assert looking.ready() is False  # it has not begun
    looking.begin()
    assert looking.ready()
    looking.job.change(looking.settings, ())
    looking.pass_seconds(10)
    assert "settings" not in looking.states()


def test_a_sweep_that_does_not_come_to_its_end_is_a_problem(looking: Looking) -> None:
    looking.start()
    looking.pass_seconds(120, swept=False)
    assert looking.states()["sweep"] == "fine"
    looking.pass_seconds(10, swept=False)
    assert looking.states()["sweep"] == "problem"
    looking.pass_seconds(10)
    assert looking.states()["sweep"] == "fine"


def test_the_sweep_says_when_it_has_finished(looking: Looking) -> None:
    looking.reactor.advance(7)
    looking.sweep.start()
    looking.reactor.advance(2)
    assert looking.sweep.finished_at == 9


def test_it_is_ready_from_its_beginning_to_its_end(looking: Looking) -> None:
    assert not looking.ready()
    looking.start()
    assert not looking.ready()
    assert [finding.name for finding in looking.job.findings() if finding.state != "fine"] == ["daemon"]
    looking.begin()
    assert looking.ready()
    looking.job.end()
    assert not looking.ready()


def test_a_store_that_cannot_be_written_is_seen_by_the_daemon_itself(looking: Looking) -> None:
    looking.start()
    looking.begin()
    access = take_store_away(looking)
    looking.pass_seconds(30)
    assert looking.ready()
    looking.pass_seconds(10)
    assert not looking.ready()
    (finding,) = [finding for finding in looking.job.findings() if finding.state == "problem"]
    assert (finding.name, finding.text) == ("store", "Nothing could be written to it for 40 seconds.")
    assert looking.lines.getvalue().count("health-failed") == 1, "it is said once"
    looking.house.appliance.health._access = access
    assert looking.states()["daemon"] == "problem", "others see that there is no word"
    looking.pass_seconds(10)
    assert looking.ready()
    assert looking.states()["daemon"] == "fine"


def test_before_anything_was_written_it_is_not_ready(looking: Looking) -> None:
    take_store_away(looking)
    looking.start()
    looking.begin()
    assert not looking.ready()
    assert "Nothing has been written to it yet." in [finding.text for finding in looking.job.findings()]


def test_a_daemon_that_ends_takes_its_word_back(looking: Looking) -> None:
    looking.start()
    Deferred.fromCoroutine(looking.job.stop())
    assert looking.states() == {"daemon": "problem"}
    looking.house.clock.now += 3600
    looking.reactor.advance(3600)
    assert looking.states() == {"daemon": "problem"}


def test_it_ends_also_while_the_store_is_away(looking: Looking) -> None:
    looking.start()
    take_store_away(looking)
    stopped = Deferred.fromCoroutine(looking.job.stop())
    assert stopped.called
    assert "health-failed" in looking.lines.getvalue()


def test_a_look_that_hangs_makes_what_it_found_unknown(looking: Looking) -> None:
    looking.start()
    looking.pass_seconds(50)
    assert looking.states()["database"] == "fine"
    # From now on no thread brings anything.
    for _ in range(14):
        looking.sweep.finished_at = looking.reactor.seconds()
        looking.house.clock.now += 10
        looking.reactor.advance(10)
    assert looking.states()["database"] == "unknown"
    assert looking.states()["sweep"] == "fine"


def test_a_defect_in_one_look_hides_no_other(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("100 % unthought of")

    monkeypatch.setattr("tempmaild.jobs.asking.of_clamd", broken)
    looking.start()
    looking.pass_seconds(10)
    assert looking.states()["clamd"] == "unknown"
    assert looking.states()["database"] == "fine"
    (finding,) = [one for one in run(looking.house.appliance.health.findings()) if one.name == "clamd"]
    assert finding.text == "It could not be looked at: 100 % unthought of"
    assert "look-failed" in looking.lines.getvalue()
