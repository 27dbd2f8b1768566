"""RFC 7208: the test suite of its authors, which `make test` gets from the package index."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes
from poplib import POP3_SSL
from typing import TYPE_CHECKING

import pytest

from tempmaild.checks.dns import Resolver
from tempmaild.checks.mail import Examined, Mail
from tempmaild.checks.spf import Spf
from tempmaild.core.checking import Checking
from tests.checks.spf_suite import COUNT, FILE, Case, cases
from tests.daemon import HOST, start_daemon
from tests.dns_server import SERVFAIL, DnsServer
from tests.integration.mail_road import BALANCER, ProxiedClient
from tests.needs import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.verdict import Report
    from tests.daemon import RunningDaemon

CASES = cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

UNSAYABLE = frozenset({"emptylabel", "nolocalpart", "invalid-domain-long-via-macro", "invalid-hello-macro"})
"""Cases whose HELO or MAIL is against the grammar of SMTP (RFC 5321 §4.1.2): such mail never comes to be checked."""
MESSAGE = b"From: a@box.test\r\nTo: b@box.test\r\nSubject: SPF\r\n\r\nHello.\r\n"


def test_the_suite_is_whole() -> None:
    if not FILE.exists():
        missing("the RFC 7208 test suite is not there (python -m tests.checks.spf_suite)")
    assert len(CASES) == COUNT
    assert {case.name for case in CASES} >= UNSAYABLE


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with DnsServer(negative_ttl=0) as server:
        yield server


# The check alone


def examine(case: Case, names: DnsServer) -> Report:
    async def examined() -> Report:
        resolver = Resolver([names.address])
        mail = Mail(b"", case.client, case.helo, case.sender, (), relayed=False, checking=Checking())
        try:
            return await Spf(resolver, "mx.box.test", 5).examine(Examined(mail, {}))
        finally:
            await resolver.close()

    names.zones = case.zones
    return asyncio.run(examined())


@each_case
def test_the_check_gives_the_result(case: Case, names: DnsServer) -> None:
    report = examine(case, names)
    result = report.findings[0].result
    assert result in case.results
    assert report.fields[0].startswith(f"Received-SPF: {result} (".encode())
    if result == "fail" and case.explanation:
        assert report.refusal
        explained = report.refusal.text.partition(" explains: ")[2] or "DEFAULT"
        assert explained == case.explanation


# From end to end


class House:
    """A daemon with one mailbox, and the DNS server that it asks."""

    def __init__(self, daemon: RunningDaemon, names: DnsServer) -> None:
        self._daemon = daemon
        self._names = names
        self._account = daemon.create()
        self._scenario = ""

    def enter(self, case: Case) -> None:
        """Have names mean what they do in this case."""
        if case.scenario != self._scenario and self._has_failures():
            # That a name could not be looked up is remembered for some seconds.
            self._daemon.restart()
        self._scenario = case.scenario
        self._names.zones = case.zones

    def _has_failures(self) -> bool:
        answers = (answer for records in self._names.zones.values() for answer in dict(records).values())  # type: ignore[arg-type]
        return SERVFAIL in answers

    def send(self, case: Case) -> int:
        """Send a message as the case wants it; give the first code that is none of success, or that of the end."""
        with ProxiedClient(self._daemon.ports.smtp, case.client) as client:
            for command in (
                f"EHLO {case.helo}",
                f"MAIL FROM:<{path(case.sender)}>",
                f"RCPT TO:<{self._account.address}>",
            ):
                code, _ = client.docmd(command)
                if code != 250:
                    return code
            return client.data(MESSAGE)[0]

    def received_spf(self) -> dict[str, str]:
        """Take the message out of the mailbox, and give the results that it tells, by the identity."""
        inbox = POP3_SSL(HOST, self._daemon.ports.pop3s, timeout=30, context=self._daemon.tls_context())
        try:
            inbox.user(self._account.address)
            inbox.pass_(self._account.secret)
            lines = inbox.retr(1)[1]
            assert inbox.stat()[0] == 1
            inbox.dele(1)
        finally:
            inbox.quit()
        fields = message_from_bytes(b"\r\n".join(lines)).get_all("Received-SPF", [])
        return {
            found[2]: found[1]
            for field in fields
            if (found := re.match(r"(\w+) .*\bidentity=(\w+)", field, re.DOTALL))
        }


def path(sender: str) -> str:
    """Write an address as MAIL has it."""
    local_part, at, domain = sender.rpartition("@")
    return f'"{local_part}"@{domain}' if " " in local_part else local_part + at + domain


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, names: DnsServer) -> Iterator[House]:
    daemon = start_daemon(
        tmp_path_factory.mktemp("rfc7208"),
        proxy={"trusted": [f"{BALANCER}/32"]},
        checks={"enabled": True},
        dns={"servers": [str(names.address)]},
    )
    try:
        yield House(daemon, names)
        assert daemon.stop() == 0, daemon.log.read_text()
    finally:
        daemon.close()


@each_case
def test_the_stored_message_tells_the_result(case: Case, house: House) -> None:
    house.enter(case)
    if case.name in UNSAYABLE:
        assert house.send(case) == 501
        return
    assert house.send(case) == 250
    assert house.received_spf()["mailfrom" if case.sender else "helo"] in case.results
