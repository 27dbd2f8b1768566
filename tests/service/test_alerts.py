"""A message is made of what is not well, and of nothing twice, over restarts."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tempmaild.appliance import open_appliance
from tempmaild.core.alerts import HOLD
from tempmaild.core.health import Finding
from tempmaild.settings import Settings
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.service.alerts import Draft
    from tests.support import TestAppliance

BAD = Finding("clamd", "problem", "It does not answer at %(where)s.", "start it", {"where": "unix:/x"})
WELL = Finding("clamd", "fine", "It answers.")


def take(house: TestAppliance, finding: Finding, seconds: int = 0) -> Draft | None:
    house.clock.now += seconds
    run(house.appliance.health.put([finding]))
    return run(house.appliance.alerts.take("problem"))


def test_a_problem_becomes_a_message_and_its_end_another(house: TestAppliance) -> None:
    alerts = house.appliance.alerts
    assert take(house, BAD) is None
    draft = take(house, BAD, HOLD)
    assert draft is not None
    assert draft.subject == "tempmaild on mx.box.test: 1 problem"
    assert draft.body.startswith("Problem: clamd: It does not answer at unix:/x.\n")
    assert draft.kind == "failure"
    run(alerts.note(draft, delivered=True))
    assert [(alert.name, alert.told) for alert in run(alerts.current())] == [("clamd", "problem")]
    assert take(house, BAD, 60) is None
    assert take(house, WELL, 60) is None
    over = take(house, WELL, HOLD)
    assert over is not None
    assert (over.subject, over.kind) == ("tempmaild on mx.box.test: 1 over", "success")
    run(alerts.note(over, delivered=True))
    assert run(alerts.current()) == []
    assert [message.subject for message in run(alerts.messages(10))] == [over.subject, draft.subject]


def test_a_restart_tells_nothing_again(tmp_path: Path) -> None:
    house = make_appliance(tmp_path)
    take(house, BAD)
    draft = take(house, BAD, HOLD)
    assert draft
    run(house.appliance.alerts.note(draft, delivered=True))
    house.close()
    settings = Settings.model_validate({"host": {"name": "mx.box.test", "state": tmp_path}})
    started = open_appliance(settings, clock=house.clock)
    with closing(started.handle):
        house.clock.now += 3600
        run(started.health.put([BAD]))
        assert run(started.alerts.take("problem")) is None


def test_a_daemon_that_is_away_is_told_of_by_another(house: TestAppliance) -> None:
    run(house.appliance.health.put([WELL]))
    house.clock.now += 31
    assert run(house.appliance.alerts.take("problem")) is None
    house.clock.now += HOLD
    draft = run(house.appliance.alerts.take("problem"))
    assert draft
    assert "daemon: It has said nothing for 2 minutes" in draft.body
    assert "clamd" not in draft.body
