"""RFC 9989 §4.7, §4.8, §4.10: DMARC policy records and the DNS tree walk."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.dmarc_record import (
    LONGEST_RECORD,
    MOST_LOOKUPS,
    Policy,
    Record,
    applicable_record,
    organizational_domain,
    parse_records,
    walk,
)

REJECT = Record("reject")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        # RFC 9989 Appendix B.2
        (b"v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", Record()),
        (
            b"v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth-reports@example.com",
            Record(),
        ),
        (
            b"v=DMARC1; p=quarantine; t=y; rua=mailto:feedback@example.com,mailto:tld-test@thirdparty.example.net",
            Record("quarantine", testing=True),
        ),
        (
            b"v=DMARC1; p=reject; rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net",
            REJECT,
        ),
        (b"v=DMARC1; p=reject; aspf=r;     rua=mailto:dmarc-feedback@example.com", REJECT),
        # RFC 7489 Appendix B.2.1 and B.2.4; what RFC 9989 does not know any more is ignored.
        (b"v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com; pct=25", Record("quarantine")),
        (b"v=DMARC1;p=reject;pct=0;rf=afrf;ri=86400", REJECT),
        # Every tag, and the forms it may have.
        (
            b"v=DMARC1;p=reject;sp=quarantine;np=none;adkim=s;aspf=s;psd=n;t=n;fo=1:d:s",
            Record("reject", "quarantine", "none", strict_dkim=True, strict_spf=True, psd="n"),
        ),
        (b"v=DMARC1;psd=y;np=reject;sp=none", Record(subdomains="none", missing="reject", psd="y")),
        (b" \tV = DMARC1 ; P = Reject ;; ; T= Y;", Record("reject", testing=True)),
        (b"v=DMARC1", Record()),
        (b"v=DMARC1;", Record()),
        (b"v=DMARC1; sp=reject", Record(subdomains="reject")),  # p= is no duty
        # What is wrong is ignored.
        (b"v=DMARC1; p=reject; adkim=x; aspf=; psd=maybe; t=yes; unknown; =; \xe9=\xfc\0", REJECT),
        (b"v=DMARC1; p=reject; p=none", REJECT),
        (b"v=DMARC1; p=reject v=DMARC1", Record(broken=True)),
        # A policy that is none (RFC 9989 §4.10.1)
        (b"v=DMARC1; p=rejekt", Record(broken=True)),
        (b"v=DMARC1; p=", Record(broken=True)),
        (b"v=DMARC1; p=reject; sp=all", Record(broken=True)),
        (b"v=DMARC1; p=reject; np=all; psd=y", Record(broken=True, psd="y")),
        (b"v=DMARC1; p=reject; np=all; rua=example.com", Record(broken=True)),
        (b"v=DMARC1; p=reject; np=all; rua=,mailto:, : ,", Record(broken=True)),
        (b"v=DMARC1; p=rejekt; rua=mailto:a@example.com", Record()),
        (b"v=DMARC1; p=reject; sp=all; rua=nobody, https://example.com/", Record()),
        (b"v=DMARC1; p=reject; fo=".ljust(LONGEST_RECORD, b"1"), REJECT),
        (b"v=DMARC1; p=reject; fo=".ljust(LONGEST_RECORD + 1, b"1"), Record(broken=True)),
        # No records at all: the version has to come first, and to be right.
        (b"", None),
        (b"v=spf1 -all", None),
        (b"v=dmarc1; p=reject", None),
        (b"v=DMARC2; p=reject", None),
        (b"v=DMARC1.0; p=reject", None),
        (b"v=DMARC1 p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b";v=DMARC1; p=reject", None),
        (b'"v=DMARC1; p=reject"', None),
        (b"DMARC1; p=reject", None),
    ],
)
def test_record(text: bytes, record: Record | None) -> None:
    assert parse_records([text]) == record


def test_the_one_record_among_others() -> None:
    assert parse_records([]) is None
    assert parse_records([b"v=spf1 -all", b"v=DMARC1; p=reject", b"a verification"]) == REJECT
    # RFC 9989 §4.10, step 2
    assert parse_records([b"v=DMARC1; p=reject", b"v=DMARC1; p=reject"]) is None
    assert parse_records([b"v=DMARC1; p=reject", b"v=DMARC1; p=rejekt"]) is None


@given(st.lists(st.binary() | st.binary().map(b"v=DMARC1;p=".__add__), max_size=3))
def test_garbage_is_read(texts: list[bytes]) -> None:
    record = parse_records(texts)
    assert record is None or isinstance(record, Record)


TAGS = st.sampled_from(["p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "x", ""])
VALUES = st.sampled_from(["none", "quarantine", "REJECT", "y", "n", "u", "r", "s", "", "mailto:a@b", "\0"])


@given(st.lists(st.tuples(TAGS, VALUES).map("=".join) | st.text(max_size=3)), st.sampled_from([";", " ; ", ";;\t"]))
def test_only_known_policies_come_out(tags: list[str], separator: str) -> None:
    record = parse_records([separator.join(["v=DMARC1", *tags]).encode()])
    assert record is not None
    for below in (False, True):
        for exists in (False, True):
            policy = record.applied(below=below, exists=exists)
            assert policy in {"none", "quarantine", "reject"}
            assert policy == "none" or not record.broken


@pytest.mark.parametrize(
    ("record", "policies"),
    [
        # of the domain itself, of one below it, of one below it that does not exist
        (Record("reject"), ("reject", "reject", "reject")),
        (Record("reject", "quarantine"), ("reject", "quarantine", "quarantine")),
        (Record("none", None, "reject"), ("none", "none", "reject")),
        (Record("quarantine", "none", "reject"), ("quarantine", "none", "reject")),
        (Record("reject", "quarantine", "none"), ("reject", "quarantine", "none")),
        # t=y: each one step milder (RFC 9989 §4.7)
        (Record("reject", "quarantine", "none", testing=True), ("quarantine", "none", "none")),
    ],
)
def test_policy(record: Record, policies: tuple[Policy, Policy, Policy]) -> None:
    own = record.applied(below=False, exists=True)
    assert own == record.applied(below=False, exists=False)
    assert (own, record.applied(below=True, exists=True), record.applied(below=True, exists=False)) == policies


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        # RFC 9989 §4.10
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ],
        ),
        ("a.mail.example.com", ["a.mail.example.com", "mail.example.com", "example.com", "com"]),
        ("com", ["com"]),
        ("1.2.3.4.5.6.7", ["1.2.3.4.5.6.7", "2.3.4.5.6.7", "3.4.5.6.7", "4.5.6.7", "5.6.7", "6.7", "7"]),
        (
            "1.2.3.4.5.6.7.8",
            ["1.2.3.4.5.6.7.8", "2.3.4.5.6.7.8", "3.4.5.6.7.8", "4.5.6.7.8", "5.6.7.8", "6.7.8", "7.8", "8"],
        ),
    ],
)
def test_walk(domain: str, names: list[str]) -> None:
    assert walk(domain) == names


@given(st.lists(st.sampled_from(["a", "bc", "xn--d"]), min_size=1, max_size=60).map(".".join))
def test_a_walk_is_short_and_goes_up(domain: str) -> None:
    names = walk(domain)
    assert names[0] == domain
    assert len(names) == min(domain.count(".") + 1, MOST_LOOKUPS)
    assert all(longer.endswith(f".{shorter}") for longer, shorter in pairwise(names))
    assert "." not in names[-1]


@pytest.mark.parametrize(
    ("domain", "found", "organizational", "applicable"),
    [
        # RFC 9989 §4.10.2
        ("a.mail.example.com", ["mail.example.com", "example.com"], "example.com", "example.com"),
        ("a.mail.example.com", ["mail.example.com n"], "mail.example.com", "mail.example.com"),
        ("a.mail.example.com", ["com y"], "example.com", "com"),
        ("a.mail.example.com", ["mail.example.com", "example.com y"], "mail.example.com", "mail.example.com"),
        # RFC 9989 Appendix B.4
        ("example.com", ["example.com"], "example.com", "example.com"),
        ("signing.example.com", ["signing.example.com", "example.com"], "example.com", "signing.example.com"),
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", ["example.com"], "example.com", "example.com"),
        (
            "giant.bank.example",
            ["giant.bank.example", "bank.example y"],
            "giant.bank.example",
            "giant.bank.example",
        ),
        (
            "mail.giant.bank.example",
            ["giant.bank.example", "bank.example y"],
            "giant.bank.example",
            "giant.bank.example",
        ),
        ("mail.mega.bank.example", ["bank.example y"], "mega.bank.example", "bank.example"),
        # A record in the middle is neither the domain's own nor that of its organization.
        ("a.b.example.com", ["b.example.com", "example.com"], "example.com", "example.com"),
        ("a.b.example.com", ["b.example.com", "com y"], "example.com", "com"),
        # A public suffix that sends mail itself
        ("bank.example", ["bank.example y"], "bank.example", "bank.example"),
        ("bank.example", ["bank.example n"], "bank.example", "bank.example"),
        ("a.example.com", [], "a.example.com", None),
    ],
)
def test_discovery(domain: str, found: list[str], organizational: str, applicable: str | None) -> None:
    records = []
    for text in found:
        name, _, psd = text.partition(" ")
        records.append((name, Record(psd="y" if psd == "y" else "n" if psd == "n" else "u")))
    assert organizational_domain(domain, records) == organizational
    result = applicable_record(domain, records)
    assert (result and result[0]) == applicable
