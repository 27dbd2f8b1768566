"""Sequence sets: the message numbers or UIDs that a command is about (RFC 9051 §9, `sequence-set`)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LAST: Final = 0
"""Stands for `*` in a range: the highest number in use."""


class SequenceSet:
    """Numbers as the client wrote them.

    Attributes:
        ranges: pairs of first and last number, in the client's order, `LAST` for `*`; none for `SAVED` only.
    """

    __slots__ = ("ranges",)

    def __init__(self, ranges: tuple[tuple[int, int], ...]) -> None:
        self.ranges = ranges

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SequenceSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def resolve(self, highest: int) -> list[tuple[int, int]]:
        """Give the ranges ascending, without overlap; `*` is `highest`, and stands for nothing when that is 0."""
        if len(self.ranges) == 1:
            first, last = self.ranges[0]
            first, last = first or highest, last or highest
            return ([(first, last)] if first <= last else [(last, first)]) if first and last else []
        merged: list[tuple[int, int]] = []
        for low, high in sorted(_ascending(self.ranges, highest)):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    def indices(self, numbers: Sequence[int]) -> list[int]:
        """Give where in `numbers`, which ascend, those stand that are in the set; `*` is the last of them."""
        if not numbers:
            return []
        found: list[int] = []
        for low, high in self.resolve(numbers[-1]):
            found.extend(range(bisect_left(numbers, low), bisect_right(numbers, high)))
        return found


SAVED: Final = SequenceSet(())
"""Stands for `$`: what the last SEARCH found that was to be saved (RFC 9051 §6.4.4.1); the view knows that."""


def _ascending(ranges: tuple[tuple[int, int], ...], highest: int) -> Iterable[tuple[int, int]]:
    for first, last in ranges:
        low, high = first or highest, last or highest
        if low and high:
            yield (low, high) if low <= high else (high, low)


def write_set(numbers: Iterable[int]) -> bytes:
    """Write ascending numbers as a sequence set, runs as ranges: 3,5:7."""
    parts: list[str] = []
    first = last = -2
    for number in numbers:
        if number != last + 1:
            _write_run(parts, first, last)
            first = number
        last = number
    _write_run(parts, first, last)
    return ",".join(parts).encode()


def _write_run(parts: list[str], first: int, last: int) -> None:
    if first >= 0:
        parts.append(str(first) if first == last else f"{first}:{last}")
