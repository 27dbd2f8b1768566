"""RFC 8617: ARC chains that hold, and chains that are broken at every place."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.checks.arc import Arc
from tempmaild.checks.dns import Resolver
from tempmaild.core.authentication_results import field
from tempmaild.core.mime import MAX_HEADER_SIZE
from tests.checks.signing_messages import (
    MESSAGE,
    NOW,
    chain,
    ed25519_key,
    examined,
    pem,
    record,
    rsa_key,
    sealed,
    signature,
)
from tests.dns_server import SERVFAIL, DnsServer

if TYPE_CHECKING:
    from tempmaild.core.verdict import Report

PLACE = "sel._domainkey.example.org"
THREE = chain(MESSAGE, rsa_key(), 3)


@pytest.fixture
def keys(dns: DnsServer) -> DnsServer:
    """A DNS server that has the usual key."""
    dns.zones = {PLACE: {"TXT": [record(rsa_key())]}}
    return dns


def check(dns: DnsServer, content: bytes, now: float = NOW, **how: Any) -> Report:
    async def scenario() -> Report:
        resolver = Resolver([dns.address])
        try:
            return await Arc(resolver, lambda: now).examine(examined(content, **how))
        finally:
            await resolver.close()

    return asyncio.run(scenario())


def result(report: Report) -> tuple[str, str]:
    (finding,) = report.findings
    assert finding.method == "arc"
    return finding.result, finding.reason


def oldest_pass(report: Report) -> str:
    assert result(report) == ("pass", "")
    assert report.state == "fine"
    return dict(report.findings[0].properties)["header.oldest-pass"]


def edited(content: bytes, name: str, instance: int, old: str, new: str) -> bytes:
    """Change one field of one set."""
    fields = re.findall(rb"(?m)^%b:.*\r\n(?:[ \t].*\r\n)*" % name.encode(), content)
    (text,) = (text for text in fields if re.search(rb"\bi=%d;" % instance, text))
    changed = re.sub(old.encode(), new.encode(), text, count=1)
    assert changed != text
    return content.replace(text, changed)


AAR, AMS, SEAL = "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"


# Chains that hold


@pytest.mark.parametrize("length", [1, 2, 3, 10, 50])
def test_a_chain(keys: DnsServer, length: int) -> None:
    assert oldest_pass(check(keys, chain(MESSAGE, rsa_key(), length))) == "0"
    assert len(keys.queries) == 1


def test_no_chain(dns: DnsServer) -> None:
    report = check(dns, MESSAGE)
    assert result(report) == ("none", "")
    assert report.findings[0].properties == ()
    assert dns.queries == []


def test_what_authentication_results_say(keys: DnsServer) -> None:
    assert field("box.test", check(keys, THREE).findings).split() == [
        b"Authentication-Results:",
        b"box.test;",
        b"arc=pass",
        b"smtp.remote-ip=192.0.2.1",
        b"header.oldest-pass=0",
    ]


@pytest.mark.parametrize("how", [{"client": ""}, {"relayed": True}])
def test_the_address_of_a_host_of_ours_is_not_told(keys: DnsServer, how: dict[str, Any]) -> None:
    assert dict(check(keys, THREE, **how).findings[0].properties) == {"header.oldest-pass": "0"}


@pytest.mark.parametrize("changed_before", [2, 3])
def test_the_oldest_signature_that_passes(keys: DnsServer, changed_before: int) -> None:
    content = chain(MESSAGE, rsa_key(), changed_before - 1) + b"A footer.\r\n"
    for instance in range(changed_before, 5):
        content = sealed(content, rsa_key(), instance)
    assert oldest_pass(check(keys, content)) == str(changed_before)


@pytest.mark.parametrize(
    "changes",
    [
        {"bh": "AAAA"},
        {"a": "rsa-sha1"},
        {"d": "nobody.example"},
        {"h": "to"},
        {"l": "3"},
        {"x": str(NOW - 1000), "t": None},
    ],
    ids=repr,
)
def test_an_older_message_signature_may_be_anything(keys: DnsServer, changes: dict[str, Any]) -> None:
    content = sealed(sealed(MESSAGE, rsa_key(), 1, **changes), rsa_key(), 2)
    assert oldest_pass(check(keys, content)) == "2"


@pytest.mark.parametrize(
    "changes",
    [
        {"c": "simple/simple"},
        {"c": "relaxed/simple"},
        {"c": "simple/relaxed"},
        {"v": "7"},
        {"t": None},
        {"h": "from : dkim-signature : FROM"},
        {"s": "ed", "a": "ed25519-sha256"},
    ],
    ids=repr,
)
def test_forms_of_message_signatures(keys: DnsServer, changes: dict[str, Any]) -> None:
    keys.zones = {**keys.zones, "ed._domainkey.example.org": {"TXT": [record(ed25519_key())]}}
    content = MESSAGE
    for instance in (1, 2):
        if changes.get("s") == "ed":
            own = signature(content, ed25519_key(), name=AMS, i=str(instance), v=None, **changes)
            content = sealed(content, rsa_key(), instance, message_signature=own)
        else:
            content = sealed(content, rsa_key(), instance, **changes)
    assert oldest_pass(check(keys, content)) == "0"


def test_a_message_signature_without_a_form_is_relaxed(keys: DnsServer) -> None:
    own = signature(MESSAGE, rsa_key(), name=AMS, i="1", v=None, c=None, form="relaxed/relaxed")
    assert b" c=" not in own
    assert oldest_pass(check(keys, sealed(MESSAGE, rsa_key(), 1, message_signature=own))) == "0"


def test_folding_on_the_way(keys: DnsServer) -> None:
    content = edited(THREE, SEAL, 2, "ARC-Seal: ", "arc-SEAL :\r\n\t ")
    content = edited(content, AAR, 3, "; spf", ";\r\n spf")
    assert oldest_pass(check(keys, content)) == "0"


def test_a_message_signature_may_cover_older_ones(keys: DnsServer) -> None:
    names = "from : arc-message-signature"
    content = sealed(sealed(MESSAGE, rsa_key(), 1), rsa_key(), 2, h=names)
    assert oldest_pass(check(keys, content)) == "0"
    # One more than there are stands for those that come later.
    content = sealed(sealed(MESSAGE, rsa_key(), 1, h=names), rsa_key(), 2)
    assert oldest_pass(check(keys, content)) == "2"


# Chains that do not


@pytest.mark.parametrize("instance", [1, 2, 3])
@pytest.mark.parametrize("name", [AAR, AMS, SEAL])
def test_a_field_is_missing_or_there_twice(keys: DnsServer, name: str, instance: int) -> None:
    fields = re.findall(rb"(?m)^%b:.*\r\n(?:[ \t].*\r\n)*" % name.encode(), THREE)
    (text,) = (text for text in fields if re.search(rb"\bi=%d;" % instance, text))
    for content in (THREE.replace(text, b""), text + THREE, THREE.replace(text, text * 2)):
        assert result(check(keys, content)) == ("fail", "the sets are not complete")
    assert keys.queries == []


@pytest.mark.parametrize("name", [AAR, AMS, SEAL])
@pytest.mark.parametrize("number", ["0", "4", "51", "", "1", "-2", "x", "002", "\u0662"])
def test_other_instances(keys: DnsServer, name: str, number: str) -> None:
    content = edited(THREE, name, 2, r"\bi=2", f"i={number}")
    assert result(check(keys, content)) == ("fail", "the sets are not complete")


@pytest.mark.parametrize(
    ("name", "instance", "old", "new", "reason"),
    [
        (AAR, 1, "spf=none", "spf=pass", "what is signed has changed"),
        (AAR, 2, "spf=none", "spf=pass", "what is signed has changed"),
        (AAR, 3, "spf=none", "spf=pass", "what is signed has changed"),
        (AAR, 3, "i=3;", "i=3 (comment);", "what is signed has changed"),
        (AMS, 1, "t=", "n=1; t=", "what is signed has changed"),
        (AMS, 2, "t=", "n=1; t=", "what is signed has changed"),
        (AMS, 3, "t=", "n=1; t=", "what is signed has changed"),
        (AMS, 3, "bh=", "bh=AAAA", "the body has changed"),
        (AMS, 3, "h=from", "h=to", "the field From is not signed"),
        (AMS, 3, "h=from", "h=from:arc-seal", "a message signature covers a seal"),
        (AMS, 3, "a=rsa-sha256", "a=rsa-sha1", "rsa-sha1 is not accepted"),
        (AMS, 3, "d=example.org", "d=nobody.example", "there is no key for the signature"),
        (AMS, 3, "c=relaxed/relaxed", "c=other", "the canonicalization is unknown"),
        (AMS, 3, "c=relaxed/relaxed", "l=0", "the signature does not cover the body"),
        (AMS, 3, "t=", "t=t", "the tag t= is malformed"),
        (AMS, 3, "a=", "b=;a=", "the signature is malformed"),
        (AMS, 1, "a=", "b=;a=", "the signature is malformed"),
        (SEAL, 1, "t=", "n=1; t=", "what is signed has changed"),
        (SEAL, 2, "t=", "n=1; t=", "what is signed has changed"),
        (SEAL, 3, "t=", "n=1; t=", "what is signed has changed"),
        (SEAL, 1, " b=", " b=AAAA", "what is signed has changed"),
        (SEAL, 3, " b=", " x=", "the tag b= is missing"),
        (SEAL, 3, "a=", "h=from; a=", "a seal has the tag h="),
        (SEAL, 1, "a=", "h=from; a=", "a seal has the tag h="),
        (SEAL, 2, "a=rsa-sha256", "a=rsa-sha1", "rsa-sha1 is not accepted"),
        (SEAL, 3, "s=sel", "s=other", "there is no key for the signature"),
        (SEAL, 2, "a=", "b=;a=", "the signature is malformed"),
        (SEAL, 1, "cv=none", "cv=pass", "the seals do not make a chain"),
        (SEAL, 2, "cv=pass", "cv=none", "the seals do not make a chain"),
        (SEAL, 2, "cv=pass", "cv=fail", "the seals do not make a chain"),
        (SEAL, 3, "cv=pass", "cv=PASS", "the seals do not make a chain"),
        (SEAL, 3, "cv=pass", "n=1", "the seals do not make a chain"),
        (SEAL, 3, "cv=pass", "cv=fail", "the chain was broken before"),
    ],
)
def test_chains_that_are_broken(keys: DnsServer, name: str, instance: int, old: str, new: str, reason: str) -> None:
    report = check(keys, edited(THREE, name, instance, old, new))
    assert result(report) == ("fail", reason)
    assert report.findings[0].properties == (("smtp.remote-ip", "192.0.2.1"),)
    assert report.state == "bad"
    assert report.refusal is not None
    assert report.refusal.status == "5.7.29"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Bob. ", b"Eve. ", "the body has changed"),
        (b"Ann <", b"Amy <", "what is signed has changed"),
        (b"From: Ann", b"From: Eve <eve@example.org>\r\nFrom: Ann", "there are several fields From"),
        (b"From: Ann", b"X-From: Ann", "there is no field From"),
    ],
)
def test_changes_after_the_last_seal(keys: DnsServer, old: bytes, new: bytes, reason: str) -> None:
    assert result(check(keys, THREE.replace(old, new))) == ("fail", reason)


def test_a_chain_that_somebody_found_broken(keys: DnsServer) -> None:
    content = sealed(chain(MESSAGE, rsa_key(), 2) + b"changed\r\n", rsa_key(), 3, cv="fail")
    assert result(check(keys, content)) == ("fail", "the chain was broken before")
    assert result(check(keys, sealed(content, rsa_key(), 4))) == ("fail", "the seals do not make a chain")


def test_a_chain_sealed_with_another_key(keys: DnsServer) -> None:
    content = sealed(chain(MESSAGE, rsa_key(), 2), rsa_key(number=1), 3)
    assert result(check(keys, content)) == ("fail", "what is signed has changed")


def test_sets_in_another_order_are_the_same_chain(keys: DnsServer) -> None:
    header = re.findall(rb"(?m)^ARC-.*\r\n(?:[ \t].*\r\n)*", THREE)
    rest = THREE
    for text in header:
        rest = rest.replace(text, b"")
    assert oldest_pass(check(keys, b"".join(reversed(header)) + rest)) == "0"


def test_fifty_one_sets(keys: DnsServer) -> None:
    content = chain(MESSAGE, rsa_key(), 51)
    assert result(check(keys, content)) == ("fail", "there are too many sets")
    assert keys.queries == []


def test_a_header_that_is_too_long(keys: DnsServer) -> None:
    padding = b"X-Padding: " + b"x" * MAX_HEADER_SIZE + b"\r\n"
    assert result(check(keys, padding + THREE)) == ("fail", "the header is too long")


def test_dns_that_does_not_tell(keys: DnsServer) -> None:
    # RFC 8617 §5.2.1
    keys.zones = {PLACE: SERVFAIL}
    report = check(keys, THREE)
    assert result(report) == ("fail", "the key cannot be looked up now")
    assert report.state == "failed"


def test_keys_of_a_chain_that_ends_badly_are_not_looked_up(keys: DnsServer) -> None:
    content = MESSAGE
    for instance in range(1, 11):
        content = sealed(content, rsa_key(), instance, s=f"s{instance}")
    content = sealed(content, rsa_key(), 11)
    assert oldest_pass(check(keys, content)) == "11"
    assert len(keys.queries) == 11
    keys.queries.clear()
    assert result(check(keys, content + b"changed\r\n")) == ("fail", "the body has changed")
    assert len(keys.queries) == 1


# Bad input of all kinds


class Keys(Resolver):
    """A resolver that knows one key, for what is tried many times."""

    async def lookup(self, name: str, kind: str) -> tuple[bytes, ...]:  # type: ignore[override]
        assert (name.isascii(), kind) == (True, "TXT")
        return (record(rsa_key()).encode(),)


def check_offline(content: bytes) -> Report:
    return asyncio.run(Arc(Keys(), lambda: NOW).examine(examined(content)))


NAME = st.sampled_from([AAR.encode(), AMS.encode(), SEAL.encode()])
TEXT = st.one_of(
    st.sampled_from(
        [b"i=1; cv=none", b"i=1; a=rsa-sha256; d=example.org; s=sel; b=AAAA; cv=none", b"i=1;", b"i=2; cv=pass"]
    ),
    st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"\r\n ")),
)


@given(st.lists(st.tuples(NAME, TEXT), max_size=9))
def test_any_fields_have_a_result(fields: list[tuple[bytes, bytes]]) -> None:
    content = b"".join(b"%b: %b\r\n" % each for each in fields) + MESSAGE
    assert check_offline(content).findings[0].result in {"none", "fail"}


TWO = chain(MESSAGE, rsa_key(), 2)
END_OF_SETS = TWO.index(b"Received:")


@settings(max_examples=300)
@given(st.integers(0, END_OF_SETS - 1), st.integers(1, 255))
def test_no_octet_of_a_set_can_be_changed(position: int, change: int) -> None:
    changed = bytearray(TWO)
    changed[position] ^= change
    report = check_offline(bytes(changed))
    if report.findings[0].result == "pass":
        # Then it is white space, the case of a name, or what b= does not use.
        relaxed = re.sub(rb"\s+", b"", bytes(changed)).lower()
        in_value = any(
            match.start() <= position < match.end() for match in re.finditer(rb"(?s) b=.*?(?=\nARC|\nRec)", TWO)
        )
        assert in_value or relaxed == re.sub(rb"\s+", b"", TWO).lower()


@pytest.mark.parametrize(
    "evil",
    [
        b"ARC-Seal:\r\n" * 19_000,
        b"ARC-Seal: i=1\r\n" * 19_000,
        b"ARC-Authentication-Results: i=1\r\n" * 19_000,
        b"ARC-Authentication-Results: " + b"(" * 900_000 + b"\r\n",
        b"ARC-Authentication-Results: i" + b" " * 900_000 + b"=\r\n",
        b"ARC-Authentication-Results: i=1; " + b" \t" * 450_000 + b"\r\n",
    ],
    ids=lambda evil: repr(evil[:34]),
)
def test_headers_that_are_meant_to_take_long(evil: bytes) -> None:
    start = time.process_time()
    assert check_offline(evil + MESSAGE).findings[0].result == "fail"
    assert time.process_time() - start < 5  # what is not linear would take minutes


# The signatures of others


def test_dkimpy_seals_and_it_passes(keys: DnsServer) -> None:
    content = MESSAGE
    for before in ("none", "pass", "pass"):
        results = f"Authentication-Results: mx.example.org; arc={before}\r\n".encode()
        fields = dkim.arc_sign(
            results + content, b"sel", b"example.org", pem(rsa_key()), b"mx.example.org", timestamp=str(NOW)
        )
        content = b"".join(fields) + content
    assert oldest_pass(check(keys, content)) == "0"


def test_dkimpy_finds_the_same(keys: DnsServer) -> None:
    del keys
    found = dkim.arc_verify(THREE, dnsfunc=lambda _, timeout: record(rsa_key()).encode())  # noqa: ARG005
    assert found[0] == dkim.CV_Pass
