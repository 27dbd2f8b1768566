"""`tempmaild alert`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.alerts import HOLD
from tempmaild.core.health import Finding
from tests import test_cli
from tests.http_target import HttpTarget
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.appliance import Appliance

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""
CLAMD = Finding("clamd", "problem", "It does not answer.", "start it")


@pytest.fixture
def target() -> Iterator[HttpTarget]:
    with HttpTarget() as target:
        yield target


def configure(tempmaild: House, *urls: str) -> None:
    with tempmaild.config.open("a") as config:
        config.write(f"[alerts]\nurls = {list(urls)!r}\n")


def test_a_test_goes_to_all(tempmaild: House, target: HttpTarget) -> None:
    configure(tempmaild, target.url("/one"), target.url("/two"))
    assert tempmaild.done("alert", "test") == "1 (json): sent\n2 (json): sent\n"
    assert [(path, message["title"]) for path, message in target.posted] == [
        ("/one", "tempmaild on mx.box.test: a test"),
        ("/two", "tempmaild on mx.box.test: a test"),
    ]


def test_a_test_tells_who_did_not_take_it(tempmaild: House, target: HttpTarget) -> None:
    configure(tempmaild, "nosuch://hunter2", target.url())
    assert tempmaild("alert", "test") == "2 (json): sent\n"
    assert tempmaild.code == 1
    assert tempmaild.errors == "1 (nosuch): apprise does not know such a URL, or a part of it is missing\n"


def test_without_anybody_there_is_no_test(tempmaild: House) -> None:
    assert tempmaild("alert", "test") == ""
    assert (tempmaild.code, tempmaild.errors) == (1, "Nobody is told: alerts.urls is empty.\n")


def test_how_the_parts_are(tempmaild: House) -> None:
    assert tempmaild.done("alert", "show").startswith("problem   daemon: No daemon runs")

    def put(appliance: Appliance) -> None:
        run(appliance.health.put([CLAMD]))

    tempmaild.with_appliance(put)
    bad, remedy, well = tempmaild.done("alert", "show").splitlines()
    assert (bad, remedy) == ("problem   clamd: It does not answer.", "          start it")
    assert re.fullmatch(rf"fine      daemon: It runs since {test_cli._TIME}\.", well)
    assert tempmaild.objects("alert", "show")[0] == {
        "name": "clamd",
        "state": "problem",
        "text": "It does not answer.",
        "remedy": "start it",
    }


def test_what_was_sent(tempmaild: House) -> None:
    assert tempmaild.done("alert", "list") == ""

    def tell(appliance: Appliance) -> None:
        run(appliance.health.put([CLAMD]))
        assert run(appliance.alerts.take("problem")) is None
        appliance.handle.run("UPDATE alert SET since = since - ?", HOLD)
        for delivered in (False, True):
            draft = run(appliance.alerts.take("problem"))
            assert draft
            run(appliance.alerts.note(draft, delivered=delivered))

    tempmaild.with_appliance(tell)
    lines = tempmaild.done("alert", "list").splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "delivered      tempmaild on mx.box.test: 1 problem",
        "NOT DELIVERED  tempmaild on mx.box.test: 1 problem",
    ]
    assert [message["delivered"] for message in tempmaild.objects("alert", "list")] == [True, False]
