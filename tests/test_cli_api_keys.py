"""`tempmaild key`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.api_key import SCOPES
from tempmaild.errors import ApiKeyExpired, NoSuchApiKey
from tests import test_cli
from tests.support import run

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.api_key import ApiKey

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""
SECRET = r"tmk_[\w-]{43}"


def opens(tempmaild: House, secret: str) -> ApiKey | str:
    """Give the key that a secret opens, or why it opens none."""
    answers: list[ApiKey | str] = []

    def check(appliance: Appliance) -> None:
        try:
            answers.append(run(appliance.api_keys.check(secret, "messages:read", "192.0.2.7")))
        except (ApiKeyExpired, NoSuchApiKey) as error:
            answers.append(type(error).__name__)

    tempmaild.with_appliance(check)
    return answers[0]


def test_a_key_is_made_and_listed(tempmaild: House) -> None:
    assert tempmaild.done("key", "list") == ""
    printed = tempmaild.done(
        "key", "add", "Tests", "--scope", "messages:read", "domains:read", "--network", "192.0.2.0/24"
    )
    found = re.fullmatch(rf"({SECRET})\ngood until {test_cli._TIME}; it is shown only now\n", printed)
    assert found
    assert opens(tempmaild, found[1])
    (key,) = tempmaild.objects("key", "list")
    for name in ("created_at", "expires_at", "used_at"):
        assert re.fullmatch(test_cli._TIME, key.pop(name))
    assert key == {
        "name": "tests",
        "prefix": found[1][:12],
        "scopes": ["messages:read", "domains:read"],
        "networks": ["192.0.2.0/24"],
        "created_by": "operator",
        "old_prefix": None,
        "old_until": None,
    }
    listed = tempmaild.done("key", "list")
    assert found[1] not in listed
    line = rf"tests  {key['prefix']}…  messages:read domains:read  from 192.0.2.0/24  until \S+  used \S+\n"
    assert re.fullmatch(line, listed)


def test_a_key_for_a_program_that_makes_it(tempmaild: House) -> None:
    (new,) = tempmaild.objects("key", "add", "tests", "--scope", *SCOPES, "--for", "1h")
    assert re.fullmatch(SECRET, new["key"])
    assert new["used_at"] is None
    assert new["scopes"] == list(SCOPES)
    assert "from anywhere" in tempmaild.done("key", "list")
    assert "never used" in tempmaild.done("key", "list")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("no name", "--scope", "messages:read"), "name: 'no name' is not made of"),
        (("tests", "--scope", "messages:read", "--network", "here"), "networks: 'here' is not ADDRESS/PREFIX"),
        (("tests", "--scope", "messages:read", "--for", "9999d"), "seconds: 863913600 is not between 1 and"),
    ],
)
def test_what_is_impossible_is_refused(tempmaild: House, options: tuple[str, ...], reason: str) -> None:
    assert f"a value is impossible ({reason}" in tempmaild.refused("key", "add", *options)
    assert tempmaild.done("key", "list") == ""


@pytest.mark.parametrize(
    "options",
    [
        ("add", "tests"),
        ("add", "--scope", "messages:read"),
        ("add", "tests", "--scope", "everything"),
        ("add", "tests", "--scope", "messages:read", "--for", "soon"),
        ("rotate", "tests", "--grace", "1h", "--at-once"),
    ],
)
def test_what_is_no_command_is_not_understood(tempmaild: House, options: tuple[str, ...]) -> None:
    tempmaild("key", *options)
    assert tempmaild.code == 2


def test_a_key_gets_another_secret(tempmaild: House) -> None:
    (old,) = tempmaild.objects("key", "add", "tests", "--scope", "messages:read")
    printed = tempmaild.done("key", "rotate", "TESTS", "--for", "30d", "--grace", "1h")
    found = re.match(rf"({SECRET})\n", printed)
    assert found
    assert f"the secret of before, {old['prefix']}…, is good until" in printed
    assert isinstance(opens(tempmaild, old["key"]), type(opens(tempmaild, found[1])))
    (new,) = tempmaild.objects("key", "rotate", "tests", "--at-once")
    assert opens(tempmaild, found[1]) == "ApiKeyExpired"
    assert opens(tempmaild, old["key"]) == "NoSuchApiKey"
    assert not isinstance(opens(tempmaild, new["key"]), str)


def test_a_key_is_removed(tempmaild: House) -> None:
    (key,) = tempmaild.objects("key", "add", "tests", "--scope", "messages:read")
    assert tempmaild.done("key", "remove", "Tests") == "tests removed\n"
    assert opens(tempmaild, key["key"]) == "NoSuchApiKey"
    for command in ("remove", "rotate"):
        assert tempmaild.refused("key", command, "tests") == "there is no such API key (tests)"
    actions = [row["action"] for row in tempmaild.objects("audit", "list")]
    assert actions == ["api-key-add", "api-key-remove"]


def test_names_are_not_given_twice(tempmaild: House) -> None:
    tempmaild.done("key", "add", "tests", "--scope", "messages:read")
    refused = tempmaild.refused("key", "add", "tests", "--scope", "messages:read")
    assert refused == "there is a limit, schedule or API key of this name (tests)"
