"""Signed messages, the keys that DNS has for them, and what is to be found out: for the check and for a daemon."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.checks.signing_messages import MESSAGE, Key, ed25519_key, public, record, rsa_key, signature, signed
from tests.dns_server import SERVFAIL, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tempmaild.core.verdict import State
    from tests.dns_server import Value, Zones

PLACE = "sel._domainkey.example.org"
Result = tuple[str, str]
"""A result with its reason, "" for none."""
PASSES: tuple[Result, ...] = (("pass", ""),)


def key_at(*records: Value, place: str = PLACE) -> Zones:
    """Give DNS with these TXT records."""
    return {place: {"TXT": list(records)}}


KEYS = key_at(record(rsa_key()))
"""DNS that has the usual key."""
_KEYS_OF_BOTH_KINDS = {**KEYS, **key_at(record(ed25519_key()), place="ed._domainkey.example.org")}


class Case(NamedTuple):
    """A message, and what is to be found out about its signatures.

    Attributes:
        message: makes it; the argument is the time that it is, UTC epoch seconds.
        results: signature by signature.
        testing: whether the signer asks that nothing follows from a failure.
    """

    name: str
    message: Callable[[int], bytes]
    results: tuple[Result, ...] = PASSES
    zones: Zones = KEYS
    testing: bool = False

    @property
    def state(self) -> State:
        """What is due to the results."""
        found = {result for result, _ in self.results}
        if "pass" in found or self.testing:
            return "fine"
        if "temperror" in found:
            return "failed"
        return "bad" if found & {"fail", "permerror"} else "fine"


def _case(name: str, content: bytes, *results: Result, zones: Zones = KEYS, testing: bool = False) -> Case:
    """Give a case whose message is the same at any time."""
    return Case(name, lambda _: content, results or PASSES, zones, testing)


def _signed(changes: dict[str, Any], *results: Result, zones: Zones = KEYS) -> Case:
    """Give a case of the usual message with a signature that has other tags; numbers are seconds from now."""

    def message(now: int) -> bytes:
        tags = {name: str(now + value) if isinstance(value, int) else value for name, value in changes.items()}
        return signed(MESSAGE, rsa_key(), **tags)

    return Case(repr(changes), message, results or PASSES, zones)


# What passes


def _algorithms() -> Iterator[Case]:
    keys: dict[str, Key] = {"rsa": rsa_key(), "ed25519": ed25519_key()}
    for kind, key in keys.items():
        for header in ("simple", "relaxed"):
            for body in ("simple", "relaxed"):
                form = f"{header}/{body}"
                yield _case(f"{kind} {form}", signed(MESSAGE, key, c=form), zones=key_at(record(key)))
    larger = rsa_key(2048)
    yield _case("2048 bits", signed(MESSAGE, larger), zones=key_at(record(larger)))


FORMS: tuple[dict[str, Any], ...] = (
    {"c": None},
    {"c": "relaxed"},
    {"h": "From : To :\r\n\tSUBJECT"},
    {"h": "from:from:from:to:nothing:nothing"},
    {"h": "from:received:received"},
    {"h": "from:dkim-signature:dkim-signature"},
    {"h": "from::to:"},
    {"d": "EXAMPLE.org", "s": "SEL"},
    {"i": "ann@mail.example.org"},
    {"i": "=61nn@example.org"},
    {"t": None},
    {"t": 200, "x": 3600},
    {"x": -200, "t": -5000},
    {"q": "dns/txt"},
    {"q": "other : dns/txt"},
    {"z": "From:ann@example.org|To:x", "unknown": "tag"},
)
_KEY_RECORDS = (
    f"p={public(rsa_key())}",
    f"v=DKIM1;p={public(rsa_key())};",
    f"k=rsa; t=s; p={public(rsa_key(), PublicFormat.PKCS1)}",
    record(rsa_key(), h="sha1 : sha256", s="email", n="a note", g="nobody"),
    record(rsa_key(), s="other:*", t="y:s:unknown"),
    record(rsa_key()).replace("MI", "M \r\n I"),
)
UNSEEN_CHANGES = (
    (b"Subject: a  subject\r\n\tof two  lines \r\n", b"SUBJECT \t:  a\tsubject of  two\r\n lines\r\n"),
    (b"Hello,  Bob. \r\n", b"Hello,\tBob.\r\n"),
    (b"\r\n\r\n \r\n\r\n", b"\r\n"),
    (b".\r\n\r\n \r\n\r\n", b"."),
    (b"Received: ", b"X-Added: 1\r\nReceived: "),
)
"""What can be changed in a message without the "relaxed" form telling."""
_BODIES = (b"", b"\r\n", b"\r\n\r\n\r\n", b" \t\r\n")


def _passing() -> Iterator[Case]:
    yield from _algorithms()
    yield from (_signed(changes) for changes in FORMS)
    usual = signed(MESSAGE, rsa_key())
    for number, text in enumerate(_KEY_RECORDS):
        yield _case(f"key record {number}", usual, zones=key_at(text))
    for old, new in UNSEEN_CHANGES:
        assert old in usual
        yield _case(f"{old!r} for {new!r}", usual.replace(old, new))
    for body in _BODIES:
        for form in ("simple", "relaxed"):
            content = signed(b"From: a@example.org\r\n\r\n" + body, rsa_key(), c=f"relaxed/{form}")
            yield _case(f"body {body!r} {form}", content)
    alias = {PLACE: {"CNAME": ["key.provider.test"]}, **key_at(record(rsa_key()), place="key.provider.test")}
    yield _case("an alias", usual, zones=alias)
    others = [record(rsa_key(number=1)), "v=spf1 -all", record(ed25519_key())]
    yield _case("several keys", usual, zones=key_at(*others, record(rsa_key())))
    yield _case("no signature", MESSAGE, ("none", ""))


# What does not

_MALFORMED_DOMAIN = ("neutral", "the domain of the signature is malformed")
_MALFORMED_SELECTOR = ("neutral", "the selector is malformed")
_NO_KEY = ("permerror", "there is no key for the signature")
_NOT_FROM = ("permerror", "the field From is not signed")
_NOT_COVERED = ("policy", "the signature does not cover the body")
_CHANGED = ("fail", "what is signed has changed")
_CHANGED_BODY = ("fail", "the body has changed")


def _malformed(tag: str) -> Result:
    return "neutral", f"the tag {tag}= is malformed"


def _missing(tag: str) -> Result:
    return "neutral", f"the tag {tag}= is missing"


_DEFECTS: tuple[tuple[dict[str, Any], Result], ...] = (
    ({"v": None}, ("neutral", "the version of the signature is unknown")),
    ({"v": "2"}, ("neutral", "the version of the signature is unknown")),
    ({"a": None}, _missing("a")),
    ({"a": "rsa-sha512"}, ("neutral", "the algorithm is unknown")),
    ({"a": "RSA-SHA256"}, ("neutral", "the algorithm is unknown")),
    ({"a": "rsa-sha1"}, ("policy", "rsa-sha1 is not accepted")),
    ({"a": "ed25519-sha256"}, ("permerror", "the key is of another kind")),
    ({"d": None}, _missing("d")),
    ({"d": "org"}, _MALFORMED_DOMAIN),
    ({"d": "exa mple.org"}, _MALFORMED_DOMAIN),
    ({"d": "example.org(.attacker.test"}, _MALFORMED_DOMAIN),
    ({"d": "\udcff.example.org"}, _MALFORMED_DOMAIN),
    ({"d": "a." * 127 + "org"}, _MALFORMED_DOMAIN),
    ({"s": None}, _missing("s")),
    ({"s": ""}, _MALFORMED_SELECTOR),
    ({"s": "a..b"}, _MALFORMED_SELECTOR),
    ({"s": "a b"}, _MALFORMED_SELECTOR),
    ({"s": "a" * 64}, _MALFORMED_SELECTOR),
    ({"s": "\udcff"}, _MALFORMED_SELECTOR),
    ({"s": "x" + ".a" * 120}, _NO_KEY),
    ({"s": "other"}, _NO_KEY),
    ({"i": "ann"}, _malformed("i")),
    ({"i": "\udcff@example.org"}, _malformed("i")),
    ({"i": "a" * 200 + "@example.org"}, _malformed("i")),
    ({"i": "a\x07@example.org"}, _malformed("i")),
    ({"i": "ann@"}, _MALFORMED_DOMAIN),
    ({"i": "ann@example.com"}, ("permerror", "the domain in i= is another")),
    ({"i": "ann@badexample.org"}, ("permerror", "the domain in i= is another")),
    ({"h": None}, _missing("h")),
    ({"h": ""}, _NOT_FROM),
    ({"h": "to:subject"}, _NOT_FROM),
    ({"h": "to:x-from"}, _NOT_FROM),
    # RFC 6376 §6.1.1: to be liberal is a bad strategy here
    ({"h": "from:to subject"}, _malformed("h")),
    ({"n-a": "1"}, ("neutral", "the signature is malformed")),
    ({"n a": "1"}, ("neutral", "the signature is malformed")),
    ({"d": "example.org."}, _MALFORMED_DOMAIN),
    ({"bh": None}, _missing("bh")),
    ({"bh": ""}, _malformed("bh")),
    ({"bh": "YQ="}, _malformed("bh")),
    ({"bh": "****"}, _malformed("bh")),
    ({"bh": base64.b64encode(bytes(32)).decode()}, _CHANGED_BODY),
    ({"q": "http"}, ("neutral", "the query method is unknown")),
    ({"t": "soon"}, _malformed("t")),
    ({"t": "-1"}, _malformed("t")),
    ({"t": "1" * 13}, _malformed("t")),
    ({"t": "\u0661"}, _malformed("t")),
    ({"t": 3600}, ("policy", "the signature is from the future")),
    ({"x": ""}, _malformed("x")),
    ({"x": -400, "t": None}, ("policy", "the signature has expired")),
    ({"x": -60, "t": -60}, ("neutral", "the signature expires before it is made")),
    ({"l": "a"}, _malformed("l")),
    ({"l": "1" * 77}, _malformed("l")),
    ({"l": "0"}, _NOT_COVERED),
    ({"l": "5"}, _NOT_COVERED),
    ({"l": "1" * 76}, _NOT_COVERED),
    ({"z": "x" * 17_000}, ("neutral", "the signature is too long")),
    *[
        ({"forged": {"c": form}}, ("neutral", "the canonicalization is unknown"))
        for form in ("", "relaxed/relaxed/relaxed", "relaxed/nowsp", "Relaxed", "/", "simple relaxed")
    ],
    *[({"forged": {"b": value}}, _malformed("b")) for value in ("", "*", "YQ", "Y", "ÄÖ", "=" * 8, "AAAA=AAA")],
    *[({"forged": {"b": value}}, _CHANGED) for value in ("YQ==", "A" * 12_000)],
)
_FIELDS: tuple[tuple[bytes, Result], ...] = (
    (b"no tag list", ("neutral", "the signature is malformed")),
    (b"", _missing("d")),
    (b";;", ("neutral", "the signature is malformed")),
    (b"v=1; v=1", ("neutral", "the signature is malformed")),
    (b"v=1;; a=b", ("neutral", "the signature is malformed")),
    (b"=", ("neutral", "the signature is malformed")),
    (b"1=2", ("neutral", "the signature is malformed")),
    (b"v=1; \xff=1", ("neutral", "the signature is malformed")),
)
_CHANGES = (
    (b"Bob. ", b"Eve. ", _CHANGED_BODY),
    (b"Hello,", b" Hello,", _CHANGED_BODY),
    (b"Bye \t\r\n", b"Bye \t\r\n\r\n", _CHANGED_BODY),
    (b"Ann <", b"Amy <", _CHANGED),
    (b"Subject: a", b"Subject: b", _CHANGED),
    (b"To: bob", b"Subject: on top is not signed\r\nTo: bob", ("pass", "")),
    (b"Date:", b"Subject: below\r\nDate:", _CHANGED),
    (b"Date:", b"X-Date:", _CHANGED),
    (b"s=sel", b"s=SEL", _CHANGED),
    (b"v=1;", b"v=1; n=added;", _CHANGED),
)
_OTHER_AUTHORS = (b"From: Eve <eve@example.org>\r\n", b"FROM : Eve <eve@example.org>\r\n", b"from:\r\n")
_SEVERAL = ("policy", "there are several fields From")


def _failing() -> Iterator[Case]:
    yield from (_signed(changes, result) for changes, result in _DEFECTS)
    for field, result in _FIELDS:
        yield _case(f"field {field!r}", b"DKIM-Signature:" + field + b"\r\n" + MESSAGE, result)
    usual = signed(MESSAGE, rsa_key())
    for old, new, result in _CHANGES:
        assert usual.count(old) == 1
        yield _case(f"{old!r} for {new!r}", usual.replace(old, new), result)
    for added in _OTHER_AUTHORS:
        yield _case(f"on top {added!r}", added + usual, _SEVERAL)
        yield _case(f"below {added!r}", usual.replace(b"\r\nTo:", b"\r\n" + added + b"To:"), _SEVERAL)
    whole = signed(b"From: Eve <eve@example.org>\r\n" + MESSAGE, rsa_key(), h="from:from:to")
    yield _case("two authors that are signed", whole, _SEVERAL)
    without = signed(b"To: bob@box.test\r\n\r\nHello.\r\n", rsa_key())
    yield _case("no author", without, ("permerror", "there is no field From"))
    length = str(len(b"Hello, Bob.\r\n\r\n Bye\r\n.\r\n"))
    yield _signed({"l": length})
    yield _case("added to what l= covers", signed(MESSAGE, rsa_key(), l=length) + b"added\r\n", _NOT_COVERED)


# Keys


def _elliptic() -> str:
    key = elliptic_key(SECP256R1()).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _rsa(exponent: int, bits: int) -> str:
    numbers = RSAPublicNumbers(exponent, (1 << bits - 1) + 1).public_key()
    return base64.b64encode(numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


_BAD_KEYS: tuple[tuple[str, str, str], ...] = (
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
)
# Each at a place of its own: that a question failed is remembered.
_NO_KEYS: dict[str, tuple[Answer | dict[str, list[Value]], Result]] = {
    "empty": (Answer(ttl=0), _NO_KEY),
    "missing": (Answer(rcode="NXDOMAIN", ttl=0), _NO_KEY),
    "servfail": (SERVFAIL, ("temperror", "the key cannot be looked up now")),
    "garbage": (Answer(manner="garbage"), ("temperror", "the key cannot be looked up now")),
    "circle": ({"CNAME": [f"circle.{PLACE.partition('.')[2]}"]}, ("temperror", "the key cannot be looked up now")),
}
_STRICT = "the key is not for the domain in i="


def _keys() -> Iterator[Case]:
    usual = signed(MESSAGE, rsa_key())
    for number, (text, result, reason) in enumerate(_BAD_KEYS):
        yield _case(f"bad key {number}: {reason}", usual, (result, reason), zones=key_at(text))
    small = signed(MESSAGE, rsa_key(512))
    too_small = ("policy", "the key has fewer than 1024 bits")
    yield _case("a small key that verifies", small, too_small, zones=key_at(record(rsa_key(512))))
    many = [record(rsa_key(number=1), n=str(number)) for number in range(10)]
    yield _case("more keys than are tried", usual, _CHANGED, zones=key_at(*many, record(rsa_key())))
    for selector, (records, found) in _NO_KEYS.items():
        zones: Zones = {PLACE.replace("sel", selector, 1): records}
        yield _case(f"no key: {selector}", signed(MESSAGE, rsa_key(), s=selector), found, zones=zones)
    for flags, identity, found in (
        ("s", "ann@example.org", ("pass", "")),
        ("s", "ann@mail.example.org", ("permerror", _STRICT)),
        ("y : s", "@mail.example.org", ("permerror", _STRICT)),
        ("y", "@mail.example.org", ("pass", "")),
    ):
        zones = key_at(record(rsa_key(), t=flags))
        content = signed(MESSAGE, rsa_key(), i=identity)
        yield _case(f"t={flags} {identity}", content, found, zones=zones, testing="y" in flags)
    zones = key_at(record(rsa_key(), t="y"))
    yield _case("who is testing", usual + b"added\r\n", _CHANGED_BODY, zones=zones, testing=True)
    names = {"d": "bücher.example", "s": "selä", "i": "änn@bücher.example"}
    yield _signed(names, zones=key_at(record(rsa_key()), place="xn--sel-sla._domainkey.xn--bcher-kva.example"))


# Several signatures


def _several() -> Iterator[Case]:
    bad = signature(MESSAGE, rsa_key(), forged={"bh": base64.b64encode(bytes(32)).decode()})
    elliptic = signature(MESSAGE, ed25519_key(), s="ed")
    lost = signature(MESSAGE, rsa_key(), s="no")
    late = signature(MESSAGE, rsa_key(), s="late")
    found: tuple[Result, ...] = (_CHANGED_BODY, ("pass", ""), _NO_KEY)
    yield _case("one of three", bad + elliptic + lost + MESSAGE, *found, zones=_KEYS_OF_BOTH_KINDS)
    zones: Zones = {**KEYS, "late._domainkey.example.org": SERVFAIL}
    unknown = ("temperror", "the key cannot be looked up now")
    yield _case("one that may come later", late + lost + MESSAGE, unknown, _NO_KEY, zones=zones)
    each = [signature(MESSAGE, rsa_key(), s=f"s{number}") for number in range(99)]
    hundred = b"".join(each) + signed(MESSAGE, rsa_key())
    rest = ("policy", "90 more signatures are not verified")
    yield _case("a hundred", hundred, *[_NO_KEY] * 10, rest)


CASES: tuple[Case, ...] = (*_passing(), *_failing(), *_keys(), *_several())
