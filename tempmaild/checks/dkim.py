"""DKIM: which domains have signed the message, and whether it is still what they signed (RFC 6376)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.checks.dkim_keys import Unverified, find_keys
from tempmaild.checks.signatures import (
    Claim,
    check_author,
    read_coverage,
    read_domain,
    read_place,
    read_signature,
    read_tags,
    verify_message,
)
from tempmaild.core.address import LONGEST_LOCAL_PART
from tempmaild.core.plural import counted
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.checks.dkim_keys import Found, Place
    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.mail import Examined
    from tempmaild.checks.signatures import Tags
    from tempmaild.checks.signed_message import SignedMessage
    from tempmaild.core.verdict import State

_MOST_SIGNATURES: Final = 10
"""Those on top are verified; so that a message cannot cause any number of DNS lookups (RFC 6376 §8.4)."""
_LONGEST_LOCAL_PART: Final = 3 * LONGEST_LOCAL_PART
"""Octets, in i=: where each is written as three."""
_SHORTEST_PREFIX: Final = 8  # RFC 6008 §4
_LONGEST_PREFIX: Final = 64
_ALGORITHM: Final = re.compile(rb"[a-z0-9-]{1,32}+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]++=*+")
_REFUSAL: Final = Refusal("5.7.20", "No DKIM signature of the message verifies")  # RFC 7372 §3.1


class _Read(NamedTuple):
    """A DKIM-Signature field, whatever it says.

    Attributes:
        properties: what of it is well-formed, by the names of the tags; b= is whole.
        claim: or why it cannot be verified.
    """

    properties: dict[str, str]
    claim: Claim | Unverified


class _Outcome(NamedTuple):
    """What became of one signature; `testing`: its signer asks that nothing follows from a failure."""

    result: str
    reason: str = ""
    testing: bool = False


class Dkim:
    """Verifies the DKIM signatures of messages.

    Args:
        resolver: gives the keys.
        clock: seconds since 1970.
    """

    def __init__(self, resolver: Resolver, clock: Callable[[], float] = time.time) -> None:
        self._resolver = resolver
        self._clock = clock

    async def examine(self, examined: Examined) -> Report:
        """Verify the signatures; it is bad when one fails and none passes."""
        message = examined.signed
        if message.oversized:
            return Report(findings=(Finding("dkim", "neutral", reason="the header is too long"),))
        fields = message.fields.get(b"dkim-signature", [])
        if not fields:
            return Report(findings=(Finding("dkim", "none"),))
        now = self._clock()
        read = [_read(message, field, now) for field in fields[:_MOST_SIGNATURES]]
        places = [claim.signature.place for _, claim in read if isinstance(claim, Claim)]
        keys = await find_keys(self._resolver, places)
        outcomes = [await _outcome(message, one, keys) for one in read]
        state = _state(outcomes)
        findings = (*_findings(read, outcomes), *_rest(len(fields)))
        return Report(state, findings, refusal=_REFUSAL if state == "bad" else None)


def _read(message: SignedMessage, field: bytes, now: float) -> _Read:
    properties: dict[str, str] = {}
    try:
        return _Read(properties, _claim(message, field, properties, now))
    except Unverified as problem:
        return _Read(properties, problem)


def _claim(message: SignedMessage, field: bytes, properties: dict[str, str], now: float) -> Claim:
    """Read a field, and add to `properties` as far as that succeeds.

    Raises:
        Unverified: it cannot be verified.
    """
    tags = read_tags(field)
    for name, form in (("a", _ALGORITHM), ("b", _BASE64)):
        value = b"".join(tags.get(name.encode(), b"").split())
        if form.fullmatch(value):
            properties[name] = value.decode()
    place = properties["d"], properties["s"] = read_place(tags)
    properties["i"] = _read_identity(tags, place[0])
    if tags.get(b"v") != b"1":
        raise Unverified("neutral", "the version of the signature is unknown")
    claim = Claim(field, read_signature(tags, place, now), read_coverage(tags))
    check_author(message)
    return claim


def _read_identity(tags: Tags, domain: str) -> str:
    """Read i=, which names who in or below the domain has signed (RFC 6376 §3.5).

    Raises:
        Unverified: it is malformed (neutral), or of another domain (permerror).
    """
    if b"i" not in tags:
        return f"@{domain}"
    local_part, at, host = b"".join(tags[b"i"].split()).rpartition(b"@")
    try:
        text = local_part.decode()
    except UnicodeDecodeError:
        at = b""
    if not at or len(local_part) > _LONGEST_LOCAL_PART or not text.isprintable():
        raise Unverified("neutral", "the tag i= is malformed")
    named = read_domain(host)
    if named != domain and not named.endswith("." + domain):
        raise Unverified("permerror", "the domain in i= is another")
    return f"{text}@{named}"


async def _outcome(message: SignedMessage, read: _Read, found: dict[Place, Found]) -> _Outcome:
    claim = read.claim
    if isinstance(claim, Unverified):
        return _Outcome(claim.result, claim.reason)
    keys = found[claim.signature.place]
    try:
        key = await verify_message(message, claim, keys)
        if key.strict and read.properties["i"].rpartition("@")[2] != claim.signature.place[0]:
            raise Unverified("permerror", "the key is not for the domain in i=")
    except Unverified as problem:
        testing = not isinstance(keys, Unverified) and any(key.testing for key in keys)
        return _Outcome(problem.result, problem.reason, testing)
    return _Outcome("pass")


def _state(outcomes: Sequence[_Outcome]) -> State:
    results = {outcome.result for outcome in outcomes if not outcome.testing}
    if "pass" in results:
        return "fine"
    if "temperror" in results:
        return "failed"
    return "bad" if results & {"fail", "permerror"} else "fine"


def _findings(read: Sequence[_Read], outcomes: Sequence[_Outcome]) -> list[Finding]:
    """RFC 8601 §2.7.1."""
    prefixes = _prefixes([one.properties.get("b", "") for one in read])
    findings = []
    for one, prefix, outcome in zip(read, prefixes, outcomes, strict=True):
        told = {**one.properties, "b": prefix}
        properties = tuple((f"header.{name}", told[name]) for name in "disab" if told.get(name))
        findings.append(Finding("dkim", outcome.result, properties, outcome.reason))
    return findings


def _prefixes(values: Sequence[str]) -> list[str]:
    """Give the beginnings of signatures, long enough to tell them apart (RFC 6008 §4)."""
    length = _SHORTEST_PREFIX
    while length < _LONGEST_PREFIX and len({value[:length] for value in values}) < len(set(values)):
        length *= 2
    return [value[:length] for value in values]


def _rest(signatures: int) -> list[Finding]:
    left = signatures - _MOST_SIGNATURES
    if left <= 0:
        return []
    reason = counted(left, "more signature is not verified", "more signatures are not verified")
    return [Finding("dkim", "policy", reason=reason)]
