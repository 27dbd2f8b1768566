"""What is done to every message before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.lines import with_crlf
from tempmaild.core.transfer import without_binary

if TYPE_CHECKING:
    from tempmaild.store.access import Access

_LARGE = 4 << 20
"""Octets from which on a thread does it, so that other sessions need not wait for it."""


async def normalised(access: Access, content: bytes, *, binary: bool = False) -> bytes:
    """Give a message with CRLF line ends and no other, as the store wants it.

    Args:
        binary: whether parts of it may have octets that are no text; these are kept in base64.
    """
    work = _without_binary if binary else with_crlf
    if len(content) > _LARGE:
        return await access.read_long(work, content)
    return work(content)


def _without_binary(content: bytes) -> bytes:
    return with_crlf(without_binary(content))
