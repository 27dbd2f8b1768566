"""Runs what lets others have their turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


class Turns(NamedTuple):
    """How many turns some work took, and how many seconds the longest."""

    taken: int
    longest: float


def finish(work: Generator[None, None, T]) -> T:
    return timed(work)[0]


def timed(work: Generator[None, None, T]) -> tuple[T, Turns]:
    count, longest = 0, 0.0
    while True:
        start = time.perf_counter()
        try:
            next(work)
        except StopIteration as end:
            return end.value, Turns(count + 1, max(longest, time.perf_counter() - start))
        count += 1
        longest = max(longest, time.perf_counter() - start)
