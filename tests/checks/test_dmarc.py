"""RFC 9989: DMARC, over the loopback DNS server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from tempmaild.checks.dmarc import MOST_AUTHORS, Dmarc, find_author
from tempmaild.checks.dns import Resolver
from tempmaild.checks.mail import Examined, Mail
from tempmaild.core.checking import Checking
from tempmaild.core.verdict import Finding, Refusal, Report
from tests.dns_server import SERVFAIL, SILENT, Answer, DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        resolver = Resolver([dns.address], query_seconds=0.2, seconds=0.5)
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


def records(**texts: str) -> dict[str, Mapping[str, Sequence[str]]]:
    """Zones with DMARC records; "_" in a name stands for a dot."""
    return {f"_dmarc.{name.replace('_', '.')}": {"TXT": [f"v=DMARC1; {text}"]} for name, text in texts.items()}


def mail_from(domain: str, **others: object) -> Examined:
    return examined(f"From: Somebody <a@{domain}>\r\n".encode(), **others)  # type: ignore[arg-type]


# RFC 9989 Appendix B.1: what SPF (the domain of MAIL FROM) and DKIM (d=) have found, and the author.
@pytest.mark.parametrize(
    ("author", "domain", "modes", "result"),
    [
        ("example.com", "example.com", "", "pass"),
        ("example.com", "example.com", "aspf=s; adkim=s", "pass"),
        ("example.com", "child.example.com", "", "pass"),
        ("example.com", "child.example.com", "aspf=s; adkim=s", "fail"),
        ("child.example.com", "example.com", "", "pass"),
        ("child.example.com", "example.com", "aspf=s; adkim=s", "fail"),
        ("foo.example.com", "news.example.com", "aspf=r; adkim=r", "pass"),
        ("child.example.com", "example.net", "", "fail"),
        ("EXAMPLE.com", "example.COM", "aspf=s; adkim=s", "pass"),
        ("example.com.", "example.com", "aspf=s; adkim=s", "pass"),
        ("example.com", "notexample.com", "", "fail"),
        ("notexample.com", "example.com", "", "none"),
        ("example.com", "com", "", "fail"),
        ("example.com", "", "", "fail"),
        ("example.com", "[192.0.2.1]", "", "fail"),
    ],
)
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


# RFC 9989 Appendix B.4: MAIL FROM and d= have passed.
@pytest.mark.parametrize(
    ("author", "sender", "signer", "spf_result", "dkim_result"),
    [
        ("example.com", "example.com", "signing.example.com", "pass", "pass"),
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com", "pass", "pass"),
        ("giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example", "pass", "fail"),
    ],
)
def test_tree_walks(dns: DnsServer, author: str, sender: str, signer: str, spf_result: str, dkim_result: str) -> None:
    dns.zones = records(
        example_com="p=reject",
        signing_example_com="p=none",
        giant_bank_example="p=reject",
        bank_example="p=none; psd=y",
    )
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


ORGANIZATION = {"example_com": "p=reject; sp=quarantine; np=none"}


@pytest.mark.parametrize(
    ("author", "texts", "wanted"),
    [
        ("example.com", {"example_com": "p=none"}, "fail example.com none (fine)"),
        ("example.com", {"example_com": "rua=mailto:a@example.com"}, "fail example.com none (fine)"),
        ("example.com", {"example_com": "p=quarantine"}, "fail example.com quarantine (bad, junk at most)"),
        ("example.com", {"example_com": "p=reject"}, "fail example.com reject (bad)"),
        # t=y: one step milder
        ("example.com", {"example_com": "p=reject; t=y"}, "fail example.com quarantine (bad, junk at most)"),
        ("example.com", {"example_com": "p=quarantine; t=y"}, "fail example.com none (fine)"),
        ("example.com", {"example_com": "p=none; t=y"}, "fail example.com none (fine)"),
        # pct= is gone
        ("example.com", {"example_com": "p=reject; pct=0"}, "fail example.com reject (bad)"),
        # sp= and np= for what is below
        ("example.com", ORGANIZATION, "fail example.com reject (bad)"),
        ("there.example.com", ORGANIZATION, "fail there.example.com quarantine (bad, junk at most)"),
        ("missing.example.com", ORGANIZATION, "fail missing.example.com none (fine)"),
        ("below.missing.example.com", ORGANIZATION, "fail below.missing.example.com none (fine)"),
        ("there.example.com", {"example_com": "p=none; np=reject"}, "fail there.example.com none (fine)"),
        ("dangling.example.com", {"example_com": "p=none; np=reject"}, "fail dangling.example.com none (fine)"),
        ("missing.example.com", {"example_com": "p=none; np=reject"}, "fail missing.example.com reject (bad)"),
        ("missing.example.com", {"example_com": "p=none; np=reject; t=y"}, "fail missing.example.com quarantine"),
        # its own record comes first, and then that of its organization, not one in the middle
        ("a.b.example.com", {**ORGANIZATION, "a_b_example_com": "p=none"}, "fail a.b.example.com none (fine)"),
        ("a.b.example.com", {"b_example_com": "p=none", "example_com": "p=reject"}, "fail a.b.example.com reject"),
        (
            "a.b.example.com",
            {"b_example_com": "p=none; psd=n", "example_com": "p=reject"},
            "fail a.b.example.com none",
        ),
        # public suffixes
        ("other.bank.test", {"bank_test": "p=none; sp=reject; psd=y"}, "fail other.bank.test reject"),
        ("other.bank.test", {"bank_test": "sp=reject; psd=y", "test": "psd=y"}, "fail other.bank.test reject"),
        ("missing.bank.test", {"bank_test": "p=none; np=reject; psd=y"}, "fail missing.bank.test reject"),
        ("bank.test", {"bank_test": "p=quarantine; sp=reject; psd=y"}, "fail bank.test quarantine"),
        (
            "other.bank.test",
            {"bank_test": "p=reject; psd=y", "other_bank_test": "p=none"},
            "fail other.bank.test none",
        ),
        # no record
        ("example.com", {}, "none example.com (fine)"),
        ("example.com", {"other_example_com": "p=reject"}, "none example.com (fine)"),
        # records that are none, or broken
        ("example.com", {"example_com": "p=refuse"}, "permerror example.com (fine)"),
        ("a.example.com", {"example_com": "p=reject; sp=refuse"}, "permerror a.example.com (fine)"),
        ("example.com", {"example_com": "p=refuse; rua=mailto:a@example.com"}, "fail example.com none (fine)"),
        ("example.com", {"example_com": "p=reject;" + " " * 60_000}, "permerror example.com (fine)"),
    ],
)
def test_policy(dns: DnsServer, author: str, texts: dict[str, str], wanted: str) -> None:
    there = {
        "there.example.com": {"A": ["192.0.2.1"]},
        "dangling.example.com": {"CNAME": ["nowhere.example.net"]},
        "x.b.example.com": {"A": ["192.0.2.1"]},
        "other.bank.test": {"MX": ["10 mx.bank.test"]},
    }
    dns.zones = {**records(**texts), **there}
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
        unknown = Report("failed")
        messages = {
            "of the author by SPF": examined(spf=unknown, sender="a@mail.example.com"),
            "of somebody else by SPF": examined(spf=unknown),
            "of the author by DKIM": examined(dkim=dkim(("temperror", "example.com"), ("fail", "example.com"))),
            "of somebody else by DKIM": examined(dkim=dkim(("temperror", "example.net"))),
            "of nobody knows whom by DKIM": examined(dkim=unknown),
            "of the author by DKIM, but not by SPF": examined(dkim=unknown, spf=spf("pass"), sender="a@example.com"),
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


SEVERAL = "there are several domains in From"


def hosts(count: int) -> bytes:
    return b", ".join(b"a@%d.example" % number for number in range(count))


# Each with a signature of example.com that passes; example.com wants p=reject, soft.example p=quarantine.
@pytest.mark.parametrize(
    ("header", "wanted", "reason"),
    [
        (b"From: a@example.com\r\n", "pass example.com reject (fine)", ""),
        (b"from :\r\n\t(a) Name\r\n <a@\r\n example.com>\r\n", "pass example.com reject (fine)", ""),
        (b'From: "x@example.net" <a@example.com>\r\n', "pass example.com reject (fine)", ""),
        (b"From: a@example.com, b@EXAMPLE.com\r\n", "pass example.com reject (fine)", ""),
        (b"From: Group: a@example.com;\r\n", "pass example.com reject (fine)", ""),
        (b"From: root, a@example.com\r\n", "pass example.com reject (fine)", ""),
        (b"X-From: a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
        (b"X: y\r\n From: a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
        (b"From a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
        # no author
        (b"Subject: x\r\n", "permerror (fine)", "there is no From field"),
        (b"", "permerror (fine)", "there is no From field"),
        (b"From:\r\n", "permerror (fine)", "there is no domain in From"),
        (b"From: root\r\n", "permerror (fine)", "there is no domain in From"),
        (b"From: <>\r\n", "permerror (fine)", "there is no domain in From"),
        (b"From: Undisclosed: ;\r\n", "permerror (fine)", "there is no domain in From"),
        (b"From: a@\r\n", "permerror (fine)", "there is no domain in From"),
        (b"From: \xff\xfe@(\r\n", "permerror (fine)", "there is no domain in From"),
        # domains that cannot be
        (b"From: a@[192.0.2.1]\r\n", "permerror (fine)", "the domain in From cannot exist"),
        (b"From: a@example..com\r\n", "permerror (fine)", "the domain in From cannot exist"),
        (b"From: a@\xff.com\r\n", "permerror (fine)", "the domain in From cannot exist"),
        (b"From: a@" + b"a" * 64 + b".com\r\n", "permerror (fine)", "the domain in From cannot exist"),
        (b"From: a@" + b"a." * 200 + b"com\r\n", "permerror (fine)", "the domain in From cannot exist"),
        (b"From: a@example.com, b@example..com\r\n", "permerror (fine)", "the domain in From cannot exist"),
        # several
        (b"From: a@example.com\r\nFrom: a@example.com\r\n", "permerror (fine)", "there are several From fields"),
        (b"From: a@example.com\r\nFROM :\r\n", "permerror (fine)", "there are several From fields"),
        (b"From: a@example.com, b@nobody.example\r\n", "permerror (fine)", SEVERAL),
        (
            b"From: a@example.com\r\nSubject: x\r\nFrom: b@soft.example\r\n",
            "fail soft.example quarantine (bad, junk at most)",
            "there are several From fields",
        ),
        (b"From: a@soft.example, b@hard.example\r\n", "fail hard.example reject (bad)", SEVERAL),
        (b"From: b@dead.example, a@example.com\r\n", "temperror dead.example (failed)", "DNS does not tell"),
        (b"From: b@dead.example, a@hard.example\r\n", "fail hard.example reject (bad)", SEVERAL),
        # too many
        (b"From: " + hosts(MOST_AUTHORS) + b"\r\n", "permerror (fine)", SEVERAL),
        (
            b"From: " + hosts(MOST_AUTHORS + 1) + b"\r\n",
            "permerror (bad, junk at most)",
            "there are too many authors in From",
        ),
        (
            b"From: a@example.com\r\n" * (MOST_AUTHORS + 1),
            "permerror (bad, junk at most)",
            "there are too many authors in From",
        ),
        (b"From: " + hosts(20_000) + b"\r\n", "permerror (bad, junk at most)", "there are too many authors in From"),
    ],
)
def test_authors(dns: DnsServer, header: bytes, wanted: str, reason: str) -> None:
    dns.zones = {
        **records(example_com="p=reject", soft_example="p=quarantine", hard_example="p=reject"),
        "_dmarc.dead.example": SERVFAIL,
    }
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


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HEADERS, min_size=1, max_size=8))
def test_garbage_in_from_never_passes(names: DnsServer, headers: list[bytes]) -> None:
    messages = [examined(b"From: " + header + b"\r\n") for header in headers]
    for message, report in zip(messages, evaluate(names, *messages), strict=True):
        (finding,) = report.findings
        assert finding.result in {"fail", "none", "permerror"}
        assert (finding.result == "permerror") == bool(find_author(message).problem) or report.state == "bad"
        assert report.refusal is not None or report.state == "fine"


RESULTS = st.sampled_from(["pass", "fail", "temperror", "permerror", "none", ""])
DOMAINS = st.sampled_from(["example.net", "com", "", ".", "a..b", "\0", "é.net", "x" * 300]) | st.text(max_size=5)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(RESULTS, DOMAINS), max_size=20), RESULTS, DOMAINS, DOMAINS)
def test_whatever_others_say_nothing_else_passes(
    names: DnsServer, signed: list[tuple[str, str]], result: str, domain: str, helo: str
) -> None:
    message = mail_from("victim.com", spf=spf(result, domain), dkim=dkim(*signed), sender=f"a@{domain}", helo=helo)
    (report,) = evaluate(names, message)
    assert said(report) == "fail victim.com reject (bad)"
