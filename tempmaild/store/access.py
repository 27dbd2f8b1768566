"""How the services get at the store, whatever thread does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from tempmaild.errors import StoreFailed, TempmaildError
from tempmaild.store.writer import commit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change
    from tempmaild.store.vault import Vault

P = ParamSpec("P")
T = TypeVar("T")


class Access(Protocol):
    """Reads and writes that are awaited."""

    def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Run a short indexed query.

        Raises:
            TempmaildError: what the query says; `StoreFailed` when the database failed.
        """

    def read_long(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Run what may take more than a millisecond: a query over much, or work on much data."""

    def stretch(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Do work that takes much time and memory on purpose (Argon2id), for few at a time.

        Raises:
            TooManyLogins: too many wait for it.
        """

    def write(self, change: Change[T]) -> Awaitable[T]:
        """Have a change committed; when it is answered it is durable.

        Raises:
            TempmaildError: what the change says; `StoreFailed` when the database failed.
        """


class Immediate:
    """Does everything at once in the calling thread: for the command line, and for tests."""

    def __init__(
        self, db: Handle, vault: Vault, clock: Callable[[], float], committed: Callable[[set[int]], None]
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._committed = committed

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query."""
        try:
            return query(*args, **kwargs)
        except self._db.failures as error:
            raise StoreFailed(str(error)) from error

    read_long = read

    async def stretch(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work."""
        return work(*args, **kwargs)

    async def write(self, change: Change[T]) -> T:
        """Commit a change."""
        try:
            (result,), touched = commit(self._db, self._vault, [change], int(self._clock()))
            if self._vault.traces:
                self._vault.traces = self._db.forget(self._vault.traces)
        except TempmaildError:
            raise
        except Exception as error:
            raise StoreFailed(str(error)) from error
        self._committed(touched)
        if isinstance(result, Exception):
            raise result
        value: T = result
        return value


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Give what a service on `Immediate` gives: it never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")
