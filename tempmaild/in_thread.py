"""The only bridge from the reactor to code that blocks."""

from __future__ import annotations

from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tempmaild.errors import StoreFailed, TooManyLogins

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from tempmaild.log import Log
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change

P = ParamSpec("P")
T = TypeVar("T")

_STRETCHING = 4
"""Pieces of work that stretch a password at the same time; each takes 64 MiB."""
_WAITING = 32
"""Pieces of such work that may wait: a few seconds' worth, so that who is told to come later has not waited long."""


class Writing(Protocol):
    """What has changes committed."""

    @property
    def waiting(self) -> int:
        """How many changes have not been answered yet."""

    def start(self) -> None:
        """Be there."""

    def submit(self, change: Change[Any]) -> Deferred[Any]:
        """Have a change committed; fires with its result after the commit."""

    def stop(self) -> Deferred[None]:
        """Commit what waits, and end."""


class ReactorAccess:
    """Access to the store for a reactor: another process writes, a bounded pool of threads does what takes long.

    On SQLite a short read is done at once: it takes less time than a change of threads.

    Args:
        reactor: Twisted's.
        db: what is read from; each thread has a connection of its own for as long as it lives.
    """

    def __init__(self, reactor: Any, db: Handle, writer: Writing, log: Log, threads: int) -> None:
        self._reactor = reactor
        self._db = db
        self._writer = writer
        self._log = log
        self._pool = ThreadPool(0, threads, "store")
        self._pool.threadFactory = self._make_thread  # type: ignore[assignment] # any maker of threads will do
        self._stretchers = ThreadPool(0, _STRETCHING, "stretch")
        self._stretches = BoundedSemaphore(_STRETCHING + _WAITING)

    def start(self) -> None:
        """Start threads and writer."""
        self._pool.start()
        self._stretchers.start()
        self._writer.start()

    async def stop(self) -> None:
        """Commit what waits, and end threads and writer."""
        await self._writer.stop()
        self._pool.stop()
        self._stretchers.stop()

    def gauges(self) -> dict[str, float]:
        """Give how many changes wait for the writer."""
        return {"writer/waiting": self._writer.waiting}

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short query."""
        if not self._db.sqlite:
            return await self.read_long(query, *args, **kwargs)
        try:
            return query(*args, **kwargs)
        except self._db.failures as error:
            raise self._failed(error) from error

    async def read_long(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query, or work on much data, in a thread of the pool."""
        try:
            result: T = await deferToThreadPool(self._reactor, self._pool, query, *args, **kwargs)
        except self._db.failures as error:
            raise self._failed(error) from error
        return result

    async def stretch(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Stretch a password in one of few threads.

        Raises:
            TooManyLogins: too many wait.
        """
        if not self._stretches.acquire(blocking=False):
            raise TooManyLogins(f"{_WAITING} wait")

        def stretch() -> T:
            try:
                return work(*args, **kwargs)
            finally:
                # Here and not where the result is awaited: a client that goes away leaves its work behind.
                self._stretches.release()

        result: T = await deferToThreadPool(self._reactor, self._stretchers, stretch)
        return result

    async def write(self, change: Change[T]) -> T:
        """Have a change committed with the next group."""
        result: T = await self._writer.submit(change)
        return result

    def _failed(self, error: Exception) -> StoreFailed:
        self._log.error("read-failed", problem=error)
        return StoreFailed(str(error))

    def _make_thread(self, target: Callable[[], None], name: str) -> Thread:
        def work() -> None:
            try:
                target()
            finally:
                self._db.close()

        return Thread(target=work, name=name)
