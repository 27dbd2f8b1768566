"""The mail log of a running daemon: it is there when the daemon has ended, and tells nothing to who steals it."""

from __future__ import annotations

import json
import smtplib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon

MESSAGE = b"From: <a@sender.test>\r\nSubject: hello\r\n\r\nHello.\r\n"
SENDER = "somebody@sender.test"


@pytest.fixture
def daemon(database_url: str, tmp_path: Path) -> Iterator[RunningDaemon]:
    daemon = start_daemon(tmp_path, store={"url": database_url, "readers": 2})
    yield daemon
    daemon.close()


def deliver(daemon: RunningDaemon, account: Account) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=60) as client:
        assert client.sendmail(SENDER, [account.address], MESSAGE) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(SENDER, ["nobody@box.test"], MESSAGE)


def logged(daemon: RunningDaemon, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in daemon.command("log", "--json", *arguments).splitlines()]


def test_is_there_when_the_daemon_has_ended(daemon: RunningDaemon) -> None:
    account = daemon.create()
    deliver(daemon, account)
    assert daemon.stop() == 0
    refused, accepted = logged(daemon, "--sender", SENDER)
    assert (accepted["disposition"], accepted["stage"], accepted["size"]) == ("accept", "data", len(MESSAGE))
    assert (refused["disposition"], refused["decided_by"], refused["client"]) == ("refuse", "no-such-mailbox", HOST)
    assert logged(daemon, "--recipient", account.address) == [accepted]
    assert logged(daemon, "--sender", "nobody@sender.test") == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stolen_database_does_not_tell_who_has_written(daemon: RunningDaemon) -> None:
    deliver(daemon, daemon.create())
    assert daemon.stop() == 0
    assert len(logged(daemon)) == 2
    with closing(sqlite3.connect(daemon.settings.sqlite_path)) as database:
        rows = database.execute("SELECT * FROM mail_log").fetchall()
    assert len(rows) == 2
    assert "sender.test" not in str(rows)
    for file in daemon.state.glob("tempmaild.db*"):
        assert b"sender.test" not in file.read_bytes()
