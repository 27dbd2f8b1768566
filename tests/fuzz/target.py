"""What is fuzzed: a parser, what it is fed with at first, and what has to hold whatever it is fed with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZES = ((4 * 1024, 32 * 1024), (16 * 1024, 128 * 1024))
"""Octets that are compared. What takes longer from some size on only, for once, is none of the longer ones."""
_MOST_TIMES = 3 * 8
"""How much longer eight times the input may take: three times what is linear, and less than half of quadratic."""
_FAST = 2e-6
"""Seconds for an octet that are no finding, however much less it was for fewer, which may have ended the reading."""
_ATTEMPTS = 3
_SLOWEST = 1e-4
"""Seconds for an octet: some of what is fuzzed takes a tenth of it, with all that is looked at besides."""


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        name: what it is called on the command line.
        check: feeds the parser, and sees that what has to hold does; raises what is a finding.
        seeds: sensible input, from which all other is made.
        words: what means something to the parser.
        reads_mail: whether a whole message is sensible input.
        seconds: that it may take for anything, however short.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    reads_mail: bool = False
    seconds: float = 0.25


class TooSlow(AssertionError):
    """A parser takes much longer for some input than for other."""


def check_in_time(target: Target, data: bytes) -> None:
    """Feed a parser, and see that it is done soon."""
    most = target.seconds + len(data) * _SLOWEST
    for _ in range(_ATTEMPTS):
        if (taken := _seconds(target, data)) <= most:
            return
    raise TooSlow(f"{target.name} takes {taken:.2f} s for {len(data)} octets: {data[:200]!r}")


def check_growth(target: Target, start: bytes, piece: bytes, end: bytes = b"") -> None:
    """See that a parser takes linear time for a piece that is repeated."""
    for sizes in _SIZES:
        small, large = (start + piece * (size // len(piece)) + end for size in sizes)
        for _ in range(_ATTEMPTS):
            before, after = _seconds(target, small), _seconds(target, large)
            if after <= max(_MOST_TIMES * before, _FAST * len(large)):
                return
    problem = f"{before:.4f} s for {len(small)} octets and {after:.4f} s for {len(large)}"
    raise TooSlow(f"{target.name}, {start!r} + {piece!r} * n + {end!r}: {problem}")


def _seconds(target: Target, data: bytes) -> float:
    # Other programs make the time longer that passes, but not that of this thread.
    begun = time.thread_time()
    try:
        target.check(data)
    except Exception as error:
        error.add_note(f"{target.name}, {len(data)} octets: {data[:1000]!r}")
        raise
    return time.thread_time() - begun
