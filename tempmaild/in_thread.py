"""The only bridge from the reactor to code that blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tempmaild.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFromThreads

    from tempmaild.log import Log
    from tempmaild.notify.hub import Hub
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change

P = ParamSpec("P")
T = TypeVar("T")


class Threaded:
    """Access to the store for a reactor: one thread writes, a bounded pool does what takes long.

    On SQLite a short read is done at once: it takes less time than a change of threads.
    """

    def __init__(  # noqa: PLR0913
        self,
        reactor: IReactorFromThreads,
        db: Handle,
        hub: Hub,
        clock: Callable[[], float],
        log: Log,
        *,
        threads: int,
        group: int,
        octets: int,
    ) -> None:
        self._reactor = reactor
        self._db = db
        self._hub = hub
        self._pool = ThreadPool(0, threads, "store")
        self._writer = Writer(db, clock, self._committed, log, group=group, octets=octets)

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()
        self._writer.start()

    def stop(self) -> None:
        """Commit what waits, and end the threads."""
        self._writer.stop()
        self._pool.stop()

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short query."""
        if self._db.sqlite:
            return query(*args, **kwargs)
        return await self.read_long(query, *args, **kwargs)

    async def read_long(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query, or work on much data, in a thread of the pool."""
        result: T = await deferToThreadPool(self._reactor, self._pool, query, *args, **kwargs)
        return result

    async def write(self, change: Change[T]) -> T:
        """Have a change committed with the next group."""
        deferred: Deferred[T] = Deferred()
        self._writer.submit(change, lambda result, error: _settle(deferred, result, error))
        return await deferred

    def _committed(self, answers: list[Callable[[], None]], touched: set[int] | None) -> None:
        self._reactor.callFromThread(self._tell, answers, touched)

    def _tell(self, answers: list[Callable[[], None]], touched: set[int] | None) -> None:
        for answer in answers:
            answer()
        self._hub.publish(touched)


def _settle(deferred: Deferred[Any], result: object, error: Exception | None) -> None:
    if error is None:
        deferred.callback(result)
    else:
        deferred.errback(error)
