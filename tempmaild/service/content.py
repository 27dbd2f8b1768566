"""What is done to every message before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.lines import with_crlf

if TYPE_CHECKING:
    from tempmaild.store.access import Access

_LARGE = 4 << 20
"""Octets from which on a thread does it, so that other sessions need not wait for it."""


async def normalised(access: Access, content: bytes) -> bytes:
    """Give a message with CRLF line ends and no other, as the store wants it."""
    if len(content) > _LARGE:
        return await access.read_long(with_crlf, content)
    return with_crlf(content)
