"""The second factor: codes that are good for a time (TOTP, RFC 6238), and those that stand in for them.

A secret cannot be kept as a digest, as codes are made of it. It is kept encrypted (AES-256-GCM) under a key that is
kept elsewhere, and belongs to one person:

    "locked:", base 64 of: 01, nonce (12), the secret in base 32 encrypted under the key; 01 and the person's id are
    authenticated with it
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyotp import TOTP

if TYPE_CHECKING:
    from tempmaild.core.secret import Randomness

STEP: Final = 30
"""Seconds for which a code is shown; what every authenticator takes for granted."""
SECRET_OCTETS: Final = 20
"""RFC 4226 §4, R6: 160 bits are recommended."""
_ISSUER: Final = "tempmaild"
_DRIFT: Final = 1
"""Steps by which the clock of a telephone may be off (RFC 6238 §5.2: at most one is recommended)."""
_CODE = re.compile("[0-9]{6}")
_RECOVERY_CODE = re.compile("[a-z2-7]{16}")
_RECOVERY_OCTETS: Final = 10
"""80 bits: nobody guesses them, so that nothing which costs time on purpose is needed to protect them."""
_GROUP: Final = 4
_TYPED = str.maketrans("018", "olb", "- ")
LOCKED: Final = "locked:"
"""What a secret begins with that is not in clear: no base 32 does."""
_FORMAT: Final = b"\x01"
_NONCE_OCTETS: Final = 12
_KEY_OCTETS: Final = 32
_PURPOSE: Final = b"tempmaild second factors"


class Locked(Exception):
    """The key does not open a secret, or the secret was tampered with."""


def secret_of(material: bytes) -> str:
    """Give a secret in base 32, as authenticators have it."""
    return base64.b32encode(material[:SECRET_OCTETS]).decode()


def locking_key(material: bytes) -> bytes:
    """Give the key that secrets are locked with, of a key that has other uses, too (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), _KEY_OCTETS, salt=None, info=_PURPOSE).derive(material)


def lock(secret: str, key: bytes, person_id: int) -> str:
    """Give a secret as it is kept."""
    nonce = os.urandom(_NONCE_OCTETS)
    box = AESGCM(key).encrypt(nonce, secret.encode(), _owner(person_id))
    return LOCKED + base64.b64encode(_FORMAT + nonce + box).decode()


def unlock(kept: str, key: bytes, person_id: int) -> str:
    """Give a secret in base 32, of what is kept of it.

    One in clear is given as it is: earlier programs kept them so, and the console locks them when it starts.

    Raises:
        Locked: under another key, or for somebody else; or it is damaged.
    """
    if not kept.startswith(LOCKED):
        return kept
    try:
        octets = base64.b64decode(kept.removeprefix(LOCKED), validate=True)
        nonce, box = octets[1 : 1 + _NONCE_OCTETS], octets[1 + _NONCE_OCTETS :]
        if octets[:1] != _FORMAT:
            raise Locked
        return AESGCM(key).decrypt(nonce, box, _owner(person_id)).decode()
    except (InvalidTag, ValueError):
        raise Locked from None


def _owner(person_id: int) -> bytes:
    return _FORMAT + str(person_id).encode()


def uri(secret: str, name: str, host: str) -> str:
    """Give what a QR code says to an authenticator.

    Args:
        host: that this is one's account of.
    """
    return TOTP(secret).provisioning_uri(name=f"{name}@{host}", issuer_name=_ISSUER)


def matching_step(secret: str, code: str, now: float, last_step: int) -> int | None:
    """Give the time step that a code belongs to; None where it is wrong, was used, or is too old or too new.

    Args:
        now: UTC epoch seconds.
        last_step: of the last code that was used: no code is good twice, nor is one from before it (RFC 6238 §5.2).
    """
    code = code.replace(" ", "")
    if not _CODE.fullmatch(code):
        return None
    totp, here = TOTP(secret), int(now) // STEP
    for step in range(max(here - _DRIFT, last_step + 1, 0), here + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def new_recovery_code(random: Randomness) -> str:
    """Make a code such as `k3fa-2xqd-mn7p-b4ri`."""
    digits = base64.b32encode(random(_RECOVERY_OCTETS)).decode().lower()
    return "-".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))


def recovery_verifier(code: str) -> bytes | None:
    """Give what is kept of a recovery code, however it was typed; None for what cannot be one."""
    typed = code.strip().lower().translate(_TYPED)
    return hashlib.sha256(typed.encode()).digest() if _RECOVERY_CODE.fullmatch(typed) else None
