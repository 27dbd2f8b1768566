"""What the signatures of DKIM and ARC have in common: their tags, and whether they verify (RFC 6376 §3.5)."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError
from dkim.util import InvalidTagValueList, parse_tag_value
from msgspec import Struct

from tempmaild.checks.dkim_keys import Place, Unverified, colon_separated
from tempmaild.checks.signed_message import relaxed_field
from tempmaild.core.address import normalise_domain
from tempmaild.core.remembering import remembering
from tempmaild.errors import InvalidAddress

if TYPE_CHECKING:
    from tempmaild.checks.dkim_keys import Found, Key
    from tempmaild.checks.signed_message import SignedMessage

_LONGEST_FIELD: Final = 16 * 1024
"""Octets of a signature with its name: those of mail have less than 3,000."""
_CLOCK_ERROR: Final = 300
"""Seconds by which the clock of a signer may be wrong; OpenDKIM allows the same."""

_ALGORITHMS: Final = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}  # RFC 6376 §3.3, RFC 8463 §3
"""What a= may say, and the kind of key that each wants."""

_TAG_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_]*+")  # RFC 6376 §3.2
_FIELD_NAME: Final = re.compile(rb"[!-9;-~]*+")
"""RFC 5322 §2.2; empty ones, which stand for nothing, are in lists of some signers and in the test suite of ARC."""
_SIGNATURE_VALUE: Final = re.compile(rb";\s*+b\s*+=([^;]*+)")
_NUMBER: Final = re.compile(rb"[0-9]{1,12}")
_LENGTH: Final = re.compile(rb"[0-9]{1,76}")
_SELECTOR_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_SELECTOR: Final = re.compile(rf"{_SELECTOR_LABEL}(?:\.{_SELECTOR_LABEL})*")  # with "_", which many signers have
_LONGEST_SELECTOR: Final = 255

Tags = dict[bytes, bytes]


class Signature(Struct, frozen=True):
    """What signatures of all kinds have: who has signed, and how.

    Attributes:
        kind: of the key, "rsa" or "ed25519".
        value: what b= says.
    """

    kind: str
    value: bytes
    place: Place


class Coverage(Struct, frozen=True):
    """What a signature over a message covers of it.

    Attributes:
        names: of the signed fields, in lower case and in the order of h=.
        body_hash: what bh= says.
        relaxed_header: whether the fields were signed in their "relaxed" form.
        relaxed_body: the same of the body.
        length: octets of the body that are signed; None for all.
    """

    names: tuple[bytes, ...]
    body_hash: bytes
    relaxed_header: bool
    relaxed_body: bool
    length: int | None


class Claim(Struct, frozen=True):
    """A signature over a message that can be verified; `field` is its own header field, as sent."""

    field: bytes
    signature: Signature
    coverage: Coverage


def read_tags(field: bytes) -> Tags:
    """Read the tags of a field as sent.

    Raises:
        Unverified: it is no list of tags, or longer than any signature.
    """
    if len(field) > _LONGEST_FIELD:
        raise Unverified("neutral", "the signature is too long")
    try:
        tags: Tags = parse_tag_value(field.partition(b":")[2])
    except InvalidTagValueList:
        raise Unverified("neutral", "the signature is malformed") from None
    if not all(map(_TAG_NAME.fullmatch, tags)):
        raise Unverified("neutral", "the signature is malformed")
    return tags


def read_place(tags: Tags) -> Place:
    """Read where the key of a signature is: d= and s=.

    Raises:
        Unverified: one of them is missing or malformed.
    """
    return read_domain(_required(tags, b"d")), _read_selector(_required(tags, b"s"))


def read_signature(tags: Tags, place: Place, now: float) -> Signature:
    """Read how and when a message was signed.

    Raises:
        Unverified: a tag is missing, malformed (neutral), or says something that is not accepted (policy).
    """
    algorithm = _required(tags, b"a")
    if algorithm == b"rsa-sha1":
        raise Unverified("policy", "rsa-sha1 is not accepted")  # RFC 8301 §3.1
    if algorithm not in _ALGORITHMS:
        raise Unverified("neutral", "the algorithm is unknown")
    if b"dns/txt" not in colon_separated(tags.get(b"q", b"dns/txt")):
        raise Unverified("neutral", "the query method is unknown")
    _check_times(tags, now)
    return Signature(_ALGORITHMS[algorithm], _read_base64(tags, b"b"), place)


def read_coverage(tags: Tags, canonicalization: bytes = b"simple/simple") -> Coverage:
    """Read what is signed.

    Args:
        canonicalization: what holds without c=; in DKIM it is this (RFC 6376 §3.5).

    Raises:
        Unverified: a tag is missing or malformed: neutral; or the field From is not signed: permerror.
    """
    names = _read_names(_required(tags, b"h"))
    if b"from" not in names:
        raise Unverified("permerror", "the field From is not signed")  # RFC 6376 §5.4
    relaxed_header, relaxed_body = _are_relaxed(tags.get(b"c", canonicalization))
    body_hash = _read_base64(tags, b"bh")
    return Coverage(names, body_hash, relaxed_header, relaxed_body, _read_number(tags, b"l", _LENGTH))


@remembering(longest=512, most=1024)  # of one signer they are mostly the same
def _read_names(value: bytes) -> tuple[bytes, ...]:
    names = tuple([name.lower() for name in colon_separated(value)])
    if not all(map(_FIELD_NAME.fullmatch, names)):
        raise Unverified("neutral", "the tag h= is malformed")
    return names


@remembering(longest=64, most=16)
def _are_relaxed(value: bytes) -> tuple[bool, bool]:
    """Tell of the header and of the body whether they are in their "relaxed" form, by the value of c=.

    Raises:
        Unverified: it is unknown: neutral.
    """
    try:
        policy = CanonicalizationPolicy.from_c_value(value)
    except InvalidCanonicalizationPolicyError:
        raise Unverified("neutral", "the canonicalization is unknown") from None
    return policy.header_algorithm.name == b"relaxed", policy.body_algorithm.name == b"relaxed"


def read_domain(value: bytes) -> str:
    """Read a domain of at least two labels; U-labels are for mail with SMTPUTF8 (RFC 8616 §5).

    Raises:
        Unverified: it is none.
    """
    try:
        domain = normalise_domain(value.decode())
    except (UnicodeDecodeError, InvalidAddress):
        domain = ""
    if "." not in domain or value.endswith(b"."):
        raise Unverified("neutral", "the domain of the signature is malformed")
    return domain


def _read_selector(value: bytes) -> str:
    try:
        selector = value.decode().lower()
        selector = selector if selector.isascii() else normalise_domain(selector)
    except (UnicodeDecodeError, InvalidAddress):
        selector = ""
    if len(selector) > _LONGEST_SELECTOR or not _SELECTOR.fullmatch(selector):
        raise Unverified("neutral", "the selector is malformed")
    return selector


def _required(tags: Tags, name: bytes) -> bytes:
    if name not in tags:
        raise Unverified("neutral", f"the tag {name.decode()}= is missing")
    return tags[name]


def _read_base64(tags: Tags, name: bytes) -> bytes:
    try:
        octets = base64.b64decode(b"".join(_required(tags, name).split()), validate=True)
    except ValueError:
        octets = b""
    if not octets:
        raise Unverified("neutral", f"the tag {name.decode()}= is malformed")
    return octets


def _read_number(tags: Tags, name: bytes, form: re.Pattern[bytes] = _NUMBER) -> int | None:
    if name not in tags:
        return None
    if not form.fullmatch(tags[name]):
        raise Unverified("neutral", f"the tag {name.decode()}= is malformed")
    return int(tags[name])


def _check_times(tags: Tags, now: float) -> None:
    signed, expires = _read_number(tags, b"t"), _read_number(tags, b"x")
    if signed is not None and expires is not None and expires <= signed:
        raise Unverified("neutral", "the signature expires before it is made")
    if signed is not None and signed > now + _CLOCK_ERROR:
        raise Unverified("policy", "the signature is from the future")
    if expires is not None and expires < now - _CLOCK_ERROR:
        raise Unverified("policy", "the signature has expired")


def check_author(message: SignedMessage) -> None:
    """Check that a message has one field From, which is what readers take its author from (RFC 6376 §8.15).

    Raises:
        Unverified: it has none (permerror), or several (policy), of which another may be signed than is shown.
    """
    authors = len(message.fields.get(b"from", ()))
    if authors == 0:
        raise Unverified("permerror", "there is no field From")
    if authors > 1:
        raise Unverified("policy", "there are several fields From")


async def verify_message(message: SignedMessage, claim: Claim, found: Found) -> Key:
    """Verify a signature over a message, and give the key that it was made with.

    Args:
        found: what was found where the signature says that its key is.

    Raises:
        Unverified: it does not verify, or is not accepted.
    """
    coverage = claim.coverage
    keys = _usable_keys(claim.signature, found)
    body_hash, length = await message.body_hash(relaxed=coverage.relaxed_body)
    if coverage.length is not None and coverage.length != length:
        raise Unverified("policy", "the signature does not cover the body")
    if body_hash != coverage.body_hash:
        raise Unverified("fail", "the body has changed")
    return _verify(claim.signature, _header_hash(message, claim.field, coverage), keys)


def verify_digest(signature: Signature, digest: bytes, found: Found) -> None:
    """Verify a signature over a SHA-256 digest.

    Raises:
        Unverified: it does not verify, or is not accepted.
    """
    _verify(signature, digest, _usable_keys(signature, found))


def unsigned(field: bytes) -> bytes:
    """Give the field of a signature as it was signed: without the value of b= (RFC 6376 §3.7)."""
    name, _, tags = field.partition(b":")
    # Behind a semicolon for the first tag, too, as what begins with a single octet is found far sooner.
    tags = b";" + tags
    value = _SIGNATURE_VALUE.search(tags)
    return b"%b:%b%b" % (name, tags[1 : value.start(1)], tags[value.end() :]) if value else field


def _header_hash(message: SignedMessage, field: bytes, coverage: Coverage) -> bytes:
    own = unsigned(field)
    if coverage.relaxed_header:
        own = relaxed_field(own)
    selected = message.select(coverage.names, field, relaxed=coverage.relaxed_header)
    return sha256(b"".join([*selected, own.removesuffix(b"\r\n")])).digest()


def _usable_keys(signature: Signature, found: Found) -> list[Key]:
    if isinstance(found, Unverified):
        raise Unverified(found.result, found.reason)
    keys = [key for key in found if key.kind == signature.kind]
    if not keys:
        raise Unverified("permerror", "the key is of another kind")
    return keys


def _verify(signature: Signature, digest: bytes, keys: list[Key]) -> Key:
    for key in keys:
        if key.verifies(signature.value, digest):
            return key
    raise Unverified("fail", "what is signed has changed")
