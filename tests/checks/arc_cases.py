"""Messages with ARC chains, and what is to be found out about them: for the check and for a daemon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.checks.dkim_cases import KEYS, PLACE, key_at
from tests.checks.signing_messages import (
    MESSAGE,
    NOW,
    chain,
    ed25519_key,
    record,
    rsa_key,
    sealed,
    signature,
)
from tests.dns_server import SERVFAIL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.verdict import State
    from tests.dns_server import Zones

AAR, AMS, SEAL = "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"
THREE = chain(MESSAGE, rsa_key(), 3)


class Case(NamedTuple):
    """A message, and what is to be found out about its chain.

    Attributes:
        reason: why the chain fails.
        oldest_pass: the first instance since which the message is unchanged, where the chain passes.
    """

    name: str
    message: bytes
    result: str
    reason: str = ""
    oldest_pass: str = ""
    zones: Zones = KEYS
    state: State = "fine"


def _passes(name: str, content: bytes, oldest: int = 0, zones: Zones = KEYS) -> Case:
    return Case(name, content, "pass", oldest_pass=str(oldest), zones=zones)


def _fails(name: str, content: bytes, reason: str) -> Case:
    return Case(name, content, "fail", reason, state="bad")


def field_of(content: bytes, name: str, instance: int) -> bytes:
    """Give one field of one set."""
    fields = re.findall(rb"(?m)^%b:.*\r\n(?:[ \t].*\r\n)*" % name.encode(), content)
    (text,) = (text for text in fields if re.search(rb"\bi=%d;" % instance, text))
    assert isinstance(text, bytes)
    return text


def edited(content: bytes, name: str, instance: int, old: str, new: str) -> bytes:
    """Change one field of one set."""
    text = field_of(content, name, instance)
    changed = re.sub(old.encode(), new.encode(), text, count=1)
    assert changed != text
    return content.replace(text, changed)


# Chains that hold

_OLDER: tuple[dict[str, Any], ...] = (
    {"bh": "AAAA"},
    {"a": "rsa-sha1"},
    {"d": "nobody.example"},
    {"h": "to"},
    {"l": "3"},
    {"x": str(NOW - 1000), "t": None},
)
"""What the message signature of a set that is not the newest may say."""
_FORMS: tuple[dict[str, Any], ...] = (
    {"c": "simple/simple"},
    {"c": "relaxed/simple"},
    {"c": "simple/relaxed"},
    {"v": "7"},
    {"t": None},
    {"h": "from : dkim-signature : FROM"},
)


def _passing() -> Iterator[Case]:
    for length in (1, 2, 3, 10, 50):
        yield _passes(f"{length} sets", chain(MESSAGE, rsa_key(), length))
    for changed_before in (2, 3):
        content = chain(MESSAGE, rsa_key(), changed_before - 1) + b"A footer.\r\n"
        for instance in range(changed_before, 5):
            content = sealed(content, rsa_key(), instance)
        yield _passes(f"changed before {changed_before}", content, changed_before)
    for changes in _OLDER:
        yield _passes(f"older {changes!r}", sealed(sealed(MESSAGE, rsa_key(), 1, **changes), rsa_key(), 2), 2)
    for changes in _FORMS:
        yield _passes(repr(changes), sealed(sealed(MESSAGE, rsa_key(), 1, **changes), rsa_key(), 2, **changes))
    zones = {**KEYS, **key_at(record(ed25519_key()), place="ed._domainkey.example.org")}
    yield _passes("ed25519", _with_ed25519(), zones=zones)
    own = signature(MESSAGE, rsa_key(), name=AMS, i="1", v=None, c=None, form="relaxed/relaxed")
    assert b" c=" not in own
    yield _passes("no c=", sealed(MESSAGE, rsa_key(), 1, message_signature=own))
    folded = edited(THREE, SEAL, 2, "ARC-Seal: ", "arc-SEAL :\r\n\t ")
    yield _passes("folded", edited(folded, AAR, 3, "; spf", ";\r\n spf"))
    names = "from : arc-message-signature"
    yield _passes("older ones covered", sealed(sealed(MESSAGE, rsa_key(), 1), rsa_key(), 2, h=names))
    # One more than there are stands for those that come later.
    yield _passes("later ones covered", sealed(sealed(MESSAGE, rsa_key(), 1, h=names), rsa_key(), 2), 2)
    yield _passes("another order", _reversed())
    yield Case("no chain", MESSAGE, "none")


def _with_ed25519() -> bytes:
    """Give a message with two sets, whose message signatures are of the other kind."""
    content = MESSAGE
    for instance in (1, 2):
        changes: dict[str, Any] = {"i": str(instance), "v": None, "s": "ed", "a": "ed25519-sha256"}
        own = signature(content, ed25519_key(), name=AMS, **changes)
        content = sealed(content, rsa_key(), instance, message_signature=own)
    return content


def _reversed() -> bytes:
    header = re.findall(rb"(?m)^ARC-.*\r\n(?:[ \t].*\r\n)*", THREE)
    return b"".join(reversed(header)) + THREE.removeprefix(b"".join(header))


# Chains that do not

_NUMBERS = ("0", "4", "51", "", "1", "-2", "x", "002", "\u0662")
_EDITS = (
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
)
_LATER_CHANGES = (
    (b"Bob. ", b"Eve. ", "the body has changed"),
    (b"Ann <", b"Amy <", "what is signed has changed"),
    (b"From: Ann", b"From: Eve <eve@example.org>\r\nFrom: Ann", "there are several fields From"),
    (b"From: Ann", b"X-From: Ann", "there is no field From"),
)
_INCOMPLETE = "the sets are not complete"


def _failing() -> Iterator[Case]:
    for name in (AAR, AMS, SEAL):
        for instance in (1, 2, 3):
            text = field_of(THREE, name, instance)
            yield _fails(f"{name} {instance} missing", THREE.replace(text, b""), _INCOMPLETE)
            yield _fails(f"{name} {instance} on top", text + THREE, _INCOMPLETE)
            yield _fails(f"{name} {instance} twice", THREE.replace(text, text * 2), _INCOMPLETE)
        for number in _NUMBERS:
            yield _fails(f"{name} i={number!a}", edited(THREE, name, 2, r"\bi=2", f"i={number}"), _INCOMPLETE)
    for name, instance, old, new, reason in _EDITS:
        yield _fails(f"{name} {instance} {new}", edited(THREE, name, instance, old, new), reason)
    for before, after, reason in _LATER_CHANGES:
        assert before in THREE
        yield _fails(f"{before!r} for {after!r}", THREE.replace(before, after), reason)
    broken = sealed(chain(MESSAGE, rsa_key(), 2) + b"changed\r\n", rsa_key(), 3, cv="fail")
    yield _fails("found broken", broken, "the chain was broken before")
    yield _fails("found broken, and sealed", sealed(broken, rsa_key(), 4), "the seals do not make a chain")
    other = sealed(chain(MESSAGE, rsa_key(), 2), rsa_key(number=1), 3)
    yield _fails("another key", other, "what is signed has changed")
    yield _fails("51 sets", chain(MESSAGE, rsa_key(), 51), "there are too many sets")
    # RFC 8617 §5.2.1; at a place of its own, as it is remembered that a question failed.
    late = sealed(THREE, rsa_key(), 4, s="late")
    zones: Zones = {**KEYS, PLACE.replace("sel", "late", 1): SERVFAIL}
    yield Case("a key that may come later", late, "fail", "the key cannot be looked up now", "", zones, "failed")


# RFC 8617 Appendix B: it is published without its keys, which had 512 bits.
EXAMPLE = (Path(__file__).parent / "rfc8617-appendix-b.eml").read_bytes()
_NEWEST = "clochette._domainkey.clochette.example.org"


def _example() -> Iterator[Case]:
    yield _fails("RFC 8617 B", EXAMPLE, "there is no key for the signature")
    small = Case("RFC 8617 B, small key", EXAMPLE, "fail", "the key has fewer than 1024 bits", state="bad")
    yield small._replace(zones=key_at(record(rsa_key(512)), place=_NEWEST))
    # With any key that is large enough, its hash of the body is compared, and then the signature.
    key = key_at(record(rsa_key()), place=_NEWEST)
    yield _fails("RFC 8617 B, another key", EXAMPLE, "what is signed has changed")._replace(zones=key)
    changed = EXAMPLE.replace(b"Hey gang", b"Hey you")
    yield _fails("RFC 8617 B, another body", changed, "the body has changed")._replace(zones=key)


CASES: tuple[Case, ...] = (*_passing(), *_failing(), *_example())
