"""The secret that opens a mailbox: a generated code of 128 bits, and the verifier that the store keeps of it.

The code is written in Crockford's base 32 (no I, L, O, U) in groups of five, so that it can be read out and typed;
letter case, hyphens and spaces do not count when it is entered, nor whether O or 0, I, L or 1 was typed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26  # 130 bits hold 128
_GROUP = 5
_OCTETS = 16
_TYPED = str.maketrans("oil", "011", "- ")

VERIFIER_OCTETS = 32


class Randomness(Protocol):
    """Where random octets come from: `secrets.token_bytes`, or a given sequence in a test."""

    def __call__(self, count: int, /) -> bytes: ...  # noqa: D102


def generate(random: Randomness) -> str:
    """Make a new secret, such as `4x2np-c0t7k-9w3mz-h5e8r-v6dq1-a`."""
    number = int.from_bytes(random(_OCTETS), "big")
    digits = "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(_LENGTH)))
    return "-".join(digits[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def verifier(secret: str) -> bytes:
    """Give what is kept of a secret to recognise it by.

    HKDF-SHA256 (RFC 5869) without salt: the secret itself is random, so a table of all of them cannot be made, and
    nothing that costs time on purpose is needed. What is kept leads back to neither the secret nor to other keys that
    come from it under another `info`.
    """
    typed = secret.lower().translate(_TYPED)
    # RFC 5869 §2.2, §2.3: extract, then one block of expand.
    pseudorandom_key = hmac.digest(b"\0" * 32, typed.encode("utf-8", "surrogatepass"), "sha256")
    expanded = hmac.digest(pseudorandom_key, b"tempmaild login verifier\x01", "sha256")
    return hashlib.sha256(expanded).digest()


def matches(kept: bytes, secret: str) -> bool:
    """Tell whether the secret is the one that the verifier was made of, in constant time."""
    return hmac.compare_digest(kept, verifier(secret))
