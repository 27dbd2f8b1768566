"""What is told of all parts, by what daemons have said and by what the database shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.health import Finding
from tempmaild.core.schedule import Every, Purge, Report, Schedule
from tempmaild.errors import NoSuchDomain
from tempmaild.store.health import PutHealth
from tempmaild.store.schedules import AddSchedule
from tempmaild.store.statistics import PutReport
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tempmaild.core.health import State
    from tests.support import TestAppliance

CLAMD = Finding("clamd", "warning", "Its signatures are old.", "renew them")
LISTENER = Finding("listener smtp", "fine", "It listens on [::]:25.")


def findings(house: TestAppliance) -> dict[str, Finding]:
    return {finding.name: finding for finding in run(house.appliance.health.findings())}


def states(house: TestAppliance) -> dict[str, State]:
    return {name: finding.state for name, finding in findings(house).items()}


def put(house: TestAppliance, *found: Finding, gauges: Mapping[str, float] | None = None) -> None:
    run(house.appliance.health.put(found))
    if gauges is not None:
        run(house.appliance.statistics.put("main", gauges))


def write(house: TestAppliance, change: object) -> None:
    run(house.appliance.health._access.write(change))  # type: ignore[arg-type]


def test_without_a_daemon_there_is_one_problem(house: TestAppliance) -> None:
    (finding,) = run(house.appliance.health.findings())
    assert (finding.name, finding.state) == ("daemon", "problem")
    assert "systemctl start tempmaild" in finding.remedy


def test_what_a_daemon_has_found_is_told_the_worst_first(house: TestAppliance) -> None:
    put(house, LISTENER, CLAMD)
    assert [finding.name for finding in run(house.appliance.health.findings())] == [
        "clamd",
        "daemon",
        "listener smtp",
    ]
    assert findings(house)["clamd"] == CLAMD
    assert findings(house)["daemon"].text == "It runs since 2026-05-28T20:26:40Z."


def test_a_daemon_that_says_nothing_is_a_problem_after_thirty_seconds(house: TestAppliance) -> None:
    put(house, LISTENER, CLAMD, gauges={"reactor/lag": 0.0})
    house.clock.now += 30
    assert states(house)["daemon"] == "fine"
    house.clock.now += 1
    assert states(house) == {"daemon": "problem", "listener smtp": "problem", "clamd": "unknown"}
    assert findings(house)["listener smtp"].text == "There was no word of it for 31 seconds."


def test_a_daemon_that_has_ended_left_nothing(house: TestAppliance) -> None:
    put(house, CLAMD, gauges={"reactor/lag": 0.0})
    run(house.appliance.health.end())
    assert states(house) == {"daemon": "problem"}


def test_several_hosts_are_told_apart(house: TestAppliance) -> None:
    put(house, CLAMD)
    house.clock.now += 31
    write(house, PutHealth("mx2.box.test", NOW, [LISTENER]))
    assert states(house) == {
        "daemon (mx.box.test)": "problem",
        "clamd (mx.box.test)": "unknown",
        "daemon (mx2.box.test)": "fine",
        "listener smtp (mx2.box.test)": "fine",
    }


def test_a_process_that_falls_silent_is_a_problem(house: TestAppliance) -> None:
    run(house.appliance.statistics.put("serving-1", {"sessions/imap": 3}))
    put(house, gauges={})
    assert states(house) == {"daemon": "fine"}
    house.clock.now += 31
    put(house, gauges={})
    assert states(house) == {"daemon": "fine", "process serving-1": "problem"}
    assert findings(house)["process serving-1"].text == "It has said nothing for 31 seconds."


def test_processes_of_before_the_daemon_began_are_not_missed(house: TestAppliance) -> None:
    run(house.appliance.statistics.put("serving-9", {"reactor/lag": 20.0}))
    house.clock.now += 31
    write(house, PutHealth("mx.box.test", NOW + 31, []))
    assert states(house) == {"daemon": "fine"}


@pytest.mark.parametrize(
    ("gauges", "name", "state"),
    [
        ({"reactor/lag": 0.99}, "reactor", "fine"),
        ({"reactor/lag": 1.0}, "reactor", "warning"),
        ({"reactor/lag": 10.0}, "reactor", "problem"),
        ({"writer/waiting": 1999}, "writer", "fine"),
        ({"writer/waiting": 2000}, "writer", "warning"),
        ({"checks/processes": 4, "checks/ready": 4}, "checking processes", "fine"),
        ({"checks/processes": 4, "checks/ready": 1}, "checking processes", "warning"),
        ({"checks/processes": 4, "checks/ready": 0}, "checking processes", "problem"),
    ],
)
def test_how_processes_keep_up(house: TestAppliance, gauges: dict[str, float], name: str, state: State) -> None:
    put(house, gauges=gauges)
    assert states(house) == {"daemon": "fine", name: state}


def test_the_worst_process_counts_for_lag_and_the_sum_for_checks(house: TestAppliance) -> None:
    put(house, gauges={"reactor/lag": 0.1, "checks/processes": 2, "checks/ready": 2})
    write(
        house,
        PutReport("mx.box.test", "serving-1", {"reactor/lag": 2.0, "checks/processes": 2, "checks/ready": 1}),
    )
    assert findings(house)["reactor"].text == "Clients wait for up to 2000 ms, because it is busy."
    assert findings(house)["checking processes"].text == "Checking mail: 3 of 4."


def test_schedules_tell_their_last_and_next_run(house: TestAppliance) -> None:
    put(house)
    run(house.appliance.schedules.add(Schedule("often", "", Report(), Every(3600))))
    run(house.appliance.schedules.add(Schedule("paused", "", Report(), Every(60), enabled=False)))
    finding = findings(house)["schedules"]
    assert finding.state == "fine"
    text = "Enabled: 1; the last run was at -, the next one is at 2026-05-28T21:26:40Z."
    assert finding.text == text


def test_a_schedule_that_is_overdue_is_a_problem(house: TestAppliance) -> None:
    run(house.appliance.schedules.add(Schedule("often", "", Report(), Every(3600))))
    house.clock.now += 3600 + 599
    put(house)
    assert states(house) == {"daemon": "fine", "schedules": "fine"}
    house.clock.now += 2
    put(house)
    assert states(house) == {"daemon": "fine", "schedule often": "problem"}


def test_a_schedule_that_has_failed_is_a_warning(house: TestAppliance) -> None:
    put(house)
    write(house, AddSchedule(Schedule("gone", "gone.test", Purge(), Every(3600))))
    run(house.appliance.schedules.run_now("gone"))
    kept = run(house.appliance.schedules.get("gone"))
    taken = run(house.appliance.schedules.take_up(kept.id))
    assert taken is not None

    async def rest() -> None:
        pass

    with pytest.raises(NoSuchDomain):
        run(house.appliance.schedules.run(taken, lambda: False, rest))
    finding = findings(house)["schedule gone"]
    assert finding.state == "warning"
    assert finding.remedy == "mend the cause, and: tempmaild schedule run gone"
