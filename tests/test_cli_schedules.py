"""`tempmaild schedule`: what it prints, and what it refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.test_cli import _TIME, House, tempmaild  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from typing import Any

NIGHTLY = ("schedule", "add", "nightly", "--cron", "0 4 * * sun", "--action", "purge", "--older-than", "7d")


@pytest.fixture
def house(tempmaild: House) -> House:  # noqa: F811 - the fixture
    tempmaild.done("domain", "add", "box.test")
    return tempmaild


def shown(house: House, name: str = "nightly") -> dict[str, Any]:
    (fields,) = house.objects("schedule", "show", name)
    return fields


def test_add_list_show(house: House) -> None:
    assert house.done(*NIGHTLY) == "nightly added\n"
    often = (
        "schedule",
        "add",
        "often",
        "--every",
        "10m",
        "--action",
        "shorten",
        "--to",
        "1h",
        "--domain",
        "box.test",
    )
    assert house.done(*often) == "often added\n"
    assert house.done("schedule", "list").splitlines() == [
        "nightly  purge older_than=604800  all domains  at 0 4 * * sun UTC",
        "often  shorten to=3600  box.test  every 600 seconds",
    ]
    nightly, often_shown = house.objects("schedule", "list")
    assert nightly == shown(house)
    assert re.fullmatch(_TIME, nightly.pop("created_at"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT04:00:00Z", nightly.pop("next_due"))
    assert nightly == {
        "name": "nightly",
        "domain": None,
        "action": "purge",
        "arguments": {"older_than": 604_800},
        "cron": "0 4 * * sun",
        "every": None,
        "enabled": True,
        "last_run": None,
        "last_outcome": None,
    }
    assert (often_shown["domain"], often_shown["every"], often_shown["arguments"]) == ("box.test", 600, {"to": 3600})
    text = house.done("schedule", "show", "often")
    assert re.fullmatch(
        "name      often\ndomain    box.test\naction    shorten to=3600\nwhen      every 600 seconds\n"
        f"next run  {_TIME}\nlast run  none\n",
        text,
    )


def test_set(house: House) -> None:
    house.done(*NIGHTLY)
    assert house.done("schedule", "set", "nightly", "--every", "1h") == "nightly changed\n"
    fields = shown(house)
    assert (fields["cron"], fields["every"], fields["arguments"]) == (None, 3600, {"older_than": 604_800})
    house.done("schedule", "set", "nightly", "--domain", "box.test", "--older-than", "0")
    fields = shown(house)
    assert (fields["domain"], fields["every"], fields["arguments"]) == ("box.test", 3600, {"older_than": 0})
    house.done("schedule", "set", "nightly", "--domain", "", "--action", "shorten", "--to", "1h")
    fields = shown(house)
    assert (fields["domain"], fields["action"], fields["arguments"]) == (None, "shorten", {"to": 3600})


def test_pause_resume_run_remove(house: House) -> None:
    house.done(*NIGHTLY)
    assert house.done("schedule", "pause", "nightly") == "nightly paused\n"
    assert house.done("schedule", "list").endswith(" (paused)\n")
    assert (shown(house)["enabled"], shown(house)["next_due"]) == (False, None)
    assert house.done("schedule", "resume", "nightly") == "nightly resumed\n"
    assert shown(house)["enabled"] is True
    assert house.done("schedule", "run", "nightly") == "nightly will be run by the daemon at once\n"
    assert house.done("schedule", "remove", "nightly") == "nightly removed\n"
    assert house.done("schedule", "list") == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--action", "report"), "timing: --cron or --every is needed"),
        (("--action", "report", "--every", "9"), "every: 9 is not between 10 seconds and 315360000 (ten years)"),
        (("--action", "report", "--cron", "0 4 * *"), "cron: '0 4 * *' does not have the five fields "),
        (("--action", "report", "--cron", "0 4 30 2 *"), "cron: '0 4 30 2 *' never comes"),
        (("--action", "report", "--cron", "0 25 * * *"), "cron: '0 25 * * *' is no cron line: Error validating"),
        (("--action", "shorten", "--every", "1h"), "to: shorten needs it"),
        (("--action", "purge", "--every", "1h", "--to", "1h"), "to: purge has no such argument"),
        (("--action", "shorten", "--every", "1h", "--to", "5"), "to: 5 is not between 10 seconds and "),
    ],
)
def test_impossible_values_are_named(house: House, arguments: tuple[str, ...], says: str) -> None:
    assert house.refused("schedule", "add", "nightly", *arguments).startswith(f"a value is impossible ({says}")
    assert house.done("schedule", "list") == ""


def test_what_is_not_there_is_refused(house: House) -> None:
    for command in ("set", "remove", "pause", "resume", "run", "show"):
        assert house.refused("schedule", command, "nightly") == "no schedule has this name (nightly)"
    house.done(*NIGHTLY)
    assert house.refused(*NIGHTLY) == "there is a limit, schedule or API key of this name (nightly)"
    refused = house.refused("schedule", "set", "nightly", "--domain", "other.test")
    assert refused == "the domain is not one of ours (other.test)"
