"""Block lists in DNS (RFC 5782)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.checks.blocklists import Blocklists
from tempmaild.log import get_log
from tempmaild.settings.filters import parse_block_list
from tests.checks.mails import CLIENT, MESSAGE, examined
from tests.dns_server import GARBAGE, SERVFAIL, SILENT, Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.checks.dns import Resolver
    from tempmaild.core.verdict import Report
    from tests.dns_server import DnsServer

ENTRY = "1.2.0.192.bl.example"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lists(
    resolver: Resolver, dnsbl: Sequence[str] = (), domains: Sequence[str] = (), clock: Clock | None = None
) -> Blocklists:
    return Blocklists(
        resolver,
        [parse_block_list(text) for text in dnsbl],
        [parse_block_list(text) for text in domains],
        get_log("checks"),
        clock or Clock(),
    )


def report(checked: Blocklists, content: bytes = MESSAGE, **fields: Any) -> Report:
    return asyncio.run(checked.examine(examined(content, **fields)))


def results(found: Report) -> list[tuple[str, str]]:
    """The zones that have told something, and what."""
    return [(dict(finding.properties).get("dns.zone", ""), finding.result) for finding in found.findings]


def subjects(found: Report) -> list[str]:
    return [dict(finding.properties)["policy.subject"] for finding in found.findings]


def test_without_lists_nothing_is_asked(dns: DnsServer, resolver: Resolver) -> None:
    found = report(lists(resolver))
    assert (found.state, found.findings) == ("fine", ())
    assert not dns.queries


def test_a_client_that_is_listed(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {ENTRY: {"A": ["127.0.0.2"], "TXT": ["spam\r\n from https://bl.example/192.0.2.1"]}}
    found = report(lists(resolver, ["bl.example"]))
    assert found.state == "bad"
    (finding,) = found.findings
    assert (finding.method, finding.result) == ("x-dnsbl", "fail")
    assert finding.reason == "spam from https://bl.example/192.0.2.1"
    assert finding.properties == (("dns.zone", "bl.example"), ("policy.ip", "127.0.0.2"), ("policy.subject", CLIENT))
    assert found.refusal is not None
    assert (found.refusal.status, found.refusal.text) == ("5.7.1", "192.0.2.1 is listed by bl.example")


def test_a_client_that_is_not_listed(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {"2.0.0.127.bl.example": {"A": ["127.0.0.2"]}}
    found = report(lists(resolver, ["bl.example"]))
    assert (found.state, results(found)) == ("fine", [("", "none")])
    assert dns.count() == 1, "neither a reason nor the entry that no list has is asked for"


def test_ipv6(dns: DnsServer, resolver: Resolver) -> None:
    nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    dns.zones = {f"{nibbles}.bl.example": {"A": ["127.0.0.2"]}}
    found = report(lists(resolver, ["bl.example"]), client="2001:db8::1")
    assert (found.state, subjects(found)) == ("bad", ["2001:db8::1"])


@pytest.mark.parametrize(
    ("answer", "state", "result"),
    [
        (["127.0.0.3"], "bad", "fail"),
        (["127.0.0.10"], "fine", "none"),
        (["127.255.255.254"], "failed", "temperror"),
        (["127.0.0.1"], "failed", "temperror"),
        (["127.0.0.2", "127.255.255.255"], "failed", "temperror"),
        (["198.51.100.7"], "failed", "temperror"),
    ],
)
def test_answers_count_or_not(dns: DnsServer, resolver: Resolver, answer: list[str], state: str, result: str) -> None:
    dns.zones = {ENTRY: {"A": answer}}
    found = report(lists(resolver, ["bl.example codes=127.0.0.2-9"]))
    assert (found.state, [finding.result for finding in found.findings]) == (state, [result])


@pytest.mark.parametrize("answer", [SERVFAIL, GARBAGE, SILENT])
def test_a_list_that_does_not_answer(dns: DnsServer, impatient: Resolver, answer: Answer) -> None:
    dns.zones = {ENTRY: answer}
    found = report(lists(impatient, ["bl.example"]))
    assert (found.state, results(found)) == ("failed", [("bl.example", "temperror")])


def test_a_list_that_is_slow_is_waited_for_so_long(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {ENTRY: Answer(["127.0.0.2"], held=True), "1.2.0.192.other.example": {"A": ["127.0.0.2"]}}
    found = report(lists(resolver, ["bl.example seconds=0.05", "other.example"]))
    assert (found.state, results(found)) == ("bad", [("bl.example", "temperror"), ("other.example", "fail")])


def test_a_list_without_reasons(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {ENTRY: {"A": ["127.0.0.2"], "TXT": SERVFAIL}}
    (finding,) = report(lists(resolver, ["bl.example"])).findings
    assert (finding.result, finding.reason) == ("fail", "")


def test_the_sternest_action_of_the_lists_is_due(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {f"1.2.0.192.{zone}.example": {"A": ["127.0.0.2"]} for zone in ("a", "b", "c")}
    marks, junk, refuses = "a.example action=mark", "b.example action=junk", "c.example"
    for asked, most in (([marks], "mark"), ([marks, junk], "junk"), ([marks, refuses, junk], "refuse")):
        found = report(lists(resolver, asked))
        assert (found.state, found.most, len(found.findings)) == ("bad", most, len(asked))
    assert found.refusal is not None
    assert found.refusal.text == "192.0.2.1 is listed by c.example"


class TestListOfEverybody:
    """RFC 5782 §5: 127.0.0.1 must not be in a list of addresses, INVALID not in one of domains."""

    @pytest.mark.parametrize("answer", ["127.0.0.2", "127.0.0.1", "198.51.100.7"])
    def test_is_switched_off(
        self, dns: DnsServer, resolver: Resolver, caplog: pytest.LogCaptureFixture, answer: str
    ) -> None:
        dns.zones = {ENTRY: {"A": [answer]}, "1.0.0.127.bl.example": {"A": [answer]}}
        clock = Clock()
        checked = lists(resolver, ["bl.example"], clock=clock)
        assert [report(checked).state for _ in range(3)] == ["fine"] * 3
        assert [record.message for record in caplog.records] == ["blocklist-lists-everybody"]
        asked = dns.count()
        report(checked, client="192.0.2.2")
        assert dns.count() == asked, "it is not asked any more"

    def test_is_asked_again_later(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {ENTRY: {"A": ["127.0.0.2"]}, "1.0.0.127.bl.example": {"A": Answer(["127.0.0.2"], ttl=0)}}
        clock = Clock()
        checked = lists(resolver, ["bl.example"], clock=clock)
        assert report(checked).state == "fine"
        dns.zones = {ENTRY: {"A": ["127.0.0.2"]}}
        clock.now += 3599
        assert report(checked).state == "fine"
        clock.now += 1
        assert report(checked).state == "bad"

    def test_of_ipv6_addresses(self, dns: DnsServer, resolver: Resolver) -> None:
        nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
        mapped = "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
        dns.zones = {f"{label}.bl.example": {"A": ["127.0.0.2"]} for label in (nibbles, mapped)}
        assert report(lists(resolver, ["bl.example"]), client="2001:db8::1").state == "fine"

    def test_of_domains(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {f"{name}.dbl.example": {"A": ["127.0.1.2"]} for name in ("sender.example", "invalid")}
        assert report(lists(resolver, domains=["dbl.example"])).state == "fine"


def test_a_list_that_refuses_is_told_of_now_and_then(
    dns: DnsServer, resolver: Resolver, caplog: pytest.LogCaptureFixture
) -> None:
    dns.zones = {ENTRY: {"A": ["127.255.255.254"]}}
    clock = Clock()
    checked = lists(resolver, ["bl.example"], clock=clock)
    for _ in range(3):
        report(checked)
    assert [record.message for record in caplog.records] == ["blocklist-refuses"]
    clock.now += 3600
    report(checked)
    assert len(caplog.records) == 2


class TestDomains:
    @pytest.mark.parametrize(
        "name", ["sender.example", "from.example", "mx.example.org", "example.org", "host.rev.example", "rev.example"]
    )
    def test_are_looked_up(self, dns: DnsServer, resolver: Resolver, name: str) -> None:
        dns.zones = {
            "1.2.0.192.in-addr.arpa": {"PTR": ["host.rev.example"]},
            f"{name}.dbl.example": {"A": ["127.0.1.2"]},
        }
        found = report(lists(resolver, domains=["dbl.example"]))
        assert (found.state, subjects(found)) == ("bad", [name])

    @pytest.mark.parametrize(
        ("name", "state"),
        [("sender.example", "bad"), ("from.example", "bad"), ("mx.example.org", "fine"), ("rev.example", "fine")],
    )
    def test_of_a_relay_are_not(self, dns: DnsServer, resolver: Resolver, name: str, state: str) -> None:
        dns.zones = {
            "1.2.0.192.in-addr.arpa": {"PTR": ["rev.example"]},
            f"{name}.dbl.example": {"A": ["127.0.1.2"]},
            ENTRY: {"A": ["127.0.0.2"]},
        }
        assert report(lists(resolver, ["bl.example"], ["dbl.example"]), relayed=True).state == state

    def test_of_a_null_sender_are_those_of_the_rest(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"from.example.dbl.example": {"A": ["127.0.1.2"]}}
        assert report(lists(resolver, domains=["dbl.example"]), sender="").state == "bad"

    def test_are_not_too_many(self, dns: DnsServer, resolver: Resolver) -> None:
        people = ", ".join(f"a@a{number}.example" for number in range(1000))
        found = report(lists(resolver, domains=["dbl.example"]), f"From: {people}\r\n\r\n".encode())
        assert found.state == "fine"
        assert dns.count(kind="A") == 5 + 1 + 2

    @pytest.mark.parametrize(
        "value",
        [b"", b"nobody", b"a@", b"a@[192.0.2.1]", b"a@\xff.example", b"a@" + b"x." * 200 + b"example", b"<<@>>,;:@"],
    )
    def test_that_are_none_are_passed_over(self, dns: DnsServer, resolver: Resolver, value: bytes) -> None:
        found = report(
            lists(resolver, domains=["dbl.example"]),
            b"From: " + value + b"\r\n\r\n",
            helo="[192.0.2.1]",
            sender="a@[x]",
        )
        assert found.state == "fine"
        assert dns.count(kind="A") == 0

    def test_without_a_name_of_the_address(self, dns: DnsServer, impatient: Resolver) -> None:
        dns.zones = {"1.2.0.192.in-addr.arpa": SILENT, "from.example.dbl.example": {"A": ["127.0.1.2"]}}
        assert report(lists(impatient, domains=["dbl.example"])).state == "bad"
