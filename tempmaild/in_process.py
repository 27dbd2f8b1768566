"""The daemon's end of the pipe to its writer process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.internet.defer import Deferred

from tempmaild.errors import StoreFailed
from tempmaild.in_pipe import RESTART_AFTER, Companion, Tickets
from tempmaild.store.writer import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.log import Log
    from tempmaild.store.transaction import Change
    from tempmaild.store.writer import Committed, Configuration, Submission


class WriterProcess:
    """Has changes committed by a process beside this one, and starts it again if it dies.

    Args:
        reactor: Twisted's.
        clock: UTC epoch seconds; the time that the changes have.
        note: called with the folders in which something has happened, with None for "anywhere", before anybody is
            answered.
        touched: called with the same when all are answered.
    """

    def __init__(
        self,
        reactor: Any,
        configuration: Configuration,
        clock: Callable[[], float],
        note: Callable[[set[int] | None], None],
        touched: Callable[[set[int] | None], None],
        log: Log,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._configuration = json.dumps(msgspec.to_builtins(configuration))
        self._note = note
        self._touched = touched
        self._log = log
        self._process: Companion | None = None
        self._stopped: Deferred[None] | None = None
        self._tickets = Tickets()
        self._waiting: dict[int, Change[Any]] = {}

    def start(self) -> None:
        """Start the process."""
        self._process = Companion(self.committed, self.ended)
        # Not an argument: the URL of a database may hold a password.
        self._process.start(self._reactor, "tempmaild.store", {CONFIGURATION: self._configuration})

    @property
    def waiting(self) -> int:
        """How many changes are not committed yet."""
        return len(self._tickets)

    def submit(self, change: Change[Any]) -> Deferred[Any]:
        """Have a change committed with the next group; fires with its result after the commit."""
        if self._process is None:
            raise StoreFailed("the writer is being started again")
        if not self._waiting:
            # What this turn of the reactor brings is handed over together: one write, one commit.
            self._reactor.callLater(0, self._hand_over)
        ticket, committed = self._tickets.draw()
        self._waiting[ticket] = change
        return committed

    def stop(self) -> Deferred[None]:
        """Commit what waits, and end the process."""
        self._stopped = Deferred()
        self._hand_over()
        if self._process is None:
            self._stopped.callback(None)
        else:
            self._process.close()
        return self._stopped

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if waiting and self._process is not None:
            submission: Submission = (int(self._clock()), list(waiting), list(waiting.values()))
            self._process.send(submission)

    def committed(self, committed: Committed) -> None:
        """Tell those whose changes are on the disk."""
        # A client that is answered may speak at once with another, or with itself elsewhere.
        answers, touched = committed
        self._note(touched)
        self._tickets.answer(answers)
        self._touched(touched)

    def ended(self, reason: object) -> None:
        """Fail what will not be answered; nobody was told that it is stored."""
        self._process = None
        self._waiting = {}
        self._tickets.fail(lambda: StoreFailed("the writer has died"))
        if self._stopped is None:
            self._log.error("writer-died", reason=reason)
            self._reactor.callLater(RESTART_AFTER, self._start_again)
        else:
            self._stopped.callback(None)

    def _start_again(self) -> None:
        if self._stopped is None:
            self.start()
            # Between the death and now another process may have been the only one to write.
            self._note(None)
            self._touched(None)
