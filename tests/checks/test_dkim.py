"""RFC 6376, RFC 8463, RFC 8301 and RFC 8601 §2.7.1: DKIM signatures of all kinds, and what is wrong with them."""

from __future__ import annotations

import asyncio
import base64
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.checks.dkim import Dkim
from tempmaild.checks.dns import Resolver
from tempmaild.core.authentication_results import field
from tempmaild.core.mime import MAX_HEADER_SIZE
from tests.checks import signing_suite
from tests.checks.signing_messages import (
    MESSAGE,
    NOW,
    Key,
    ed25519_key,
    examined,
    pem,
    public,
    record,
    rsa_key,
    signature,
    signed,
)
from tests.dns_server import SERVFAIL, SILENT, Answer, DnsServer
from tests.needs import missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.verdict import Report
    from tests.dns_server import Value

PLACE = "sel._domainkey.example.org"
FOREVER = 10**12


@pytest.fixture
def keys(dns: DnsServer) -> DnsServer:
    """A DNS server that has the usual key."""
    publish(dns, record(rsa_key()))
    return dns


def publish(dns: DnsServer, *records: Value, place: str = PLACE) -> None:
    dns.zones = {**dns.zones, place: {"TXT": list(records)}}


def check(dns: DnsServer, content: bytes, now: float = NOW, **options: float) -> Report:
    async def scenario() -> Report:
        resolver = Resolver([dns.address], **options)  # type: ignore[arg-type]
        try:
            return await Dkim(resolver, lambda: now).examine(examined(content))
        finally:
            await resolver.close()

    return asyncio.run(scenario())


def results(report: Report) -> list[tuple[str, str]]:
    assert {finding.method for finding in report.findings} == {"dkim"}
    return [(finding.result, finding.reason) for finding in report.findings]


PASS = [("pass", "")]


# What passes


@pytest.mark.parametrize("header", ["simple", "relaxed"])
@pytest.mark.parametrize("body", ["simple", "relaxed"])
@pytest.mark.parametrize("key", [rsa_key(), ed25519_key()], ids=["rsa", "ed25519"])
def test_it_passes(dns: DnsServer, key: Key, header: str, body: str) -> None:
    publish(dns, record(key))
    report = check(dns, signed(MESSAGE, key, c=f"{header}/{body}"))
    assert results(report) == PASS
    assert report.state == "fine"


@pytest.mark.parametrize("bits", [1024, 2048, 4096])
def test_sizes_of_keys(dns: DnsServer, bits: int) -> None:
    publish(dns, record(rsa_key(bits)))
    assert results(check(dns, signed(MESSAGE, rsa_key(bits)))) == PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"c": None},
        {"c": "relaxed"},
        {"h": "From : To :\r\n\tSUBJECT"},
        {"h": "from:from:from:to:nothing:nothing"},
        {"h": "from:received:received"},
        {"h": "from:dkim-signature:dkim-signature"},
        {"d": "EXAMPLE.org", "s": "SEL"},
        {"i": "ann@mail.example.org"},
        {"i": "=61nn@example.org"},
        {"t": None},
        {"t": str(NOW + 299), "x": str(NOW + 300)},
        {"x": str(NOW - 299), "t": str(NOW - 5000)},
        {"q": "dns/txt"},
        {"q": "other : dns/txt"},
        {"z": "From:ann@example.org|To:x", "unknown": "tag"},
    ],
    ids=repr,
)
def test_forms_of_signatures(keys: DnsServer, changes: dict[str, Any]) -> None:
    assert results(check(keys, signed(MESSAGE, rsa_key(), **changes))) == PASS


@pytest.mark.parametrize(
    "text",
    [
        f"p={public(rsa_key())}",
        f"v=DKIM1;p={public(rsa_key())};",
        f"k=rsa; t=s; p={public(rsa_key(), PublicFormat.PKCS1)}",
        record(rsa_key(), h="sha1 : sha256", s="email", n="a note", g="nobody"),
        record(rsa_key(), s="other:*", t="y:s:unknown"),
        record(rsa_key()).replace("MI", "M \r\n I"),
    ],
)
def test_forms_of_key_records(dns: DnsServer, text: str) -> None:
    publish(dns, text)
    assert results(check(dns, signed(MESSAGE, rsa_key()))) == PASS


def test_what_authentication_results_say(keys: DnsServer) -> None:
    message = signed(MESSAGE, rsa_key(), i="ann@mail.example.org")
    value = message[message.index(b" b=") + 3 :][:8]
    assert field("box.test", check(keys, message).findings).split() == [
        b"Authentication-Results:",
        b"box.test;",
        b"dkim=pass",
        b"header.d=example.org",
        b"header.i=ann@mail.example.org",
        b"header.s=sel",
        b"header.a=rsa-sha256",
        b"header.b=" + (b'"%b"' if b"/" in value else b"%b") % value,
    ]


def test_no_signature(dns: DnsServer) -> None:
    report = check(dns, MESSAGE)
    assert results(report) == [("none", "")]
    assert report.state == "fine"
    assert dns.queries == []


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (b"Subject: a  subject\r\n\tof two  lines \r\n", b"SUBJECT \t:  a\tsubject of  two\r\n lines\r\n"),
        (b"Hello,  Bob. \r\n", b"Hello,\tBob.\r\n"),
        (b"\r\n\r\n \r\n\r\n", b"\r\n"),
        (b".\r\n\r\n \r\n\r\n", b"."),
        (b"Received: ", b"X-Added: 1\r\nReceived: "),
    ],
)
def test_changes_that_relaxed_does_not_see(keys: DnsServer, message: bytes, changed: bytes) -> None:
    whole = signed(MESSAGE, rsa_key())
    assert message in whole
    assert results(check(keys, whole.replace(message, changed))) == PASS
    strict = signed(MESSAGE, rsa_key(), c="simple/simple", h="from:to:subject:date:x-added")
    if changed != b".":  # a last line without its end is given one
        assert results(check(keys, strict.replace(message, changed)))[0][0] == "fail"


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n\r\n", b" \t\r\n"])
@pytest.mark.parametrize("form", ["simple", "relaxed"])
def test_empty_bodies(keys: DnsServer, body: bytes, form: str) -> None:
    message = b"From: a@example.org\r\n\r\n" + body
    assert results(check(keys, signed(message, rsa_key(), c=f"relaxed/{form}"))) == PASS


def test_a_message_without_a_body(keys: DnsServer) -> None:
    whole = signed(b"From: a@example.org\r\n\r\n", rsa_key(), c="simple/simple")
    assert results(check(keys, whole.removesuffix(b"\r\n"))) == PASS


@pytest.mark.parametrize(
    ("line", "relaxed"),
    [
        (b"a" * 70, b"a" * 70),
        (b"  a \t b ", b" a b"),
        (b"x" * 300_000, b"x" * 300_000),
        (b" " * 300_000 + b"y", b" y"),  # takes dkimpy minutes
        (b"", b""),
    ],
    ids=["text", "spaces", "long", "blank", "empty"],
)
def test_long_bodies(keys: DnsServer, line: bytes, relaxed: bytes) -> None:
    count = 1 + 1_000_000 // (len(line) + 2)
    body = (line + b"\r\n") * count + b"z" + b"\r\n" * 200_000
    digests = {"simple": sha256(body.rstrip() + b"\r\n"), "relaxed": sha256((relaxed + b"\r\n") * count + b"z\r\n")}
    start = b"From: a@example.org\r\n\r\n"
    for form, digest in digests.items():
        own = signature(start, rsa_key(), h="from", c=f"simple/{form}", bh=base64.b64encode(digest.digest()).decode())
        assert results(check(keys, own + start + body)) == PASS


# What does not


@pytest.mark.parametrize(
    ("changes", "result", "reason"),
    [
        ({"v": None}, "neutral", "the version of the signature is unknown"),
        ({"v": "2"}, "neutral", "the version of the signature is unknown"),
        ({"a": None}, "neutral", "the tag a= is missing"),
        ({"a": "rsa-sha512"}, "neutral", "the algorithm is unknown"),
        ({"a": "RSA-SHA256"}, "neutral", "the algorithm is unknown"),
        ({"a": "rsa-sha1"}, "policy", "rsa-sha1 is not accepted"),
        ({"a": "ed25519-sha256"}, "permerror", "the key is of another kind"),
        ({"d": None}, "neutral", "the tag d= is missing"),
        ({"d": "org"}, "neutral", "the domain of the signature is malformed"),
        ({"d": "exa mple.org"}, "neutral", "the domain of the signature is malformed"),
        ({"d": "example.org(.attacker.test"}, "neutral", "the domain of the signature is malformed"),
        ({"d": "\udcff.example.org"}, "neutral", "the domain of the signature is malformed"),
        ({"d": "a." * 127 + "org"}, "neutral", "the domain of the signature is malformed"),
        ({"s": None}, "neutral", "the tag s= is missing"),
        ({"s": ""}, "neutral", "the selector is malformed"),
        ({"s": "a..b"}, "neutral", "the selector is malformed"),
        ({"s": "a b"}, "neutral", "the selector is malformed"),
        ({"s": "a" * 64}, "neutral", "the selector is malformed"),
        ({"s": "\udcff"}, "neutral", "the selector is malformed"),
        ({"s": "x" + ".a" * 120}, "permerror", "there is no key for the signature"),
        ({"s": "other"}, "permerror", "there is no key for the signature"),
        ({"i": "ann"}, "neutral", "the tag i= is malformed"),
        ({"i": "\udcff@example.org"}, "neutral", "the tag i= is malformed"),
        ({"i": "a" * 200 + "@example.org"}, "neutral", "the tag i= is malformed"),
        ({"i": "a\x07@example.org"}, "neutral", "the tag i= is malformed"),
        ({"i": "ann@"}, "neutral", "the domain of the signature is malformed"),
        ({"i": "ann@example.com"}, "permerror", "the domain in i= is another"),
        ({"i": "ann@badexample.org"}, "permerror", "the domain in i= is another"),
        ({"h": None}, "neutral", "the tag h= is missing"),
        ({"h": ""}, "permerror", "the field From is not signed"),
        ({"h": "to:subject"}, "permerror", "the field From is not signed"),
        ({"h": "to:x-from"}, "permerror", "the field From is not signed"),
        ({"bh": None}, "neutral", "the tag bh= is missing"),
        ({"bh": ""}, "neutral", "the tag bh= is malformed"),
        ({"bh": "YQ="}, "neutral", "the tag bh= is malformed"),
        ({"bh": "****"}, "neutral", "the tag bh= is malformed"),
        ({"bh": base64.b64encode(bytes(32)).decode()}, "fail", "the body has changed"),
        ({"q": "http"}, "neutral", "the query method is unknown"),
        ({"t": "soon"}, "neutral", "the tag t= is malformed"),
        ({"t": "-1"}, "neutral", "the tag t= is malformed"),
        ({"t": "1" * 13}, "neutral", "the tag t= is malformed"),
        ({"t": "\u0661"}, "neutral", "the tag t= is malformed"),
        ({"t": str(NOW + 301)}, "policy", "the signature is from the future"),
        ({"x": ""}, "neutral", "the tag x= is malformed"),
        ({"x": str(NOW - 301), "t": None}, "policy", "the signature has expired"),
        ({"x": str(NOW - 60)}, "neutral", "the signature expires before it is made"),
        ({"l": "a"}, "neutral", "the tag l= is malformed"),
        ({"l": "1" * 77}, "neutral", "the tag l= is malformed"),
        ({"l": "0"}, "policy", "the signature does not cover the body"),
        ({"l": "5"}, "policy", "the signature does not cover the body"),
        ({"l": "1" * 76}, "policy", "the signature does not cover the body"),
        ({"z": "x" * 17_000}, "neutral", "the signature is too long"),
    ],
    ids=repr,
)
def test_defects_of_signatures(keys: DnsServer, changes: dict[str, Any], result: str, reason: str) -> None:
    message = signed(MESSAGE, rsa_key(), **changes)
    report = check(keys, message)
    assert results(report) == [(result, reason)]
    assert report.state == ("bad" if result in {"fail", "permerror"} else "fine")


@pytest.mark.parametrize("value", ["", "relaxed/relaxed/relaxed", "relaxed/nowsp", "Relaxed", "/", "simple relaxed"])
def test_unknown_canonicalizations(keys: DnsServer, value: str) -> None:
    message = signed(MESSAGE, rsa_key(), forged={"c": value})
    assert results(check(keys, message)) == [("neutral", "the canonicalization is unknown")]


def test_l_that_covers_the_body_is_as_good_as_none(keys: DnsServer) -> None:
    relaxed = b"Hello, Bob.\r\n\r\n Bye\r\n.\r\n"
    whole = signed(MESSAGE, rsa_key(), l=str(len(relaxed)))
    assert results(check(keys, whole)) == PASS
    assert results(check(keys, whole + b"added\r\n")) == [("policy", "the signature does not cover the body")]


@pytest.mark.parametrize("value", ["", "*", "YQ", "Y", "YQ==", "ÄÖ", "=" * 8, "A" * 12_000, "AAAA=AAA"])
def test_values_that_are_no_signature(keys: DnsServer, value: str) -> None:
    ((result, reason),) = results(check(keys, signed(MESSAGE, rsa_key(), forged={"b": value})))
    assert (result, reason) in {("neutral", "the tag b= is malformed"), ("fail", "what is signed has changed")}


@pytest.mark.parametrize(
    "line", [b"no tag list", b"", b";;", b"v=1; v=1", b"v=1;; a=b", b"=", b"1=2", b"v=1; \xff=1"]
)
def test_fields_that_are_no_signature(dns: DnsServer, line: bytes) -> None:
    ((result, _),) = results(check(dns, b"DKIM-Signature:" + line + b"\r\n" + MESSAGE))
    assert result == "neutral"
    assert dns.queries == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Bob. ", b"Eve. ", "the body has changed"),
        (b"Hello,", b" Hello,", "the body has changed"),
        (b"Bye \t\r\n", b"Bye \t\r\n\r\n", "the body has changed"),
        (b"Ann <", b"Amy <", "what is signed has changed"),
        (b"Subject: a", b"Subject: b", "what is signed has changed"),
        (b"To: bob", b"Subject: on top is not signed\r\nTo: bob", ""),
        (b"Date:", b"Subject: below\r\nDate:", "what is signed has changed"),
        (b"Date:", b"X-Date:", "what is signed has changed"),
        (b"s=sel", b"s=SEL", "what is signed has changed"),
        (b"v=1;", b"v=1; n=added;", "what is signed has changed"),
    ],
)
def test_changes_on_the_way(keys: DnsServer, old: bytes, new: bytes, reason: str) -> None:
    whole = signed(MESSAGE, rsa_key())
    assert whole.count(old) == 1
    report = check(keys, whole.replace(old, new))
    assert results(report) == ([("fail", reason)] if reason else PASS)
    assert report.state == ("bad" if reason else "fine")
    assert (report.refusal is None) is (not reason)


@pytest.mark.parametrize(
    ("added", "result"),
    [
        (b"From: Eve <eve@example.org>\r\n", ("policy", "there are several fields From")),
        (b"FROM : Eve <eve@example.org>\r\n", ("policy", "there are several fields From")),
        (b"from:\r\n", ("policy", "there are several fields From")),
    ],
)
@pytest.mark.parametrize("below", [False, True])
def test_several_authors(keys: DnsServer, added: bytes, result: tuple[str, str], *, below: bool) -> None:
    message = signed(MESSAGE, rsa_key())
    message = message.replace(b"\r\nTo:", b"\r\n" + added + b"To:") if below else added + message
    assert results(check(keys, message)) == [result]


def test_several_authors_that_are_all_signed(keys: DnsServer) -> None:
    message = signed(b"From: Eve <eve@example.org>\r\n" + MESSAGE, rsa_key(), h="from:from:to")
    assert results(check(keys, message)) == [("policy", "there are several fields From")]


def test_no_author(keys: DnsServer) -> None:
    message = signed(b"To: bob@box.test\r\n\r\nHello.\r\n", rsa_key())
    assert results(check(keys, message)) == [("permerror", "there is no field From")]


def test_a_header_that_is_too_long(keys: DnsServer) -> None:
    message = signed(MESSAGE, rsa_key())
    padded = b"X-Padding: " + b"x" * (MAX_HEADER_SIZE - len(message)) + b"\r\n"
    assert results(check(keys, padded + message)) == PASS
    assert results(check(keys, padded * 2 + message)) == [("neutral", "the header is too long")]
    assert results(check(keys, padded * 3)) == [("neutral", "the header is too long")]
    lines = message.partition(b"\r\n\r\n")[0].count(b"\n") + 1
    assert results(check(keys, b"X:\r\n" * (20_000 - lines) + message)) == PASS
    assert results(check(keys, b"X:\r\n" * (20_001 - lines) + message)) == [("neutral", "the header is too long")]


# Keys


def _elliptic() -> str:
    key = elliptic_key(SECP256R1()).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _rsa(exponent: int, bits: int) -> str:
    numbers = RSAPublicNumbers(exponent, (1 << bits - 1) + 1).public_key()
    return base64.b64encode(numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize(
    ("text", "result", "reason"),
    [
        ("v=DKIM1; p=", "permerror", "the key has been revoked"),
        ("v=DKIM1", "permerror", "the key record is malformed"),
        ("", "permerror", "the key record is malformed"),
        ("v=spf1 -all", "permerror", "the version of the key record is unknown"),
        (f"v=DKIM2; p={public(rsa_key())}", "permerror", "the version of the key record is unknown"),
        (f"p={public(rsa_key())}; v=DKIM1", "permerror", "the version of the key record is unknown"),
        (f"p={public(rsa_key())}; p={public(rsa_key())}", "permerror", "the key record is malformed"),
        ("no tags", "permerror", "the key record is malformed"),
        (record(rsa_key(), k="dsa"), "permerror", "the kind of the key is unknown"),
        (record(rsa_key(), k="ed25519"), "permerror", "the key is malformed"),
        (record(ed25519_key(), k="rsa"), "permerror", "the key is malformed"),
        (record(ed25519_key()), "permerror", "the key is of another kind"),
        (record(rsa_key(), h="sha1"), "permerror", "the key is for other hashes"),
        (record(rsa_key(), h=""), "permerror", "the key is for other hashes"),
        (record(rsa_key(), s="tlsrpt"), "permerror", "the key is not for mail"),
        (record(rsa_key())[:-40], "permerror", "the key is malformed"),
        (record(rsa_key()) + "*", "permerror", "the key is malformed"),
        (f"p={_elliptic()}", "permerror", "the key is malformed"),
        (record(rsa_key(512)), "policy", "the key has fewer than 1024 bits"),
        (f"p={_rsa(65537, 8193)}", "policy", "the key has more than 8192 bits"),
        (f"p={_rsa(2**32 + 1, 2048)}", "policy", "the exponent of the key is too large"),
        (record(rsa_key(number=1)), "fail", "what is signed has changed"),
        (f"p={_rsa(65537, 2048)}", "fail", "what is signed has changed"),
        (record(rsa_key()) + ";" + " " * 9000, "permerror", "the key record is too long"),
    ],
)
def test_defects_of_keys(dns: DnsServer, text: str, result: str, reason: str) -> None:
    publish(dns, [text[start : start + 255] for start in range(0, len(text), 255)] or "")
    assert results(check(dns, signed(MESSAGE, rsa_key()))) == [(result, reason)]


def test_a_small_key_is_refused_though_the_signature_is_right(dns: DnsServer) -> None:
    publish(dns, record(rsa_key(512)))
    message = signed(MESSAGE, rsa_key(512))
    assert dkim.verify(message, dnsfunc=lambda _, timeout: record(rsa_key(512)).encode(), minkey=512)  # noqa: ARG005
    report = check(dns, message)
    assert results(report) == [("policy", "the key has fewer than 1024 bits")]
    assert report.state == "fine"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Answer(), ("permerror", "there is no key for the signature")),
        (Answer(rcode="NXDOMAIN"), ("permerror", "there is no key for the signature")),
        (SERVFAIL, ("temperror", "the key cannot be looked up now")),
        (SILENT, ("temperror", "the key cannot be looked up now")),
    ],
)
def test_dns_without_keys(dns: DnsServer, answer: Answer, result: tuple[str, str]) -> None:
    dns.zones = {PLACE: answer}
    report = check(dns, signed(MESSAGE, rsa_key()), query_seconds=0.1, seconds=0.2)
    assert results(report) == [result]
    assert report.state == ("failed" if result[0] == "temperror" else "bad")


def test_a_record_of_64_kilobytes(dns: DnsServer) -> None:
    publish(dns, ["p=" + "A" * 253, *["A" * 255] * 250])
    assert results(check(dns, signed(MESSAGE, rsa_key())))[0][0] in {"permerror", "temperror"}


def test_a_key_behind_an_alias(dns: DnsServer) -> None:
    dns.zones = {PLACE: {"CNAME": ["key.provider.test"]}, "key.provider.test": {"TXT": [record(rsa_key())]}}
    assert results(check(dns, signed(MESSAGE, rsa_key()))) == PASS


def test_several_keys_at_one_place(dns: DnsServer) -> None:
    others = [record(rsa_key(number=1)), "v=spf1 -all", record(ed25519_key())]
    publish(dns, *others, record(rsa_key()))
    assert results(check(dns, signed(MESSAGE, rsa_key()))) == PASS
    # DNS gives them in any order; this many are not tried.
    publish(dns, *[record(rsa_key(number=1), n=str(number)) for number in range(10)])
    assert results(check(dns, signed(MESSAGE, rsa_key()))) == [("fail", "what is signed has changed")]


@pytest.mark.parametrize(
    ("flags", "identity", "result"),
    [
        ("s", "ann@example.org", "pass"),
        ("s", "ann@mail.example.org", "permerror"),
        ("y : s", "@mail.example.org", "permerror"),
        ("y", "@mail.example.org", "pass"),
    ],
)
def test_keys_for_their_own_domain_only(dns: DnsServer, flags: str, identity: str, result: str) -> None:
    publish(dns, record(rsa_key(), t=flags))
    assert results(check(dns, signed(MESSAGE, rsa_key(), i=identity)))[0][0] == result


def test_nothing_follows_from_a_failure_of_who_is_testing(dns: DnsServer) -> None:
    publish(dns, record(rsa_key(), t="y"))
    report = check(dns, signed(MESSAGE, rsa_key()) + b"added\r\n")
    assert results(report) == [("fail", "the body has changed")]
    assert report.state == "fine"


def test_international_names(dns: DnsServer) -> None:
    publish(dns, record(rsa_key()), place="xn--sel-sla._domainkey.xn--bcher-kva.example")
    report = check(dns, signed(MESSAGE, rsa_key(), d="bücher.example", s="selä", i="änn@bücher.example"))
    assert results(report) == PASS
    assert dict(report.findings[0].properties)["header.i"] == "änn@xn--bcher-kva.example"


# Several signatures


def many(*each: bytes) -> bytes:
    return b"".join(each) + MESSAGE


def test_each_signature_is_told_and_one_that_passes_is_enough(keys: DnsServer) -> None:
    publish(keys, record(ed25519_key()), place="ed._domainkey.example.org")
    bad = signature(MESSAGE, rsa_key(), forged={"bh": base64.b64encode(bytes(32)).decode()})
    report = check(keys, many(bad, signature(MESSAGE, ed25519_key(), s="ed"), signature(MESSAGE, rsa_key(), s="no")))
    assert [finding.result for finding in report.findings] == ["fail", "pass", "permerror"]
    assert [dict(finding.properties)["header.a"] for finding in report.findings] == [
        "rsa-sha256",
        "ed25519-sha256",
        "rsa-sha256",
    ]
    assert report.state == "fine"


def test_without_a_pass_a_key_that_may_come_later_counts_most(keys: DnsServer) -> None:
    keys.zones = {**keys.zones, "late._domainkey.example.org": SERVFAIL}
    report = check(keys, many(signature(MESSAGE, rsa_key(), s="late"), signature(MESSAGE, rsa_key(), s="no")))
    assert [finding.result for finding in report.findings] == ["temperror", "permerror"]
    assert report.state == "failed"


def test_a_hundred_signatures(keys: DnsServer) -> None:
    each = [signature(MESSAGE, rsa_key(), s=f"s{number}") for number in range(99)]
    report = check(keys, many(*each, signature(MESSAGE, rsa_key())))
    assert [finding.result for finding in report.findings] == ["permerror"] * 10 + ["policy"]
    assert report.findings[10].reason == "90 more signatures are not verified"
    assert len(keys.queries) == 10


def test_keys_are_looked_up_at_once(dns: DnsServer) -> None:
    dns.zones = {f"s{number}._domainkey.example.org": Answer([record(rsa_key())], delay=0.1) for number in range(10)}
    report = check(dns, many(*[signature(MESSAGE, rsa_key(), s=f"s{number}") for number in range(10)]))
    assert results(report) == PASS * 10
    assert dns.most_at_once == 10


def test_one_key_is_looked_up_once(keys: DnsServer) -> None:
    report = check(keys, many(*[signature(MESSAGE, rsa_key(), i=f"u{number}@example.org") for number in range(10)]))
    assert results(report) == PASS * 10
    assert len(keys.queries) == 1


@pytest.mark.parametrize(
    ("values", "length"),
    [
        (["AAAAAAAAAAAA", "BAAAAAAAAAAA"], 8),
        (["AAAAAAAAAAAB", "AAAAAAAAAAAC"], 12),
        (["A" * 20 + "BAAA" + "A" * 40, "A" * 64], 32),
        (["A" * 4000, "A" * 3996], 64),
        (["AAAAAAAAAAAA", "AAAAAAAAAAAA"], 8),
        (["AAAA"], 4),
    ],
    ids=lambda each: "" if isinstance(each, list) else str(each),
)
def test_signatures_are_told_apart(keys: DnsServer, values: list[str], length: int) -> None:
    # RFC 6008 §4
    report = check(keys, many(*[signature(MESSAGE, rsa_key(), forged={"b": value}) for value in values]))
    told = [dict(finding.properties)["header.b"] for finding in report.findings]
    assert told == [value[:length] for value in values]


# Bad input of all kinds


class Keys(Resolver):
    """A resolver that knows one key, for what is tried many times."""

    def __init__(self, *records: str) -> None:
        super().__init__()
        self._records = tuple(text.encode() for text in records)

    async def lookup(self, name: str, kind: str) -> tuple[bytes, ...]:  # type: ignore[override]
        assert kind == "TXT"
        assert name.isascii()
        return self._records


def check_offline(content: bytes, *records: str) -> Report:
    return asyncio.run(Dkim(Keys(*records or (record(rsa_key()),)), lambda: NOW).examine(examined(content)))


RESULTS = {"none", "neutral", "policy", "fail", "permerror"}
TAG = st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z"])
VALUE = st.one_of(
    st.sampled_from(
        ["1", "rsa-sha256", "example.org", "sel", "from", "relaxed/relaxed", "AAAA", " ", "", "@", "=", ":"]
    ),
    st.text(max_size=20),
)


@given(st.lists(st.tuples(TAG, VALUE), max_size=16), st.sampled_from(["; ", ";", ";\r\n\t", ";;", ""]))
def test_any_list_of_tags_has_a_result(tags: list[tuple[str, str]], separator: str) -> None:
    text = separator.join(f"{name}={value}" for name, value in tags).encode("utf-8", "surrogatepass")
    report = check_offline(b"DKIM-Signature: " + text.replace(b"\n", b"\r\n\t") + b"\r\n" + MESSAGE)
    assert {finding.result for finding in report.findings} <= RESULTS


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_octets_have_a_result(header: bytes, rest: bytes) -> None:
    for content in (header, b"DKIM-Signature:" + header + b"\r\n" + rest, MESSAGE + header, header + MESSAGE):
        assert {finding.result for finding in check_offline(content).findings} <= RESULTS


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=300).map(base64.b64encode).map(b"p=".__add__)))
def test_any_octets_as_a_key_have_a_result(text: bytes) -> None:
    message = signed(MESSAGE, rsa_key())
    assert check_offline(message, text.decode("latin-1")).findings[0].result in RESULTS
    assert check_offline(message, "k=ed25519;" + text.decode("latin-1")).findings[0].result in RESULTS


WHOLE = signed(MESSAGE, rsa_key(), c="simple/simple", h="received:from:to:subject:date")


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE.rstrip()) - 1), st.integers(1, 255))  # the line ends behind it are not signed
def test_no_octet_can_be_changed(position: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= change
    # White space in and around b= is not signed, and neither are letters that base64 does not use all bits of.
    own_value = WHOLE.rindex(b" b=") <= position < WHOLE.index(b"Received:")
    found = {finding.result for finding in check_offline(bytes(changed)).findings}
    assert found <= RESULTS | ({"pass"} if own_value else set())


@pytest.mark.parametrize("length", range(0, len(WHOLE) - 12, 7))
def test_no_message_that_is_cut_passes(length: int) -> None:
    assert {finding.result for finding in check_offline(WHOLE[:length]).findings} <= RESULTS


@pytest.mark.parametrize(
    "evil",
    [
        b"DKIM-Signature: b" + b" " * 1_000_000 + b"\r\n",
        b"DKIM-Signature: b" + b"\r\n \r\n" * 9_000 + b" =\r\n",
        b"DKIM-Signature: b=" + b" " * 16_000 + b"*\r\n",
        b"DKIM-Signature: " + b"b = " * 4000 + b"\r\n",
        b"DKIM-Signature: " + b";b=" * 5000 + b"\r\n",
        b"DKIM-Signature:" * 60_000 + b"\r\n",
        b"DKIM-Signature: \r\n" * 19_000,
        b":\r\n" * 19_000,
        b"a:\r\n" * 19_000,
        b"a" * 1_000_000 + b"\r\n",
        b"a: " + b" \t" * 500_000 + b"\r\n",
    ],
    ids=lambda evil: repr(evil[:24]),
)
def test_headers_that_are_meant_to_take_long(evil: bytes) -> None:
    start = time.process_time()
    assert {finding.result for finding in check_offline(evil + MESSAGE).findings} <= RESULTS
    assert time.process_time() - start < 5  # what is not linear would take minutes


@pytest.mark.parametrize(
    "body", [b" " * 4_000_000, b"  a" * 1_300_000, b" \r\n" * 1_300_000, b"\r\n" * 2_000_000, b"\t \r\n a" * 600_000]
)
def test_bodies_that_are_meant_to_take_long(body: bytes) -> None:
    start = time.process_time()
    content = signature(MESSAGE, rsa_key()) + MESSAGE + body
    assert check_offline(content).findings[0].result in {"fail", "pass"}
    assert time.process_time() - start < 10


def test_others_have_their_turns_while_a_long_body_is_hashed() -> None:
    size = 25 * 2**20
    content = signature(MESSAGE, rsa_key()) + MESSAGE + b"A line of usual length.\r\n" * (size // 25)

    async def scenario() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await Dkim(Keys(record(rsa_key())), lambda: NOW).examine(examined(content))
        task.cancel()
        return turns

    assert asyncio.run(scenario()) >= size // 2**18


# The messages of others


def test_dkimpy_signs_and_it_passes(dns: DnsServer) -> None:
    publish(dns, record(rsa_key()))
    for header in (b"simple", b"relaxed"):
        for body in (b"simple", b"relaxed"):
            own = dkim.sign(MESSAGE, b"sel", b"example.org", pem(rsa_key()), canonicalize=(header, body))
            assert results(check(dns, own + MESSAGE, now=time.time())) == PASS


SUITE = signing_suite.load()
each_message = pytest.mark.parametrize(
    "case", signing_suite.CASES, ids=lambda case: f"{case.message}-{case.selector}"
)


def test_the_messages_of_dkimpy_are_there() -> None:
    if not SUITE:
        missing("the test messages of dkimpy are not there (python -m tests.checks.signing_suite)")
    assert {case.message for case in signing_suite.CASES} <= SUITE.keys()


@each_message
def test_messages_of_dkimpy(dns: DnsServer, case: signing_suite.Case) -> None:
    if not SUITE:
        missing("the test messages of dkimpy are not there (python -m tests.checks.signing_suite)")
    dns.zones = signing_suite.zones(SUITE)
    content = SUITE[case.message].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if case.selector:
        key = SUITE[case.key]
        own = dkim.sign(
            content, case.selector.encode(), b"example.com", key, signature_algorithm=case.algorithm.encode()
        )
        content = own + content
    found: Sequence[tuple[str, str]] = results(check(dns, content, now=time.time()))
    assert list(found) == list(case.results)
