"""The daemon's end of the pipe to a process that reads, without the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tempmaild import in_reading
from tempmaild.errors import StoreFailed
from tempmaild.in_reading import Asked, Begin, Centre, Here, ReadingProcesses, Reload, Stop, Told
from tempmaild.log import get_log
from tempmaild.settings import Settings
from tempmaild.shared import CONNECTIONS, Shared, folder_column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOCKETS = (("imap", 8), ("pop3s", 9))
SETTINGS = Settings()


class Companion:
    """Remembers what it is given."""

    def __init__(self, take: Callable[[Any], None], ended: Callable[[str], None]) -> None:
        self.say, self.end = take, ended
        self.given: list[Any] = []
        self.descriptors: Sequence[int] = ()
        self.killed = False

    def start(self, _reactor: object, _module: str, _environ: object, descriptors: Sequence[int]) -> None:
        self.descriptors = descriptors

    def send(self, value: Any) -> None:
        self.given.append(value)

    def kill(self) -> None:
        self.killed = True
        self.end("killed")


@dataclass
class Daemon:
    """What is behind the pipes: changes and claims are answered when the test says so."""

    clock: Clock = field(default_factory=Clock)
    shared: Shared = field(default_factory=lambda: Shared(3))
    changes: list[tuple[Any, Deferred[Any]]] = field(default_factory=list)
    companions: list[Companion] = field(default_factory=list)
    started: list[Deferred[None]] = field(default_factory=list)

    def submit(self, change: Any) -> Deferred[Any]:
        if change == "too late":
            raise StoreFailed("the writer is being started again")
        self.changes.append((change, Deferred()))
        return self.changes[-1][1]

    def count(self, claims: Sequence[Any]) -> Deferred[list[int]]:
        return succeed([len(claims)])

    def turn(self) -> None:
        self.clock.advance(0)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon()

    def make(*callbacks: Any) -> Companion:
        daemon.companions.append(Companion(*callbacks))
        return daemon.companions[-1]

    monkeypatch.setattr(in_reading, "Companion", make)
    return daemon


@pytest.fixture
def processes(daemon: Daemon) -> ReadingProcesses:
    """Two of them, which serve."""
    made = ReadingProcesses(
        daemon.clock, SETTINGS, daemon.shared, 2, Centre(daemon.submit, daemon), get_log("reading")
    )
    started = Deferred.fromCoroutine(made.start(SOCKETS))
    first, second = daemon.companions
    first.say(Here(0))
    serve = [started.called]
    second.say(Here(0))
    assert [*serve, started.called] == [False, True]
    return made


def asked(changes: list[Any], claims: list[Any] | None = None) -> Asked:
    """What a process asks; the changes and claims are anything."""
    return Asked(changes, claims or [])


def told(companion: Companion) -> list[Told]:
    return [value for value in companion.given if isinstance(value, Told)]


@pytest.mark.usefixtures("processes")
def test_each_is_told_who_it_is_and_given_the_sockets(daemon: Daemon) -> None:
    assert [companion.given for companion in daemon.companions] == [
        [Begin(SETTINGS, ("imap", "pop3s"), 1, 3)],
        [Begin(SETTINGS, ("imap", "pop3s"), 2, 3)],
    ]
    assert {tuple(companion.descriptors) for companion in daemon.companions} == {(daemon.shared.descriptor, 8, 9)}


def test_what_happens_is_told_to_those_who_watch_it(daemon: Daemon, processes: ReadingProcesses) -> None:
    watching = Shared(3, 2, daemon.shared.descriptor)
    watching.add(folder_column(7), 1)
    processes.publish({5, 7})
    processes.publish({7, 9})
    daemon.turn()
    processes.publish({5})
    daemon.turn()
    assert [told(companion) for companion in daemon.companions] == [[], [Told([], {7})]]
    processes.publish(None)
    processes.publish({7})
    daemon.turn()
    assert [told(companion)[-1].touched for companion in daemon.companions] == [None, None]


def test_answers_come_before_what_they_touched(daemon: Daemon, processes: ReadingProcesses) -> None:
    first, second = daemon.companions
    Shared(3, 1, daemon.shared.descriptor).add(folder_column(7), 1)
    first.say(asked([(1, "a"), (2, "b")], [(3, ["x", "y"])]))
    daemon.turn()
    assert told(first) == [Told([(3, [2])], set())]
    error = StoreFailed("full")
    (_, one), (_, two) = daemon.changes
    one.callback("done")
    two.errback(error)
    processes.publish({7})
    daemon.turn()
    assert told(first)[1:] == [Told([(1, "done"), (2, error)], {7})]
    assert told(second) == []


@pytest.mark.usefixtures("processes")
def test_a_change_that_cannot_be_submitted_is_answered(daemon: Daemon) -> None:
    (first, _) = daemon.companions
    first.say(asked([(1, "too late")]))
    daemon.turn()
    ((ticket, problem),) = told(first)[0].answers
    assert (ticket, str(problem)) == (1, "the writer is being started again")


@pytest.mark.usefixtures("processes")
def test_one_that_dies_is_replaced_and_gets_no_answers_of_before(daemon: Daemon) -> None:
    first, second = daemon.companions
    counted = Shared(3, 1, daemon.shared.descriptor)
    counted.add(CONNECTIONS, 5)
    first.say(asked([(1, "a"), (2, "b")]))
    daemon.changes[0][1].callback("done")
    first.end("gone")
    daemon.clock.advance(1)
    _, _, successor = daemon.companions
    assert successor.given == [Begin(SETTINGS, ("imap", "pop3s"), 1, 3)]
    assert daemon.shared.others(CONNECTIONS) == 0
    daemon.changes[1][1].callback("done")
    successor.say(Here(0))
    daemon.turn()
    assert told(successor) == []
    assert len(second.given) == 1


@pytest.mark.usefixtures("processes")
def test_one_that_says_nothing_is_killed(daemon: Daemon) -> None:
    first, second = daemon.companions
    for _ in range(13):
        daemon.clock.advance(5)
        second.say(Here(0))
    assert (first.killed, second.killed) == (True, False)
    daemon.clock.advance(1)
    assert len(daemon.companions) == 3


def test_settings_are_changed_when_all_say_so(daemon: Daemon, processes: ReadingProcesses) -> None:
    first, second = daemon.companions
    done = [Deferred.fromCoroutine(processes.reload(SETTINGS)) for _ in range(2)]
    assert first.given[-2:] == second.given[-2:] == [Reload(SETTINGS)] * 2
    first.say(Here(2))
    second.say(Here(0))
    assert [one.called for one in done] == [False, False]
    second.say(Here(1))
    assert [one.called for one in done] == [True, False]
    # Whoever comes in its place begins with these settings.
    second.end("gone")
    assert done[1].called


def test_all_are_ended(daemon: Daemon, processes: ReadingProcesses) -> None:
    first, second = daemon.companions
    ended = Deferred.fromCoroutine(processes.stop(20))
    assert first.given[-1] == second.given[-1] == Stop(20)
    first.say(asked([(1, "the last word")]))
    daemon.changes[0][1].callback("done")
    daemon.turn()
    assert told(first) == [Told([(1, "done")], set())]
    first.end("done")
    have_ended = [ended.called]
    second.end("done")
    assert [*have_ended, ended.called] == [False, True]
    daemon.clock.advance(100)
    assert len(daemon.companions) == 2


def test_without_any_nothing_is_done(daemon: Daemon) -> None:
    none = ReadingProcesses(daemon.clock, SETTINGS, Shared(), 0, Centre(daemon.submit, daemon), get_log("reading"))
    for step in (none.start(()), none.reload(SETTINGS), none.stop(20)):
        assert Deferred.fromCoroutine(step).called
    none.publish({1})
    assert daemon.companions == daemon.clock.getDelayedCalls() == []
