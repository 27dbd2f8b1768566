"""Limits and bans of a running daemon: over all protocols, and changed beside it."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tests.daemon import HOST, start_daemon
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon

_PATIENCE = 60.0
_EFFECTIVE_WITHIN = 10.0
"""Seconds after the command has ended: one, and what a machine takes longer that is busy with other tests."""


@pytest.fixture
def daemon(tmp_path: Path, database_url: str) -> Iterator[RunningDaemon]:
    """A daemon that trusts nobody."""
    daemon = start_daemon(tmp_path, limits={"trusted_networks": []}, store={"url": database_url})
    yield daemon
    daemon.close()


def greeting(port: int) -> bytes:
    with socket.create_connection((HOST, port), timeout=_PATIENCE) as client:
        return client.recv(1000)


def comes(condition: Callable[[], bool]) -> bool:
    """Whether it holds, now or as soon as a change is in force."""
    deadline = time.monotonic() + _EFFECTIVE_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # or the many connections would be beyond a limit themselves
    return True


def greets(port: int, begin: bytes) -> bool:
    return comes(lambda: greeting(port).startswith(begin))


def test_the_operator_bans_and_lifts_the_ban(daemon: RunningDaemon) -> None:
    ports = daemon.ports
    assert greeting(ports.pop3).startswith(b"+OK")
    daemon.command("ban", "add", "127.0.0.0/8", "--scope", "reading")
    assert greets(ports.pop3, b"-ERR [SYS/TEMP]")
    assert greets(ports.imap, b"* BYE [UNAVAILABLE]")
    assert greeting(ports.smtp).startswith(b"220 ")
    daemon.command("ban", "add", "127.0.0.0/8", "--scope", "mail")
    assert greets(ports.smtp, b"421 4.7.0")
    daemon.command("ban", "remove", "127.0.0.0/8")
    assert greets(ports.smtp, b"220 ")
    assert greets(ports.imap, b"* OK")
    assert daemon.stop() == 0


def test_a_limit_counts_at_once(daemon: RunningDaemon) -> None:
    codes: list[int] = []

    def mail() -> int:
        with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
            client.ehlo()
            codes.append(client.mail("a@sender.test")[0])
            return codes[-1]

    assert mail() == 250
    daemon.command("limit", "set", "messages", "--amount", "1")
    assert comes(lambda: mail() == 450)
    assert set(codes[:-1]) == {250}
    daemon.command("limit", "remove", "messages")
    assert comes(lambda: mail() == 250)


def test_failed_logins_over_all_protocols_lead_to_a_ban(daemon: RunningDaemon) -> None:
    daemon.command("limit", "set", "failed-logins-delay", "--amount", "2")
    daemon.command("limit", "set", "failed-logins-ban", "--amount", "3", "--ban-for", "1h")
    address, secret = daemon.create()

    def fail_imap() -> None:
        with (
            socket.create_connection((HOST, daemon.ports.imap), timeout=_PATIENCE) as client,
            client.makefile("rwb") as stream,
        ):
            stream.readline()
            stream.write(f"a LOGIN {address} wrong\r\n".encode())
            stream.flush()
            assert stream.readline().startswith(b"a NO [AUTHENTICATIONFAILED]")

    def fail_pop3() -> None:
        client = poplib.POP3(HOST, daemon.ports.pop3, timeout=_PATIENCE)
        client.user("nobody@nowhere.test")
        with pytest.raises(poplib.error_proto, match="AUTH"):
            client.pass_("wrong")
        client.close()

    with imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE) as client:
        client.login(address, secret)
    seconds = []
    failures: list[Callable[[], None]] = [fail_imap, fail_pop3, fail_imap, fail_pop3]
    for fail in failures:
        began = time.monotonic()
        fail()
        seconds.append(time.monotonic() - began)
    # The third had to wait; the fourth is the one beyond the limit.
    assert seconds[2] >= 1
    assert greets(daemon.ports.imap, b"* BYE")
    assert greets(daemon.ports.pop3, b"-ERR")
    assert greeting(daemon.ports.smtp).startswith(b"220 ")
    assert "limit failed-logins-ban" in daemon.command("ban", "list")
    daemon.restart()
    assert greeting(daemon.ports.imap).startswith(b"* BYE")


def test_the_daemon_tells_who_is_limited(daemon: RunningDaemon) -> None:
    daemon.command("limit", "set", "messages", "--amount", "2")
    codes: list[int] = []
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.ehlo()
        deadline = time.monotonic() + _PATIENCE
        while codes[-2:] != [450, 450]:
            assert time.monotonic() < deadline
            codes.append(client.mail("a@sender.test")[0])
            client.rset()
    # What was not told yet is told at the end.
    assert daemon.stop() == 0
    appliance = open_appliance(daemon.settings)
    (held,) = run(appliance.limit_use.list_all())
    assert (held.limit.name, held.use.subject, held.use.used) == ("messages", "127.0.0.1/32", 2)
    assert held.use.excess >= 2
    appliance.handle.close()
