"""Remembering what was made of the few short values that nearly all mail has."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")


def remembering(longest: int, most: int) -> Callable[[Callable[[bytes], T]], Callable[[bytes], T]]:
    """Have a function that depends on nothing but its argument called once for each of the short values used last.

    Args:
        longest: octets of a value; what mail says may be as long as it likes, and is not kept then.
        most: values that are kept.
    """

    def remember(read: Callable[[bytes], T]) -> Callable[[bytes], T]:
        remembered = lru_cache(maxsize=most)(read)

        @wraps(read)
        def read_or_remember(value: bytes) -> T:
            return remembered(value) if len(value) <= longest else read(value)

        return read_or_remember

    return remember
