"""The `tempmaild credential` command, and secrets that are given to commands."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.policy import Policy
from tempmaild.errors import WrongCredentials
from tests.support import run
from tests.test_cli import tempmaild  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tests.test_cli import House

ADDRESS = "joe@box.test"
PASSWORD = "correct horse"
_SECRET = r"(?:[0-9a-z]{5}-){5}[0-9a-z]"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def command(tempmaild: House) -> House:  # noqa: F811
    """The command, with a domain in which passwords may be chosen."""

    def add_domain(appliance: Appliance) -> None:
        run(appliance.domains.add("box.test", policy=Policy(passwords=True)))

    tempmaild.with_appliance(add_domain)
    return tempmaild


@pytest.fixture
def secret_file(command: House, tmp_path: Path) -> str:
    """The file with the owner's secret of a mailbox."""
    (new,) = command.objects("mailbox", "create", ADDRESS)
    file = tmp_path / "secret"
    file.write_text(new["secret"] + "\n")
    return str(file)


def opens(command: House, secret: str) -> bool:
    opened = []

    def log_in(appliance: Appliance) -> None:
        try:
            run(appliance.logins.login(ADDRESS, secret)).close()
        except WrongCredentials:
            return
        opened.append(True)

    command.with_appliance(log_in)
    return bool(opened)


def test_credentials_are_added_listed_and_revoked(command: House, secret_file: str) -> None:
    printed = command.done(
        "credential", "add", ADDRESS, "--secret-file", secret_file, "--label", "phone", "--read-only"
    )
    found = re.fullmatch(rf"id        (\d+)\nsecret    ({_SECRET})    \(shown only now\)\n", printed)
    assert found
    number, secret = found.groups()
    assert opens(command, secret)
    owner, phone = command.done("credential", "list", ADDRESS).splitlines()
    assert re.fullmatch(rf"\d+  owner  since {_TIME}", owner)
    assert re.fullmatch(rf"{number}  app  since {_TIME}  read-only  phone", phone)
    assert command.done("credential", "revoke", ADDRESS, number) == f"{number} revoked\n"
    assert not opens(command, secret)
    (left,) = command.objects("credential", "list", ADDRESS)
    assert list(left) == ["id", "kind", "label", "read_only", "chosen", "created_at"]
    assert (
        command.refused("credential", "revoke", ADDRESS, number) == f"the mailbox has no such credential ({number})"
    )
    assert "owner" in command.refused("credential", "revoke", ADDRESS, str(left["id"]))


def test_programs_get_what_they_need(command: House, secret_file: str) -> None:
    (added,) = command.objects("credential", "add", ADDRESS, "--secret-file", secret_file)
    assert opens(command, added["secret"])
    assert (added["kind"], added["read_only"], added["chosen"]) == ("app", False, False)


def test_secrets_come_from_standard_input(
    command: House, secret_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    with open(secret_file, encoding="utf-8") as file:  # noqa: PTH123 - what a shell does
        monkeypatch.setattr("sys.stdin", io.StringIO(file.read()))
    (added,) = command.objects(
        "credential", "add", ADDRESS, "--secret-file", "-", "--password-file", str(tmp_path / "password")
    )
    assert (added["secret"], added["chosen"]) == (None, True)
    assert opens(command, PASSWORD)


@pytest.mark.usefixtures("secret_file")
def test_a_sealed_mailbox_needs_the_owners_secret(command: House, tmp_path: Path) -> None:
    assert "sealed" in command.refused("credential", "add", ADDRESS)
    (tmp_path / "wrong").write_text("wrong\n")
    command.refused("credential", "add", ADDRESS, "--secret-file", str(tmp_path / "wrong"))
    assert "cannot read the secret" in command.refused("credential", "add", ADDRESS, "--secret-file", "/nowhere")
    assert len(command.objects("credential", "list", ADDRESS)) == 1


def test_a_mailbox_is_made_with_a_password(command: House, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\nand no more\r\n")
    printed = command.done("mailbox", "create", ADDRESS, "--password-file", str(file))
    assert "secret    as chosen\n" in printed
    assert PASSWORD not in printed
    assert opens(command, PASSWORD)
    (new,) = command.objects("mailbox", "create", "jane@box.test", "--password-file", str(file))
    assert new["secret"] is None


def test_a_password_is_asked_for_twice(command: House, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSWORD, "another horse", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    assert "the same twice" in command.refused("mailbox", "create", ADDRESS, "--password")
    command.done("mailbox", "create", ADDRESS, "--password")
    assert opens(command, PASSWORD)


def test_a_bad_password_is_refused(command: House, tmp_path: Path) -> None:
    file = tmp_path / "password"
    for password in ("short", "", ADDRESS):
        file.write_text(password)
        assert "(password: it " in command.refused("mailbox", "create", ADDRESS, "--password-file", str(file))


def test_no_password_is_taken_as_an_argument(command: House) -> None:
    command("mailbox", "create", ADDRESS, "--password", PASSWORD)
    assert command.code == 2
