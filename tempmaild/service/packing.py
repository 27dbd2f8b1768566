"""Making a message ready for the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import summary as summaries
from tempmaild.core.delivery import Message
from tempmaild.core.lines import with_crlf

if TYPE_CHECKING:
    from tempmaild.store.access import Access

_LARGE = 128 << 10
"""Octets from which on packing is left to a thread, so that other sessions need not wait for it."""


async def pack_message(access: Access, content: bytes) -> Message:
    """Summarise a message."""
    if len(content) > _LARGE:
        return await access.read_long(_pack, content)
    return _pack(content)


def _pack(content: bytes) -> Message:
    content = with_crlf(content)
    return Message(content, summaries.encode(summaries.summarise(content)))
