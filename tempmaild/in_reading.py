"""The daemon's end of the pipes to the processes in which mailboxes are read, and what is said through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from tempmaild.in_pipe import RESTART_AFTER, Companion
from tempmaild.shared import folder_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tempmaild.log import Log
    from tempmaild.service.meter import Claim, Counter
    from tempmaild.settings import Settings
    from tempmaild.shared import Shared
    from tempmaild.store.transaction import Change

_LOOK_EVERY = 5.0
_SILENCE = 60.0
"""Seconds after which a process that says nothing is taken to hang; one that is starting says nothing either."""


class Begin(NamedTuple):
    """What a process is told first.

    Attributes:
        services: the names of the services whose sockets it is given, in their order.
        number: which of all `processes` that share memory it is.
    """

    settings: Settings
    services: tuple[str, ...]
    number: int
    processes: int


class Told(NamedTuple):
    """What has happened.

    Attributes:
        answers: to what was asked, with its tickets; an exception for what has failed.
        touched: the folders in which something has happened, None for anywhere.
    """

    answers: list[tuple[int, Any]]
    touched: set[int] | None


class Reload(NamedTuple):
    """Serve whoever comes from now on as these settings want it."""

    settings: Settings


class Stop(NamedTuple):
    """Take no new clients, let what is under way come to its end within so many seconds, and end."""

    grace: float


class Asked(NamedTuple):
    """What one process wants: changes of the store, and claims to be counted; each with a ticket."""

    changes: list[tuple[int, Change[Any]]]
    claims: list[tuple[int, Sequence[Claim]]]


class Here(NamedTuple):
    """It serves, or goes on to do so.

    Attributes:
        reloads: how many `Reload` it has done what they say.
    """

    reloads: int


class Centre(NamedTuple):
    """What one process does for all others.

    Attributes:
        submit: has a change committed.
        counter: counts what limits are about.
    """

    submit: Callable[[Change[Any]], Deferred[Any]]
    counter: Counter


class ReadingProcesses:
    """Has clients served by processes beside this one.

    Args:
        reactor: Twisted's.
        shared: the memory of them all, in which this process is the first.
        number: how many processes there are to be beside it.
    """

    def __init__(
        self, reactor: Any, settings: Settings, shared: Shared, number: int, centre: Centre, log: Log
    ) -> None:
        places = [(place, number + 1) for place in range(1, number + 1)]
        self._processes = [ReadingProcess(reactor, settings, shared, place, centre, log) for place in places]
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    async def start(self, sockets: Sequence[tuple[str, int]]) -> None:
        """Start the processes with these sockets by their services, and come back when they serve."""
        if not self._processes:
            return
        self._looking.start(_LOOK_EVERY, now=False)
        for process in self._processes:
            process.start(sockets)
        await gatherResults([process.begun for process in self._processes])

    def publish(self, touched: Iterable[int] | None) -> None:
        """Tell them what has happened, as far as somebody there wants to know it."""
        for process in self._processes:
            process.publish(touched)

    async def reload(self, settings: Settings) -> None:
        """Have them serve as these settings want it, and come back when they do."""
        await gatherResults([process.reload(settings) for process in self._processes])

    async def stop(self, grace: float) -> None:
        """End the processes; what is under way has so many seconds to come to its end."""
        if self._looking.running:
            self._looking.stop()
        await gatherResults([process.stop(grace) for process in self._processes])

    def _look(self) -> None:
        for process in self._processes:
            process.look()


class ReadingProcess:
    """One process, which is started again if it dies or hangs.

    Args:
        place: its number, and how many there are together.

    Attributes:
        begun: fires when it serves for the first time, or will never do so.
    """

    def __init__(
        self, reactor: Any, settings: Settings, shared: Shared, place: tuple[int, int], centre: Centre, log: Log
    ) -> None:
        self.begun: Deferred[None] = Deferred()
        self._reactor = reactor
        self._settings = settings
        self._shared = shared
        self._number, self._of = place
        self._centre = centre
        self._log = log
        self._sockets: Sequence[tuple[str, int]] = ()
        self._companion: Companion | None = None
        self._heard_at = 0.0
        self._reloading: list[Deferred[None]] = []
        self._reloads = 0
        self._answers: list[tuple[int, Any]] = []
        self._touched: set[int] | None = set()
        self._is_telling = False
        self._stopped: Deferred[None] | None = None

    def start(self, sockets: Sequence[tuple[str, int]]) -> None:
        """Start it."""
        self._sockets = sockets
        self._heard_at = self._reactor.seconds()
        # What the one before it has left there.
        self._shared.clear(self._number)
        self._companion = Companion(self._take, self._ended)
        descriptors = [self._shared.descriptor, *(descriptor for _, descriptor in sockets)]
        self._companion.start(self._reactor, "tempmaild.reading", {}, descriptors)
        self._companion.send(Begin(self._settings, tuple(name for name, _ in sockets), self._number, self._of))

    def publish(self, touched: Iterable[int] | None) -> None:
        """Tell it what has happened, if somebody there watches it."""
        if touched is None:
            self._touched = None
        elif self._touched is not None:
            watchers, number = self._shared.of, self._number
            self._touched.update(one for one in touched if watchers(number, folder_column(one)))
        if self._touched is None or self._touched:
            self._tell()

    def reload(self, settings: Settings) -> Deferred[None]:
        """Have it serve as these settings want it; fires when it does."""
        self._settings = settings
        done: Deferred[None] = Deferred()
        if self._companion is None:
            done.callback(None)
        else:
            self._reloading.append(done)
            self._companion.send(Reload(settings))
        return done

    def look(self) -> None:
        """See whether it hangs."""
        if self._companion and self._reactor.seconds() - self._heard_at > _SILENCE:
            self._log.error("reading-hangs", process=self._number)
            self._companion.kill()

    def stop(self, grace: float) -> Deferred[None]:
        """End it."""
        self._stopped = Deferred()
        if self._companion is None:
            self._stopped.callback(None)
        else:
            self._companion.send(Stop(grace))
        return self._stopped

    def _take(self, said: Here | Asked) -> None:
        self._heard_at = self._reactor.seconds()
        if isinstance(said, Here):
            if not self.begun.called:
                self.begun.callback(None)
            self._have_reloaded(said.reloads)
            return
        companion = self._companion
        for ticket, change in said.changes:
            self._answer(companion, ticket, maybeDeferred(self._centre.submit, change))
        for ticket, claims in said.claims:
            self._answer(companion, ticket, maybeDeferred(self._centre.counter.count, claims))

    def _answer(self, asking: Companion | None, ticket: int, work: Deferred[Any]) -> None:
        def answer(result: Any) -> None:
            # Another process may have come in its place, which has other tickets.
            if self._companion is asking:
                self._answers.append((ticket, result.value if isinstance(result, Failure) else result))
                self._tell()

        work.addBoth(answer)

    def _tell(self) -> None:
        """Tell it all of what this turn of the reactor brings together."""
        if not self._is_telling:
            self._is_telling = True
            self._reactor.callLater(0, self._tell_now)

    def _tell_now(self) -> None:
        self._is_telling = False
        told = Told(self._answers, self._touched)
        self._answers, self._touched = [], set()
        if self._companion:
            self._companion.send(told)

    def _have_reloaded(self, count: int) -> None:
        while self._reloads < count:
            self._reloads += 1
            self._reloading.pop(0).callback(None)

    def _ended(self, reason: str) -> None:
        self._companion = None
        self._answers = []
        # The next one begins with the settings as they are then.
        self._have_reloaded(self._reloads + len(self._reloading))
        self._reloads = 0
        if self._stopped:
            self._stopped.callback(None)
        else:
            self._log.error("reading-died", process=self._number, reason=reason)
            self._reactor.callLater(RESTART_AFTER, self._start_again)

    def _start_again(self) -> None:
        if self._stopped is None:
            self.start(self._sockets)
