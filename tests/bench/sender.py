"""The domain whose mail is checked: what its mail is signed with, and what DNS says of it."""

from __future__ import annotations

import base64
import re
from functools import cached_property
from typing import Final

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_DOMAIN: Final = "example.org"
_SELECTOR: Final = "s1"
_KEY_BITS: Final = 2048
_SIGNATURE: Final = re.compile(rb"^DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*", re.MULTILINE)
_STRING_OCTETS: Final = 255
"""The most in one string of a TXT record (RFC 1035 §3.3.14)."""


class Sender:
    """`example.org`, with a key of its own; the load generator's client may send for it."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)

    def signed(self, message: bytes) -> bytes:
        """Sign a message of the corpus, in the place of the signature that it only pretends to have."""
        message = _SIGNATURE.sub(b"", message, count=1)
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        names = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]
        signature: bytes = dkim.sign(
            message,
            _SELECTOR.encode(),
            _DOMAIN.encode(),
            private,
            identity=f"news@{_DOMAIN}".encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=names,
        )
        return signature + message

    def records(self) -> list[str]:
        """Give what DNS has, as in a zone file."""
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
        return [
            f"{_DOMAIN}. 3600 IN TXT {_strings('v=spf1 ip4:127.0.0.1 -all')}",
            f"{_DOMAIN}. 3600 IN MX 10 client.{_DOMAIN}.",
            f"client.{_DOMAIN}. 3600 IN A 127.0.0.1",
            f"_dmarc.{_DOMAIN}. 3600 IN TXT {_strings('v=DMARC1; p=reject')}",
            f"{_SELECTOR}._domainkey.{_DOMAIN}. 3600 IN TXT {_strings(key)}",
            f"1.0.0.127.in-addr.arpa. 3600 IN PTR client.{_DOMAIN}.",
        ]


def _strings(text: str) -> str:
    pieces = [text[start : start + _STRING_OCTETS] for start in range(0, len(text), _STRING_OCTETS)]
    return " ".join(f'"{piece}"' for piece in pieces)
