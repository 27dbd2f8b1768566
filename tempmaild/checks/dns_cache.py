"""What DNS has said, for as long as it holds."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.dns_message import Value

if TYPE_CHECKING:
    from collections.abc import Callable

Question = tuple[str, str]
"""A name in small letters without the dot at its end, and a type."""

_ENTRY_BYTES = 500
"""What an entry takes beside its text: so the limit in octets limits their number, too."""
_VALUE_BYTES = 60


class Known(Struct, frozen=True, weakref=True):
    """What is known about a question: values, or the exception to be raised instead."""

    values: tuple[Value, ...] = ()
    error: type[Exception] | None = None


class Cache:
    """Keeps answers; beyond its size, those go first that nobody has asked for the longest.

    Args:
        size: octets that the entries may take, roughly.
        clock: seconds that only grow.
    """

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[Question, tuple[float, Known, int]] = OrderedDict()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: Question) -> Known | None:
        """Give what is known and holds still."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            self._remove(question)
            return None
        self._entries.move_to_end(question)
        return entry[1]

    def put(self, question: Question, known: Known, ttl: float) -> None:
        """Remember an answer for so many seconds; an older one is forgotten even when they are 0."""
        self._remove(question)
        if ttl <= 0:
            return
        size = _ENTRY_BYTES + len(question[0]) + sum(map(_value_size, known.values))
        self._entries[question] = (self._clock() + ttl, known, size)
        self._taken += size
        while self._taken > self._size:
            self._remove(next(iter(self._entries)))

    def _remove(self, question: Question) -> None:
        entry = self._entries.pop(question, None)
        if entry is not None:
            self._taken -= entry[2]


def _value_size(value: Value) -> int:
    return _VALUE_BYTES + len(value[1] if isinstance(value, tuple) else value)
