"""What jobs have in common: rounds by the clock, and rests within a round."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from twisted.internet.task import LoopingCall, deferLater

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_REST = 0.1
"""Seconds."""


def rounds(reactor: Any, work: Callable[[], Any]) -> LoopingCall:
    """Give what does this work again and again, never twice at the same time, once it is started.

    The work may be a coroutine.
    """
    loop = LoopingCall(work)
    loop.clock = reactor
    return loop


class Stopping(Exception):
    """The daemon ends, and with it the round."""


class Rests:
    """Leaves the writer to others between two portions of a round, so that they have half of its time.

    Args:
        reactor: Twisted's.
        seconds: after which a round goes on without rests.
    """

    def __init__(self, reactor: Any, seconds: float = math.inf) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._stopping = False
        self._begun = self._rested_at = 0.0

    def begin(self) -> None:
        """A round begins."""
        self._begun = self._rested_at = time.monotonic()

    def stop(self) -> None:
        """Have the round end instead of resting."""
        self._stopping = True

    async def rest(self) -> None:
        """Rest for as long as the portion has taken.

        Raises:
            Stopping: no other portion is to be begun.
        """
        if self._stopping:
            raise Stopping
        now = time.monotonic()
        if now - self._begun < self._seconds:
            await deferLater(self._reactor, min(now - self._rested_at, _LONGEST_REST), lambda: None)
        self._rested_at = time.monotonic()
