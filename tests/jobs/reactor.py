"""A reactor whose time the test moves, and which takes what threads bring when the test says so."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 30.0
"""Seconds after which a thread that brings nothing is taken to hang."""


class Reactor(Clock):
    """Twisted's clock for tests, with threads."""

    def __init__(self) -> None:
        super().__init__()
        self._brought: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:  # noqa: N802 - the name of Twisted's
        """Take something to be done; called in a thread."""
        self._brought.put(lambda: function(*args))

    def take(self, count: int = 1) -> None:
        """Do what so many threads bring; waits for them."""
        for _ in range(count):
            self._brought.get(timeout=_PATIENCE)()
