"""RFC 9989: DMARC, over the loopback DNS server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from publicsuffixlist import PublicSuffixList

from tempmaild.checks.dmarc import Dmarc
from tempmaild.checks.dns import Resolver
from tempmaild.checks.mail import Examined, Mail
from tempmaild.checks.pipeline import not_made
from tempmaild.core.author import find_author
from tempmaild.core.checking import Checking
from tempmaild.core.verdict import Finding, Refusal, Report
from tests.checks.dmarc_cases import ALIGNMENT, AUTHORS, AUTHORS_ZONES, POLICIES, THERE, WALKED, WALKS, records
from tests.dns_server import SERVFAIL, SILENT, Answer, DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = PublicSuffixList()


def spf(result: str, domain: str = "example.com", kind: str = "mailfrom") -> Report:
    return Report(findings=(Finding("spf", result, ((f"smtp.{kind}", domain),)),))


def dkim(*results: tuple[str, str]) -> Report:
    found = (Finding("dkim", result, (("header.d", domain), ("header.s", "s1"))) for result, domain in results)
    return Report(findings=tuple(found))


NO_SPF, NO_DKIM = spf("none", "unrelated.example"), Report(findings=(Finding("dkim", "none"),))


def examined(
    header: bytes = b"From: a@example.com\r\n",
    *,
    spf: Report | None = NO_SPF,
    dkim: Report | None = NO_DKIM,
    arc: Report | None = None,
    sender: str = "b@unrelated.example",
    helo: str = "mx.unrelated.example",
    relayed: bool = False,
) -> Examined:
    mail = Mail(header + b"\r\nFrom: body@example.net\r\n", "192.0.2.1", helo, sender, (), relayed, Checking())
    reports = {"spf": spf, "dkim": dkim, "arc": arc}
    return Examined(mail, {name: report for name, report in reports.items() if report})


def evaluate(dns: DnsServer, *several: Examined, seconds: float = 5) -> list[Report]:
    async def reports() -> list[Report]:
        resolver = Resolver([dns.address], query_seconds=0.5, seconds=1.5)
        check = Dmarc(resolver, SUFFIXES, seconds)
        try:
            return [await check.examine(each) for each in several]
        finally:
            await resolver.close()

    return asyncio.run(reports())


def said(report: Report) -> str:
    """The finding in short, and what is due."""
    (finding,) = report.findings
    assert finding.method == "dmarc"
    words = [finding.result, *(value for _, value in finding.properties)]
    return " ".join([*words, f"({report.state}" + (f", {report.most} at most)" if report.most else ")")])


def mail_from(domain: str, **others: object) -> Examined:
    return examined(f"From: Somebody <a@{domain}>\r\n".encode(), **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(("author", "domain", "modes", "result"), ALIGNMENT)
def test_alignment(dns: DnsServer, author: str, domain: str, modes: str, result: str) -> None:
    dns.zones = records(example_com=f"p=reject; {modes}")
    by_spf = mail_from(author, spf=spf("pass", domain), sender=f'"a@b"@{domain}' if domain else "", helo=domain)
    by_dkim = mail_from(author, dkim=dkim(("fail", "example.com"), ("pass", domain)))
    reports = evaluate(dns, by_spf, by_dkim)
    assert [report.findings[0].result for report in reports] == [result, result]


def test_each_mechanism_has_its_own_mode(dns: DnsServer) -> None:
    dns.zones = records(example_com="p=reject; aspf=s", example_net="p=reject; adkim=s")
    both = {"spf": spf("pass", "a.example.com"), "dkim": dkim(("pass", "a.example.net"))}
    messages = [
        mail_from("example.com", sender="a@a.example.com", **both),
        mail_from("example.com", dkim=dkim(("pass", "a.example.com"))),
        mail_from("example.net", sender="a@a.example.com", **both),
        mail_from("example.net", spf=spf("pass", "a.example.net"), sender="a@a.example.net"),
    ]
    assert [report.findings[0].result for report in evaluate(dns, *messages)] == ["fail", "pass", "fail", "pass"]


@pytest.mark.parametrize(
    "result", ["none", "neutral", "softfail", "fail", "policy", "temperror", "permerror", "Pass"]
)
def test_only_a_pass_passes(dns: DnsServer, result: str) -> None:
    dns.zones = records(example_com="p=reject")
    messages = [
        examined(spf=spf(result), sender="a@example.com"),
        examined(dkim=dkim((result, "example.com"))),
    ]
    wanted = "temperror example.com (failed)" if result == "temperror" else "fail example.com reject (bad)"
    assert [said(report) for report in evaluate(dns, *messages)] == [wanted, wanted]


def test_the_name_of_the_client_counts_only_without_a_reverse_path(dns: DnsServer) -> None:
    # RFC 9989 §4.4.2, RFC 7208 §2.4
    dns.zones = records(example_com="p=reject")
    passed = spf("pass", "mx.example.com", "helo")
    messages = [
        examined(spf=passed, sender="", helo="mx.example.com"),
        examined(spf=passed, sender="a@unrelated.example", helo="mx.example.com"),
        examined(spf=passed, sender="a@example.com", helo="mx.example.com"),
    ]
    assert [report.findings[0].result for report in evaluate(dns, *messages)] == ["pass", "fail", "fail"]


@pytest.mark.parametrize(("author", "sender", "signer", "spf_result", "dkim_result"), WALKS)
def test_tree_walks(dns: DnsServer, author: str, sender: str, signer: str, spf_result: str, dkim_result: str) -> None:
    dns.zones = WALKED
    by_spf = mail_from(author, spf=spf("pass", sender), sender=f"a@{sender}")
    by_dkim = mail_from(author, dkim=dkim(("pass", signer)))
    assert [report.findings[0].result for report in evaluate(dns, by_spf, by_dkim)] == [spf_result, dkim_result]


def test_a_walk_asks_for_eight_names(dns: DnsServer) -> None:
    # RFC 9989 §4.10
    author = "a.b.c.d.e.f.g.h.i.j.mail.example.com"
    (report,) = evaluate(dns, mail_from(author))
    assert said(report) == f"none {author} (fine)"
    assert [query.name for query in dns.queries] == [
        f"_dmarc.{name}"
        for name in (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            "g.h.i.j.mail.example.com",
            "h.i.j.mail.example.com",
            "i.j.mail.example.com",
            "j.mail.example.com",
            "mail.example.com",
            "example.com",
            "com",
        )
    ]


def test_one_question_is_enough_where_the_very_domain_is_authenticated(dns: DnsServer) -> None:
    dns.zones = records(mail_example_com="p=reject")
    (report,) = evaluate(dns, mail_from("mail.example.com", dkim=dkim(("pass", "mail.example.com"))))
    assert said(report) == "pass mail.example.com reject (fine)"
    assert dns.count() == 1


@pytest.mark.parametrize(("author", "texts", "wanted"), POLICIES)
def test_policy(dns: DnsServer, author: str, texts: dict[str, str], wanted: str) -> None:
    dns.zones = {**records(**texts), **THERE}
    (report,) = evaluate(dns, mail_from(author))
    assert said(report).startswith(wanted)


def test_the_words_of_a_refusal(dns: DnsServer) -> None:
    dns.zones = records(example_com="p=reject")
    (report,) = evaluate(dns, examined())
    assert report.refusal == Refusal("5.7.1", "Email rejected per DMARC policy for example.com")
    assert report.findings[0].reason == "no authenticated domain is aligned"


def test_several_records_are_none(dns: DnsServer) -> None:
    dns.zones = {
        "_dmarc.a.example.com": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=none;"]},
        "_dmarc.example.com": {"TXT": ["v=spf1 -all", "v=DMARC1; p=reject", b"\xff"]},
    }
    (report,) = evaluate(dns, mail_from("a.example.com"))
    assert said(report) == "fail a.example.com reject (bad)"


class TestPublicSuffixes:
    """What the list of public suffixes is for."""

    def test_a_registry_that_does_not_call_itself_one(self, dns: DnsServer) -> None:
        dns.zones = {**records(co_uk="p=none; sp=reject"), "victim.co.uk": {"A": ["192.0.2.1"]}}
        messages = [
            mail_from("victim.co.uk", dkim=dkim(("pass", "attacker.co.uk"))),
            mail_from("victim.co.uk", dkim=dkim(("pass", "co.uk"))),
            mail_from("victim.co.uk", dkim=dkim(("pass", "mail.victim.co.uk"))),
            mail_from("co.uk", dkim=dkim(("pass", "attacker.co.uk"))),
        ]
        results = [said(report) for report in evaluate(dns, *messages)]
        assert results[:2] == ["fail victim.co.uk reject (bad)"] * 2
        assert results[2:] == ["pass victim.co.uk reject (fine)", "fail co.uk none (fine)"]

    def test_a_registry_that_says_it_is_none(self, dns: DnsServer) -> None:
        dns.zones = records(co_uk="p=reject; psd=n")
        (report,) = evaluate(dns, mail_from("a.co.uk", dkim=dkim(("pass", "b.co.uk"))))
        assert said(report) == "pass a.co.uk reject (fine)"

    def test_a_record_below_the_registered_domain_only(self, dns: DnsServer) -> None:
        dns.zones = records(news_example_co_uk="p=reject")
        signers = ["example.co.uk", "mail.example.co.uk", "news.example.co.uk", "b.news.example.co.uk"]
        messages = [mail_from("news.example.co.uk", dkim=dkim(("pass", signer))) for signer in signers]
        assert {said(report) for report in evaluate(dns, *messages)} == {"pass news.example.co.uk reject (fine)"}
        others = ["co.uk", "uk", "attacker.co.uk", "notexample.co.uk"]
        messages = [mail_from("news.example.co.uk", dkim=dkim(("pass", other))) for other in others]
        assert {said(report) for report in evaluate(dns, *messages)} == {"fail news.example.co.uk reject (bad)"}

    def test_records_that_tell_are_believed(self, dns: DnsServer) -> None:
        dns.zones = records(
            news_example_co_uk="p=reject; psd=n", shop_example_org="p=reject", news_example_org="p=reject"
        )
        messages = [
            mail_from("news.example.co.uk", dkim=dkim(("pass", "example.co.uk"))),
            mail_from("news.example.org", dkim=dkim(("pass", "shop.example.org"))),
        ]
        assert [report.findings[0].result for report in evaluate(dns, *messages)] == ["fail", "fail"]

    def test_hosts_of_one_provider_are_not_one_owner(self, dns: DnsServer) -> None:
        dns.zones = records(victim_github_io="p=reject")
        (report,) = evaluate(dns, mail_from("victim.github.io", dkim=dkim(("pass", "attacker.github.io"))))
        assert said(report) == "fail victim.github.io reject (bad)"


class TestUnknown:
    """What cannot be found out is no failure, and never a pass."""

    @pytest.mark.parametrize("answer", [SERVFAIL, SILENT, Answer(manner="garbage")])
    @pytest.mark.parametrize("name", ["_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com"])
    def test_the_policy(self, dns: DnsServer, name: str, answer: Answer) -> None:
        dns.zones = {**records(a_example_com="p=reject"), name: answer}
        (report,) = evaluate(dns, mail_from("a.example.com"))
        assert said(report) == "temperror a.example.com (failed)"
        assert report.refusal
        assert report.refusal.status == "5.4.3"

    def test_existence(self, dns: DnsServer) -> None:
        dns.zones = {**records(example_com="p=none; np=reject"), "a.example.com": SERVFAIL}
        (report,) = evaluate(dns, mail_from("a.example.com"))
        assert said(report) == "temperror a.example.com (failed)"

    def test_what_an_identifier_belongs_to(self, dns: DnsServer) -> None:
        dns.zones = {**records(example_com="p=reject"), "_dmarc.a.example.com": SERVFAIL}
        messages = [
            examined(dkim=dkim(("pass", "a.example.com"))),
            examined(dkim=dkim(("pass", "a.example.com"), ("pass", "b.example.com"))),
        ]
        results = [said(report) for report in evaluate(dns, *messages)]
        assert results == ["temperror example.com (failed)", "pass example.com reject (fine)"]

    def test_authentication(self, dns: DnsServer) -> None:
        dns.zones = records(example_com="p=reject")
        no_spf, no_dkim = not_made("spf"), not_made("dkim")
        messages = {
            "of the author by SPF": examined(spf=no_spf, sender="a@mail.example.com"),
            "of somebody else by SPF": examined(spf=no_spf),
            "of the author by DKIM": examined(dkim=dkim(("temperror", "example.com"), ("fail", "example.com"))),
            "of somebody else by DKIM": examined(dkim=replace(dkim(("temperror", "example.net")), state="failed")),
            "of nobody knows whom by DKIM": examined(dkim=no_dkim),
            "of the author by DKIM, but not by SPF": examined(dkim=no_dkim, spf=spf("pass"), sender="a@example.com"),
        }
        results = [report.findings[0].result for report in evaluate(dns, *messages.values())]
        assert dict(zip(messages, results, strict=True)) == {
            "of the author by SPF": "temperror",
            "of somebody else by SPF": "fail",  # who sends forged mail must not choose what cannot be found out
            "of the author by DKIM": "temperror",
            "of somebody else by DKIM": "fail",
            "of nobody knows whom by DKIM": "temperror",
            "of the author by DKIM, but not by SPF": "pass",
        }

    @pytest.mark.parametrize(
        "others", [{"relayed": True}, {"spf": None}, {"dkim": None}, {"spf": None, "dkim": None}]
    )
    def test_what_was_not_checked(self, dns: DnsServer, others: dict[str, object]) -> None:
        dns.zones = records(example_com="p=reject")
        (report,) = evaluate(dns, mail_from("example.com", **others))
        assert said(report) == "none example.com (fine)"
        assert report.findings[0].reason

    def test_relayed_mail_may_pass_by_its_signature(self, dns: DnsServer) -> None:
        dns.zones = records(example_com="p=reject")
        (report,) = evaluate(dns, examined(dkim=dkim(("pass", "example.com")), relayed=True))
        assert said(report) == "pass example.com reject (fine)"

    def test_the_time_limit(self, dns: DnsServer) -> None:
        dns.zones = {"_dmarc.example.com": Answer(held=True)}
        (report,) = evaluate(dns, examined(), seconds=0.1)
        assert said(report) == "temperror example.com (failed)"
        assert report.findings[0].reason == "it took too long"


def test_an_intact_arc_chain_is_told_and_changes_nothing(dns: DnsServer) -> None:
    dns.zones = records(example_com="p=reject")
    arc = Report(findings=(Finding("arc", "pass"),))
    failed, passed = evaluate(dns, examined(arc=arc), examined(arc=arc, dkim=dkim(("pass", "example.com"))))
    assert said(failed) == "fail example.com reject (bad)"
    assert failed.findings[0].reason == "no authenticated domain is aligned, but the ARC chain is intact"
    assert not passed.findings[0].reason


@pytest.mark.parametrize(("header", "wanted", "reason"), AUTHORS)
def test_authors(dns: DnsServer, header: bytes, wanted: str, reason: str) -> None:
    dns.zones = AUTHORS_ZONES
    (report,) = evaluate(dns, examined(header, dkim=dkim(("pass", "example.com"))))
    assert said(report) == wanted
    assert report.findings[0].reason == reason


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("\uff25xample\u3002com", "example.com"),
        ("mail_1.example", "mail_1.example"),
    ],
)
def test_names_of_domains(dns: DnsServer, domain: str, name: str) -> None:
    # RFC 9989 §5.3.1
    dns.zones = {f"_dmarc.{name}": {"TXT": ["v=DMARC1; p=reject; adkim=s"]}}
    messages = [mail_from(domain), mail_from(domain, dkim=dkim(("pass", domain)))]
    assert [said(report) for report in evaluate(dns, *messages)] == [
        f"fail {name} reject (bad)",
        f"pass {name} reject (fine)",
    ]


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with DnsServer(zones=records(com="p=reject; psd=u")) as server:
        yield server


PIECES = st.sampled_from(
    [b"From", b"from:", b":", b" ", b"\r\n", b"a@", b"b.com", b"@", b"<", b">", b"(", b'"', b",", b";", b"\xff", b"_"]
)
HEADERS = st.lists(PIECES | st.binary(max_size=4), max_size=20).map(b"".join)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HEADERS, min_size=1, max_size=8))
def test_garbage_in_from_never_passes(names: DnsServer, headers: list[bytes]) -> None:
    messages = [examined(b"From: " + header + b"\r\n") for header in headers]
    for message, report in zip(messages, evaluate(names, *messages), strict=True):
        (finding,) = report.findings
        assert finding.result in {"fail", "none", "permerror"}
        author = find_author(message.mail.content, message.root.body)
        assert (finding.result == "permerror") == bool(author.problem) or report.state == "bad"
        assert report.refusal is not None or report.state == "fine"


RESULTS = st.sampled_from(["pass", "fail", "temperror", "permerror", "none", ""])
DOMAINS = st.sampled_from(["example.net", "com", "", ".", "a..b", "\0", "é.net", "x" * 300]) | st.text(max_size=5)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(RESULTS, DOMAINS), max_size=20), RESULTS, DOMAINS, DOMAINS)
def test_whatever_others_say_nothing_else_passes(
    names: DnsServer, signed: list[tuple[str, str]], result: str, domain: str, helo: str
) -> None:
    message = mail_from("victim.com", spf=spf(result, domain), dkim=dkim(*signed), sender=f"a@{domain}", helo=helo)
    (report,) = evaluate(names, message)
    assert said(report) == "fail victim.com reject (bad)"
