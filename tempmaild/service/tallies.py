"""The memory of the limits on a single host: a storage for the `limits` library whose size is bounded."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from math import floor
from typing import TYPE_CHECKING, NamedTuple

from limits.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage
from limits.storage.base import TimestampedSlidingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_COUNTERS = 75_000
"""Counters that are remembered, about 400 octets each."""
MOST_LOGS = 10_000
"""Moving windows that are remembered, about 350 octets each."""
MOST_INSTANTS = 1_000_000
"""Times that all moving windows together remember, 8 octets each."""


class Counter(NamedTuple):
    """How much there was, and when that is forgotten (seconds of the clock)."""

    amount: int
    ends_at: float


class Tallies(Storage, MovingWindowSupport, SlidingWindowCounterSupport, TimestampedSlidingWindow):
    """Counts under a given clock, in one thread.

    The library's own storage in memory has a thread, locks, and no bound: one client with many addresses fills it.
    Here those that were used last are kept. Whoever is forgotten begins anew, so beyond so many busy subjects at once
    the limits become generous; nobody is refused for what another does.

    Args:
        clock: UTC epoch seconds.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._counters: OrderedDict[str, Counter] = OrderedDict()
        self._logs: OrderedDict[str, array[float]] = OrderedDict()
        self._instants = 0

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What can go wrong with the storage: nothing."""
        return ()

    def check(self) -> bool:
        """Tell that the storage is there."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        forgotten = len(self._counters) + len(self._logs)
        self._counters.clear()
        self._logs.clear()
        self._instants = 0
        return forgotten

    def clear(self, key: str) -> None:
        """Forget what was counted under a key."""
        self._counters.pop(key, None)
        self._instants -= len(self._logs.pop(key, ()))

    # Fixed windows

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count; the first of a window tells after how many seconds it ends. Gives what it comes to."""
        now = self._clock()
        counter = self._counters.get(key)
        if counter is None or counter.ends_at <= now or not counter.amount:
            counter = Counter(0, now + expiry)
        counter = Counter(counter.amount + amount, counter.ends_at)
        self._counters[key] = counter
        self._counters.move_to_end(key)
        if len(self._counters) > MOST_COUNTERS:
            self._counters.popitem(last=False)
        return counter.amount

    def get(self, key: str) -> int:
        """Give what was counted in the window."""
        counter = self._counters.get(key)
        return counter.amount if counter and counter.ends_at > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """Give when the window ends."""
        counter = self._counters.get(key)
        return counter.ends_at if counter else self._clock()

    # Moving windows

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless that makes more than `limit` in the last `expiry` seconds."""
        if amount > limit:
            return False
        now = self._clock()
        log = self._logs.get(key)
        if log is None:
            log = self._logs[key] = array("d")
        self._logs.move_to_end(key)
        first = len(log) - (limit - amount) - 1
        if first >= 0 and log[first] >= now - expiry:
            return False
        self._instants -= len(log)
        log.extend([now] * amount)
        del log[:-limit]
        self._instants += len(log)
        while len(self._logs) > MOST_LOGS or self._instants > MOST_INSTANTS:
            self._instants -= len(self._logs.popitem(last=False)[1])
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - the library's
        """Give the time of the first of the last `expiry` seconds, and how many there were."""
        now = self._clock()
        log = self._logs.get(key, array("d"))
        first = bisect_right(log, now - expiry)
        return (log[first], len(log) - first) if first < len(log) else (now, 0)

    # Sliding windows: two fixed ones, the older of which counts less the longer it is over

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless that makes more than about `limit` in the last `expiry` seconds."""
        previous, remaining, current, _ = self.get_sliding_window(key, expiry)
        if floor(previous * remaining / expiry + current) + amount > limit:
            return False
        _, current_key = self.sliding_window_keys(key, expiry, self._clock())
        self.incr(current_key, 2 * expiry, amount)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Give for the older and the newer window what was counted, and for how many seconds it still counts."""
        now = self._clock()
        previous, current = map(self.get, self.sliding_window_keys(key, expiry, now))
        over = now / expiry % 1
        return previous, (1 - over) * expiry if previous else 0.0, current, (2 - over) * expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget what was counted under a key."""
        for window in self.sliding_window_keys(key, expiry, self._clock()):
            self.clear(window)
