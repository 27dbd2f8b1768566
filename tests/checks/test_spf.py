"""RFC 7208: what the check does beyond the suite of `test_rfc7208.py`."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks import spf
from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.checks.mail import Examined, Mail
from tempmaild.checks.spf import Spf
from tempmaild.core.checking import Checking
from tempmaild.core.spf_record import LONGEST_RECORD
from tests.dns_server import SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tempmaild.core.verdict import Report
    from tests.dns_server import DnsServer

FAILS = LookupFailed("SERVFAIL")
RESULTS = {"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"}
Zone = dict[str, dict[str, Any]]


class Names:
    """Answers from a table, and lets everybody else go on before."""

    def __init__(self, zones: Mapping[str, Mapping[str, Any]]) -> None:
        self.zones = zones
        self.asked: Counter[str] = Counter()

    def known(self, name: str, kind: str) -> None:
        """Give what is in a cache: there is none."""

    async def lookup(self, name: str, kind: str) -> tuple[Any, ...]:
        self.asked[f"{kind} {name}"] += 1
        await asyncio.sleep(0)
        if name not in self.zones:
            raise NoSuchName(name)
        values = self.zones[name].get(kind, ())
        if isinstance(values, Exception):
            raise values
        return tuple(values)


class Nobody:
    """Never answers."""

    def known(self, name: str, kind: str) -> None:
        """Give what is in a cache: there is none."""

    async def lookup(self, name: str, kind: str) -> tuple[Any, ...]:  # noqa: ARG002
        await asyncio.Event().wait()
        raise AssertionError


def txt(*records: str | bytes) -> dict[str, Any]:
    return {"TXT": [record.encode() if isinstance(record, str) else record for record in records]}


def mail(
    sender: str = "a@example.org", helo: str = "helo", client: str = "192.0.2.1", *, relayed: bool = False
) -> Mail:
    return Mail(b"", client, helo, sender, (), relayed=relayed, checking=Checking())


def examine(names: Any, examined: Mail, seconds: float = 5) -> Report:
    return asyncio.run(Spf(names, "mx.box.test", seconds).examine(Examined(examined, {})))


def told(report: Report) -> list[tuple[str, str, str]]:
    """Give the results with what they are about."""
    assert all(finding.method == "spf" for finding in report.findings)
    return [(finding.result, *finding.properties[0]) for finding in report.findings]


def result(zones: Zone, examined: Mail) -> str:
    return examine(Names(zones), examined).findings[0].result


# What is told


def test_relayed_mail_is_not_looked_up() -> None:
    names = Names({"example.org": txt("v=spf1 -all")})
    for one in (mail(relayed=True), mail(client="")):
        report = examine(names, one)
        assert report.state == "fine"
        assert [finding.result for finding in report.findings] == ["none"]
        assert report.fields == ()
    assert not names.asked


def test_both_identities_are_told() -> None:
    zones = {"example.org": txt("v=spf1 ip4:192.0.2.0/24 -all"), "mail.example.org": txt("v=spf1 a ~all")}
    report = examine(Names(zones), mail(helo="mail.example.org"))
    assert report.state == "fine"
    assert told(report) == [
        ("pass", "smtp.mailfrom", "example.org"),
        ("softfail", "smtp.helo", "mail.example.org"),
    ]
    about_client = b'\tclient-ip=192.0.2.1;\r\n\tenvelope-from="a@example.org";\r\n\thelo=mail.example.org;\r\n'
    first = b"pass (mx.box.test: domain of a@example.org designates 192.0.2.1 as permitted sender)"
    second = b"softfail (mx.box.test: domain of mail.example.org discourages the use of 192.0.2.1 as sender)"
    by_us = b"\treceiver=mx.box.test;\r\n"
    assert [field.partition(b": ")[2] for field in report.fields] == [
        first + b"\r\n" + about_client + by_us + b'\tidentity=mailfrom;\r\n\tmechanism="ip4:192.0.2.0/24"\r\n',
        second + b"\r\n" + about_client + by_us + b"\tidentity=helo;\r\n\tmechanism=~all\r\n",
    ]


def test_a_helo_without_a_record_is_nothing_to_tell() -> None:
    report = examine(Names({"example.org": txt("v=spf1 ?all")}), mail(helo="mail.example.org"))
    assert [finding.result for finding in report.findings] == ["neutral"]
    assert len(report.fields) == 1


@pytest.mark.parametrize(
    "helo", ["[192.0.2.1]", "192.0.2.1", "localhost", "a..b", "a b.example", "x" * 64 + ".example"]
)
def test_a_helo_that_is_no_domain_is_not_looked_up(helo: str) -> None:
    names = Names({})
    report = examine(names, mail(sender="", helo=helo))
    assert told(report) == [("none", "smtp.helo", helo)]
    examine(names, mail(helo=helo))
    assert set(names.asked) == {"TXT example.org"}


def test_the_null_reverse_path_stands_for_helo() -> None:
    zones = {
        "mail.example.org": txt("v=spf1 exists:%{l}.%{o} -all"),
        "postmaster.mail.example.org": {"A": ["127.0.0.2"]},
    }
    report = examine(Names(zones), mail(sender="", helo="Mail.Example.org."))
    assert told(report) == [("pass", "smtp.helo", "mail.example.org")]
    assert b"envelope-from" not in report.fields[0]


@pytest.mark.parametrize(
    ("record", "expected", "state", "reason"),
    [
        ("v=spf1 +all", "pass", "fine", b"mechanism=+all"),
        ("v=spf1 -all", "fail", "bad", b"mechanism=-all"),
        ("v=spf1 ~all", "softfail", "fine", b"mechanism=~all"),
        ("v=spf1 ?all", "neutral", "fine", b"mechanism=?all"),
        ("v=spf1", "neutral", "fine", b"mechanism=default"),
        ("another text", "none", "fine", b"identity=mailfrom\r\n"),
        ("v=spf1 moo", "permerror", "fine", b'problem="unknown mechanism: moo"'),
        ("v=spf1 a:failing.example", "temperror", "failed", b'problem="A failing.example: SERVFAIL"'),
    ],
)
def test_results(record: str, expected: str, state: str, reason: bytes) -> None:
    report = examine(Names({"example.org": txt(record), "failing.example": {"A": FAILS}}), mail())
    assert report.findings[0].result == expected
    assert report.state == state
    assert reason in report.fields[0]
    assert (report.refusal is not None) == (state in {"bad", "failed"})


def test_a_failing_helo_is_bad_even_where_the_sender_passes() -> None:
    zones = {"example.org": txt("v=spf1 +all"), "mail.example.net": txt("v=spf1 -all")}
    report = examine(Names(zones), mail(helo="mail.example.net"))
    assert report.state == "bad"
    assert report.refusal
    assert report.refusal.status == "5.7.23"
    assert report.refusal.text == "SPF HELO check failed: mail.example.net does not let 192.0.2.1 send its mail"


def test_a_helo_that_cannot_be_looked_up_is_told_and_no_more() -> None:
    zones = {"example.org": txt("v=spf1 +all"), "mail.example.net": {"TXT": FAILS}}
    report = examine(Names(zones), mail(helo="mail.example.net"))
    assert [finding.result for finding in report.findings] == ["pass", "temperror"]
    assert report.state == "fine"


# Explanations


def refusal(explanation: dict[str, Any]) -> str:
    zones = {"example.org": txt("v=spf1 -all exp=why.example.org"), "why.example.org": explanation}
    report = examine(Names(zones), mail())
    assert report.refusal
    assert report.state == "bad"
    return report.refusal.text


NO_REASON = "SPF MAIL FROM check failed: example.org does not let 192.0.2.1 send its mail"


def test_an_explanation_is_told_as_the_domain_s() -> None:
    assert refusal(txt("See http://example.org/?s=%{S}&r=%{r}")) == (
        f"{NO_REASON}; example.org explains: See http://example.org/?s=a%40example.org&r=mx.box.test"
    )


@pytest.mark.parametrize(
    "explanation",
    [
        {},
        {"TXT": FAILS},
        txt("one", "two"),
        txt(""),
        txt("250 Ok\r\n250 Ok"),
        txt(b"\xef\xbb\xbfwhy"),
        txt("%{x}"),
        txt("x" * 65_000),
    ],
)
def test_without_a_good_explanation_there_is_none(explanation: dict[str, Any]) -> None:
    assert refusal(explanation) == NO_REASON


def test_explanations_are_bounded() -> None:
    assert refusal(txt("x" * 1000)).endswith("explains: " + "x" * 200)


def test_what_a_sender_puts_into_an_explanation_is_cleaned() -> None:
    zones = {"example.org": txt("v=spf1 -all exp=why.example.org"), "why.example.org": txt("%{l} may not")}
    report = examine(Names(zones), mail(sender='"ä\\"\x00\x85"@example.org'))
    assert report.refusal
    assert report.refusal.text.endswith('explains: ?"? may not')


def test_an_explanation_is_looked_up_for_a_fail_only() -> None:
    for qualifier, lookups in (("+", 0), ("~", 0), ("-", 1)):
        names = Names({"example.org": txt(f"v=spf1 {qualifier}all exp=why.example.org")})
        examine(names, mail())
        assert names.asked["TXT why.example.org"] == lookups


def test_the_domain_in_an_explanation_is_that_of_the_record() -> None:
    zones = {
        "example.org": txt("v=spf1 redirect=b.example"),
        "b.example": txt("v=spf1 exp=why.%{d} -all"),
        "why.b.example": txt("by %{d}, for %{o}"),
    }
    assert "explains: by b.example, for example.org" in str(examine(Names(zones), mail()).refusal)


def test_of_an_included_record_there_is_no_explanation() -> None:
    zones = {
        "example.org": txt("v=spf1 include:b.example -all"),
        "b.example": txt("v=spf1 -all exp=why.example"),
        "why.example": txt("no"),
    }
    assert "explains" not in str(examine(Names(zones), mail()).refusal)


# Whose domain it is


def test_a_quoted_local_part_hides_no_domain() -> None:
    zones = {"victim.example": txt("v=spf1 +all"), "attacker.example": txt("v=spf1 -all")}
    for sender in ('"a@victim.example"@attacker.example', '"a@victim.example,"@attacker.example'):
        assert result(zones, mail(sender=sender)) == "fail"


def test_internationalised_domains_are_looked_up_as_a_labels() -> None:
    zones = {"xn--bcher-kva.example": txt("v=spf1 exists:%{d} -all") | {"A": ["127.0.0.2"]}}
    report = examine(Names(zones), mail(sender="jürgen@Bücher.example"))
    assert told(report)[0] == ("pass", "smtp.mailfrom", "xn--bcher-kva.example")
    assert 'envelope-from="jürgen@Bücher.example"'.encode() in report.fields[0]


@pytest.mark.parametrize(
    "sender",
    ["a@example", "a@[192.0.2.1]", "a@", "a@a..example", "a@\u202e.example", "a@" + "ä" * 300 + ".de", "a@1.2.3.4"],
)
def test_what_is_no_domain_has_no_record(sender: str) -> None:
    names = Names({})
    assert examine(names, mail(sender=sender)).findings[0].result == "none"
    assert not names.asked


def test_terms_with_a_local_part_beyond_ascii_match_nothing() -> None:
    zones: Zone = {
        "example.org": txt("v=spf1 exists:%{l}.example.org a:%{s} -all"),
        "ä.example.org": {"A": ["127.0.0.2"]},
    }
    names = Names(zones)
    assert examine(names, mail(sender="ä@example.org")).findings[0].result == "fail"
    assert set(names.asked) == {"TXT example.org"}


@pytest.mark.parametrize(
    ("client", "record", "expected"),
    [
        ("192.0.2.1", "v=spf1 ip4:192.0.2.1 -all", "pass"),
        ("::ffff:192.0.2.1", "v=spf1 ip4:192.0.2.0/31 -all", "pass"),
        ("2001:db8::1", "v=spf1 ip4:192.0.2.1 ip6:2001:DB8::/64 -all", "pass"),
        ("2001:db8::1", "v=spf1 ip4:0.0.0.0/0 ip6:2001:db9::/32 -all", "fail"),
        ("fe80::1%eth0", "v=spf1 ip6:fe80::/10 -all", "pass"),
        ("2001:db8::1", "v=spf1 a/0//128 -all", "fail"),
        ("2001:db8::1", "v=spf1 a//0 -all", "pass"),
        ("192.0.2.1", "v=spf1 exists:%{ir}.%{v}.example -all", "pass"),
    ],
)
def test_clients(client: str, record: str, expected: str) -> None:
    here = txt(record) | {"A": ["198.51.100.1"], "AAAA": ["2001:db9::1"]}
    zones: Zone = {"example.org": here, "1.2.0.192.in-addr.example": {"A": ["127.0.0.2"]}}
    assert result(zones, mail(client=client)) == expected


# Limits


def test_records_without_end_are_in_error() -> None:
    for record in ("v=spf1 " + "a " * LONGEST_RECORD, "v=spf1 " + "x" * 65_000, "v=spf1 ip4:1.2.3.4" + " " * 65_000):
        assert result({"example.org": txt(record)}, mail()) == "permerror"


def test_lookups_are_counted_over_all_records() -> None:
    zones: Zone = {f"{number}.example": txt(f"v=spf1 include:{number + 1}.example ?all") for number in range(20)}
    names = Names({"example.org": txt("v=spf1 include:0.example -all"), **zones})
    assert examine(names, mail()).findings[0].result == "permerror"
    assert sum(names.asked.values()) == 11


def test_records_that_include_each_other_are_in_error() -> None:
    zones = {"example.org": txt("v=spf1 include:b.example"), "b.example": txt("v=spf1 redirect=example.org")}
    assert result(zones, mail()) == "permerror"


def test_answers_without_data_are_counted() -> None:
    for count, expected in ((2, "fail"), (3, "permerror")):
        terms = " ".join(f"a:{number}.example" for number in range(count))
        assert result({"example.org": txt(f"v=spf1 {terms} -all")}, mail()) == expected


def test_a_redirect_beside_all_is_none() -> None:
    names = Names({"example.org": txt("v=spf1 redirect=b.example " + "a " * 10 + "+all") | {"A": ["198.51.100.1"]}})
    assert examine(names, mail()).findings[0].result == "pass"


def reverse(names: list[str] | Exception) -> Zone:
    return {"1.2.0.192.in-addr.arpa": {"PTR": names}, "example.org": txt("v=spf1 ptr -all")}


def test_names_of_the_client_that_cannot_be_looked_up_do_not_match() -> None:
    good: Zone = {"mx.example.org": {"A": ["192.0.2.1"]}}
    bad: Zone = {"bad.example.org": {"A": FAILS}}
    assert result(reverse(["mx.example.org"]) | good, mail()) == "pass"
    assert result(reverse(["bad.example.org", "mx.example.org"]) | good | bad, mail()) == "pass"
    assert result(reverse(["bad.example.org"]) | bad, mail()) == "fail"
    assert result(reverse([f"{number}.example.org" for number in range(9)]), mail()) == "fail"
    assert result(reverse(FAILS), mail()) == "fail"


def test_of_the_names_of_a_client_ten_are_looked_up() -> None:
    names = Names(reverse([f"{number}.example.org" for number in range(1000)]))
    assert examine(names, mail()).findings[0].result == "fail"
    assert sum(names.asked.values()) == 12


def test_the_time_is_limited() -> None:
    report = examine(Nobody(), mail(helo="mail.example.org"), seconds=0.05)
    assert told(report) == [("temperror", "smtp.mailfrom", "example.org")]
    assert report.state == "failed"
    assert report.refusal
    assert report.refusal.status == "5.7.24"
    assert b"problem=" in report.fields[0]


def test_a_dead_server_is_a_temporary_error(dns: DnsServer, impatient: Resolver) -> None:
    dns.zones = {"example.org": SILENT}
    report = examine(impatient, mail())
    assert told(report) == [("temperror", "smtp.mailfrom", "example.org")]
    assert report.state == "failed"


def test_checks_side_by_side_do_not_mix() -> None:
    zones: Zone = {f"{n}.example": txt(f"v=spf1 a:{n}.a.example exists:%{{i}}.e.example -all") for n in range(40)}
    zones |= {f"{n}.a.example": {"A": [f"192.0.2.{n}"]} for n in range(40)}
    names = Names(zones)
    check = Spf(names, "mx.box.test", 5)  # type: ignore[arg-type]

    async def all_of_them() -> list[Report]:
        mails = [mail(f"a@{n}.example", f"{(n + 1) % 40}.example", f"192.0.2.{n - n % 2}") for n in range(40)]
        return await asyncio.gather(*[check.examine(Examined(each, {})) for each in mails])

    for n, report in enumerate(asyncio.run(all_of_them())):
        assert [finding.result for finding in report.findings] == ["fail" if n % 2 else "pass", "fail"]
        assert f"192.0.2.{n - n % 2}".encode() in report.fields[0]


class TestTheSameAgain:
    """What came of the answers of DNS is kept as long as they are."""

    @staticmethod
    def results(dns: DnsServer, *steps: Mail | float | dict[str, dict[str, Any]]) -> list[tuple[str, int]]:
        """Give the results for mails, and how many questions each took; meanwhile seconds pass, and zones change."""
        now = 1000.0
        found = []

        async def main() -> None:
            nonlocal now
            check = Spf(Resolver([dns.address], clock=lambda: now), "mx.box.test", 5)
            for step in steps:
                if isinstance(step, dict):
                    dns.zones = step
                elif isinstance(step, Mail):
                    asked = len(dns.queries)
                    report = await check.examine(Examined(step, {}))
                    found.append((report.findings[0].result, len(dns.queries) - asked))
                else:
                    now += step

        asyncio.run(main())
        return found

    def test_comes_without_asking(self, dns: DnsServer) -> None:
        zones = {"example.org": txt("v=spf1 a -all") | {"A": ["192.0.2.1"]}}
        mails = (mail(), mail("b@example.org"), mail(client="192.0.2.2"), mail(), mail(client="192.0.2.2"))
        assert self.results(dns, zones, *mails) == [("pass", 2), ("pass", 0), ("fail", 0), ("pass", 0), ("fail", 0)]

    def test_ends_with_any_of_the_answers(self, dns: DnsServer) -> None:
        one = {"example.org": txt("v=spf1 include:a.example -all"), "a.example": txt("v=spf1 ip4:192.0.2.1 -all")}
        other = {"example.org": one["example.org"], "a.example": txt("v=spf1 -all")}
        steps = (one, mail(), other, mail(), 299, mail(), 2, mail(), mail(), one, 301, mail())
        assert [result for result, _ in self.results(dns, *steps)] == [
            *["pass", "pass", "pass"],
            *["fail", "fail"],
            "pass",
        ]

    def test_is_not_what_a_macro_may_change(self, dns: DnsServer) -> None:
        zones = {"example.org": txt("v=spf1 exists:%{l}.example -all"), "a.example": {"A": ["127.0.0.2"]}}
        mails = (mail(), mail("b@example.org"), mail(), mail("b@example.org"))
        assert [result for result, _ in self.results(dns, zones, *mails)] == ["pass", "fail", "pass", "fail"]

    def test_is_kept_for_so_many(self, dns: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spf, "MOST_KEPT", 2)
        zones = {f"{name}.example": txt("v=spf1 ip4:192.0.2.1 -all") for name in "abc"}
        mails = [mail(f"x@{name}.example") for name in "abcabc"]
        assert {result for result, _ in self.results(dns, zones, *mails)} == {"pass"}


# Garbage

NAMES = st.sampled_from(["example.org", "a.example", "b.example", "c.example", "1.2.0.192.in-addr.arpa", ""])
TERMS = st.one_of(
    st.sampled_from(
        ["a", "mx", "ptr", "-all", "?all", "a/0", "%{p}.example", "exists:%{p}.%{h}.%{l}", "ip6:::/0", "x=%{l}"]
    ),
    NAMES.map("include:".__add__),
    NAMES.map("redirect=".__add__),
    NAMES.map("exp=".__add__),
    NAMES.map("a:%{h}.%{sr+}.".__add__),
    st.text(max_size=8),
)
TEXTS = st.one_of(
    st.lists(TERMS, max_size=8).map(lambda terms: " ".join(["v=spf1", *terms]).encode(errors="replace")),
    st.binary(max_size=40),
)
HOSTS = st.one_of(NAMES, st.text(st.characters(codec="ascii"), max_size=20))
FAILING = st.just(FAILS)
ZONES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {},
        optional={
            "TXT": st.one_of(st.lists(TEXTS, max_size=3), FAILING),
            "A": st.one_of(st.lists(st.sampled_from(["192.0.2.1", "198.51.100.1"])), FAILING),
            "AAAA": st.one_of(st.lists(st.just("2001:db8::1")), FAILING),
            "MX": st.one_of(st.lists(st.tuples(st.integers(0, 65535), HOSTS), max_size=12), FAILING),
            "PTR": st.one_of(st.lists(HOSTS, max_size=12), FAILING),
        },
    ),
)
SENDERS = st.one_of(
    st.just("a@example.org"), NAMES.map("ä\\\"'\x00@".__add__), st.text(st.characters(codec="utf-8"), max_size=30)
)


@given(ZONES, SENDERS, HOSTS, st.sampled_from(["192.0.2.1", "2001:db8::1"]))
def test_garbage_ends_in_a_result(zones: Zone, sender: str, helo: str, client: str) -> None:
    names = Names(zones)
    report = examine(names, mail(sender, helo, client))
    assert {finding.result for finding in report.findings} <= RESULTS
    assert 1 <= len(report.findings) == len(report.fields) <= 2
    for field in report.fields:
        assert field.count(b"\r\n\t") == field.count(b"\n") - 1
        assert field.endswith(b"\r\n")
    if report.refusal:
        assert report.refusal.text.isascii()
        assert report.refusal.text.isprintable()
        assert len(report.refusal.text) <= 400
    # Two identities, each with ten terms of at most eleven lookups, its own record, and an explanation.
    assert sum(names.asked.values()) <= 2 * (10 * 11 + 2 + 11)
