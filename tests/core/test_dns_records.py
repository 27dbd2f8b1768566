"""The records of a domain, and what DNS has in their place."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.dns_records import Record, below, judge, records, shown, sts_policy
from tempmaild.settings import Settings

if TYPE_CHECKING:
    from tempmaild.core.dns_message import Value
    from tempmaild.core.dns_records import Purpose

CERTIFIED = {"certificate": Path("/cert"), "key": Path("/key")}
IDENTIFIER = hashlib.sha256(b"version: STSv1\nmode: testing\nmx: mx.example.org\nmax_age: 604800\n").hexdigest()[:16]
LISTENING = {"listen": ["203.0.113.9:25", "8.8.8.8:25", "[2001:4860:4860::8888]:25", "unix:/run/smtp"]}


def settings(**sections: Any) -> Settings:
    return Settings.model_validate({"host": {"name": "mx.example.org"}} | sections)


def lines(domain: str, *, operator: bool = False, **sections: Any) -> list[str]:
    return [record.line for record in records(domain, settings(**sections), operator=operator)]


def test_of_a_domain() -> None:
    assert lines("box.test", tls=CERTIFIED, smtp=LISTENING, operator=True) == [
        "box.test. IN MX 10 mx.example.org.",
        "mx.example.org. IN A 8.8.8.8",
        "mx.example.org. IN AAAA 2001:4860:4860::8888",
        'box.test. IN TXT "v=spf1 -all"',
        '_dmarc.box.test. IN TXT "v=DMARC1; p=reject;"',
        f'_mta-sts.box.test. IN TXT "v=STSv1; id={IDENTIFIER};"',
        "mta-sts.box.test. IN CNAME mx.example.org.",
        '_smtp._tls.box.test. IN TXT "v=TLSRPTv1; rua=mailto:postmaster@box.test"',
        "_imaps._tcp.box.test. IN SRV 0 0 0 .",
        "_imap._tcp.box.test. IN SRV 0 0 143 mx.example.org.",
        "_pop3s._tcp.box.test. IN SRV 0 0 0 .",
        "_pop3._tcp.box.test. IN SRV 10 0 110 mx.example.org.",
        "_submission._tcp.box.test. IN SRV 0 0 0 .",
        "_submissions._tcp.box.test. IN SRV 0 0 0 .",
        "autoconfig.box.test. IN CNAME mx.example.org.",
        'mx.example.org. IN CAA 0 issue "letsencrypt.org"',
    ]


def test_without_tls_nobody_is_told_to_use_it() -> None:
    purposes = {record.purpose for record in records("box.test", settings(), operator=True)}
    assert not purposes & {"mta-sts", "mta-sts-host", "tls-rpt"}


def test_without_an_operator_nobody_would_get_reports() -> None:
    assert "tls-rpt" not in {r.purpose for r in records("box.test", settings(tls=CERTIFIED))}


def test_without_clients_there_are_no_services() -> None:
    closed: dict[str, Any] = {"imap": {"listen": []}, "pop3": {"listen": []}}
    assert not {r.purpose for r in records("box.test", settings(**closed))} & {"service", "autoconfig"}


def test_of_a_wildcard() -> None:
    assert lines("*.box.test", tls=CERTIFIED, operator=True) == [
        "*.box.test. IN MX 10 mx.example.org.",
        "mx.example.org. IN A ",
        "mx.example.org. IN AAAA ",
        '*.box.test. IN TXT "v=spf1 -all"',
        '*.box.test. IN TXT "v=DMARC1; p=reject;"',
        'mx.example.org. IN CAA 0 issue "letsencrypt.org"',
    ]


@pytest.mark.parametrize("domain", ["box.test", "*.box.test", "xn--bcher-kva.test"])
def test_are_read_by_others(domain: str) -> None:
    for record in records(domain, settings(tls=CERTIFIED, smtp=LISTENING), operator=True):
        text = record.line.split(" ", 3)[3]
        rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.kind), text)
        assert rdata.to_text() == text


def test_the_policy_has_the_lines_of_rfc_8461() -> None:
    policy = dict(line.split(": ") for line in sts_policy(settings()).splitlines())
    assert policy == {"version": "STSv1", "mode": "testing", "mx": "mx.example.org", "max_age": "604800"}


def test_another_policy_has_another_id() -> None:
    def identifier(host: str) -> str:
        found = records("box.test", settings(host={"name": host}, tls=CERTIFIED))
        return next(r.value for r in found if r.purpose == "mta-sts")

    assert identifier("a.test") == identifier("a.test") != identifier("b.test")


WANTED = {r.purpose: r for r in records("box.test", settings(tls=CERTIFIED), operator=True)}
FIXED = Record("address", "must", "mx.example.org", "A", "8.8.8.8")
SPF, STS, RPT = "spf", "mta-sts", "tls-rpt"


@pytest.mark.parametrize(
    ("purpose", "values", "state"),
    [
        ("mx", [], "missing"),
        ("mx", [(10, "mx.example.org")], "fine"),
        ("mx", [(5, "mx.example.org"), (20, "backup.test")], "fine"),
        ("mx", [(10, "mx.example.net")], "different"),
        ("mx", [(0, "")], "different"),
        ("address", [], "missing"),
        ("address", ["192.0.2.1"], "fine"),
        (SPF, [], "missing"),
        (SPF, [b"google-site-verification=x"], "missing"),
        (SPF, [b"v=spf10 -all"], "missing"),
        (SPF, [b"v=spf1 -all", b"other"], "fine"),
        (SPF, [b"V=SPF1  -ALL "], "fine"),
        (SPF, [b"v=spf1 ~all"], "different"),
        (SPF, [b"v=spf1"], "different"),
        (SPF, [b"v=spf1 -all", b"v=spf1 -all"], "different"),
        ("dmarc", [], "missing"),
        ("dmarc", [b"v=spf1 -all"], "missing"),
        ("dmarc", [b"v=DMARC1; p=reject"], "fine"),
        ("dmarc", [b"v=DMARC1;p=reject; rua=mailto:a@b.test", b"v=spf1 -all"], "fine"),
        ("dmarc", [b"v=DMARC1; p=quarantine"], "different"),
        ("dmarc", [b"v=DMARC1; p=reject; t=y"], "different"),
        ("dmarc", [b"v=DMARC1; p=reject", b"v=DMARC1; p=reject"], "different"),
        ("dmarc", [b"v=DMARC1; p=never"], "different"),
        (STS, [], "missing"),
        (STS, [b"v=STSv1; id=20260101;"], "fine"),
        (STS, [b"v=STSv1;id=20260101", b"other"], "fine"),
        (STS, [b"v=STSv1; id=2026; more=x"], "fine"),
        (STS, [b"v=STSv1; id=2026-01-01"], "different"),
        (STS, [b"v=STSv1"], "different"),
        (STS, [b"v=STSv1; id=" + b"1" * 33], "different"),
        (STS, [b"v=STSv1; id=1", b"v=STSv1; id=2"], "different"),
        ("mta-sts-host", ["192.0.2.1"], "fine"),
        ("mta-sts-host", [], "missing"),
        (RPT, [b"v=TLSRPTv1; rua=mailto:x@y.test"], "fine"),
        (RPT, [b"v=TLSRPTv1;rua=https://y.test/report"], "fine"),
        (RPT, [b"v=TLSRPTv1"], "different"),
        (RPT, [b"v=TLSRPTv1;" + b"rua=ftp:" * 8000 + b"\n"], "different"),
        (RPT, [b"v=TLSRPTv1; rua=ftp://y.test"], "different"),
        (RPT, [], "missing"),
        ("caa", [], "missing"),
        ("caa", ['0 iodef "mailto:x@y.test"'], "missing"),
        ("caa", ['0 issue "ca.test; account=1"'], "fine"),
        ("caa", ['0 issue ";"'], "different"),
        ("caa", ['0 issue ""', '0 issue "ca.test"'], "fine"),
    ],
)
def test_judged(purpose: Purpose, values: list[Value], state: str) -> None:
    assert judge(WANTED[purpose], values) == state


def test_judged_where_a_value_is_wanted() -> None:
    assert judge(FIXED, ["8.8.8.8", "8.8.4.4"]) == "fine"
    assert judge(FIXED, ["8.8.4.4"]) == "different"
    service = Record("service", "may", "_imap._tcp.box.test", "SRV", "0 0 143 mx.example.org.")
    assert judge(service, ["0 0 143 mx.example.org."]) == "fine"
    assert judge(service, ["0 0 993 mx.example.org."]) == "different"
    assert judge(service, []) == "missing"


def test_what_leads_names_below_here_should_not() -> None:
    assert judge(below("box.test"), []) == "fine"
    assert judge(below("box.test"), [(10, "mx.example.org")]) == "different"


def test_the_words_of_strangers_are_shown_as_printable_ascii() -> None:
    assert shown([b"a\0\xff<b>", (10, "mx"), "x\n"]) == ("a\\000\\255<b>", "10 mx.", "x\\010")


@given(st.sampled_from(sorted(WANTED)), st.lists(st.binary(max_size=60) | st.text(max_size=30), max_size=3))
def test_whatever_dns_says_has_a_meaning(purpose: Purpose, values: list[Any]) -> None:
    if purpose == "mx":
        values = [(1, value) for value in values if isinstance(value, str)]
    assert judge(WANTED[purpose], values) in {"fine", "missing", "different"}
    assert all(text.isprintable() and text.isascii() for text in shown(values) if purpose != "mx")
