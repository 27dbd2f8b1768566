"""DKIM, ARC and DMARC from end to end: what a daemon stores of mail that comes by SMTP, with DNS on loopback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.checks import arc_cases, dkim_cases, signing_suite
from tests.checks.dkim_cases import KEYS, key_at
from tests.checks.dmarc_cases import ALIGNMENT, AUTHORS, AUTHORS_ZONES, POLICIES, THERE, WALKED, WALKS, records
from tests.checks.signing_messages import MESSAGE, chain, record, rsa_key, signed
from tests.integration.mail_road import CLIENT, SENDER, SPF, Reply, Road, letter
from tests.needs import missing

if TYPE_CHECKING:
    from tempmaild.core.verdict import State
    from tests.core.results_reader import Told
    from tests.dns_server import Zones


def keywords(check: str, state: State) -> set[str]:
    """Give the keywords that are due to what a check comes to."""
    return {"fine": set(), "bad": {f"{check}-fail"}, "failed": {f"{check}-failed"}}[state]


# DKIM


@pytest.mark.parametrize("case", dkim_cases.CASES, ids=[case.name for case in dkim_cases.CASES])
def test_dkim(road: Road, case: dkim_cases.Case) -> None:
    road.publish(case.zones)
    arrived = road.through(case.message(int(time.time())))
    assert tuple((told.result, told.reason) for told in arrived.results("dkim")) == case.results
    assert (arrived.folder, arrived.flags) == ("INBOX", keywords("dkim", case.state))


SUITE = signing_suite.load()


@pytest.mark.parametrize(
    "case", signing_suite.CASES, ids=[f"{each.message}-{each.selector}" for each in signing_suite.CASES]
)
def test_messages_of_dkimpy(road: Road, case: signing_suite.Case) -> None:
    if not SUITE:
        missing("the test messages of dkimpy are not there (python -m tests.checks.signing_suite)")
    road.publish(signing_suite.zones(SUITE))
    arrived = road.through(signing_suite.content(SUITE, case))
    assert tuple((told.result, told.reason) for told in arrived.results("dkim")) == case.results


# ARC


@pytest.mark.parametrize("case", arc_cases.CASES, ids=[case.name for case in arc_cases.CASES])
def test_arc(road: Road, case: arc_cases.Case) -> None:
    road.publish(case.zones)
    arrived = road.through(case.message)
    told = arrived.one("arc")
    assert (told.result, told.reason) == (case.result, case.reason)
    assert told.properties.get("header.oldest-pass", "") == case.oldest_pass
    assert told.properties.get("smtp.remote-ip", "") == ("" if case.result == "none" else CLIENT)
    assert (arrived.folder, arrived.flags) == ("INBOX", keywords("arc", case.state))


# DMARC


def is_domain(text: str) -> bool:
    """Tell whether SPF and DKIM can find anything out about a domain of `ALIGNMENT`."""
    return "." in text and "[" not in text


def dealt_with(road: Road, content: bytes, *, result: str, policy: str, author: str, sender: str = SENDER) -> Told:
    """Send a message to who takes what fails as junk, and to who refuses it; tell what DMARC has found."""
    arrived = road.through(content, sender=sender)
    due = result == "fail" and policy in {"quarantine", "reject"}
    assert arrived.folder == ("Junk" if due else "INBOX")
    assert (arrived.flags & {"$Junk", "dmarc-fail"}) == ({"$Junk", "dmarc-fail"} if due else set())
    reply = road.send(content, "refuse.test", sender=sender)
    if due and policy == "reject":
        assert reply == Reply(550, f"5.7.1 Email rejected per DMARC policy for {author}")
        assert road.take("refuse.test") == []
    else:
        assert reply.code == 250
        (other,) = road.take("refuse.test")
        assert other.folder == arrived.folder
    return arrived.one("dmarc")


@pytest.mark.parametrize(("author", "texts", "wanted"), POLICIES)
def test_policies_of_dmarc(road: Road, author: str, texts: dict[str, str], wanted: str) -> None:
    road.publish({**records(**texts), **THERE})
    result, domain, policy = [*wanted.partition(" (")[0].split(), ""][:3]
    told = dealt_with(road, letter(author), result=result, policy=policy, author=domain)
    assert told.words == wanted.partition(" (")[0]


@pytest.mark.parametrize(("author", "domain", "modes", "result"), ALIGNMENT)
def test_alignment_of_spf(road: Road, author: str, domain: str, modes: str, result: str) -> None:
    road.publish({**records(example_com=f"p=reject; {modes}"), domain.lower() or "nowhere.example": {"TXT": [SPF]}})
    # Without a domain there is no reverse-path, and the client's own name is that of another.
    sender = f"a@{domain}" if domain else ""
    arrived = road.through(letter(author), sender=sender)
    assert arrived.one("dmarc").result == result
    assert arrived.folder == ("Junk" if result == "fail" else "INBOX")
    assert (arrived.one("spf").result == "pass") is is_domain(domain)


@pytest.mark.parametrize(("author", "domain", "modes", "result"), ALIGNMENT)
def test_alignment_of_dkim(road: Road, author: str, domain: str, modes: str, result: str) -> None:
    key = key_at(record(rsa_key()), place=f"sel._domainkey.{domain.lower() or 'example.com'}")
    road.publish({**records(example_com=f"p=reject; {modes}"), **key})
    arrived = road.through(signed(letter(author), rsa_key(), d=domain))
    assert arrived.one("dmarc").result == result
    assert arrived.folder == ("Junk" if result == "fail" else "INBOX")
    assert (arrived.one("dkim").result == "pass") is is_domain(domain)


@pytest.mark.parametrize(("author", "sender", "signer", "spf_result", "dkim_result"), WALKS)
def test_tree_walks(road: Road, author: str, sender: str, signer: str, spf_result: str, dkim_result: str) -> None:
    key = key_at(record(rsa_key()), place=f"sel._domainkey.{signer}")
    road.publish({**WALKED, **key, sender: {"TXT": [SPF]}})
    told = dealt_with(road, letter(author), result=spf_result, policy="reject", author=author, sender=f"a@{sender}")
    assert told.result == spf_result
    content = signed(letter(author), rsa_key(), d=signer)
    assert dealt_with(road, content, result=dkim_result, policy="reject", author=author).result == dkim_result


def test_neighbours_below_a_public_suffix(road: Road) -> None:
    zones = {**records(co_uk="p=none; sp=reject"), "victim.co.uk": {"A": ["192.0.2.1"]}}
    road.publish({**zones, "attacker.co.uk": {"TXT": [SPF]}, "mail.victim.co.uk": {"TXT": [SPF]}})
    for sender, result in (("attacker.co.uk", "fail"), ("mail.victim.co.uk", "pass")):
        told = dealt_with(
            road, letter("victim.co.uk"), result=result, policy="reject", author="victim.co.uk", sender=f"a@{sender}"
        )
        assert told.words == f"{result} victim.co.uk reject"


def test_several_records_are_none(road: Road) -> None:
    # RFC 9989 §4.10
    road.publish({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}})
    assert dealt_with(road, letter("example.com"), result="none", policy="", author="").words == "none example.com"


def test_the_receiver_of_rfc_9989(road: Road) -> None:
    # RFC 9989 Appendix B.3.1
    text = "p=reject; aspf=r; rua=mailto:dmarc-feedback@example.com"
    key = key_at(record(rsa_key()), place="sel._domainkey.example.com")
    road.publish({**records(example_com=text), **key, "mail.example.com": {"TXT": [SPF]}})
    content = signed(letter("example.com"), rsa_key(), d="example.com")
    arrived = road.through(content, sender="a@mail.example.com")
    assert arrived.one("dmarc").words == "pass example.com reject"
    assert (arrived.folder, arrived.flags) == ("INBOX", set())


@pytest.mark.parametrize(("header", "wanted", "reason"), AUTHORS)
def test_authors(road: Road, header: bytes, wanted: str, reason: str) -> None:
    road.publish({**AUTHORS_ZONES, "example.com": {"TXT": [SPF]}})
    content = header + b"\r\nFrom: body@example.net\r\n"
    arrived = road.through(content, sender="a@example.com")
    told = arrived.one("dmarc")
    assert (told.words, told.reason) == (wanted.partition("(")[0].rstrip(), reason)
    assert arrived.folder == ("Junk" if "(bad" in wanted else "INBOX")
    reply = road.send(content, "refuse.test", sender="a@example.com")
    # What nobody but we have against it, too many authors, is no reason to refuse it.
    assert (reply.code == 550) is (wanted.endswith("(bad)")), reply
    road.take("refuse.test")


class TestForwarders:
    """Mail that comes by others than those who sent it."""

    ZONES: ClassVar[Zones] = {
        **records(example_org="p=reject"),
        **KEYS,
        "example.org": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"]},
        "list.example": {"TXT": [SPF]},
    }

    def test_a_signature_outlives_forwarding(self, road: Road) -> None:
        road.publish(self.ZONES)
        arrived = road.through(signed(MESSAGE, rsa_key()), sender="ann@example.org")
        assert arrived.one("spf").result == "fail"
        assert arrived.one("dmarc").words == "pass example.org reject"
        assert (arrived.folder, arrived.flags) == ("INBOX", {"spf-fail"})

    def test_without_one_forwarded_mail_is_like_forged_mail(self, road: Road) -> None:
        road.publish(self.ZONES)
        arrived = road.through(MESSAGE, sender="ann@example.org")
        assert arrived.one("dmarc").words == "fail example.org reject"
        assert (arrived.folder, arrived.flags) == ("Junk", {"spf-fail", "dmarc-fail", "$Junk"})

    def test_a_sender_that_is_rewritten_helps_spf_alone(self, road: Road) -> None:
        road.publish(self.ZONES)
        arrived = road.through(MESSAGE, sender="srs0=hash=tt=example.org=ann@list.example")
        assert arrived.one("spf").result == "pass"
        assert arrived.one("dmarc").words == "fail example.org reject"
        assert arrived.folder == "Junk"

    def test_a_list_that_adds_a_footer_and_seals_is_told_of(self, road: Road) -> None:
        road.publish(self.ZONES)
        content = chain(signed(MESSAGE, rsa_key()) + b"A footer.\r\n", rsa_key(), 1)
        arrived = road.through(content, sender="bounces@list.example")
        results = {told.method: told.result for told in arrived.results()}
        assert results | {"spf": "pass", "dkim": "fail", "arc": "pass", "dmarc": "fail"} == results
        assert arrived.one("dmarc").reason == "no authenticated domain is aligned, but the ARC chain is intact"
        assert (arrived.folder, arrived.flags) == ("Junk", {"dkim-fail", "dmarc-fail", "$Junk"})
