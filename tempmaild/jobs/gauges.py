"""What a process of the daemon says of itself: how much is open and waits, and how late the reactor is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tempmaild.service.statistics import Statistics

    Source = Callable[[], Mapping[str, float]]

_LOOK_EVERY = 1.0


class Gauges:
    """Gathers the numbers of one process, for a `StatisticsJob` that has them put away.

    Args:
        reactor: Twisted's.
        process: the name of the process on its host, such as "main".
        sources: give numbers by name.
    """

    def __init__(self, reactor: Any, statistics: Statistics, process: str, sources: Sequence[Source]) -> None:
        self._statistics = statistics
        self._process = process
        self._sources = (*sources, Lateness(reactor).take)

    async def flush(self) -> None:
        """Put away what is so now.

        Raises:
            StoreFailed: it could not be; what is so later is put away then.
        """
        gauges = {name: value for source in self._sources for name, value in source().items()}
        await self._statistics.put(self._process, gauges)


class Lateness:
    """How long the reactor keeps those waiting whose time has come: looked at once a second."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._worst = 0.0
        self._due: float | None = None

    def take(self) -> dict[str, float]:
        """Give the worst since the last time, in seconds; it is looked at from the first time on."""
        if self._due is None:
            self._wait()
        worst, self._worst = self._worst, 0.0
        return {"reactor/lag": round(worst, 6)}

    def _wait(self) -> None:
        # No `LoopingCall`: one that is late comes the sooner the next time.
        self._due = self._reactor.seconds() + _LOOK_EVERY
        self._reactor.callLater(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        assert self._due is not None
        self._worst = max(self._worst, self._reactor.seconds() - self._due)
        self._wait()
