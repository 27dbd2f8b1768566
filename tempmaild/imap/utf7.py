"""Folder names on the wire: modified UTF-7 (RFC 3501 §5.1.3)."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from functools import lru_cache

_ENCODED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_OTHER = re.compile(r"[^ -~]+|&")


@lru_cache(maxsize=1024)
def encode(name: str) -> bytes:
    """Write a name in modified UTF-7."""
    return _OTHER.sub(_shifted, name).encode("ascii")


def _shifted(match: re.Match[str]) -> str:
    text = match[0]
    if text == "&":
        return "&-"
    base64 = b2a_base64(text.encode("utf-16-be"), newline=False).decode("ascii")
    return f"&{base64.rstrip('=').replace('/', ',')}-"


def decode(name: bytes) -> str:
    """Read a name in modified UTF-7.

    Raises:
        ValueError: it is not in the one form that a name has.
    """
    if not name.isascii():
        raise ValueError("octets above 127")
    text = _decode_shifted(name) if b"&" in name else name.decode("ascii")
    # What could be written plainly must be, so that no name has two forms.
    if encode(text) != name:
        raise ValueError("not modified UTF-7")
    return text


def _decode_shifted(name: bytes) -> str:
    parts: list[str] = []
    position = 0
    for match in _ENCODED.finditer(name):
        parts.append(name[position : match.start()].decode("ascii"))
        parts.append(_unshifted(match[1]))
        position = match.end()
    parts.append(name[position:].decode("ascii"))
    return "".join(parts)


def _unshifted(base64: bytes) -> str:
    if not base64:
        return "&"
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    try:
        return a2b_base64(padded).decode("utf-16-be")
    except Base64Error as error:
        raise ValueError("not modified UTF-7") from error
