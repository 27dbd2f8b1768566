"""Twisted's epoll reactor, with the shortest way from an event to whom it concerns."""

from __future__ import annotations

import time
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.internet.protocol import connectionDone
from twisted.python import log


class ShortEPollReactor(EPollReactor):
    """Calls a descriptor that can be read without setting a logging context first, which nothing here looks at.

    That context costs as much as the whole reading of a command, for every event. It times by a clock that nobody can
    set: Twisted's own timers would all stand still when the host's clock is set back.
    """

    def seconds(self) -> float:
        """Give the time that delayed calls go by, in seconds from any beginning."""
        return time.monotonic()

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - the name that Twisted calls
        """Wait for events, and have them handled."""
        selectables = self._selectables
        for descriptor, event in self._poller.poll(-1 if timeout is None else timeout, max(len(selectables), 1)):
            selectable = selectables.get(descriptor)
            if selectable is None:
                continue
            if event == EPOLLIN and selectable.fileno() == descriptor:
                self._read(selectable)
            else:
                self._doReadOrWrite(selectable, descriptor, event)  # type: ignore[no-untyped-call]

    def disconnect(self, selectable: Any) -> None:
        """Close a connection at once that has nothing more to write."""
        selectable.connectionLost(connectionDone)

    doIteration = doPoll  # noqa: N815 - the name that Twisted calls

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
    reactor = ShortEPollReactor()  # type: ignore[no-untyped-call]
    installReactor(reactor)
    return reactor
