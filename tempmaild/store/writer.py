"""The one writer: what waits together is committed together.

A thread takes changes from a queue and applies all that are waiting in one transaction, so that many share one flush
to the disk; nobody lingers for more to come. Whoever submitted a change is called back after the commit, and only
then may a client be told that it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from tempmaild.errors import StoreFailed, TempmaildError
from tempmaild.store.messages import Append, Deliver, deliver_all
from tempmaild.store.transaction import Transaction

if TYPE_CHECKING:
    from tempmaild.log import Log
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change

Result = Any
Done = Callable[[Result, Exception | None], None]
"""Called with the result or the error of a change."""


_LOOK_AROUND = 0.5
"""Seconds after which an idle writer looks whether another process has changed the database."""


class Pending:
    """A change that waits, and who is to be called."""

    __slots__ = ("change", "done")

    def __init__(self, change: Change[Any], done: Done) -> None:
        self.change = change
        self.done = done

    @property
    def octets(self) -> int:
        """How much of a group's `octets` it takes."""
        return len(self.change.message.content) if isinstance(self.change, (Deliver, Append)) else 0


Committed = Callable[[list[Callable[[], None]], set[int] | None], None]
"""Called in the writer's thread after each commit, with the callbacks to run and the folders in which something has
happened; None stands for changes that another process made anywhere."""


def commit(db: Handle, changes: list[Change[Any]], now: int) -> tuple[list[Result | Exception], set[int]]:
    """Apply changes in one transaction; their results or errors, and the folders touched.

    A change that fails for a reason of its own (`TempmaildError`) leaves the others alone. When anything else goes
    wrong the group is rolled back and each change gets a transaction to itself, so that one bad change spoils no other.

    Raises:
        Exception: what the database said, if `changes` is but one.
    """
    transaction = Transaction(db, now)
    try:
        with db.transaction():
            results = _apply(transaction, changes)
            transaction.finish()
    except Exception:
        if len(changes) == 1:
            raise
        return _commit_apart(db, changes, now)
    return results, transaction.touched


def _commit_apart(db: Handle, changes: list[Change[Any]], now: int) -> tuple[list[Result | Exception], set[int]]:
    results: list[Result | Exception] = []
    touched: set[int] = set()
    for change in changes:
        try:
            (result,), folders = commit(db, [change], now)
        except Exception as error:  # - whatever it is, it is this change's answer
            results.append(error)
        else:
            results.append(result)
            touched |= folders
    return results, touched


def _apply(transaction: Transaction, changes: list[Change[Any]]) -> list[Result | Exception]:
    results: list[Result | Exception] = []
    position = 0
    while position < len(changes):
        deliveries = _deliveries(changes, position)
        if deliveries:
            results += deliver_all(transaction, deliveries)
            position += len(deliveries)
            continue
        try:
            results.append(changes[position].apply(transaction))
        except TempmaildError as error:
            results.append(error)
        position += 1
    return results


def _deliveries(changes: list[Change[Any]], start: int) -> list[Deliver]:
    """Give the deliveries that follow each other from `start` on."""
    run: list[Deliver] = []
    for change in changes[start:]:
        if not isinstance(change, Deliver):
            break
        run.append(change)
    return run


class Writer:
    """The thread that writes.

    Args:
        group: how many changes share a commit at most.
        octets: how many octets of contents share a commit at most.
    """

    def __init__(
        self, db: Handle, clock: Callable[[], float], committed: Committed, log: Log, *, group: int, octets: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._committed = committed
        self._log = log
        self._group = group
        self._octets = octets
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def start(self) -> None:
        """Start to write."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, change: Change[Any], done: Done) -> None:
        """Have a change committed with the next group."""
        self._queue.put(Pending(change, done))

    def _work(self) -> None:
        version = self._db.others_version()
        group: list[Pending] | None = []
        while group is not None:
            group = self._next_group()
            if group:
                self._commit(group)
            if version != (version := self._db.others_version()):
                self._committed([], None)
        self._db.close()

    def _next_group(self) -> list[Pending] | None:
        """Wait a while for a change, and take what else is there; None when the end has come."""
        try:
            first = self._queue.get(timeout=_LOOK_AROUND)
        except Empty:
            return []
        if first is None:
            return None
        group = [first]
        octets = first.octets
        while len(group) < self._group and octets < self._octets:
            try:
                pending = self._queue.get_nowait()
            except Empty:
                break
            if pending is None:
                self._queue.put(None)
                break
            group.append(pending)
            octets += pending.octets
        return group

    def _commit(self, group: list[Pending]) -> None:
        try:
            results, touched = commit(self._db, [pending.change for pending in group], int(self._clock()))
        except Exception as error:  # - a defect or a database that is gone must not end the thread
            results, touched = [error] * len(group), set()
        self._committed([self._answer(*pair) for pair in zip(group, results, strict=True)], touched)

    def _answer(self, pending: Pending, result: Result | Exception) -> Callable[[], None]:
        if not isinstance(result, Exception):
            return lambda: pending.done(result, None)
        if not isinstance(result, TempmaildError):
            self._log.failure("write-failed", result, change=type(pending.change).__name__)
            result = StoreFailed(str(result))
        return lambda: pending.done(None, result)
