"""The secrets that open a mailbox, and what comes from them: a verifier that the store keeps, and a wrapping key.

A generated secret is a code of 128 bits in Crockford's base 32 (no I, L, O, U) in groups of five, so that it can be
read out and typed; letter case, hyphens and spaces do not count when it is entered, nor whether O or 0, I, L or 1 was
typed. It is random, so that nothing which costs time on purpose is needed to protect it. A password that somebody has
chosen may be guessed, so that it goes through Argon2id first (RFC 9106).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Protocol

from nacl import pwhash

from tempmaild.errors import InvalidValue

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26  # 130 bits hold 128
_GROUP = 5
_OCTETS = 16
_TYPED = bytes.maketrans(b"oil", b"011")
_CODE = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}".encode())

VERIFIER_OCTETS = 32
SALT_OCTETS = 16

# RFC 9106 §4, the second recommendation (64 MiB, three passes), on one lane.
_PASSES = 3
_MEMORY = 64 << 20

SHORTEST_PASSWORD = 8
"""Characters (NIST SP 800-63B §5.1.1.2)."""
LONGEST_PASSWORD = 256
"""Characters; every protocol takes so many in one command."""


class Randomness(Protocol):
    """Where random octets come from: `secrets.token_bytes`, or a given sequence in a test."""

    def __call__(self, count: int, /) -> bytes: ...  # noqa: D102


def generate(random: Randomness) -> str:
    """Make a new secret, such as `4x2np-c0t7k-9w3mz-h5e8r-v6dq1-a`."""
    number = int.from_bytes(random(_OCTETS), "big")
    digits = "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(_LENGTH)))
    return "-".join(digits[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def is_code(secret: str) -> bool:
    """Tell whether a secret has the form of a generated one. No password that is chosen may have it."""
    return _CODE.fullmatch(typed(secret)) is not None


class Keys:
    """What comes from a secret by HKDF-SHA256 (RFC 5869); neither leads back to it or to the other."""

    __slots__ = ("_pseudorandom_key", "verifier")

    verifier: bytes
    """What is kept of the secret to recognise it by."""

    def __init__(self, material: bytes) -> None:
        # RFC 5869 §2.2: extract, without salt.
        self._pseudorandom_key = hmac.digest(b"\0" * 32, material, "sha256")
        self.verifier = hashlib.sha256(self._expand(b"tempmaild login verifier")).digest()

    @property
    def wrapping_key(self) -> bytes:
        """The key under which the mailbox's private key is kept."""
        return self._expand(b"tempmaild key wrapping")

    def fit(self, verifier: bytes) -> bool:
        """Tell, in constant time, whether the verifier is of the secret that these come from."""
        return hmac.compare_digest(verifier, self.verifier)

    def _expand(self, info: bytes) -> bytes:
        # RFC 5869 §2.3: one block.
        return hmac.digest(self._pseudorandom_key, info + b"\x01", "sha256")


def keys_of_code(secret: str) -> Keys:
    """Give the keys of a generated secret, as it was typed."""
    return Keys(typed(secret))


def keys_of_password(password: str, salt: bytes) -> Keys:
    """Give the keys of a password that was chosen. Takes 64 MiB of memory and a tenth of a second."""
    octets = prepared(password).encode("utf-8", "surrogatepass")
    return Keys(pwhash.argon2id.kdf(32, octets, salt, opslimit=_PASSES, memlimit=_MEMORY))


def prepared(password: str) -> str:
    """Give a password in the one form that all keyboards have in common (RFC 8265 §4.2.2)."""
    if password.isascii():
        return password
    return unicodedata.normalize("NFC", "".join(" " if unicodedata.category(c) == "Zs" else c for c in password))


def check_password(password: str, address: str) -> None:
    """See that somebody may choose this password for the mailbox of this address.

    Raises:
        InvalidValue: it is too easy to guess, cannot be sent in every protocol, or looks like a generated secret.
    """
    if is_code(password):
        raise InvalidValue("password", "it has the form of a generated secret")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidValue(
            "password",
            "it has not %(shortest)s to %(longest)s characters",
            shortest=SHORTEST_PASSWORD,
            longest=LONGEST_PASSWORD,
        )
    if not password.isprintable():
        raise InvalidValue("password", "it has characters that cannot be typed")
    if password.casefold() in {address.casefold(), address.rpartition("@")[0].casefold()}:
        raise InvalidValue("password", "it is the address")


def typed(code: str) -> bytes:
    """Give a code in the one form that all ways of typing it have in common."""
    return code.lower().encode("utf-8", "surrogatepass").translate(_TYPED, b"- ")
