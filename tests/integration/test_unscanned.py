"""Malware stays out whatever wraps it, and whatever becomes of clamd meanwhile.

A hundred messages while clamd is frozen, killed and started again at any moment; `TESTS_SCAN_TRIES=1000` makes it
more.
"""

from __future__ import annotations

import os
import random
import smtplib
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tests import clamd as scanner
from tests.checks.test_clamav import FROM, TEXT, WRAPPINGS, multipart, part
from tests.clamd import EICAR, SIGNATURE, ClamdServer
from tests.daemon import HOST, start_daemon
from tests.dns_server import DnsServer
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon

clamd = scanner.clamd
"""The fixture."""

_TRIES = int(os.environ.get("TESTS_SCAN_TRIES", "100"))
_SENDERS = 8
_RECOVERED_WITHIN = 10.0
"""Seconds after which mail is taken again when clamd is back; a requirement."""
_PATIENCE = 60.0
"""Seconds for an answer of the daemon, which may have to wait for a clamd that says nothing."""
_INFECTED = ("plain", "base64", "quoted-printable", "uuencoded", "zip", "message/rfc822")
_CLEAN = FROM + multipart(TEXT, part(b"SGVsbG8=\r\n"))


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def start(folder: Path, dns: DnsServer, server: ClamdServer, seconds: int) -> RunningDaemon:
    """Start a daemon that scans mail for so long, and looks at attachments in no other way."""
    return start_daemon(
        folder,
        dns={"servers": [str(dns.address)]},
        checks={"enabled": True, "processes": 2, "seconds": seconds + 2},
        clamav={"address": str(server.address), "seconds": seconds, "connections": 3},
        attachments={"enabled": False},
        store={"readers": 2},
    )


def connect(daemon: RunningDaemon) -> smtplib.SMTP:
    return smtplib.SMTP(HOST, daemon.ports.smtp, local_hostname="sender.test", timeout=_PATIENCE)


def send(smtp: smtplib.SMTP, account: Account, message: bytes) -> tuple[int, bytes]:
    """Send a message; the answer to its end."""
    assert smtp.docmd("MAIL", "FROM:<a@example.org>")[0] == 250
    assert smtp.docmd("RCPT", f"TO:<{account.address}>")[0] == 250
    return smtp.data(message)


def create(daemon: RunningDaemon, domain: str, rule: str) -> Account:
    """Make a mailbox in a domain that wants this of the checks, and come back when the daemon knows of it."""
    daemon.command("domain", "add", domain, "--check", rule)
    account = daemon.create(domain)
    deadline = time.monotonic() + _PATIENCE
    with connect(daemon) as smtp:
        smtp.ehlo()
        while True:
            smtp.mail("a@example.org")
            if smtp.rcpt(account.address)[0] == 250:
                return account
            assert time.monotonic() < deadline
            smtp.rset()


def stored(daemon: RunningDaemon, account: Account, folder: str = "INBOX") -> list[bytes]:
    """Give the messages in a folder."""
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        inbox = run(appliance.logins.login(account.address, account.secret))
        entries = run(inbox.entries(run(inbox.folder(folder))))
        return [run(inbox.content(run(inbox.folder(folder)).id, entry.uid)) or b"" for entry in entries]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, clamd: ClamdServer) -> Iterator[RunningDaemon]:
    with DnsServer() as dns:
        running = start(tmp_path_factory.mktemp("scanning"), dns, clamd, seconds=30)
        yield running
        running.close()


class TestMalware:
    """Through SMTP, into the store or not."""

    def test_is_refused_in_every_wrapping(self, daemon: RunningDaemon) -> None:
        """And the next message on the same connection is delivered."""
        account = daemon.create()
        with connect(daemon) as smtp:
            smtp.ehlo()
            for number, (name, message) in enumerate(WRAPPINGS.items(), 1):
                code, text = send(smtp, account, message)
                assert (code, text[:6]) == (550, b"5.7.1 "), name
                assert SIGNATURE.encode() in text
                assert send(smtp, account, _CLEAN)[0] == 250, name
                assert len(stored(daemon, account)) == number
        assert not any(EICAR in message for message in stored(daemon, account))
        assert stored(daemon, account, "Junk") == []

    def test_is_taken_out_where_a_domain_wants_that(self, daemon: RunningDaemon) -> None:
        account = create(daemon, "strip.test", "clamav.action=strip")
        with connect(daemon) as smtp:
            smtp.ehlo()
            assert send(smtp, account, WRAPPINGS["in a multipart"])[0] == 250
            assert send(smtp, account, WRAPPINGS["zip within zip"])[0] == 250
        for message in stored(daemon, account):
            assert b"An attachment was removed from this message." in message
            assert SIGNATURE.encode() in message
            assert TEXT.partition(b"\r\n\r\n")[2] in message
            assert b"x-clamav=fail" in message
            assert b"WDVPIVAlQEFQ" not in message
            assert b"UEsDB" not in message
        assert stored(daemon, account, "Junk") == []

    def test_is_junk_where_a_domain_wants_that(self, daemon: RunningDaemon) -> None:
        account = create(daemon, "junk.test", "clamav.action=junk")
        with connect(daemon) as smtp:
            smtp.ehlo()
            assert send(smtp, account, WRAPPINGS["base64"])[0] == 250
        assert stored(daemon, account) == []
        (message,) = stored(daemon, account, "Junk")
        assert b"x-clamav=fail" in message


class Tries:
    """Counts what was sent, for who waits for it to happen."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._begun = 0
        self._ended = 0
        self._news = threading.Condition()

    def begin(self) -> int | None:
        """Give the number of the next try; None if there are enough."""
        with self._news:
            self._begun += 1
            return self._begun if self._begun <= self._wanted else None

    def end(self) -> None:
        with self._news:
            self._ended += 1
            self._news.notify_all()

    def wait_for(self, count: int) -> bool:
        """Wait until so many more were made; whether there are still some to be made."""
        with self._news:
            goal = min(self._ended + count, self._wanted)
            assert self._news.wait_for(lambda: self._ended >= goal, 10 * _PATIENCE)
            return self._ended < self._wanted


class Sender:
    """Sends clean and infected mail in turn over one connection.

    Attributes:
        taken: the numbers of messages that got their 250, with the time before they were sent and after it came.
        problems: what must not have been answered.
    """

    def __init__(self, daemon: RunningDaemon, account: Account, tries: Tries) -> None:
        self.taken: dict[int, tuple[float, float]] = {}
        self.problems: list[str] = []
        self._daemon = daemon
        self._account = account
        self._tries = tries
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        with connect(self._daemon) as smtp:
            smtp.ehlo()
            while number := self._tries.begin():
                try:
                    self._send(smtp, number)
                except Exception as error:  # the test tells of it
                    self.problems.append(f"{number}: {error!r}")
                    smtp.connect(HOST, self._daemon.ports.smtp)
                    smtp.ehlo()
                finally:
                    self._tries.end()

    def _send(self, smtp: smtplib.SMTP, number: int) -> None:
        infected = number % 2 == 0
        body = WRAPPINGS[_INFECTED[number // 2 % len(_INFECTED)]] if infected else _CLEAN
        # Now and then a longer one, which clamd is busy with for longer.
        filling = b"" if number % 5 else b"\r\n" + b"Nothing but a long text, line after line.\r\n" * 20_000
        begun = time.monotonic()
        code, text = send(smtp, self._account, b"X-Number: %d\r\n" % number + body + filling)
        if code == 250:
            self.taken[number] = (begun, time.monotonic())
        if code not in ({550, 451} if infected else {250, 451}):
            self.problems.append(f"{number}, infected {infected}: {code} {text!r}")


class Disturbance:
    """Does something to clamd, again and again.

    Attributes:
        absences: when clamd could do nothing, from and to.
    """

    def __init__(self, server: ClamdServer, tries: Tries, chance: random.Random) -> None:
        self.absences: list[tuple[float, float]] = []
        self._server = server
        self._tries = tries
        self._chance = chance

    def disturb(self) -> None:
        """Freeze it, kill it, or freeze and then kill it, when it has got something to do."""
        how = self._chance.choice(("freeze", "kill", "both"))
        if how != "kill":
            self._server.freeze()
        since = time.monotonic()
        if how == "both":
            # What comes before it is killed is there in the middle of its way.
            self._tries.wait_for(self._chance.randrange(_SENDERS))
        if how != "freeze":
            self._server.kill()
        self._tries.wait_for(self._chance.randrange(_SENDERS))
        self.absences.append((since, time.monotonic()))
        if how == "freeze":
            self._server.thaw()
        else:
            self._server.start()


def test_nothing_is_stored_that_was_not_scanned(tmp_path: Path, dns: DnsServer) -> None:
    log = tmp_path / "clamd.log"
    server = ClamdServer({"LogFile": str(log), "LogClean": "yes"})
    chance = random.Random(7)
    tries = Tries(_TRIES)
    disturbance = Disturbance(server, tries, chance)
    with closing(server), closing(start(tmp_path, dns, server, seconds=1)) as daemon:
        account, probed = daemon.create(), daemon.create()
        senders = [Sender(daemon, account, tries) for _ in range(_SENDERS)]
        for sender in senders:
            sender.thread.start()
        probes = 0
        with connect(daemon) as smtp:
            smtp.ehlo()
            while tries.wait_for(chance.randrange(10)):
                disturbance.disturb()
                back = time.monotonic()
                while send(smtp, probed, _CLEAN)[0] != 250:
                    assert time.monotonic() < back + _RECOVERED_WITHIN
                probes += 1
        for sender in senders:
            sender.thread.join()
        assert [problem for sender in senders for problem in sender.problems] == []
        taken = {number: times for sender in senders for number, times in sender.taken.items()}
        kept = stored(daemon, account)
        assert stored(daemon, account, "Junk") == []
    # Every clean message that was taken is there, once, and nothing else.
    numbers = sorted(int(message.partition(b"\nX-Number: ")[2].partition(b"\r\n")[0]) for message in kept)
    assert numbers == sorted(taken)
    assert all(number % 2 for number in numbers)
    assert all(b"x-clamav=pass" in message for message in kept)
    assert len(taken) >= _TRIES / 20
    assert probes >= _TRIES / 50
    for begun, ended in taken.values():
        assert not any(since < begun and ended < until for since, until in disturbance.absences)
    # clamd answers before it writes what it has found: each of its ends may cost as many lines as it has threads.
    scanned = log.read_text().count(": OK\n")
    assert scanned + 10 * len(disturbance.absences) >= len(taken) + probes
    assert scanned >= probes
