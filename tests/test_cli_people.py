"""`tempmaild operator`."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from tests import test_cli

if TYPE_CHECKING:
    from pathlib import Path

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""
PASSWORD = "nine lives of tea"
LINK = re.compile(rf"http://127\.0\.0\.1:8025/invitation/[\w-]{{43}}\ngood once, until {test_cli._TIME}\n")


@pytest.fixture
def file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return str(file)


def test_people_are_added_changed_and_removed(tempmaild: House, file: str) -> None:
    assert tempmaild.done("operator", "list") == ""
    added = tempmaild.done("operator", "add", "Ann", "--role", "owner", "--password-file", file)
    assert added == "ann may sign in as owner\n"
    tempmaild.done("operator", "add", "bob", "--password-file", file)
    ann, bob = tempmaild.objects("operator", "list")
    assert re.fullmatch(test_cli._TIME, ann.pop("created_at"))
    assert ann == {"name": "ann", "role": "owner", "enabled": True, "totp": False, "signed_in_at": None}
    assert bob["role"] == "operator"
    assert tempmaild.done("operator", "set", "Bob", "--role", "viewer", "--disable") == (
        "bob is viewer, and may not sign in\n"
    )
    assert tempmaild.done("operator", "list") == (
        "ann  owner, without totp, never signed in\nbob  viewer, without totp, disabled, never signed in\n"
    )
    assert tempmaild.done("operator", "set", "bob", "--enable") == "bob is viewer\n"
    assert tempmaild.done("operator", "remove", "bob") == "bob removed\n"
    assert [person["name"] for person in tempmaild.objects("operator", "list")] == ["ann"]


def test_links(tempmaild: House, file: str) -> None:
    assert LINK.fullmatch(tempmaild.done("operator", "invite", "--role", "owner", "--note", "for Ann"))
    tempmaild.done("operator", "add", "ann", "--password-file", file)
    assert LINK.fullmatch(tempmaild.done("operator", "reset", "Ann", "--for", "12h"))
    subjects = [(row["action"], row["subject"]) for row in tempmaild.objects("audit", "list")]
    assert ("person-invite", "") in subjects
    assert ("person-reset", "ann") in subjects


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "no name", "--password-file", "FILE"), "(name: 'no name' is not made of at most 64 of a-z"),
        (("add", "ann", "--password-file", "FILE"), "somebody of this name operates the host already (ann)"),
        (("add", "bob", "--password-file", "/nowhere"), "(file: cannot read the secret: "),
        (("remove", "bob"), "nobody of this name operates the host (bob)"),
        (("set", "bob", "--disable"), "nobody of this name operates the host (bob)"),
        (("reset", "bob"), "nobody of this name operates the host (bob)"),
        (("remove", "ann"), "without this owner there would be none who can sign in (ann)"),
        (("set", "ann", "--role", "viewer"), "without this owner there would be none who can sign in (ann)"),
        (("set", "ann", "--disable"), "without this owner there would be none who can sign in (ann)"),
        (("invite", "--for", "40d"), "(seconds: 3456000 is not between 1 and 2592000)"),
        (("invite", "--note", "a\nb"), "(note: it is not one line"),
    ],
)
def test_what_is_wrong_is_said(tempmaild: House, file: str, arguments: tuple[str, ...], said: str) -> None:
    tempmaild.done("operator", "add", "ann", "--role", "owner", "--password-file", file)
    assert said in tempmaild.refused("operator", *(file if word == "FILE" else word for word in arguments))


def test_the_password_is_asked_for(tempmaild: House, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSWORD, PASSWORD, PASSWORD, "another", "short", "short"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    tempmaild.done("operator", "add", "ann")
    assert "it was not typed the same twice" in tempmaild.refused("operator", "add", "bob")
    assert "it has not 12 to 256 characters" in tempmaild.refused("operator", "add", "bob")


def test_the_password_comes_from_standard_input(tempmaild: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    tempmaild.done("operator", "add", "ann", "--password-file", "-")
