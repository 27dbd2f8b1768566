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
from tests.checks.arc_cases import AAR, AMS, CASES, SEAL, THREE, Case
from tests.checks.dkim_cases import KEYS
from tests.checks.signing_messages import MESSAGE, NOW, chain, examined, pem, record, rsa_key, sealed

if TYPE_CHECKING:
    from tempmaild.core.verdict import Report
    from tests.dns_server import DnsServer


@pytest.fixture
def keys(dns: DnsServer) -> DnsServer:
    """A DNS server that has the usual key."""
    dns.zones = KEYS
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


# Chains that hold


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_chains(dns: DnsServer, case: Case) -> None:
    dns.zones = case.zones
    report = check(dns, case.message)
    assert result(report) == (case.result, case.reason)
    assert report.state == case.state
    client = {"smtp.remote-ip": "192.0.2.1"} if case.result != "none" else {}
    oldest = {"header.oldest-pass": case.oldest_pass} if case.oldest_pass else {}
    assert dict(report.findings[0].properties) == client | oldest
    assert (report.refusal.status if report.refusal else "") == ("" if case.state == "fine" else "5.7.29")


def test_one_key_is_looked_up_once(keys: DnsServer) -> None:
    assert oldest_pass(check(keys, chain(MESSAGE, rsa_key(), 50))) == "0"
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


# Chains that do not


@pytest.mark.parametrize(
    "content", [b"ARC-Seal: i=1; cv=none\r\n" + MESSAGE, chain(MESSAGE, rsa_key(), 51)], ids=["incomplete", "long"]
)
def test_no_key_is_looked_up_for_what_is_no_chain(keys: DnsServer, content: bytes) -> None:
    assert result(check(keys, content))[0] == "fail"
    assert keys.queries == []


def test_a_header_that_is_too_long(keys: DnsServer) -> None:
    padding = b"X-Padding: " + b"x" * MAX_HEADER_SIZE + b"\r\n"
    assert result(check(keys, padding + THREE)) == ("fail", "the header is too long")


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
