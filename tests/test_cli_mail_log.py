"""`tempmaild log`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.mail_log import Event, Outcome
from tempmaild.core.verdict import Finding
from tests import test_cli
from tests.support import run

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""


def note(tempmaild: House, count: int = 1, **changes: Any) -> None:
    outcome = changes.pop("outcome", Outcome("refuse", "clamav", "550 5.7.1 No", (Finding("x-clamav", "fail"),)))
    values: dict[str, Any] = {
        "stage": "data",
        "client": "192.0.2.1",
        "helo": "mail.example.org",
        "sender": "joe@example.org",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "",
    }

    def act(appliance: Appliance) -> None:
        for number in range(count):
            appliance.mail_log.note(
                Event(at=appliance.now(), queue_id=f"s{number}", **values | changes, outcome=outcome)
            )
        run(appliance.mail_log.flush())

    tempmaild.with_appliance(act)


@pytest.fixture
def shown(tempmaild: House) -> House:
    with tempmaild.config.open("a") as file:
        file.write('[mail_log]\naddresses = "shown"\n')
    return tempmaild


def test_is_empty_at_first(tempmaild: House) -> None:
    assert tempmaild.done("log") == ""


def test_says_what_became_of_mail(shown: House) -> None:
    note(shown)
    line = shown.done("log").rstrip("\n")
    assert line.endswith("  refuse (clamav)  s0  192.0.2.1 <joe@example.org> -> <me@box.test>  4096  550 5.7.1 No")
    (row,) = shown.objects("log")
    assert row.pop("time") == line.partition("  ")[0]
    assert row == {
        "disposition": "refuse",
        "decided_by": "clamav",
        "stage": "data",
        "id": "s0",
        "client": "192.0.2.1",
        "helo": "mail.example.org",
        "sender": "joe@example.org",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "",
        "reply": "550 5.7.1 No",
        "findings": ["x-clamav=fail"],
    }


def test_says_what_is_not_kept(tempmaild: House) -> None:
    with tempmaild.config.open("a") as file:
        file.write('[mail_log]\naddresses = "hidden"\n')
    note(tempmaild)
    assert "192.0.2.1 (not kept) -> (not kept)" in tempmaild.done("log")


@pytest.mark.parametrize(
    ("option", "value", "other"),
    [
        ("--recipient", "me@box.test", "you@box.test"),
        ("--sender", "example.org", "example.net"),
        ("--client", "192.0.2.0/24", "192.0.3.0/24"),
        ("--why", "clamav", "spf"),
        ("--disposition", "refuse", "accept"),
        ("--id", "s0", "s"),
        ("--within", "1h", ""),
    ],
)
def test_finds(tempmaild: House, option: str, value: str, other: str) -> None:
    note(tempmaild)
    assert len(tempmaild.objects("log", option, value)) == 1
    if other:
        assert tempmaild.objects("log", option, other) == []


def test_ends_where_it_is_told(tempmaild: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild.cli.mail_log._TOGETHER", 2)
    note(tempmaild, 7)
    assert [row["id"] for row in tempmaild.objects("log", "--limit", "5")] == ["s6", "s5", "s4", "s3", "s2"]
    assert len(tempmaild.objects("log")) == 7


def test_refuses_what_makes_no_sense(tempmaild: House) -> None:
    assert "nobody" in tempmaild.refused("log", "--client", "nobody")
