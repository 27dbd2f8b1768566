"""The names of clients: RFC 8601 §2.7.3 and §3 (iprev), RFC 5321 §4.1.1.1 (HELO)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks.client import MOST_NAMES, Client
from tempmaild.checks.dns import NoSuchName
from tests.checks.mails import CLIENT, examined
from tests.dns_server import GARBAGE, SERVFAIL, SILENT

if TYPE_CHECKING:
    from tempmaild.checks.dns import Resolver
    from tempmaild.core.verdict import Report
    from tests.dns_server import DnsServer, Zones

REVERSE = "1.2.0.192.in-addr.arpa"
HOST: Zones = {"mx.example.org": {"A": [CLIENT]}}
RIGHT: Zones = {REVERSE: {"PTR": ["mx.example.org"]}, **HOST}
IPV6 = "2001:db8::25"
REVERSE6 = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"


def report(resolver: Resolver, **fields: Any) -> Report:
    return asyncio.run(Client(resolver).examine(examined(**fields)))


def results(found: Report) -> dict[str, str]:
    return {finding.method: finding.result for finding in found.findings}


def test_a_host_in_order(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = RIGHT
    found = report(resolver)
    assert found.state == "fine"
    iprev, helo = found.findings
    assert (iprev.method, iprev.result, iprev.reason) == ("iprev", "pass", "mx.example.org")
    assert iprev.properties == (("policy.iprev", CLIENT),)
    assert (helo.method, helo.result, helo.properties) == ("x-helo", "pass", (("smtp.helo", "mx.example.org"),))


def test_a_host_in_order_with_ipv6(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {REVERSE6: {"PTR": ["mx.example.org"]}, "mx.example.org": {"AAAA": [IPV6], "A": [CLIENT]}}
    found = report(resolver, client=IPV6)
    assert (found.state, results(found)) == ("fine", {"iprev": "pass", "x-helo": "pass"})


@pytest.mark.parametrize(
    ("zones", "result", "state"),
    [
        ({}, "permerror", "bad"),
        ({REVERSE: {"TXT": ["no name"]}}, "permerror", "bad"),
        ({REVERSE: {"PTR": ["none.example"]}}, "permerror", "bad"),
        ({REVERSE: {"PTR": ["a.example"]}, "a.example": {"AAAA": ["2001:db8::1"]}}, "permerror", "bad"),
        ({REVERSE: {"PTR": ["a.example"]}, "a.example": {"A": ["192.0.2.2"]}}, "fail", "bad"),
        ({REVERSE: {"PTR": ["a.example"]}, "a.example": {"A": ["192.0.2.2", CLIENT]}}, "pass", "fine"),
        ({REVERSE: {"PTR": ["a.example", "mx.example.org"]}, "a.example": {"A": ["192.0.2.2"]}}, "pass", "fine"),
        ({REVERSE: {"PTR": ["a.example", "mx.example.org"]}, "a.example": SERVFAIL}, "pass", "fine"),
        ({REVERSE: {"PTR": ["a.example", "b.example"]}, "b.example": SERVFAIL}, "temperror", "failed"),
        ({REVERSE: SERVFAIL}, "temperror", "failed"),
        ({REVERSE: GARBAGE}, "temperror", "failed"),
        ({REVERSE: {"CNAME": ["1.part.example"]}, "1.part.example": {"PTR": ["mx.example.org"]}}, "pass", "fine"),
    ],
)
def test_the_name_of_the_address(dns: DnsServer, resolver: Resolver, zones: Any, result: str, state: str) -> None:
    dns.zones = {**HOST, **zones}
    found = report(resolver)
    assert results(found) == {"iprev": result, "x-helo": "pass"}
    assert found.state == state
    assert (found.refusal is not None and found.refusal.status == "5.7.25") is (state == "bad")


@pytest.mark.parametrize(
    ("helo", "result", "state"),
    [
        ("MX.Example.Org", "pass", "fine"),
        ("mx.example.org.", "pass", "fine"),
        ("other.example", "neutral", "fine"),
        ("six.example", "neutral", "fine"),
        ("none.example", "fail", "bad"),
        ("text.example", "fail", "bad"),
        ("down.example", "temperror", "failed"),
        ("[192.0.2.1]", "pass", "fine"),
        ("[192.0.2.2]", "fail", "bad"),
        ("[IPv6:2001:db8::1]", "fail", "bad"),
        ("[192.0.2.1", "permerror", "bad"),
        ("192.0.2.1", "permerror", "bad"),
        ("localhost", "permerror", "bad"),
        ("under_score.example", "permerror", "bad"),
        ("", "permerror", "bad"),
    ],
)
def test_the_name_in_helo(dns: DnsServer, resolver: Resolver, helo: str, result: str, state: str) -> None:
    dns.zones = {
        **RIGHT,
        "other.example": {"A": ["192.0.2.2"]},
        "six.example": {"AAAA": ["2001:db8::1"]},
        "text.example": {"TXT": ["no host"]},
        "down.example": SERVFAIL,
    }
    found = report(resolver, helo=helo)
    assert results(found) == {"iprev": "pass", "x-helo": result}
    assert found.state == state
    assert (found.refusal is not None and "HELO" in found.refusal.text) is (state == "bad")


def test_what_is_wrong_counts_more_than_what_is_not_known(dns: DnsServer, resolver: Resolver) -> None:
    dns.zones = {REVERSE: SERVFAIL}
    found = report(resolver)
    assert (found.state, results(found)) == ("bad", {"iprev": "temperror", "x-helo": "fail"})


def test_a_resolver_that_is_silent(dns: DnsServer, impatient: Resolver) -> None:
    dns.zones = {REVERSE: SILENT, "mx.example.org": SILENT}
    found = report(impatient)
    assert (found.state, results(found)) == ("failed", {"iprev": "temperror", "x-helo": "temperror"})


@pytest.mark.parametrize("fields", [{"relayed": True}, {"client": "", "relayed": True}])
def test_of_a_relay_nothing_is_said(dns: DnsServer, resolver: Resolver, fields: dict[str, Any]) -> None:
    found = report(resolver, **fields)
    assert (found.state, found.findings) == ("fine", ())
    assert not dns.queries


def test_only_so_many_names_are_looked_at(dns: DnsServer, resolver: Resolver) -> None:
    names = [f"n{number}.example" for number in range(40)]
    dns.zones = {**HOST, REVERSE: {"PTR": names}, **{name: {"A": ["192.0.2.9"]} for name in names}}
    assert results(report(resolver))["iprev"] == "fail"
    assert dns.count(kind="A") == MOST_NAMES + 1


class Nowhere:
    """DNS without a single name."""

    def known(self, name: str, kind: str) -> None:
        """Give what is in a cache: there is none."""

    async def lookup(self, name: str, kind: str) -> tuple[Any, ...]:  # noqa: ARG002
        raise NoSuchName(name)


@given(st.text(max_size=300))
def test_whatever_stands_in_helo_is_judged(helo: str) -> None:
    found = asyncio.run(Client(Nowhere()).examine(examined(helo=helo)))  # type: ignore[arg-type]
    assert results(found)["x-helo"] != "pass" or helo == "[192.0.2.1]"
