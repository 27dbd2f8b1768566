"""ARC: what hosts on the way have found out about the message before they changed it (RFC 8617)."""

from __future__ import annotations

import asyncio
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.checks.dkim_keys import Unverified, find_keys
from tempmaild.checks.signatures import (
    Claim,
    check_author,
    read_coverage,
    read_place,
    read_signature,
    read_tags,
    unsigned,
    verify_digest,
    verify_message,
)
from tempmaild.checks.signed_message import SignedMessage, relaxed_field
from tempmaild.core.headers import without_comments
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.checks.dkim_keys import Found, Place
    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.mail import Examined
    from tempmaild.checks.signatures import Signature, Tags

_MOST_SETS: Final = 50  # RFC 8617 §4.2.1
_RESULTS: Final = b"arc-authentication-results"
_MESSAGE_SIGNATURE: Final = b"arc-message-signature"
_SEAL: Final = b"arc-seal"
_FIELDS: Final = frozenset({_RESULTS, _MESSAGE_SIGNATURE, _SEAL})
_SEAL_TAGS: Final = frozenset({b"a", b"b", b"d", b"s", b"t"})
_CANONICALIZATION: Final = b"relaxed/relaxed"
"""Of a message signature without c=. RFC 8617 does not tell it from DKIM there; dkimpy and its authors' tests do."""
_INSTANCE: Final = re.compile(rb"[0-9]{1,2}")
_INFO: Final = re.compile(rb"\s*+i\s*+=\s*+([0-9]{1,2})\s*+")  # RFC 8617 §4.1.1
_REFUSAL: Final = Refusal("5.7.29", "The ARC chain of the message does not validate")  # RFC 8617 §10.3


class _Set(NamedTuple):
    """What one host has added: its three fields as sent, and the tags of two of them."""

    results: bytes
    message_signature: bytes
    message_tags: Tags
    seal: bytes
    seal_tags: Tags


class Arc:
    """Validates the ARC chains of messages.

    Args:
        resolver: gives the keys.
        clock: seconds since 1970.
    """

    def __init__(self, resolver: Resolver, clock: Callable[[], float] = time.time) -> None:
        self._resolver = resolver
        self._clock = clock

    async def examine(self, examined: Examined) -> Report:
        """Validate the chain; it is bad when it fails, which any host on the way may have caused."""
        message = examined.signed
        if not message.oversized and message.fields.keys().isdisjoint(_FIELDS):
            return Report(findings=(Finding("arc", "none"),))
        address = examined.mail.outside_client
        client = (("smtp.remote-ip", address),) if address else ()
        try:
            oldest = await self._validate(message)
        except Unverified as problem:
            # RFC 8617 §5.2.1: also what is temporary makes the chain fail; its rule is another.
            findings = (Finding("arc", "fail", client, problem.reason),)
            return Report("failed" if problem.result == "temperror" else "bad", findings, refusal=_REFUSAL)
        return Report(findings=(Finding("arc", "pass", (*client, ("header.oldest-pass", str(oldest)))),))

    async def _validate(self, message: SignedMessage) -> int:
        """Validate a chain, and give the first instance since which the message is unchanged (RFC 8617 §5.2).

        That is 0 when it is unchanged since the first host.

        Raises:
            Unverified: the chain fails.
        """
        if message.oversized:
            raise Unverified("policy", "the header is too long")
        check_author(message)
        sets = _read_sets(message)
        _check_chain(sets)
        now = self._clock()
        seals = [_seal(one, now) for one in sets]
        digests = _seal_digests(message, sets)
        newest = _claim(sets[-1], now)
        # Only for a chain whose end verifies are the keys of the others looked up: there may be a hundred.
        keys = await find_keys(self._resolver, [newest.signature.place, seals[-1].place])
        await verify_message(message, newest, keys[newest.signature.place])
        verify_digest(seals[-1], digests[-1], keys[seals[-1].place])
        older = [_claim_or_problem(one, now) for one in sets[:-1]]
        places = [claim.signature.place for claim in older if isinstance(claim, Claim)]
        keys = await find_keys(self._resolver, [*(seal.place for seal in seals), *places])
        for seal, digest in zip(seals[:-1], digests[:-1], strict=True):
            verify_digest(seal, digest, keys[seal.place])
            await asyncio.sleep(0)  # a long chain leaves others their turn
        return await _oldest_pass(message, older, keys)


def _read_sets(message: SignedMessage) -> list[_Set]:
    """Read the sets in the order in which they were added (RFC 8617 §5.2, 3.1 and 3.2).

    Raises:
        Unverified: they are not complete, or there are too many.
    """
    results = {_instance_of_results(field): field for field in message.fields.get(_RESULTS, ())}
    message_signatures = _by_instance(message.fields.get(_MESSAGE_SIGNATURE, ()))
    seals = _by_instance(message.fields.get(_SEAL, ()))
    instances = range(1, len(seals) + 1)
    counts = {len(message.fields.get(name, ())) for name in _FIELDS}
    if counts != {len(seals)} or not (results.keys() == message_signatures.keys() == seals.keys() == set(instances)):
        raise Unverified("fail", "the sets are not complete")
    return [_Set(results[number], *message_signatures[number], *seals[number]) for number in instances]


def _by_instance(fields: Sequence[bytes]) -> dict[int, tuple[bytes, Tags]]:
    if len(fields) > _MOST_SETS:
        raise Unverified("fail", "there are too many sets")
    read = [(field, read_tags(field)) for field in fields]
    return {_instance(tags.get(b"i", b"")): (field, tags) for field, tags in read}


def _instance(value: bytes) -> int:
    """Give the number of a set; 0, which no set has, for what is none."""
    return int(value) if _INSTANCE.fullmatch(value) else 0


def _instance_of_results(field: bytes) -> int:
    tag = _INFO.fullmatch(without_comments(field.partition(b":")[2].partition(b";")[0]))
    return int(tag[1]) if tag else 0


def _check_chain(sets: Sequence[_Set]) -> None:
    """Check what each host says of the chain before it (RFC 8617 §5.2, 2 and 3.3).

    Raises:
        Unverified: a host found it broken, or says what cannot be.
    """
    statuses = [one.seal_tags.get(b"cv", b"") for one in sets]
    if statuses[-1] == b"fail":
        raise Unverified("fail", "the chain was broken before")
    if statuses != [b"none", *[b"pass"] * (len(sets) - 1)]:
        raise Unverified("fail", "the seals do not make a chain")
    if any(b"h" in one.seal_tags for one in sets):  # RFC 8617 §4.1.3
        raise Unverified("fail", "a seal has the tag h=")


def _seal_digests(message: SignedMessage, sets: Sequence[_Set]) -> list[bytes]:
    """Give what each seal signs: its own set and all before it (RFC 8617 §5.1.1)."""
    hasher = sha256()
    digests = []
    for one in sets:
        hasher.update(message.relax(one.results) + message.relax(one.message_signature))
        sealed = hasher.copy()
        sealed.update(relaxed_field(unsigned(one.seal)).removesuffix(b"\r\n"))
        digests.append(sealed.digest())
        hasher.update(message.relax(one.seal))
    return digests


def _seal(one: _Set, now: float) -> Signature:
    # RFC 8617 §4.1.3: other tags, such as x=, mean nothing in a seal.
    tags = {name: value for name, value in one.seal_tags.items() if name in _SEAL_TAGS}
    return read_signature(tags, read_place(tags), now)


def _claim(one: _Set, now: float) -> Claim:
    coverage = read_coverage(one.message_tags, _CANONICALIZATION)
    if _SEAL in coverage.names:  # RFC 8617 §4.1.2
        raise Unverified("fail", "a message signature covers a seal")
    signature = read_signature(one.message_tags, read_place(one.message_tags), now)
    return Claim(one.message_signature, signature, coverage)


def _claim_or_problem(one: _Set, now: float) -> Claim | Unverified:
    try:
        return _claim(one, now)
    except Unverified as problem:
        return problem


async def _oldest_pass(message: SignedMessage, older: Sequence[Claim | Unverified], keys: dict[Place, Found]) -> int:
    for instance in range(len(older), 0, -1):
        claim = older[instance - 1]
        if isinstance(claim, Unverified):
            return instance + 1
        try:
            await verify_message(message, claim, keys[claim.signature.place])
            await asyncio.sleep(0)
        except Unverified:
            return instance + 1
    return 0
