"""Schedules that the command line makes while daemons run."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.schedule import Every, Report, Schedule
from tempmaild.core.timespan import DAY
from tests.daemon import DOMAIN, start_daemon
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon

_PATIENCE = 30.0


@pytest.fixture(params=["sqlite", "postgresql"])
def daemons(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[RunningDaemon]]:
    """A daemon on SQLite, or two on one PostgreSQL database."""
    store: dict[str, Any] = {}
    names = "a"
    if request.param == "postgresql":
        store = {"url": request.getfixturevalue("postgres_url"), "readers": 2}
        names = "ab"
    started: list[RunningDaemon] = []
    try:
        started += [start_daemon(tmp_path / name, store=store) for name in names]
        yield started
        assert {daemon.stop() for daemon in started} == {0}
    finally:
        for daemon in started:
            daemon.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < _PATIENCE
        time.sleep(0.05)


def runs(daemons: list[RunningDaemon], name: str) -> int:
    """Count how often a schedule was run, by the logs of all daemons."""
    lines = "".join(daemon.log.read_text() for daemon in daemons).splitlines()
    return sum("schedules schedule-run " in line and f"schedule={name} " in line for line in lines)


def add_before(daemon: RunningDaemon, seconds: int, schedule: Schedule) -> None:
    """Add a schedule as if that had been so many seconds ago."""
    appliance = open_appliance(daemon.settings, clock=lambda: time.time() - seconds)
    with closing(appliance.handle):
        run(appliance.schedules.add(schedule))


def test_a_wish_is_fulfilled_by_one_daemon(daemons: list[RunningDaemon]) -> None:
    first = daemons[0]
    first.create_many(3)
    first.command(
        *("schedule", "add", "yearly", "--cron", "0 4 1 1 *", "--domain", DOMAIN, "--action", "purge"),
    )
    assert len(first.command("mailbox", "list").splitlines()) == 3
    first.command("schedule", "run", "yearly")
    until(lambda: runs(daemons, "yearly") == 1)
    assert first.command("mailbox", "list") == ""
    shown = json.loads(first.command("schedule", "show", "yearly", "--json"))
    assert shown["last_outcome"]["mailboxes"] == 3
    first.command("schedule", "run", "yearly")
    until(lambda: runs(daemons, "yearly") == 2)
    written = "".join(daemon.log.read_text() for daemon in daemons)
    assert "apscheduler" not in written
    assert "traceback" not in written.lower()


def test_a_due_time_is_seen_by_one_daemon(daemons: list[RunningDaemon]) -> None:
    # Both are due in three seconds.
    add_before(daemons[-1], DAY - 3, Schedule("paused", "", Report(), Every(DAY), enabled=False))
    add_before(daemons[-1], DAY - 3, Schedule("daily", "", Report(), Every(DAY)))
    until(lambda: runs(daemons, "daily") == 1)
    daemons[0].command("schedule", "remove", "daily")
    assert (runs(daemons, "daily"), runs(daemons, "paused")) == (1, 0)


def test_what_was_missed_is_made_up_at_the_start(daemons: list[RunningDaemon]) -> None:
    for daemon in daemons:
        assert daemon.stop() == 0
    # Two times have passed, and the next is half a day away.
    add_before(daemons[0], 5 * DAY // 2, Schedule("daily", "", Report(), Every(DAY)))
    for daemon in daemons:
        daemon.start()
    until(lambda: runs(daemons, "daily") == 1)
    for daemon in daemons:
        daemon.restart()
    assert runs(daemons, "daily") == 1
