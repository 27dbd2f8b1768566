"""A daemon that checks mail in processes beside it, which are killed, stopped and started anew."""

from __future__ import annotations

import email
import json
import os
import signal
import smtplib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tests.core.results_reader import read, told
from tests.daemon import HOST, start_daemon
from tests.dns_server import SILENT, DnsServer
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from tempmaild.core.flags import Flags
    from tests.daemon import Account, RunningDaemon

MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"
CLIENT = "192.0.2.7"


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        server.zones = {
            "example.org": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"], "A": ["192.0.2.7"]},
            "mail.example.org": {"A": ["192.0.2.7"]},
            "7.2.0.192.in-addr.arpa": {"PTR": ["mail.example.org"]},
            "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        }
        yield server


@pytest.fixture
def daemon(tmp_path: Path, dns: DnsServer) -> Iterator[RunningDaemon]:
    running = start_daemon(
        tmp_path,
        proxy={"trusted": ["127.0.0.1/32"]},
        dns={"servers": [str(dns.address)]},
        checks={"enabled": True, "processes": 1, "seconds": 2},
        store={"readers": 2},
    )
    yield running
    running.close()


def send(daemon: RunningDaemon, account: Account, client: str = CLIENT) -> tuple[int, bytes]:
    """Send a message as this client; the answer to its end."""
    with closing(smtplib.SMTP(timeout=30)) as smtp:
        smtp.sock = socket.create_connection((HOST, daemon.ports.smtp), 30)
        smtp.sock.sendall(f"PROXY TCP4 {client} 127.0.0.1 50000 25\r\n".encode())
        smtp.file = smtp.sock.makefile("rb")
        assert smtp.getreply()[0] == 220
        smtp.ehlo("mail.example.org")
        smtp.mail("a@example.org")
        smtp.rcpt(account.address)
        return smtp.data(MESSAGE)


def stored(daemon: RunningDaemon, account: Account, folder: str = "INBOX") -> list[tuple[Message, Flags]]:
    """Give the messages in a folder, with their flags; without the daemon, which takes clients of proxies alone."""
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        inbox = run(appliance.logins.login(account.address, account.secret))
        folder_id = run(inbox.folder(folder)).id
        return [
            (email.message_from_bytes(run(inbox.content(folder_id, entry.uid)) or b""), entry.flags)
            for entry in run(inbox.entries(run(inbox.folder(folder))))
        ]


def results(message: Message) -> dict[str, str]:
    """Give the result of each method, as Authentication-Results tells it."""
    header = read(b"Authentication-Results: " + message["Authentication-Results"].encode())
    return {result.method: result.result for result in told(header)}


def checking(daemon: RunningDaemon) -> list[int]:
    """Give the processes of a daemon that check mail."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == daemon.pid and b"tempmaild.checks" in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def test_what_is_found_out_is_told(daemon: RunningDaemon) -> None:
    account = daemon.create()
    assert send(daemon, account)[0] == 250
    ((message, flags),) = stored(daemon, account)
    assert message.keys()[:4] == ["Return-Path", "Authentication-Results", "Received-SPF", "Received"]
    results = " ".join(message["Authentication-Results"].split())
    assert results.startswith("mx.box.test; spf=pass smtp.mailfrom=example.org;")
    assert "dmarc=pass" in results
    assert flags == set()


def test_mail_whose_sender_forges_the_domain_is_junk(daemon: RunningDaemon) -> None:
    account = daemon.create()
    assert send(daemon, account, client="198.51.100.1")[0] == 250
    assert stored(daemon, account) == []
    ((message, flags),) = stored(daemon, account, "Junk")
    assert {"$Junk", "dmarc-fail", "spf-fail"} <= flags
    assert "dmarc=fail" in message["Authentication-Results"]
    assert daemon.stop() == 0
    totals = json.loads(daemon.command("statistics", "--json"))
    assert (totals["junk"], totals["junk/dmarc"], totals["spf=fail"]) == (1, 1, 1)


def test_a_domain_may_want_otherwise(daemon: RunningDaemon) -> None:
    account = daemon.create()
    daemon.command("domain", "set", "box.test", "--check", "spf.action=refuse")
    deadline = time.monotonic() + 30
    while (answer := send(daemon, account, client="198.51.100.1"))[0] == 250:
        assert time.monotonic() < deadline
    assert answer[0] == 550
    assert answer[1].startswith(b"5.7.23 ")


def test_a_process_that_dies_is_started_again(daemon: RunningDaemon, dns: DnsServer) -> None:
    """What it was checking counts as not checked: here the sender is asked to come back."""
    account = daemon.create()
    daemon.command("domain", "set", "box.test", "--check", "spf.failing=later")
    (process,) = checking(daemon)
    dns.zones = {"example.org": SILENT}
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(send, daemon, account) for _ in range(5)]
        while dns.count() == 0:
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        assert {answer.result()[0] for answer in answers} == {451}
    dns.zones = {"example.org": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]}}
    deadline = time.monotonic() + 10
    while (answer := send(daemon, account))[0] != 250:
        assert answer[0] == 451
        assert time.monotonic() < deadline
        # A client that comes too often is turned away for that.
        time.sleep(0.1)
    assert "checks-died" in daemon.log.read_text()
    assert process not in checking(daemon)


def test_a_process_that_hangs_is_ended(daemon: RunningDaemon) -> None:
    account = daemon.create()
    (process,) = checking(daemon)
    os.kill(process, signal.SIGSTOP)
    # Nothing of what fails is required here, so that the mail is taken; whose attachments nobody has seen is junk.
    assert send(daemon, account)[0] == 250
    ((unchecked, flags),) = stored(daemon, account, "Junk")
    assert {"spf-failed", "attachments-failed", "$Junk"} <= flags
    assert "checks-hang" in daemon.log.read_text()
    assert send(daemon, account)[0] == 250
    ((checked, flags),) = stored(daemon, account)
    assert flags == set()
    # Each method that has a result otherwise has one here, too (RFC 8601 §2.7), but ARC has none for that.
    assert results(unchecked) == dict.fromkeys(results(checked).keys() - {"arc"}, "temperror")


def test_other_settings_hold_after_a_reload(daemon: RunningDaemon) -> None:
    account = daemon.create()
    text = daemon.config.read_text()
    daemon.config.write_text(text + '\n[spf]\naction = "refuse"\n')
    daemon.reload()
    assert send(daemon, account, client="198.51.100.1")[0] == 550
    daemon.config.write_text(text + "\n[dmarc]\nenabled = false\n[spf]\nenabled = false\n")
    daemon.reload()
    assert send(daemon, account, client="198.51.100.1")[0] == 250
    ((message, _),) = stored(daemon, account)
    assert "spf=" not in message["Authentication-Results"]
    assert daemon.stop() == 0
