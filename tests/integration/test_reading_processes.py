"""Processes beside the daemon in which mailboxes are read: to a client they are one server."""

from __future__ import annotations

import imaplib
import os
import poplib
import signal
import smtplib
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.daemon import Account, RunningDaemon

_PATIENCE = 60.0
_MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    daemon = start_daemon(tmp_path, reading={"processes": 2}, limits={"trusted_networks": []})
    yield daemon
    daemon.close()


def readers(daemon: RunningDaemon) -> tuple[int, ...]:
    """Give the processes that read."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return tuple(int(pid) for pid in children if b"tempmaild.reading" in Path(f"/proc/{pid}/cmdline").read_bytes())


@contextmanager
def only(daemon: RunningDaemon, reader: int) -> Iterator[None]:
    """Have who connects now be served by this process, for the other takes nobody."""
    (other,) = set(readers(daemon)) - {reader}
    os.kill(other, signal.SIGSTOP)
    try:
        # It may have been about to take one.
        while Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(other, signal.SIGCONT)


def imap(daemon: RunningDaemon, account: Account) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
    client.login(*account)
    return client


@pytest.fixture
def account(daemon: RunningDaemon) -> Account:
    return daemon.create()


@pytest.fixture
def pair(daemon: RunningDaemon, account: Account) -> Iterator[list[imaplib.IMAP4]]:
    """A client of each process, both with the same mailbox."""
    clients = []
    for reader in readers(daemon):
        with only(daemon, reader):
            clients.append(imap(daemon, account))
    yield clients
    for client in clients:
        _close(client)


def _close(client: imaplib.IMAP4) -> None:
    # Its server may be gone.
    with suppress(OSError):
        client.shutdown()


def deliver(daemon: RunningDaemon, account: Account) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.sendmail("a@sender.test", [account.address], _MESSAGE)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def greeting(port: int) -> bytes:
    with socket.create_connection((HOST, port), timeout=_PATIENCE) as client:
        return client.recv(1000)


def test_what_happens_is_told_to_clients_of_all_processes(
    daemon: RunningDaemon, account: Account, pair: list[imaplib.IMAP4]
) -> None:
    for client in pair:
        client.select()
        client.send(b"i IDLE\r\n")
        assert client.readline().startswith(b"+ ")
    deliver(daemon, account)
    for client in pair:
        assert client.readline() == b"* 1 EXISTS\r\n"
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"i OK"):
            pass
    first, second = pair
    second.send(b"i IDLE\r\n")
    assert second.readline().startswith(b"+ ")
    assert first.store("1", "+FLAGS", r"\Flagged")[0] == "OK"
    assert b"\\Flagged" in second.readline()
    assert first.append("INBOX", "", "", _MESSAGE)[0] == "OK"
    assert second.readline() == b"* 2 EXISTS\r\n"


def test_the_owner_destroys_the_mailbox(account: Account, pair: list[imaplib.IMAP4]) -> None:
    for client in pair:
        client.select()
    first, second = pair
    entry = f'(/private/vendor/tempmaild/destroy "{account.address}")'
    assert first.xatom("SETMETADATA", '""', entry) == ("OK", [b"Destroyed"])
    with pytest.raises(imaplib.IMAP4.abort, match="no longer exists"):
        second.noop()


def test_a_message_is_recent_in_one_session(
    daemon: RunningDaemon, account: Account, pair: list[imaplib.IMAP4]
) -> None:
    deliver(daemon, account)
    recent = []
    for client in pair:
        client.select()
        recent.append(client.untagged_responses["RECENT"])
    assert recent == [[b"1"], [b"0"]]


def test_a_maildrop_is_locked_in_all_processes(daemon: RunningDaemon, account: Account) -> None:
    deliver(daemon, account)
    first, second = readers(daemon)
    with only(daemon, first):
        holder = poplib.POP3(HOST, daemon.ports.pop3, timeout=_PATIENCE)
        holder.user(account.address)
        holder.pass_(account.secret)
    with only(daemon, second):
        other = poplib.POP3(HOST, daemon.ports.pop3, timeout=_PATIENCE)
        other.user(account.address)
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            other.pass_(account.secret)
        os.kill(first, signal.SIGKILL)
        # What has ended holds nothing.
        other.user(account.address)
        other.pass_(account.secret)
        assert other.stat()[0] == 1
    other.quit()
    holder.close()


def test_connections_are_counted_over_all_processes(tmp_path: Path) -> None:
    limits = {"connections_per_network": 4, "trusted_networks": []}
    daemon = start_daemon(tmp_path, reading={"processes": 2}, limits=limits)
    try:
        account = daemon.create()
        first, second = readers(daemon)
        clients = []
        for reader in (first, second, first):
            with only(daemon, reader):
                clients.append(imap(daemon, account))
        with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as mail:
            assert mail.noop()[0] == 250
            assert greeting(daemon.ports.imap).startswith(b"* BYE [UNAVAILABLE]")
            assert greeting(daemon.ports.pop3).startswith(b"-ERR [SYS/TEMP]")
            assert greeting(daemon.ports.smtp).startswith(b"421")
            clients.pop(1).logout()
            until(lambda: greeting(daemon.ports.imap).startswith(b"* OK"))
        # The connections of a process that has died count no more.
        os.kill(first, signal.SIGKILL)
        until(lambda: len(readers(daemon)) == 2 and first not in readers(daemon))
        until(lambda: greeting(daemon.ports.imap).startswith(b"* OK"))
        more: list[imaplib.IMAP4] = []

        def join() -> bool:
            # The last one who asked may not be gone yet.
            with suppress(imaplib.IMAP4.error):
                more.append(imap(daemon, account))
            return len(more) == 4

        until(join)
        assert greeting(daemon.ports.smtp).startswith(b"421")
        for client in clients + more:
            _close(client)
        assert daemon.stop() == 0
    finally:
        daemon.close()


def test_failed_logins_are_counted_over_all_processes(daemon: RunningDaemon) -> None:
    daemon.command("limit", "set", "failed-logins-ban", "--amount", "3", "--ban-for", "1h")
    for reader in readers(daemon) * 2:
        with only(daemon, reader):
            client = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
            with pytest.raises(imaplib.IMAP4.error):
                client.login("nobody@box.test", "wrong")
            client.shutdown()
    for reader in readers(daemon):
        with only(daemon, reader):
            until(lambda: greeting(daemon.ports.imap).startswith(b"* BYE"))
    assert daemon.command("ban", "list").count("127.0.0.1") == 1


def test_a_process_that_dies_is_started_again_and_the_others_go_on(
    daemon: RunningDaemon, account: Account, pair: list[imaplib.IMAP4]
) -> None:
    before = readers(daemon)
    os.kill(before[0], signal.SIGKILL)
    assert pair[1].noop()[0] == "OK"
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        pair[0].noop()
    with imap(daemon, account) as client:
        assert client.select()[0] == "OK"
    until(lambda: len(set(readers(daemon)) - set(before)) == 1)
    assert "reading-died" in daemon.log.read_text()
    (successor,) = set(readers(daemon)) - set(before)
    with only(daemon, successor):
        client = imap(daemon, account)
        client.select()
        client.send(b"i IDLE\r\n")
        client.readline()
        deliver(daemon, account)
        assert client.readline() == b"* 1 EXISTS\r\n"
        client.shutdown()
    assert daemon.stop() == 0


def test_nobody_reads_when_the_daemon_was_killed(daemon: RunningDaemon) -> None:
    before = readers(daemon)
    daemon.kill()
    until(lambda: not any(Path(f"/proc/{reader}/fd").exists() and _is_alive(reader) for reader in before))


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_settings_are_read_again_in_all_processes(daemon: RunningDaemon) -> None:
    settings = daemon.config.read_text()
    assert "[login]" not in settings
    daemon.config.write_text(settings + '\n[login]\nplaintext = "never"\n')
    daemon.reload()
    for reader in readers(daemon):
        with only(daemon, reader):
            assert b"LOGINDISABLED" in greeting(daemon.ports.imap)
    daemon.config.write_text(settings)
    daemon.reload()
    for reader in readers(daemon):
        with only(daemon, reader):
            assert b"LOGINDISABLED" not in greeting(daemon.ports.imap)


def test_what_all_processes_share_is_changed_in_all(daemon: RunningDaemon, account: Account) -> None:
    daemon.config.write_text(daemon.config.read_text().replace("[smtp]", "[smtp]\nmax_message_bytes = 99999"))
    daemon.reload()
    for reader in readers(daemon):
        with only(daemon, reader):
            client = imap(daemon, account)
            assert "APPENDLIMIT=99999" in client.capability()[1][0].decode().split()
            client.logout()


def test_all_are_sent_away_when_the_daemon_stops(daemon: RunningDaemon, pair: list[imaplib.IMAP4]) -> None:
    for reader in readers(daemon):
        # Signals to the whole group are the daemon's to obey.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(reader, number)
    assert pair[0].noop()[0] == "OK"
    assert daemon.stop() == 0
    for client in pair:
        assert client.readline().startswith(b"* BYE")
    assert "Traceback" not in daemon.log.read_text()
