"""Numbers of things, as English says them."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """Write "1 message", and "0 messages" or "2 messages"."""
    return f"{number} {one if number == 1 else many}"
