"""What is over is gone from a daemon within seconds: for who is connected, and from every file."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.mailbox import INBOX
from tempmaild.store.messages import ExpireRead
from tempmaild.store.queries import Queries
from tempmaild.store.vault import open_vault
from tempmaild.store.writer import commit
from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tests.daemon import Account, RunningDaemon

_PATIENCE = 60.0
"""Seconds within which everything is erased; a requirement."""
_SHORTEST = 10
_YEAR = 365 * 86_400


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    daemon = start_daemon(tmp_path)
    yield daemon
    daemon.close()


class Idler:
    """An IMAP client that idles in its INBOX."""

    def __init__(self, daemon: RunningDaemon, account: Account) -> None:
        self.socket = socket.create_connection((HOST, daemon.ports.imap), _PATIENCE)
        self._received = self.socket.makefile("rb")
        self.read_until(b"* OK")
        for tag, command in ((b"a", f"LOGIN {account.address} {account.secret}"), (b"b", "SELECT INBOX")):
            self.socket.sendall(tag + b" " + command.encode() + b"\r\n")
            self.read_until(tag + b" OK")
        self.socket.sendall(b"c IDLE\r\n")
        self.read_until(b"+")

    def read_until(self, start: bytes) -> bytes:
        """Read up to the line that starts so; that line."""
        while True:
            line = self._received.readline()
            assert line, f"the connection ended before {start!r}"
            if line.startswith(start):
                return line

    def ended(self) -> bool:
        """Wait for what comes next; whether it is the end."""
        return self._received.readline() == b""

    def close(self) -> None:
        self._received.close()
        self.socket.close()


@contextmanager
def beside(daemon: RunningDaemon) -> Iterator[Appliance]:
    """The daemon's database, as another process sees it."""
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        yield appliance


def send(daemon: RunningDaemon, address: str, text: str) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.sendmail("a@sender.test", [address], f"Subject: test\r\n\r\n{text}\r\n")


def files_with(daemon: RunningDaemon, *canaries: bytes) -> list[str]:
    """Give the files of the state folder in which one of the canaries is."""
    found = []
    for file in daemon.state.rglob("*"):
        if file.is_file():
            octets = file.read_bytes()
            found += [file.name for canary in canaries if canary in octets]
    return found


def wait_until_nowhere(daemon: RunningDaemon, *canaries: bytes) -> None:
    deadline = time.monotonic() + _PATIENCE
    while found := files_with(daemon, *canaries):
        assert time.monotonic() < deadline, f"still in {found}"
        time.sleep(0.2)


def test_a_life_that_is_over_ends_for_who_is_connected(daemon: RunningDaemon) -> None:
    begun = time.monotonic()
    account = daemon.create(lifetime=_SHORTEST)
    with closing(Idler(daemon, account)) as idler:
        send(daemon, account.address, "hello")
        idler.read_until(b"* 1 EXISTS")
        # RFC 5530 §3
        assert idler.read_until(b"* BYE").startswith(b"* BYE [UNAVAILABLE]")
        assert idler.ended()
    assert _SHORTEST - 1 <= time.monotonic() - begun < _SHORTEST + 20
    deadline = time.monotonic() + _PATIENCE
    while account.address in daemon.command("mailbox", "list"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "swept mailboxes=1 messages=1" in daemon.log.read_text()


def test_a_mailbox_that_is_destroyed_ends_for_who_is_connected(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with closing(Idler(daemon, account)) as idler:
        daemon.command("mailbox", "destroy", account.address)
        assert idler.read_until(b"* BYE").startswith(b"* BYE [UNAVAILABLE]")


def test_a_message_that_is_over_is_an_expunge(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with closing(Idler(daemon, account)) as idler:
        for number in (1, 2):
            send(daemon, account.address, str(number))
            idler.read_until(b"* %d EXISTS" % number)
        with beside(daemon) as appliance:
            queries = Queries(appliance.handle)
            mailbox = queries.mailbox(account.address)
            assert mailbox
            inbox = queries.folder(mailbox.id, INBOX)
            vault = open_vault("mx.box.test", daemon.settings.signing_key_path)
            commit(appliance.handle, vault, [ExpireRead(inbox.id, (1,), 1)], int(time.time()))
        idler.read_until(b"* 1 EXPUNGE")


class TestTraces:
    def test_of_what_was_not_sealed_are_gone_though_others_read_and_write(self, daemon: RunningDaemon) -> None:
        daemon.command("domain", "add", "plain.test", "--unsealed")
        plain, other = daemon.create("plain.test", lifetime=_SHORTEST), daemon.create("plain.test")
        canary = os.urandom(16).hex()
        # Too short and too random to be compressed, so that it is there as it is.
        send(daemon, plain.address, canary)
        send(daemon, other.address, "stays")
        assert files_with(daemon, canary.encode()), "it can be found as long as it is there"
        with ExitStack() as stack:
            idlers = [stack.enter_context(closing(Idler(daemon, other))) for _ in range(3)]
            deadline = time.monotonic() + _SHORTEST + _PATIENCE
            while files_with(daemon, canary.encode()):
                assert time.monotonic() < deadline
                send(daemon, other.address, "more")
                for idler in idlers:
                    idler.read_until(b"* ")

    def test_of_keys_are_gone(self, daemon: RunningDaemon) -> None:
        account = daemon.create()
        with beside(daemon) as appliance:
            row = appliance.handle.row("SELECT data FROM keys.wrapped_key")
        assert row
        key = bytes(row[0])
        # Not its beginning, which may say how it was made.
        part = key[-16:]
        assert files_with(daemon, part)
        daemon.command("mailbox", "destroy", account.address)
        wait_until_nowhere(daemon, part)

    def test_of_what_a_killed_daemon_has_deleted_are_gone(self, daemon: RunningDaemon) -> None:
        """Its log still has the pages as they were before."""
        daemon.command("domain", "add", "plain.test", "--unsealed")
        account = daemon.create("plain.test")
        canary = os.urandom(16).hex().encode()
        send(daemon, account.address, canary.decode())
        with beside(daemon) as appliance:
            daemon.kill()
            # A reader keeps the last to leave from emptying the log.
            handle = appliance.handle
            handle.run("DELETE FROM summary")
            handle.run("DELETE FROM entry")
            handle.run("DELETE FROM content")
            handle.run("UPDATE folder SET messages = 0, unseen = 0, size = 0")
            assert files_with(daemon, canary)
            daemon.start()
            wait_until_nowhere(daemon, canary)


class TestClock:
    def test_that_is_a_year_ahead_ends_nothing_until_it_is_accepted(self, daemon: RunningDaemon) -> None:
        """The other way round: the clock is right, and a daemon last ran a year ago, as far as anybody knows."""
        account = daemon.create()
        daemon.stop()
        last_run = int(time.time()) - _YEAR
        with beside(daemon) as appliance:
            handle = appliance.handle
            handle.run("UPDATE counter SET value = ? WHERE name = 'clock'", last_run)
            handle.run("UPDATE mailbox SET expires_at = ?, ends_at = ?", last_run + 3600, last_run + 3600)
        daemon.start()
        said = json.loads(daemon.command("clock", "show", "--json"))
        assert said["believed"] is False
        assert said["time"] < said["host_clock"]
        with closing(Idler(daemon, account)) as idler:
            send(daemon, account.address, "still here")
            idler.read_until(b"* 1 EXISTS")
            assert "clock-not-believed" in daemon.log.read_text()
            assert "NOT believed" in daemon.command("clock", "show")
            daemon.command("clock", "accept")
            assert idler.read_until(b"* BYE").startswith(b"* BYE [UNAVAILABLE]")
        assert json.loads(daemon.command("clock", "show", "--json"))["believed"] is True
