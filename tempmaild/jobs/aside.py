"""Work that waits for others, for seconds, in a thread that nobody waits for when the daemon ends."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def aside(reactor: Any, work: Callable[[], T], name: str) -> Deferred[T]:
    """Do something in a thread of its own; fires in the reactor's with what comes of it.

    A pool of threads would keep the daemon from ending until all of them are done; who calls this sees to it that
    there are few of them.
    """
    deferred: Deferred[T] = Deferred()

    def run() -> None:
        try:
            result: T | Failure = work()
        except Exception:  # whoever waits for it sees what it was
            result = Failure()
        reactor.callFromThread(deferred.callback, result)

    Thread(target=run, name=name, daemon=True).start()
    return deferred
