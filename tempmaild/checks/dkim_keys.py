"""Public keys of signers, out of their TXT records (RFC 6376 §3.6)."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim.util import InvalidTagValueList, parse_tag_value
from msgspec import Struct

from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.waiting import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.checks.dns import Resolver

_MOST_RECORDS: Final = 4
"""Records under one selector that are tried; there should be one, but some signers have a new one beside the old."""
_LONGEST_RECORD: Final = 8 * 1024
"""Octets; a key of 16,384 bits, the largest that OpenSSL takes, has 2,800."""
_FEWEST_BITS: Final = 1024  # RFC 8301 §3.2
_MOST_BITS: Final = 8192
"""RFC 8301 §3.2 asks for 4096. The time for a signature grows with the square: 0.4 ms for this one."""
_LARGEST_EXPONENT: Final = 2**32
"""So that no key takes longer than its size makes it; signers use 65537, few of them 3."""
_CACHED_KEYS: Final = 1024
_PADDING: Final = PKCS1v15()
_DIGEST: Final = Prehashed(SHA256())


class Unverified(Exception):
    """Why a signature does not pass.

    Attributes:
        result: as RFC 8601 §2.7.1 names it: fail, neutral, permerror, policy or temperror.
        reason: for people.
    """

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


class Key(Struct, frozen=True):
    """A public key that may sign mail with SHA-256.

    Attributes:
        kind: as in the tag k=: "rsa" or "ed25519".
        strict: whether the domain in i= must be the one in d= (t=s).
        testing: whether the signer only tries out DKIM (t=y), so that nothing may follow from a failure.
    """

    kind: str
    public: RSAPublicKey | Ed25519PublicKey
    strict: bool = False
    testing: bool = False

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Tell whether the holder of the private key has signed this SHA-256 digest."""
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(signature, digest, _PADDING, _DIGEST)
            else:
                self.public.verify(signature, digest)  # RFC 8463 §3: what is signed is the digest
        except (InvalidSignature, ValueError):
            return False
        return True


Place = tuple[str, str]
"""Domain and selector, in ASCII and lower case."""
Found = tuple[Key, ...] | Unverified
"""The usable keys at one place, at least one, or why there are none."""


async def find_keys(resolver: Resolver, places: Iterable[Place]) -> dict[Place, Found]:
    """Look up the keys at all these places at once."""
    distinct = list(dict.fromkeys(places))
    found = await side_by_side(*[_find(resolver, place) for place in distinct])
    return dict(zip(distinct, found, strict=True))


async def _find(resolver: Resolver, place: Place) -> Found:
    domain, selector = place
    try:
        records = await resolver.lookup(f"{selector}._domainkey.{domain}", "TXT")
    except NoSuchName:
        records = ()
    except LookupFailed:
        return Unverified("temperror", "the key cannot be looked up now")
    keys = []
    problem = Unverified("permerror", "there is no key for the signature")
    for record in records[:_MOST_RECORDS]:
        try:
            keys.append(parse_key(record))
        except Unverified as unusable:
            problem = unusable
    return tuple(keys) or problem


@lru_cache(maxsize=_CACHED_KEYS)
def parse_key(record: bytes) -> Key:
    """Read a key record.

    Raises:
        Unverified: it is none, or not for this: permerror; or it is too weak to be accepted: policy.
    """
    if len(record) > _LONGEST_RECORD:
        raise Unverified("permerror", "the key record is too long")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record)
    except InvalidTagValueList:
        raise Unverified("permerror", "the key record is malformed") from None
    _check_purpose(tags)
    flags = colon_separated(tags.get(b"t", b""))
    kind = tags.get(b"k", b"rsa")
    if kind not in _READERS:
        raise Unverified("permerror", "the kind of the key is unknown")
    try:
        public = _READERS[kind](base64.b64decode(b"".join(tags[b"p"].split()), validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise Unverified("permerror", "the key is malformed") from None
    return Key(kind.decode(), public, strict=b"s" in flags, testing=b"y" in flags)


def _check_purpose(tags: dict[bytes, bytes]) -> None:
    """RFC 6376 §3.6.1.

    Raises:
        Unverified: the key is not for verifying mail with SHA-256.
    """
    if b"v" in tags and (tags[b"v"] != b"DKIM1" or next(iter(tags)) != b"v"):
        raise Unverified("permerror", "the version of the key record is unknown")
    if b"p" not in tags:
        raise Unverified("permerror", "the key record is malformed")
    if not tags[b"p"]:
        raise Unverified("permerror", "the key has been revoked")
    if b"h" in tags and b"sha256" not in colon_separated(tags[b"h"]):
        raise Unverified("permerror", "the key is for other hashes")
    if b"s" in tags and {b"*", b"email"}.isdisjoint(colon_separated(tags[b"s"])):
        raise Unverified("permerror", "the key is not for mail")


def colon_separated(value: bytes) -> list[bytes]:
    """Give the items of a list, without the white space around them."""
    return [item.strip() for item in value.split(b":")]


def _read_rsa(octets: bytes) -> RSAPublicKey:
    # As SubjectPublicKeyInfo, which all use, or as RSAPublicKey, which RFC 6376 §3.6.1 says.
    key = load_der_public_key(octets)
    if not isinstance(key, RSAPublicKey):
        raise TypeError
    if key.key_size < _FEWEST_BITS:
        raise Unverified("policy", f"the key has fewer than {_FEWEST_BITS} bits")
    if key.key_size > _MOST_BITS:
        raise Unverified("policy", f"the key has more than {_MOST_BITS} bits")
    if key.public_numbers().e > _LARGEST_EXPONENT:
        raise Unverified("policy", "the exponent of the key is too large")
    return key


_READERS: Final[dict[bytes, Callable[[bytes], RSAPublicKey | Ed25519PublicKey]]] = {
    b"rsa": _read_rsa,
    b"ed25519": Ed25519PublicKey.from_public_bytes,  # RFC 8463 §4
}
