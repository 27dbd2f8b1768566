"""Tokens that stand in cookies and links. They are random, so that a plain digest is enough to keep of one."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempmaild.core.secret import Randomness

_OCTETS = 32


def new_token(random: Randomness) -> str:
    """Make a token: 43 characters that can stand in a URL, for 256 bits."""
    return base64.urlsafe_b64encode(random(_OCTETS)).decode().rstrip("=")


def lookup(token: str) -> bytes:
    """Give what is kept of a token to find it by, whatever text somebody sends as one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
