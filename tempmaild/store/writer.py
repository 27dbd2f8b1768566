"""The one writer: what waits together is committed together.

It runs in a process of its own beside the daemon, so that a commit and the network share neither an interpreter nor
a processor. Changes come in through a pipe; all that are waiting share one transaction and one flush to the disk, and
nobody lingers for more to come. The answers go back after the commit, and only then may a client be told.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from tempmaild import log, memory
from tempmaild.errors import StoreFailed, TempmaildError
from tempmaild.frames import Frames, to_frame
from tempmaild.store.arriving import Append, Deliver, Replace, deliver_all
from tempmaild.store.database import SCHEMAS
from tempmaild.store.opening import open_database
from tempmaild.store.transaction import Transaction
from tempmaild.store.upkeep import Upkeep
from tempmaild.store.vault import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.log import Log
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change
    from tempmaild.store.vault import Vault

Result = Any

CONFIGURATION = "TEMPMAILD_WRITER"
"""The environment variable with a writer's configuration."""

_LOOK_AROUND = 0.5
"""Seconds after which the writer looks whether another process has changed the database."""
_ATTEMPTS = 5
"""How often a change is tried when other processes come in between."""
_ALWAYS_TOGETHER = 8
_ALWAYS_OCTETS = 256 << 10
"""Changes, and octets of messages, for which a flush to the disk apiece would cost more than a wait for others."""
_PIECE = 1 << 20
"""Octets read from the pipe at once."""
_COLLECT_AFTER = 20_000
"""Objects: so many leave the changes of a large group."""

Submission = tuple[int, list[int], list[Any]]
"""Changes that are handed over together: what the clock said, in UTC epoch seconds, the tickets by which their
submitter knows them, and they themselves.

This and `Committed` are plain tuples, which are pickled and read in half the time. The tickets are in a list of their
own: a class around each change would take as long to be pickled as the change.
"""
Committed = tuple[list[tuple[int, Any]], set[int] | None]
"""What became of a group of changes: the ticket of each with its result or error, and the folders in which something
has happened; None instead of these when another process may have changed anything.
"""


class _Pending(NamedTuple):
    """A change that waits.

    Attributes:
        octets: how much of a group's octets it takes.
    """

    ticket: int
    change: Change[Any]
    octets: int


class Configuration(Struct, frozen=True):
    """What a writer is started with.

    Attributes:
        signing_key: the file of the key that receipts are signed with, in the name of `host`.
        group: how many changes share a commit at most.
        octets: how many octets of messages share a commit at most.
    """

    url: str
    sqlite_path: str
    host: str
    signing_key: str
    group: int
    octets: int
    log_level: str
    log_format: str


def commit(
    db: Handle, vault: Vault, changes: list[Change[Any]], now: int, attempts: int = _ATTEMPTS
) -> tuple[list[Result | Exception], set[int]]:
    """Apply changes in one transaction; their results or errors, and the folders touched.

    A change that fails for a reason of its own (`TempmaildError`) leaves the others alone. When anything else goes
    wrong the group is rolled back and each change gets a transaction to itself: one bad change spoils no other.

    Raises:
        Exception: what the database said, if `changes` is but one or the database is gone.
    """
    transaction = Transaction(db, vault, now)
    try:
        with db.transaction():
            results = _apply(transaction, changes)
            transaction.finish()
    except Exception as error:
        if len(changes) > 1 and not db.lost:
            return _commit_apart(db, vault, changes, now)
        if isinstance(error, db.interferences) and attempts > 1:
            return commit(db, vault, changes, now, attempts - 1)
        raise
    transaction.committed()
    return results, transaction.touched


def _commit_apart(
    db: Handle, vault: Vault, changes: list[Change[Any]], now: int
) -> tuple[list[Result | Exception], set[int]]:
    results: list[Result | Exception] = []
    touched: set[int] = set()
    for change in changes:
        try:
            (result,), folders = commit(db, vault, [change], now)
        except Exception as error:  # whatever it is, it is this change's answer
            results.append(error)
        else:
            results.append(result)
            touched |= folders
    return results, touched


def _octets(change: Change[Any]) -> int:
    return change.octets if isinstance(change, (Deliver, Append, Replace)) else 0


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
    """Commits what comes in on one descriptor, and answers on another."""

    def __init__(
        self, db: Handle, vault: Vault, source: int, sink: int, configuration: Configuration, log: Log
    ) -> None:
        self._db = db
        self._vault = vault
        self._source = source
        self._sink = sink
        self._group = configuration.group
        self._octets = configuration.octets
        self._log = log
        self._frames = Frames()
        self._unseeing = False
        self._now = 0
        self._upkeep = Upkeep(db, vault, log)

    def work(self) -> None:
        """Commit until the source is closed, and everything that came before."""
        waiting: deque[_Pending] = deque()
        looked_at = float("-inf")
        while self._take(waiting, 0 if waiting else _LOOK_AROUND):
            idle = not waiting
            if waiting:
                self._commit(self._cut_group(waiting))
            self._upkeep.look(idle=idle)
            # There may never be a moment in which nothing waits.
            if idle or time.monotonic() - looked_at >= _LOOK_AROUND:
                self._look_at_others()
                looked_at = time.monotonic()
        while waiting:
            self._commit(self._cut_group(waiting))
        self._look_at_others()
        self._upkeep.close()

    def _take(self, waiting: deque[_Pending], patience: float) -> bool:
        """Add what has arrived to what waits; False at the end of the source."""
        while self._source in select.select([self._source, *self._db.alarms], [], [], patience)[0]:
            piece = os.read(self._source, _PIECE)
            if not piece:
                return False
            for now, tickets, changes in self._frames.feed(piece):
                self._now = now
                waiting.extend(map(_Pending, tickets, changes, map(_octets, changes)))
            patience = 0
        return True

    def _cut_group(self, waiting: deque[_Pending]) -> list[_Pending]:
        """Take what the next commit is to have: half of what waits, or little together.

        If it took all, it would wait for the daemon whenever the daemon waits for it: every client's next message
        would come just when the others' does.
        """
        changes = min(self._group, max(_ALWAYS_TOGETHER, len(waiting) // 2))
        octets = min(self._octets, max(_ALWAYS_OCTETS, sum(pending.octets for pending in waiting) // 2))
        group = [waiting.popleft()]
        octets -= group[0].octets
        while waiting and len(group) < changes and octets > 0:
            group.append(waiting.popleft())
            octets -= group[-1].octets
        return group

    def _commit(self, group: list[_Pending]) -> None:
        try:
            results, touched = commit(self._db, self._vault, [pending.change for pending in group], self._now)
        except Exception as error:  # a defect, or a database that is gone, must not end the writer
            results, touched = [error] * len(group), set()
        self._send((list(self._answers(group, results)), touched))

    def _answers(self, group: list[_Pending], results: list[Result | Exception]) -> Iterator[tuple[int, Any]]:
        told: Exception | None = None
        for pending, result in zip(group, results, strict=True):
            if not isinstance(result, Exception) or isinstance(result, TempmaildError):
                yield pending.ticket, result
                continue
            if result is not told:
                told = result
                self._tell(result, type(pending.change).__name__)
            yield pending.ticket, StoreFailed(str(result))

    def _tell(self, error: Exception, change: str) -> None:
        if isinstance(error, self._db.failures):
            self._log.error("write-failed", change=change, problem=error)
        else:
            self._log.failure("write-failed", error, change=change)

    def _look_at_others(self) -> None:
        """Pass on what other processes have done, and forget what is too old."""
        self._vault.sealer.forget_old()
        try:
            touched = self._db.others()
        except self._db.failures as error:
            # A write would say so each time; who only looks says it once.
            if not self._unseeing:
                self._log.error("database-gone", problem=error)
            self._unseeing = True
            return
        self._unseeing = False
        if touched is None and self._db.sqlite:
            # It may have ended without forgetting what it deleted, as may the writer before this one.
            self._vault.traces.update(SCHEMAS)
        if touched is None or touched:
            self._send(([], touched))

    def _send(self, committed: Committed) -> None:
        frame = memoryview(to_frame(committed))
        while frame:
            frame = frame[os.write(self._sink, frame) :]


def main() -> None:
    """Run the writer on standard input and output, with its configuration as JSON in the environment."""
    configuration = Configuration(**json.loads(os.environ[CONFIGURATION]))
    # A terminal and systemd signal the whole group; the writer ends when the daemon closes the pipe, not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    memory.keep_freed()
    log.configure(configuration.log_level, configuration.log_format)
    db = open_database(configuration.url, Path(configuration.sqlite_path))
    vault = open_vault(configuration.host, Path(configuration.signing_key))
    memory.settle(_COLLECT_AFTER)
    try:
        Writer(db, vault, sys.stdin.fileno(), sys.stdout.fileno(), configuration, log.get_log("writer")).work()
    except BrokenPipeError:
        # The daemon was killed: nobody is left to be answered.
        os._exit(0)
    db.close()
