"""`python -m tempmaild.reading` is a process in which mailboxes are read by IMAP and POP3, started by the daemon.

It reads from the database itself. What it has to change, and what is to be counted over all processes, it asks of the
daemon, which also tells it what has happened.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO

from tempmaild import log
from tempmaild.appliance import open_appliance
from tempmaild.errors import StoreFailed
from tempmaild.frames import Frames, to_frame
from tempmaild.in_pipe import FIRST_GIVEN, Tickets
from tempmaild.in_reading import Asked, Begin, Here, Reload, Stop, Told
from tempmaild.in_thread import ReactorAccess
from tempmaild.jobs.gauges import Gauges
from tempmaild.jobs.rounds import rounds
from tempmaild.jobs.statistics import StatisticsJob
from tempmaild.net.listeners import Listeners
from tempmaild.net.tls import CertificateUnusable
from tempmaild.offering import bounds, prepare, services, settle
from tempmaild.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.python.failure import Failure

    from tempmaild.notify.hub import Hub
    from tempmaild.service.meter import Claim
    from tempmaild.settings import Settings
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change

_PIECE = 1 << 16
_SAY_HERE_EVERY = 5.0
_FOLLOW_CLOCK_EVERY = 2.0


class DaemonPipe(Protocol):
    """The pipe to the daemon: commits what this process wants to change, and counts for it.

    Args:
        reactor: Twisted's.
        take: called with what is not an answer.

    Attributes:
        reloads: how often settings were changed.
    """

    def __init__(self, reactor: Any, frames: Frames, take: Callable[[Told | Reload | Stop], None]) -> None:
        self._reactor = reactor
        self._frames = frames
        self._take = take
        self._tickets = Tickets()
        self._asking = Asked([], [])
        self.reloads = 0

    @property
    def waiting(self) -> int:
        """How much has not been answered yet."""
        return len(self._tickets)

    def start(self) -> None:
        """Be there: it has been since the process was started."""

    def stop(self) -> Deferred[None]:
        """Come back when all is answered: nobody asks any more."""
        return succeed(None)

    def submit(self, change: Change[Any]) -> Deferred[Any]:
        """Have a change committed; fires with its result after the commit."""
        ticket, answer = self._ask()
        self._asking.changes.append((ticket, change))
        return answer

    def count(self, claims: Sequence[Claim]) -> Deferred[list[int]]:
        """Have claims counted; fires with how often their subjects have gone beyond their limits."""
        ticket, answer = self._ask()
        self._asking.claims.append((ticket, claims))
        return answer

    def say_here(self) -> None:
        """Tell the daemon that this process does its work."""
        self._send(Here(self.reloads))

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - the name that Twisted calls
        """Take what the daemon says."""
        for said in self._frames.feed(data):
            if isinstance(said, Told):
                self._tickets.answer(said.answers)
            self._take(said)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002, N802
        """End: the daemon was killed, and nobody is left who writes."""
        os._exit(0)

    def _ask(self) -> tuple[int, Deferred[Any]]:
        if not (self._asking.changes or self._asking.claims):
            # What this turn of the reactor brings is asked together.
            self._reactor.callLater(0, self._send_asking)
        return self._tickets.draw()

    def _send_asking(self) -> None:
        asking, self._asking = self._asking, Asked([], [])
        self._send(asking)

    def _send(self, value: Asked | Here) -> None:
        transport: Any = self.transport
        transport.write(to_frame(value))


class Reading:
    """Serves clients until the daemon says that it is enough.

    Args:
        reactor: Twisted's.
        frames: what the daemon has said so far has gone through them.
    """

    def __init__(self, reactor: Any, begin: Begin, frames: Frames) -> None:
        self._reactor = reactor
        self._begin = begin
        self._log = log.get_log("reading")
        self._daemon = DaemonPipe(reactor, frames, self.take)
        settings, shared = begin.settings, Shared(begin.processes, begin.number, FIRST_GIVEN)
        self._appliance = open_appliance(settings, self._make_access, counter=self._daemon, shared=shared)
        self._bounds = bounds(settings, shared)
        self._listeners = Listeners(reactor, self._log)
        offered = services(settings, self._appliance, self._bounds)
        for descriptor, name in enumerate(begin.services, FIRST_GIVEN + 1):
            self._listeners.share(offered[name], descriptor)
        statistics, statistics_log = self._appliance.statistics, log.get_log("statistics")
        gauges = Gauges(reactor, statistics, f"reading-{begin.number}", [self._listeners.gauges])
        self._jobs = (
            StatisticsJob(reactor, statistics, statistics_log),
            StatisticsJob(reactor, gauges, statistics_log, at_start=True),
        )

    def _make_access(self, handle: Handle, hub: Hub, clock: Callable[[], float]) -> ReactorAccess:  # noqa: ARG002
        self._hub = hub
        threads = max(1, self._begin.settings.store.readers // self._begin.processes)
        self._access = ReactorAccess(self._reactor, handle, self._daemon, log.get_log("store"), threads)
        return self._access

    def start(self) -> None:
        """Serve."""
        self._access.start()
        self._listeners.start()
        StandardIO(self._daemon, reactor=self._reactor)
        for job in self._jobs:
            job.start()
        rounds(self._reactor, self._daemon.say_here).start(_SAY_HERE_EVERY)
        rounds(self._reactor, self._follow_clock).start(_FOLLOW_CLOCK_EVERY)

    async def _follow_clock(self) -> None:
        try:
            await self._appliance.clock.follow()
        except StoreFailed as error:
            self._log.error("clock-not-read", problem=error)

    def take(self, said: Told | Reload | Stop) -> None:
        """Do what the daemon says."""
        if isinstance(said, Told):
            self._hub.hear(said.touched)
        elif isinstance(said, Reload):
            self._reload(said.settings)
        else:
            Deferred.fromCoroutine(self._stop(said.grace))

    def _reload(self, settings: Settings) -> None:
        try:
            self._listeners.exchange(services(settings, self._appliance, self._bounds))
        except CertificateUnusable as error:
            # The daemon has just used it: somebody is about to replace it, and will reload once more.
            self._log.error("reload-refused", problem=error)
        else:
            self._bounds.change(settings)
            self._appliance.change(settings)
            log.configure(settings.log.level, settings.log.format)
        self._daemon.reloads += 1
        self._daemon.say_here()

    async def _stop(self, grace: float) -> None:
        await self._listeners.stop(grace)
        for job in self._jobs:
            await job.stop()
        await self._access.stop()
        self._appliance.handle.close()
        self._reactor.stop()


def main() -> None:
    """Serve what the daemon says on standard input; it says `Begin` first."""
    # A terminal and systemd signal the whole group; this process ends when the daemon says so, not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    frames, said = Frames(), list[Any]()
    while not said:
        piece = os.read(sys.stdin.fileno(), _PIECE)
        if not piece:
            return
        said = frames.feed(piece)
    begin, *more = said
    reactor = prepare(begin.settings)
    reading = Reading(reactor, begin, frames)
    reading.start()
    for one in more:
        reactor.callWhenRunning(reading.take, one)
    settle()
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
