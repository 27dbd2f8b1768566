"""Whether there is room on the disk for mail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tempmaild.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Room:
    """Looks at the free space at most once a second.

    Attributes:
        minimum_free: octets below which nothing more is taken.
    """

    def __init__(self, state: Path, minimum_free: int, clock: Callable[[], float]) -> None:
        self._state = state
        self.minimum_free = minimum_free
        self._clock = clock
        self._looked_at = float("-inf")
        self._free = 0

    def check(self) -> None:
        """Make sure that a message can be taken.

        Raises:
            DiskFull: too little is free.
        """
        now = self._clock()
        if not 0 <= now - self._looked_at < 1:
            status = os.statvfs(self._state)
            self._free = status.f_bavail * status.f_frsize
            self._looked_at = now
        if self._free < self.minimum_free:
            raise DiskFull(f"{self._free} octets are free, {self.minimum_free} are wanted")
