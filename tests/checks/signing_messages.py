"""Signing messages as DKIM and ARC want it, and with every mistake that can be made.

The canonical forms are dkimpy's, so that ours is held against another one; it is not dkimpy that signs, because that
makes no mistakes.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from dkim import rfc822_parse, select_headers
from dkim.canonicalization import CanonicalizationPolicy, Relaxed

from tempmaild.checks.mail import Examined, Mail
from tempmaild.core.checking import Checking

NOW = 1_700_000_000
"""What time it is in these tests."""
MESSAGE = (
    b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"From: Ann <ann@example.org>\r\n"
    b"To: bob@box.test\r\n"
    b"Subject: a  subject\r\n\tof two  lines \r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"\r\n"
    b"Hello,  Bob. \r\n\r\n \tBye \t\r\n.\r\n\r\n \r\n\r\n"
)

Key = RSAPrivateKey | Ed25519PrivateKey

# Nobody makes such keys any more, libraries refuse to.
_SMALL = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAMukR2omIiF8aZUJvRW6btuarxxQVX5VaBQZFUSG40oFi4xhVa4p
BNnIQTWz2lwgcy9fONOhGAP2w9j2FU6D1QcCAwEAAQJASSrGSfpXiwaDfPwZxwPM
LvUd86NdhF21XntAq/V3FrHQfH+XCBHA/IVlSR8BbGRtzgJF4HDn86KMnnlED9ny
aQIhAPvQfsUR8/m9by1g8X0bjcdhfJmyPerkL00fOWKq7hBTAiEAzwbNYXZrPTSQ
+5TJNScGkCnGAhFMpT3YZj5XtAHxIf0CID4G0mMak/0tQ0hrO7C0a8zz32xAcm38
fQZDLbB3KCLPAiEAqO7eDNe6rlkEraY9gbf0rRLJVsqTBouu18+rdWHYSGkCIQC9
IiLvH2Dp4b60DDIoNuS3mdO3KA99glMx+mYlPipVsw==
-----END RSA PRIVATE KEY-----
"""


@lru_cache
def rsa_key(bits: int = 1024, number: int = 0) -> RSAPrivateKey:  # noqa: ARG001 - another number is another key
    """Give a key; it is made once. 1024 bits are what takes the least time."""
    if bits < 1024:
        small = load_pem_private_key(_SMALL, None)
        assert isinstance(small, RSAPrivateKey)
        return small
    return generate_private_key(65537, bits)


@lru_cache
def ed25519_key() -> Ed25519PrivateKey:
    """Give a key; it is made once."""
    return Ed25519PrivateKey.generate()


def pem(key: RSAPrivateKey) -> bytes:
    """Give a key as dkimpy wants it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public(key: Key, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    """Give what p= says."""
    if isinstance(key, RSAPrivateKey):
        octets = key.public_key().public_bytes(Encoding.DER, form)
    else:
        octets = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(octets).decode()


def record(key: Key, **tags: str) -> str:
    """Give a key record; tags that are given replace or follow those it needs."""
    kind = "rsa" if isinstance(key, RSAPrivateKey) else "ed25519"
    return "; ".join(f"{name}={value}" for name, value in {"v": "DKIM1", "k": kind, **tags, "p": public(key)}.items())


def examined(content: bytes, *, client: str = "192.0.2.1", relayed: bool = False) -> Examined:
    """Give a message to a check."""
    return Examined(Mail(content, client, "mx.example.org", "", ("bob@box.test",), relayed, Checking()), {})


def signature(
    content: bytes,
    key: Key,
    *,
    name: str = "DKIM-Signature",
    form: str = "",
    forged: dict[str, str] | None = None,
    **changes: str | None,
) -> bytes:
    """Give a signature field for a message.

    Args:
        form: the canonical form, where it is not to be what c= says.
        changes: tags that are not as usual; None leaves one out. What is signed is right for them.
        forged: tags that are changed after signing.
    """
    usual: dict[str, str | None] = {
        "v": "1",
        "a": "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256",
        "c": "relaxed/relaxed",
        "d": "example.org",
        "s": "sel",
        "t": str(NOW - 60),
        "h": "from:to:subject:date",
    }
    tags = {tag: value for tag, value in {**usual, **changes}.items() if value is not None}
    policy = CanonicalizationPolicy.from_c_value((form or tags.get("c", "simple")).encode())
    fields, body = rfc822_parse(content)
    if "bh" not in changes:
        signed_body = policy.canonicalize_body(body)[: int(tags["l"]) if tags.get("l", "").isdecimal() else None]
        tags["bh"] = base64.b64encode(sha256(signed_body).digest()).decode()
    tags["b"] = ""
    names = [each.strip().lower().encode() for each in tags.get("h", "").split(":")]
    own = (name.encode(), b" " + _written(tags) + b"\r\n")
    chosen = policy.canonicalize_headers(select_headers(fields, names))
    hashed = b"".join(b"%b:%b" % tuple(field) for field in [*chosen, *policy.canonicalize_headers([own])])
    tags |= {"b": _signed(key, hashed.removesuffix(b"\r\n")), **(forged or {})}
    return name.encode() + b": " + _written(tags) + b"\r\n"


def signed(content: bytes, key: Key, **changes: Any) -> bytes:
    """Give a message with a DKIM signature on top."""
    return signature(content, key, **changes) + content


def sealed(
    content: bytes,
    key: RSAPrivateKey,
    instance: int,
    cv: str = "",
    *,
    message_signature: bytes = b"",
    **changes: str | None,
) -> bytes:
    """Give a message with one more ARC set on top (RFC 8617 §5.1).

    Args:
        cv: what the seal says of the chain before; "" for what is right.
        message_signature: one that is made already.
        changes: otherwise, tags of the message signature that are not as usual.
    """
    number = str(instance)
    results = b"ARC-Authentication-Results: i=%d; mx%d.example.org; spf=none\r\n" % (instance, instance)
    own: dict[str, Any] = {"i": number, "v": None, **changes}
    message_signature = message_signature or signature(content, key, name="ARC-Message-Signature", **own)
    fields, _ = rfc822_parse(content)
    older = [field for field in fields if field[0].lower().startswith(b"arc-")]
    tags = {
        "i": number,
        "a": "rsa-sha256",
        "cv": cv or ("none" if instance == 1 else "pass"),
        "d": "example.org",
        "s": "sel",
        "t": str(NOW - 60),
        "b": "",
    }
    chain = [*reversed(older), *(rfc822_parse(results + message_signature)[0])]
    seal = [b"ARC-Seal", b" " + _written(tags)]
    hashed = b"".join(b"%b:%b" % field for field in Relaxed.canonicalize_headers([*_ordered(chain), seal]))
    tags["b"] = _signed(key, hashed.removesuffix(b"\r\n"))
    return b"ARC-Seal: " + _written(tags) + b"\r\n" + message_signature + results + content


def chain(content: bytes, key: RSAPrivateKey, length: int) -> bytes:
    """Give a message with this many ARC sets."""
    for instance in range(1, length + 1):
        content = sealed(content, key, instance)
    return content


def _ordered(fields: list[list[bytes]]) -> list[list[bytes]]:
    """Put the fields of sets, the oldest of which is first, into the order that seals want."""
    order = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
    by_name = [[field for field in fields if field[0].lower() == name] for name in order]
    rows = max(map(len, by_name), default=0)
    return [column[row] for row in range(rows) for column in by_name if row < len(column)]


def _written(tags: dict[str, str]) -> bytes:
    """Write a list of tags, folded as signers do."""
    return ";\r\n ".join(f"{name}={value}" for name, value in tags.items()).encode("utf-8", "surrogateescape")


def _signed(key: Key, data: bytes) -> str:
    if isinstance(key, RSAPrivateKey):
        made = key.sign(data, PKCS1v15(), hashes.SHA256())
    else:
        made = key.sign(sha256(data).digest())
    text = base64.b64encode(made).decode()
    return "\r\n\t ".join(text[start : start + 60] for start in range(0, len(text), 60))
