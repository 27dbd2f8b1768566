"""The time that lifetimes go by: the clock of the host, as far as it can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_STEP = 3600
"""Seconds by which a running host's clock may be set and is still followed: more than any correction that is none."""


class Timekeeper:
    """A clock that never goes back, and that does not follow the host's clock when that is set far off.

    Between two looks it knows how much time has passed from a clock that nobody can set. While the host's clock
    differs by no more than `LARGEST_STEP` it is followed: forward at once, back by going at half its speed. What
    differs by more is not believed, and time goes on from where it was.

    Args:
        wall: the host's clock; UTC epoch seconds.
        steady: seconds that only grow and go on while the host sleeps, from any beginning.
        mark: the latest time that is known to have been, from the last run; 0 when nothing is known.
        tolerance: seconds after the mark up to which the host's clock is believed at first.
        good_for: seconds for which a look is good: one command of a client asks for the time several times.

    Attributes:
        wall: the host's clock.
        doubtful: whether the host's clock was not believed at the last look.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        steady: Callable[[], float],
        mark: float = 0,
        tolerance: float = 0,
        good_for: float = 0,
    ) -> None:
        self.wall = wall
        self.doubtful = False
        self._steady = steady
        self._good_for = good_for
        reading = wall()
        believed = not mark or mark <= reading <= mark + tolerance
        # The time, and what the steady clock said then.
        self._last = (reading if believed else mark, steady())

    def __call__(self) -> float:
        """Give the time in UTC epoch seconds."""
        steady = self._steady()
        last, then = self._last
        passed = steady - then
        if passed < self._good_for:
            return last
        wall = self.wall()
        expected = last + passed
        self.doubtful = abs(wall - expected) > LARGEST_STEP
        if self.doubtful:
            now = expected
        elif wall >= expected:
            now = wall
        else:
            now = max(wall, last + passed / 2)
        self._last = (now, steady)
        return now

    def move_to(self, now: float) -> None:
        """Go on from this time, which somebody knows better."""
        self._last = (now, self._steady())
