"""What becomes of mail by what the checks say of it: fields, folders, keywords and replies, whatever way it comes."""

from __future__ import annotations

import base64
import io
import zipfile
from email import message_from_bytes
from functools import lru_cache
from poplib import POP3_SSL
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.checks.dkim_cases import KEYS, key_at
from tests.checks.dmarc_cases import records
from tests.checks.signing_messages import MESSAGE, chain, record, rsa_key, sealed, signed
from tests.core.claims import CLAIMS, OURS
from tests.daemon import HOST
from tests.dns_server import SERVFAIL
from tests.integration.mail_road import CLIENT, RELAY, SPF, Road, letter

if TYPE_CHECKING:
    from tests.dns_server import Zones
    from tests.integration.mail_road import Arrived

FORGER = "198.51.100.1"
"""A client that nobody has allowed anything, and of which DNS knows nothing."""

# What others say in our name

FORGED = (
    b"; dkim=pass header.d=bank.example; spf=pass smtp.mailfrom=bank.example; dmarc=pass header.from=bank.example"
)


def test_no_results_in_our_name_come_in(road: Road) -> None:
    road.publish({})
    claims = [(b"Authentication-Results:" + value + b"\r\n", ours) for value, ours in CLAIMS]
    ours = b"Authentication-Results: " + OURS.encode() + FORGED + b"\r\n"
    spellings = [ours.upper(), ours.lower(), ours.replace(b":", b" \t:", 1), b"X-Spam-Score: -100\r\n"]
    arrived = road.through(b"".join([*(field for field, _ in claims), *spellings]) + MESSAGE)
    kept = [field for field, claimed in claims if not claimed]
    assert arrived.fields("Authentication-Results")[1:] == kept
    assert arrived.fields("X-Spam-Score") == []
    assert arrived.content.endswith(b"".join(kept) + MESSAGE)


@pytest.mark.parametrize("name", [OURS, OURS.upper(), f'"{OURS}" 1', f"(x) {OURS}.", "other.example"])
def test_what_others_say_changes_no_verdict(road: Road, name: str) -> None:
    road.publish(records(bank_example="p=reject"))
    forged = b"Authentication-Results: " + name.encode() + FORGED + b"\r\n"
    received = b"Received-SPF: pass (mx.box.example: forged) client-ip=192.0.2.7\r\n"
    arc = b"ARC-Authentication-Results: i=1; " + OURS.encode() + FORGED + b"\r\n"
    arrived = road.through(forged + received + arc + letter("bank.example"), client=FORGER)
    results = {told.method: told.result for told in arrived.results()}
    assert results | {"spf": "fail", "dkim": "none", "arc": "fail", "dmarc": "fail"} == results
    assert arrived.folder == "Junk"
    assert arrived.fields("Received-SPF")[0].startswith(b"Received-SPF: fail ")
    assert arrived.fields("Received-SPF")[-1] == received


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\r\n", b"\r\n \t\r\n", b"\r\na line that is no field\r\n"])
def test_no_line_end_hides_a_field(road: Road, line_end: bytes) -> None:
    """Nobody sees one author where we have seen another, or results that are not ours."""
    road.publish({**KEYS, **records(example_org="p=reject")})
    forged = b"Authentication-Results: " + OURS.encode() + FORGED + b"\r\n"
    other = b"From: Eve <eve@bank.example>\r\n"
    arrived = road.through(b"X: y" + line_end + forged + other + signed(MESSAGE, rsa_key()))
    header = message_from_bytes(arrived.content)
    assert len(header.get_all("Authentication-Results", [])) == 1
    assert header.get_all("From", []) != ["Eve <eve@bank.example>"]
    assert arrived.one("dmarc").result != "pass"


def test_results_in_our_name_come_out_where_nothing_is_checked(road: Road) -> None:
    forged = b"Authentication-Results: " + OURS.encode() + FORGED + b"\r\n"
    arrived = road.through(forged + BROKEN, "off.test")
    assert arrived.fields("Authentication-Results") == [f"Authentication-Results: {OURS}; none\r\n".encode()]
    assert arrived.content.endswith(BROKEN)
    assert (arrived.folder, arrived.flags) == ("INBOX", set())


# Fields on top, and other ways to come in


def names_of_fields(arrived: Arrived) -> list[str]:
    return [field.partition(b":")[0].decode() for field in arrived.fields()]


def test_the_fields_on_top(road: Road) -> None:
    road.publish({})
    arrived = road.through(b"Return-Path: <forged@bank.example>\r\n" + MESSAGE)
    assert names_of_fields(arrived)[:4] == ["Return-Path", "Authentication-Results", "Received-SPF", "Received"]
    assert arrived.fields()[0] == b"Return-Path: <bounces@sender.example>\r\n"
    assert arrived.fields("Authentication-Results")[0].startswith(f"Authentication-Results: {OURS};\r\n".encode())
    assert b"by mx.box.example with ESMTP" in arrived.fields("Received:")[0]


def test_mail_without_a_sender(road: Road) -> None:
    road.publish({"mail.sender.example": {"TXT": [SPF], "A": [CLIENT]}, **records(sender_example="p=reject")})
    arrived = road.through(letter("sender.example"), sender="")
    assert arrived.fields()[0] == b"Return-Path: <>\r\n"
    assert arrived.one("spf").result == "pass"
    # RFC 9989 §4.4.2
    assert arrived.one("dmarc").words == "pass sender.example reject"


UTF8 = "jörg@bücher.example"
UTF8_ZONES: Zones = {
    "xn--bcher-kva.example": {"TXT": [SPF]},
    **records(**{"xn--bcher-kva_example": "p=reject"}),
    **key_at(record(rsa_key()), place="sel._domainkey.xn--bcher-kva.example"),
}


def test_mail_in_utf8(road: Road) -> None:
    # RFC 6531, RFC 8616
    road.publish(UTF8_ZONES)
    content = signed(
        f"From: Jörg <{UTF8}>\r\nSubject: Grüße\r\n\r\nHallo.\r\n".encode(), rsa_key(), d="bücher.example"
    )
    arrived = road.through(content, sender=UTF8, utf8=True)
    assert arrived.fields()[0] == f"Return-Path: <{UTF8}>\r\n".encode()
    assert b"with UTF8SMTP" in arrived.fields("Received:")[0]
    assert arrived.one("spf").properties == {"smtp.mailfrom": "xn--bcher-kva.example"}
    assert arrived.one("dkim").result == "pass"
    assert arrived.one("dmarc").words == "pass xn--bcher-kva.example reject"
    assert (arrived.folder, arrived.flags) == ("INBOX", set())


def test_utf8_in_a_message_that_does_not_say_so(road: Road) -> None:
    road.publish(UTF8_ZONES)
    arrived = road.through(f"From: Jörg <{UTF8}>\r\n\r\nHallo.\r\n".encode(), sender="joerg@xn--bcher-kva.example")
    (field,) = arrived.fields("Authentication-Results")
    assert field.isascii()
    assert arrived.one("dmarc").words == "pass xn--bcher-kva.example reject"


@pytest.mark.parametrize("way", ["smtp", "lmtp", "socket"])
def test_mail_that_a_host_of_ours_brings(road: Road, way: str) -> None:
    """Its address and its name say nothing of the sender; signatures do."""
    road.publish({**KEYS, **records(example_org="p=reject"), "sender.example": {"TXT": ["v=spf1 -all"]}})
    for content, result in ((MESSAGE, "none"), (signed(MESSAGE, rsa_key()), "pass")):
        if way == "smtp":
            assert road.send(content, client=RELAY).code == 250
        else:
            assert road.hand_over(content, socket=way == "socket").code == 250
        (arrived,) = road.take()
        methods = {told.method: told.result for told in arrived.results()}
        assert methods["dmarc"] == result
        assert methods.get("spf", "none") == methods.get("iprev", "none") == "none"
        assert names_of_fields(arrived)[:2] == ["Return-Path", "Authentication-Results"]
        assert (arrived.folder, arrived.flags) == ("INBOX", set())


# What is done with it


class Treatment(NamedTuple):
    """A message, and what becomes of it; `folder` is "" for what is not taken."""

    name: str
    content: bytes
    domain: str
    folder: str
    flags: set[str]
    reply: str = "250 2.0.0 Ok"
    client: str = CLIENT


BROKEN = signed(MESSAGE, rsa_key()) + b"added\r\n"
BROKEN_CHAIN = chain(MESSAGE, rsa_key(), 2) + b"added\r\n"
UNKNOWN = signed(MESSAGE, rsa_key(), s="dead")
LATER = "451 4.7.0 The message cannot be checked now; please try again"
TREATMENT_ZONES: Zones = {
    **KEYS,
    "dead._domainkey.example.org": SERVFAIL,
    "_dmarc.undecided.example": SERVFAIL,
    **records(strict_example="p=reject", soft_example="p=quarantine"),
}
TREATMENTS = (
    Treatment("nothing is wrong", MESSAGE, "box.test", "INBOX", set()),
    Treatment("spf, marked", MESSAGE, "box.test", "INBOX", {"spf-fail", "client-fail"}, client=FORGER),
    Treatment("spf, junk", MESSAGE, "junk.test", "Junk", {"spf-fail", "client-fail", "$Junk"}, client=FORGER),
    Treatment("spf, refused", MESSAGE, "refuse.test", "", set(), "550 5.7.23 ", client=FORGER),
    Treatment("dkim, marked", BROKEN, "box.test", "INBOX", {"dkim-fail"}),
    Treatment("dkim, junk", BROKEN, "junk.test", "Junk", {"dkim-fail", "$Junk"}),
    Treatment("dkim, refused", BROKEN, "refuse.test", "", set(), "550 5.7.20 "),
    Treatment("dkim, unknown", UNKNOWN, "box.test", "INBOX", {"dkim-failed"}),
    Treatment("dkim, later", UNKNOWN, "later.test", "", set(), LATER),
    Treatment("arc, marked", BROKEN_CHAIN, "box.test", "INBOX", {"arc-fail"}),
    Treatment("arc, junk", BROKEN_CHAIN, "junk.test", "Junk", {"arc-fail", "$Junk"}),
    Treatment("arc, refused", BROKEN_CHAIN, "refuse.test", "", set(), "550 5.7.29 "),
    Treatment("dmarc, marked", letter("strict.example"), "mark.test", "INBOX", {"dmarc-fail"}),
    Treatment("dmarc, reject", letter("strict.example"), "box.test", "Junk", {"dmarc-fail", "$Junk"}),
    Treatment("dmarc, refused", letter("strict.example"), "refuse.test", "", set(), "550 5.7.1 "),
    Treatment("dmarc, quarantine", letter("soft.example"), "refuse.test", "Junk", {"dmarc-fail", "$Junk"}),
    Treatment("dmarc, unknown", letter("undecided.example"), "box.test", "INBOX", {"dmarc-failed"}),
    Treatment("dmarc, later", letter("undecided.example"), "later.test", "", set(), LATER),
    Treatment("the sternest", BROKEN, "refuse.test", "", set(), "550 5.7.2", client=FORGER),
)


@pytest.mark.parametrize("case", TREATMENTS, ids=[case.name for case in TREATMENTS])
def test_what_is_done(road: Road, case: Treatment) -> None:
    road.publish(TREATMENT_ZONES)
    reply = road.send(case.content, case.domain, client=case.client)
    assert f"{reply.code} {reply.text}".startswith(case.reply)
    arrived = road.take(case.domain)
    assert [(each.folder, each.flags) for each in arrived] == ([(case.folder, case.flags)] if case.folder else [])


def test_who_reads_by_pop3_sees_no_junk(road: Road) -> None:
    road.publish(TREATMENT_ZONES)
    assert road.send(letter("strict.example"), "other.test").code == 250
    assert road.send(letter("sender.example"), "other.test").code == 250
    account = road.account("other.test")
    inbox = POP3_SSL(HOST, road.daemon.ports.pop3s, timeout=30, context=road.daemon.tls_context())
    inbox.user(account.address)
    inbox.pass_(account.secret)
    assert inbox.stat()[0] == 1
    assert b"From: Somebody <a@sender.example>" in inbox.retr(1)[1]
    inbox.quit()
    assert [arrived.folder for arrived in road.take("other.test")] == ["INBOX", "Junk"]


# What is meant to take long


def with_attachment(name: str, data: bytes) -> bytes:
    """Give a message with a file."""
    return (
        b"From: a@sender.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nHello.\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=" + name.encode() + b"\r\n\r\n"
        + base64.encodebytes(data).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )  # fmt: skip


@lru_cache
def zipped(*names: str, data: bytes = b"data") -> bytes:
    """Give an archive with these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, data)
    return file.getvalue()


def nested(depth: int, name: str) -> bytes:
    """Give an archive in an archive, and so on, with a file in the innermost."""
    data = zipped(name)
    for _ in range(depth - 1):
        data = zipped("inner.zip", data=data)
    return data


MANY = [f"file{number}.txt" for number in range(9_999)]
PROGRAM = b"MZ\x90\0\x03\0\0\0" + bytes(60)


@pytest.mark.parametrize(
    ("name", "data", "result"),
    [
        ("a.zip", nested(18, "evil.exe"), "pass"),
        ("a.zip", nested(1, "evil.exe"), "fail"),
        ("a.zip", zipped(*MANY, "last.txt"), "pass"),
        ("a.zip", zipped(*MANY, "evil.exe"), "fail"),
        ("a.zip", zipped(*MANY, "last.txt")[:-100], "unscannable"),
        ("a.txt", PROGRAM, "fail"),
    ],
    ids=["18 deep", "1 deep", "10,000 files", "10,000 files and a program", "cut", "no text"],
)
def test_attachments(road: Road, name: str, data: bytes, result: str) -> None:
    road.publish({})
    reply = road.send(with_attachment(name, data))
    if result == "fail":
        assert (reply.code, reply.text[:6]) == (550, "5.7.1 ")
        stripped = road.through(with_attachment(name, data), "strip.test")
        assert stripped.folder == "INBOX"
        assert "attachments-fail" in stripped.flags
        assert base64.encodebytes(data)[:60] not in stripped.content
        assert b"not accepted here" in stripped.content.replace(b"=\r\n", b"").partition(b"Hello.")[2]
        assert stripped.one("x-attachments").result == "fail"
    else:
        assert reply.code == 250
    told = [arrived.one("x-attachments").result for arrived in road.take()]
    assert told == ([] if result == "fail" else [result])
    assert road.through(MESSAGE).flags == set()


def test_a_signature_is_verified_before_a_part_is_taken_out(road: Road) -> None:
    road.publish(KEYS)
    content = with_attachment("evil.exe", PROGRAM).replace(b"a@sender.example", b"ann@example.org")
    arrived = road.through(signed(content, rsa_key()), "strip.test")
    assert arrived.one("dkim").result == "pass"
    assert arrived.one("x-attachments").result == "fail"
    assert b"filename=evil.exe" not in arrived.content


LONG_TEXT = ["x" * 255] * 250
HOSTILE_ZONES: Zones = {
    "long.example": {"TXT": [["v=spf1 ", *LONG_TEXT]]},
    "include.example": {"TXT": ["v=spf1 include:include.example -all"]},
    "one.example": {"TXT": ["v=spf1 include:two.example -all"]},
    "two.example": {"TXT": ["v=spf1 redirect=one.example"]},
    "circle.example": {"CNAME": ["circle.example"]},
    "ring1.example": {"CNAME": ["ring2.example"]},
    "ring2.example": {"CNAME": ["ring1.example"]},
    "_dmarc.ring.example": {"CNAME": ["ring1.example"]},
    "_dmarc.long.example": {"TXT": [["v=DMARC1; p=reject;", *LONG_TEXT]]},
    "long._domainkey.example.org": {"TXT": [["p=", *LONG_TEXT]]},
    "ring._domainkey.example.org": {"CNAME": ["ring1.example"]},
}


@pytest.mark.parametrize(
    ("content", "sender", "method", "result"),
    [
        (MESSAGE, "a@long.example", "spf", "permerror"),
        (MESSAGE, "a@include.example", "spf", "permerror"),
        (MESSAGE, "a@one.example", "spf", "permerror"),
        (MESSAGE, "a@circle.example", "spf", "temperror"),
        (MESSAGE, "a@ring1.example", "spf", "temperror"),
        (letter("ring.example"), "a@sender.example", "dmarc", "temperror"),
        (letter("long.example"), "a@sender.example", "dmarc", "permerror"),
        (signed(MESSAGE, rsa_key(), s="long"), "a@sender.example", "dkim", "permerror"),
        (signed(MESSAGE, rsa_key(), s="ring"), "a@sender.example", "dkim", "temperror"),
        (chain(MESSAGE, rsa_key(), 50) + b"added\r\n", "a@sender.example", "arc", "fail"),
        (sealed(MESSAGE, rsa_key(), 1, s="ring"), "a@sender.example", "arc", "fail"),
    ],
    ids=[
        "a long record",
        "include of itself",
        "include and redirect",
        "alias of itself",
        "aliases in a ring",
        "policy in a ring",
        "a long policy",
        "a long key",
        "key in a ring",
        "50 sets",
        "seal in a ring",
    ],
)
def test_names_that_lead_nowhere(road: Road, content: bytes, sender: str, method: str, result: str) -> None:
    road.publish({**HOSTILE_ZONES, **KEYS})
    arrived = road.through(content, sender=sender)
    assert arrived.one(method).result == result
    assert arrived.folder == "INBOX"
    assert road.through(MESSAGE).flags == set()
