"""The records of a domain, looked for in the DNS of a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.dns_records import Record, below, records
from tempmaild.service.domain_check import Result, check
from tempmaild.settings import Settings
from tests.dns_server import SERVFAIL, SILENT, DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dns_server import Zones

HOST = "mx.example.org"


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def settings(dns: DnsServer) -> Settings:
    tls = {"certificate": "/cert", "key": "/key"}
    servers = {"servers": [str(dns.address)], "query_seconds": 1}
    return Settings.model_validate({"host": {"name": HOST}, "tls": tls, "dns": servers})


def look(dns: DnsServer, zones: Zones, *wanted: Record, seconds: float = 8) -> list[Result]:
    dns.zones = zones
    return check(wanted, HOST, settings(dns).dns, seconds)


def states(results: list[Result]) -> dict[tuple[str, str], str]:
    return {(result.record.purpose, result.record.kind): result.state for result in results}


RIGHT: Zones = {
    "box.test": {"MX": ["10 mx.example.org"], "TXT": ["v=spf1 -all", "other"]},
    HOST: {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "example.org": {"CAA": ['0 issue "ca.test"']},
    "_dmarc.box.test": {"TXT": ["v=DMARC1; p=reject"]},
    "_mta-sts.box.test": {"TXT": ["v=STSv1; id=1;"]},
    "mta-sts.box.test": {"CNAME": ["web.test"]},
    "web.test": {"A": ["192.0.2.2"]},
    "_smtp._tls.box.test": {"TXT": ["v=TLSRPTv1; rua=mailto:postmaster@box.test"]},
    "autoconfig.box.test": {"AAAA": ["2001:db8::2"]},
    "_imap._tcp.box.test": {"SRV": ["0 0 143 MX.example.org."]},
    "_pop3._tcp.box.test": {"SRV": ["10 0 110 mx.example.org."]},
    **{f"_{s}._tcp.box.test": {"SRV": ["0 0 0 ."]} for s in ("imaps", "pop3s", "submission", "submissions")},
}


def test_all_that_is_right(dns: DnsServer) -> None:
    wanted = [*records("box.test", settings(dns), operator=True), below("box.test")]
    results = look(dns, RIGHT, *wanted)
    assert [result.record for result in results] == wanted
    assert {result.state for result in results} == {"fine"}
    assert results[0].found == ("10 mx.example.org.",)


def test_nothing_at_all(dns: DnsServer) -> None:
    results = look(dns, {}, *records("box.test", settings(dns), operator=True), below("box.test"))
    assert {result.state for result in results[:-1]} == {"missing"}
    assert results[-1].state == "fine"


def test_a_wildcard_is_asked_for_names_that_nobody_has(dns: DnsServer) -> None:
    results = look(dns, {}, *records("*.box.test", settings(dns)))
    asked = {(r.record.purpose, r.record.value): r.asked for r in results if r.record.name == "*.box.test"}
    label = asked["mx", f"10 {HOST}."].removesuffix(".box.test")
    assert label.startswith("tempmaild-")
    assert asked["spf", "v=spf1 -all"] == f"{label}.box.test"
    assert asked["dmarc", "v=DMARC1; p=reject;"] == f"_dmarc.{label}.box.test"
    again = look(dns, {}, *records("*.box.test", settings(dns)))
    assert again[0].asked != results[0].asked


def test_the_host_of_an_mx_has_no_alias(dns: DnsServer) -> None:
    zones: Zones = {HOST: {"CNAME": ["other.test"]}, "other.test": {"A": ["192.0.2.1"]}}
    results = look(dns, zones, *records("box.test", settings(dns)))
    assert states(results)["address", "A"] == "different"
    assert next(r.found for r in results if r.record.kind == "A") == ("CNAME other.test",)


@pytest.mark.parametrize(
    ("below_it", "state", "found"),
    [
        ({"MX": ["10 mx.example.org"]}, "different", ("10 mx.example.org.",)),
        ({"MX": ["10 elsewhere.test"], "A": ["192.0.2.1"]}, "fine", ()),
        # RFC 5321 §5.1: without an MX, the address counts.
        ({"A": ["192.0.2.1"]}, "different", ("192.0.2.1",)),
        ({"A": ["192.0.2.9"]}, "fine", ()),
    ],
)
def test_what_leads_here_from_below(
    dns: DnsServer,
    below_it: dict[str, list[str]],
    state: str,
    found: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "label")
    zones: Zones = {"tempmaild-label.box.test": below_it, HOST: {"A": ["192.0.2.1"]}}
    (result,) = look(dns, zones, below("box.test"))
    assert (result.state, result.found) == (state, found)


def test_what_dns_does_not_tell_is_unknown(dns: DnsServer) -> None:
    results = look(
        dns,
        {"box.test": SERVFAIL, "_dmarc.box.test": {"TXT": ["v=DMARC1; p=reject"]}},
        *records("box.test", settings(dns)),
    )
    assert states(results)["mx", "MX"] == "unknown"
    assert states(results)["dmarc", "TXT"] == "fine"


def test_nobody_waits_for_ever(dns: DnsServer) -> None:
    begun = time.monotonic()
    results = look(dns, {"box.test": SILENT}, *records("box.test", settings(dns)), seconds=0.3)
    assert time.monotonic() - begun < 20
    assert states(results)["mx", "MX"] == "unknown"
    assert states(results)["dmarc", "TXT"] == "missing"


def test_a_name_may_have_more_than_can_be_shown(dns: DnsServer) -> None:
    zones: Zones = {"box.test": {"MX": [f"10 mx{i}.example.net" for i in range(50)]}}
    results = look(dns, zones, *records("box.test", settings(dns)))
    assert len(results[0].found) == 10
