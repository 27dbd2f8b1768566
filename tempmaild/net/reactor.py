"""Twisted's epoll reactor, with the shortest way from an event to whom it concerns."""

from __future__ import annotations

import time
from select import EPOLLIN
from typing import TYPE_CHECKING, Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.internet.protocol import connectionDone
from twisted.python import log

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_EVENTS = 64
"""Handled in one turn: the first client's answer waits for the last one's. What is left has the next turn."""


class ShortEPollReactor(EPollReactor):
    """Calls a descriptor that can be read without setting a logging context first, which nothing here looks at.

    That context costs as much as the whole reading of a command, for every event. It times by a clock that nobody can
    set: Twisted's own timers would all stand still when the host's clock is set back.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._at_end: list[Callable[[], None]] = []

    def seconds(self) -> float:
        """Give the time that delayed calls go by, in seconds from any beginning."""
        return time.monotonic()

    def runUntilCurrent(self) -> None:  # noqa: N802 - the name that Twisted calls
        """Call what is due; that is a turn of its own."""
        super().runUntilCurrent()
        # Before it is known how long the next events may be waited for: an answer over TLS is sent by a timed call.
        self._end_turn()

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - the name that Twisted calls
        """Wait for events, and have them handled."""
        selectables = self._selectables
        for descriptor, event in self._poller.poll(-1 if timeout is None else timeout, _MOST_EVENTS):
            selectable = selectables.get(descriptor)
            if selectable is None:
                continue
            if event == EPOLLIN and selectable.fileno() == descriptor:
                self._read(selectable)
            else:
                self._doReadOrWrite(selectable, descriptor, event)  # type: ignore[no-untyped-call]
        self._end_turn()

    def at_end_of_turn(self, call: Callable[[], None]) -> None:
        """Have something called when all that happened at the same time is handled, before the next is waited for."""
        self._at_end.append(call)

    def disconnect(self, selectable: Any) -> None:
        """Close a connection at once that has nothing more to write."""
        selectable.connectionLost(connectionDone)

    doIteration = doPoll  # noqa: N815 - the name that Twisted calls

    def _end_turn(self) -> None:
        # What one of them brings belongs to this turn, too: until the next one ends, much time may pass.
        while self._at_end:
            calls, self._at_end = self._at_end, []
            for call in calls:
                try:
                    call()
                except Exception:  # a defect, which concerns nobody else
                    log.err()

    def _read(self, selectable: Any) -> None:
        try:
            why = selectable.doRead()
        except BaseException as error:  # whatever it is ends this connection and no other
            log.err()
            why = error
        if why:
            self._disconnectSelectable(selectable, why, True)  # type: ignore[no-untyped-call]


def install() -> ShortEPollReactor:
    """Make it the reactor of this process."""
    reactor = ShortEPollReactor()
    installReactor(reactor)
    return reactor
