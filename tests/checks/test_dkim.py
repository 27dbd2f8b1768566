"""RFC 6376, RFC 8463, RFC 8301 and RFC 8601 §2.7.1: DKIM signatures of all kinds, and what is wrong with them."""

from __future__ import annotations

import asyncio
import base64
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.checks.dkim import Dkim
from tempmaild.checks.dns import Resolver
from tempmaild.core.authentication_results import field
from tempmaild.core.mime import MAX_HEADER_SIZE
from tests.checks import dkim_cases, signing_suite
from tests.checks.dkim_cases import PLACE, UNSEEN_CHANGES
from tests.checks.signing_messages import (
    MESSAGE,
    NOW,
    ed25519_key,
    examined,
    pem,
    record,
    rsa_key,
    signature,
    signed,
)
from tests.dns_server import SILENT, Answer, DnsServer
from tests.needs import missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.verdict import Report
    from tests.dns_server import Value


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


@pytest.mark.parametrize("case", dkim_cases.CASES, ids=[case.name for case in dkim_cases.CASES])
def test_signatures(dns: DnsServer, case: dkim_cases.Case) -> None:
    dns.zones = case.zones
    report = check(dns, case.message(NOW))
    assert tuple(results(report)) == case.results
    assert report.state == case.state
    assert (report.refusal is not None) is (case.state == "bad")


# What passes


def test_a_large_key(dns: DnsServer) -> None:
    publish(dns, record(rsa_key(4096)))
    assert results(check(dns, signed(MESSAGE, rsa_key(4096)))) == PASS


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


@pytest.mark.parametrize(("message", "changed"), UNSEEN_CHANGES)
def test_what_relaxed_does_not_see_simple_does(keys: DnsServer, message: bytes, changed: bytes) -> None:
    strict = signed(MESSAGE, rsa_key(), c="simple/simple", h="from:to:subject:date:x-added")
    if changed != b".":  # a last line without its end is given one
        assert results(check(keys, strict.replace(message, changed)))[0][0] == "fail"


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
    ("changes", "result"),
    [
        ({"t": str(NOW + 300)}, ("pass", "")),
        ({"t": str(NOW + 301)}, ("policy", "the signature is from the future")),
        ({"x": str(NOW - 300), "t": None}, ("pass", "")),
        ({"x": str(NOW - 301), "t": None}, ("policy", "the signature has expired")),
    ],
    ids=repr,
)
def test_the_clock_of_a_signer_may_be_wrong(
    keys: DnsServer, changes: dict[str, Any], result: tuple[str, str]
) -> None:
    assert results(check(keys, signed(MESSAGE, rsa_key(), **changes))) == [result]


def test_no_key_is_looked_up_for_what_is_no_signature(keys: DnsServer) -> None:
    check(keys, b"DKIM-Signature: no tag list\r\n" + MESSAGE)
    check(keys, MESSAGE)
    assert keys.queries == []


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


def test_a_small_key_is_refused_though_the_signature_is_right(dns: DnsServer) -> None:
    publish(dns, record(rsa_key(512)))
    message = signed(MESSAGE, rsa_key(512))
    assert dkim.verify(message, dnsfunc=lambda _, timeout: record(rsa_key(512)).encode(), minkey=512)  # noqa: ARG005
    report = check(dns, message)
    assert results(report) == [("policy", "the key has fewer than 1024 bits")]
    assert report.state == "fine"


def test_dns_that_is_silent(dns: DnsServer) -> None:
    dns.zones = {PLACE: SILENT}
    report = check(dns, signed(MESSAGE, rsa_key()), query_seconds=0.1, seconds=0.2)
    assert results(report) == [("temperror", "the key cannot be looked up now")]
    assert report.state == "failed"


def test_a_record_of_64_kilobytes(dns: DnsServer) -> None:
    publish(dns, ["p=" + "A" * 253, *["A" * 255] * 250])
    assert results(check(dns, signed(MESSAGE, rsa_key())))[0][0] in {"permerror", "temperror"}


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
    content = signing_suite.content(SUITE, case)
    found: Sequence[tuple[str, str]] = results(check(dns, content, now=time.time()))
    assert list(found) == list(case.results)
