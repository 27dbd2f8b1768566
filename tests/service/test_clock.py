"""The clock of the host is set back and forward by a year: nothing ends early, and UIDVALIDITY keeps growing."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tempmaild import log
from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.core.timekeeper import LARGEST_STEP, Timekeeper
from tempmaild.errors import InvalidValue
from tempmaild.notify.hub import Hub
from tempmaild.service.clock import Clock
from tempmaild.service.mailboxes import Purged
from tempmaild.settings import Settings
from tempmaild.store.access import Immediate
from tempmaild.store.queries import Queries
from tempmaild.store.vault import open_vault
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAY = 86_400
_WEEK = 7 * _DAY
_YEAR = 365 * _DAY


class Host:
    """A host with a clock that may be set, on which daemons are started; a `start` is a restart."""

    def __init__(self, url: str, state: Path) -> None:
        self.wall = float(NOW)
        self.steady = 0.0
        self.lines = io.StringIO()
        log.configure("info", "text", self.lines)
        sections = {"host": {"name": "mx.box.test", "state": state}, "store": {"url": url}}
        self._settings = Settings.model_validate(sections)
        self.start()
        run(self.appliance.domains.add("box.test"))
        run(self.clock.keep())

    def start(self) -> None:
        with closing(open_appliance(self._settings).handle) as handle:
            mark = Queries(handle).counter("clock")
        self.keeper = Timekeeper(lambda: self.wall, lambda: self.steady, mark, _WEEK)
        self.appliance = open_appliance(self._settings, clock=self.keeper)
        self.clock = self.clock_by(self.keeper)
        run(self.clock.keep())

    def clock_by(self, keeper: Timekeeper) -> Clock:
        handle, hub = self.appliance.handle, self.appliance.hub
        vault = open_vault("mx.box.test", self._settings.signing_key_path)
        access = Immediate(handle, vault, keeper, hub.publish)
        return Clock(access, Queries(handle), hub, keeper, log.get_log("clock"))

    def restart(self) -> None:
        self.appliance.handle.close()
        self.start()

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds
        run(self.clock.keep())

    @property
    def mark(self) -> int:
        return Queries(self.appliance.handle).counter("clock")

    def lives(self, address: str) -> bool:
        return not run(self.appliance.mailboxes.describe(address)).expired

    def create(self, address: str, seconds: int = _DAY) -> int:
        """Make a mailbox; the UIDVALIDITY of its INBOX."""
        run(self.appliance.mailboxes.create(address, Lifetime(seconds)))
        folders = run(self.appliance.mailboxes.describe(address)).folders
        return next(folder.uid_validity for folder in folders if folder.name == INBOX)


@pytest.fixture
def host(database_url: str, tmp_path: Path) -> Iterator[Host]:
    host = Host(database_url, tmp_path)
    yield host
    host.appliance.handle.close()


@pytest.mark.parametrize("years", [1, -1])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_a_year_off_ends_nothing_early(host: Host, years: int, restarted: bool) -> None:
    host.create("a@box.test")
    host.wait(100)
    host.wall += years * _YEAR
    if restarted:
        host.restart()
    run(host.clock.keep())
    assert run(host.appliance.sweep.round()) == Purged(0, 0)
    assert host.lives("a@box.test")
    assert host.lines.getvalue().count("clock-not-believed") == 1
    run(host.clock.keep())
    assert host.lines.getvalue().count("clock-not-believed") == 1, "it is said once"
    host.wait(_DAY - 101)
    assert host.lives("a@box.test")
    host.wait(1)
    assert not host.lives("a@box.test")
    assert run(host.appliance.sweep.round()) == Purged(1, 0)


def test_uid_validity_grows_over_clocks_that_are_set_back(host: Host) -> None:
    seen = []
    for number, step in enumerate((0, -_YEAR, -10, _YEAR, -_YEAR)):
        host.wall += step
        if number % 2:
            host.restart()
        seen.append(host.create("a@box.test"))
        run(host.appliance.mailboxes.destroy(run(host.appliance.mailboxes.find("a@box.test"))))
        host.appliance.handle.run("DELETE FROM quarantine")
        host.wait(2)
    assert seen == sorted(set(seen))


class TestMark:
    def test_is_written_about_once_a_minute(self, host: Host) -> None:
        assert host.mark == NOW
        host.wait(59)
        assert host.mark == NOW
        host.wait(1)
        assert host.mark == NOW + 60

    def test_is_what_a_long_rest_is_measured_from(self, host: Host) -> None:
        host.wait(_DAY)
        host.wall += _WEEK
        host.restart()
        assert host.keeper() == host.wall
        host.wall += _WEEK + 1
        host.restart()
        assert host.keeper() == host.wall - _WEEK - 1

    def test_of_another_daemon_is_followed(self, host: Host) -> None:
        host.appliance.handle.run("UPDATE counter SET value = ? WHERE name = 'clock'", NOW + 90)
        host.wait(60)
        assert host.keeper() == NOW + 90


class TestAccept:
    @pytest.mark.parametrize("years", [1, -1])
    def test_has_the_host_s_clock_believed(self, host: Host, years: int) -> None:
        host.wait(_DAY)
        host.wall += years * _YEAR
        run(host.clock.keep())
        standing = run(host.clock.standing())
        assert (standing.believed, standing.time, standing.host) == (False, NOW + _DAY, host.wall)
        assert run(host.clock.accept("operator")) == standing
        run(host.clock.keep())
        assert host.keeper() == host.wall
        assert host.mark == host.wall
        standing = run(host.clock.standing())
        assert (standing.believed, standing.time) == (True, host.wall)
        run(host.clock.keep())
        assert "clock-believed" in host.lines.getvalue()

    def test_is_heard_by_other_daemons(self, host: Host) -> None:
        """The command line accepts; a daemon hears that settings have changed, or looks when it writes the mark."""
        host.wall -= _YEAR
        run(host.clock.keep())
        hub = Hub()
        vault = open_vault("mx.box.test", host._settings.signing_key_path)
        access = Immediate(host.appliance.handle, vault, host.keeper, hub.publish)
        command = Clock(access, Queries(host.appliance.handle), hub, host.keeper, log.get_log("clock"))
        run(command.accept("operator"))
        host.wait(59)
        assert host.keeper.doubtful, "it has heard of nothing, and it is not time to look"
        host.appliance.hub.publish(None)
        host.wait(0)
        assert host.keeper() == host.wall
        assert not host.keeper.doubtful

    def test_is_audited(self, host: Host) -> None:
        run(host.clock.accept("operator"))
        row = host.appliance.handle.row("SELECT actor, action FROM audit ORDER BY id DESC LIMIT 1")
        assert tuple(row or ()) == ("operator", "clock-accept")


class TestACommandThatDestroys:
    def test_goes_by_a_clock_that_agrees_with_the_daemon_s(self, host: Host) -> None:
        host.wall += LARGEST_STEP
        host.restart()
        run(host.clock.check())

    @pytest.mark.parametrize("seconds", [LARGEST_STEP + 1, _WEEK, _YEAR, -_YEAR])
    def test_does_not_believe_another_one_before_it_is_accepted(self, host: Host, seconds: int) -> None:
        host.wall += seconds
        keeper = Timekeeper(lambda: host.wall, lambda: host.steady, host.mark, _WEEK)
        clock = host.clock_by(keeper)
        keeper()
        with pytest.raises(InvalidValue, match="clock accept"):
            run(clock.check())
        run(clock.accept("operator"))
        keeper.move_to(host.wall)
        run(clock.check())

    def test_needs_no_daemon_that_ever_ran(self, host: Host) -> None:
        host.appliance.handle.run("UPDATE counter SET value = 0 WHERE name = 'clock'")
        run(host.clock.check())
