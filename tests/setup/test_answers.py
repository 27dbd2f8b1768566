"""What is decided for an installation, and the settings that come of it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tempmaild.errors import InvalidValue
from tempmaild.settings import load
from tempmaild.setup.answers import Answers, certbot_files, checked
from tempmaild.setup.configuration import configuration

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "postgresql://joe:hidden@db.test/mail"
FULL = Answers(
    host="mx.example.org",
    domain="box.example.org",
    certificate="/etc/ssl/chain.pem",
    key="/etc/ssl/key.pem",
    database="postgresql:///mail?host=/run/postgresql",
    clamd="unix:/run/clamav/clamd.ctl",
    operator="postmaster@box.example.org",
    console="https://console.example.org",
    alerts="json://hooks.example.org slack://hidden@example",
)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("host", "", "not a host name"),
        ("host", "localhost", "not the full name of a host"),
        ("host", "mx example.org", "not a host name"),
        ("domain", "a..b", ""),
        ("certificate", "chain.pem", "not a path from the root"),
        ("certificate", "", "belongs to the key"),
        ("key", "", "belongs to the certificate"),
        ("database", "mysql://a", "must start with postgresql://"),
        ("database", "postgresql://joe:hidden@[/mail", "not the URL of a PostgreSQL database"),
        ("clamd", "somewhere", "not an address"),
        ("operator", "postmaster", "not the address of a mailbox"),
        ("console", "console.example.org", "not the address of a host in the web"),
        ("alerts", "json://hooks.example.org hidden", "not a URL as apprise has it"),
    ],
)
def test_what_is_impossible_is_told_with_its_reason(field: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        checked(FULL._replace(**{field: value}))
    assert reason in caught.value.reason
    assert "hidden" not in str(caught.value)


def test_answers_are_in_their_shortest_form() -> None:
    answers = checked(
        FULL._replace(
            host="MX.Example.org", domain="Box.Example.org", console="https://C.example.org/", alerts=" a://b "
        )
    )
    assert (answers.host, answers.domain) == ("mx.example.org", "box.example.org")
    assert (answers.console, answers.alerts) == ("https://c.example.org", "a://b")
    with pytest.raises(InvalidValue, match="needs a domain"):
        checked(Answers("mx.example.org", operator="postmaster@box.example.org"))


def test_a_password_is_seen() -> None:
    assert not FULL.has_password
    assert not Answers("a.b").has_password
    assert FULL._replace(database=PASSWORD).has_password


def test_certbots_files_are_found_by_the_name_of_the_host(tmp_path: Path) -> None:
    assert certbot_files("mx.example.org", tmp_path) == ("", "")
    folder = tmp_path / "mx.example.org"
    folder.mkdir()
    (folder / "fullchain.pem").touch()
    assert certbot_files("mx.example.org", tmp_path) == ("", "")
    (folder / "privkey.pem").touch()
    live = "/etc/letsencrypt/live/mx.example.org"
    assert certbot_files("mx.example.org", tmp_path) == (f"{live}/fullchain.pem", f"{live}/privkey.pem")


class TestConfiguration:
    def load(self, answers: Answers, folder: Path) -> dict[str, dict[str, object]]:
        path = folder / "tempmaild.toml"
        path.write_text(configuration(answers, "/opt/sample.toml"))
        load(path, {})
        return tomllib.loads(path.read_text())

    def test_is_read_as_it_was_meant(self, tmp_path: Path) -> None:
        assert set(self.load(FULL, tmp_path)) == {
            "host",
            "store",
            "tls",
            "lmtp",
            "imap",
            "pop3",
            "mailbox",
            "clamav",
            "admin",
        }
        settings = load(tmp_path / "tempmaild.toml", {})
        assert settings.host.name == FULL.host
        assert str(settings.tls.key) == FULL.key
        assert str(settings.clamav.address) == FULL.clamd
        assert [str(address) for address in settings.imap.listen_tls] == ["[::]:993"]
        assert (settings.admin.url, settings.admin.behind_proxy) == (FULL.console, True)

    def test_has_only_what_differs_from_the_defaults(self, tmp_path: Path) -> None:
        assert set(self.load(Answers("mx.example.org"), tmp_path)) == {"host", "lmtp"}

    def test_holds_no_password(self, tmp_path: Path) -> None:
        assert "store" not in self.load(FULL._replace(database=PASSWORD), tmp_path)
        assert "hidden" not in (tmp_path / "tempmaild.toml").read_text()
