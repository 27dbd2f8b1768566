"""Domains that the command line changes while the daemon runs."""

from __future__ import annotations

import smtplib
import time
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, RunningDaemon, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WITHIN = 1.0
"""Seconds after which a change is in force."""
_PATIENCE = 15.0
"""Seconds for which a test waits on a machine that is busy with other things."""


@pytest.fixture
def daemon(database_url: str, tmp_path: Path) -> Iterator[RunningDaemon]:
    daemon = start_daemon(tmp_path, store={"url": database_url})
    yield daemon
    daemon.close()


def answers(daemon: RunningDaemon, address: str, expected: int) -> bool:
    """Ask with RCPT until the answer is the expected one."""
    until = time.monotonic() + _PATIENCE
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=10) as client:
        client.ehlo()
        client.mail("a@example.org")
        while (code := client.rcpt(address)[0]) != expected and time.monotonic() < until:
            time.sleep(_WITHIN / 10)
    return code == expected


def test_are_seen_by_the_daemon(daemon: RunningDaemon) -> None:
    assert answers(daemon, "any@a.new.test", 550)
    daemon.command("domain", "add", "*.new.test", "--kind", "open")
    assert answers(daemon, "any@a.new.test", 250)
    daemon.command("domain", "disable", "*.new.test")
    assert answers(daemon, "any@a.new.test", 550)
    daemon.command("domain", "enable", "*.new.test")
    assert answers(daemon, "any@a.new.test", 250)


def test_without_a_reader_for_postmaster_are_warned_of(daemon: RunningDaemon) -> None:
    assert answers(daemon, "postmaster@box.test", 550)
    warning = 'nobody-reads-postmaster names="box.test, mx.box.test"'
    until = time.monotonic() + _PATIENCE
    while warning not in daemon.log.read_text() and time.monotonic() < until:
        time.sleep(_WITHIN / 10)
    assert warning in daemon.log.read_text()
    daemon.command("mailbox", "create", "postmaster@box.test", "--role", "--lifetime", "forever")
    assert answers(daemon, "Postmaster@box.test", 250)
