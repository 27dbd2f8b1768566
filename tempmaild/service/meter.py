"""Counting against limits: in memory on one host, in Redis for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from limits import RateLimitItemPerSecond
from limits.errors import ConfigurationError
from limits.storage import RedisStorage
from limits.strategies import STRATEGIES

from tempmaild.errors import StoreFailed
from tempmaild.service.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limits.storage import Storage

    from tempmaild.core.limit import Limit
    from tempmaild.log import Log
    from tempmaild.store.access import Access

_PATIENCE = 1.0
"""Seconds for an answer of Redis."""
_WITHOUT = 10.0
"""Seconds until Redis is asked again that did not answer."""


class Claim(NamedTuple):
    """So much more of what a limit counts, by one of its subjects."""

    limit: Limit
    subject: str
    amount: int


class Meter:
    """Counts claims.

    With Redis all daemons count together. While it does not answer, each counts by itself, in memory: limits of a
    single host are better than none, and than a host that takes no mail because its counters are gone.

    Args:
        clock: UTC epoch seconds.
        redis_url: "" to count in memory.

    Raises:
        StoreFailed: the URL cannot be used.
    """

    def __init__(self, access: Access, clock: Callable[[], float], redis_url: str, log: Log) -> None:
        self._access = access
        self._clock = clock
        self._log = log
        self._memory = Counts(Tallies(clock))
        self._redis = Counts(_open_redis(redis_url)) if redis_url else None
        self._lost_at: float | None = None

    async def count(self, claims: Sequence[Claim]) -> list[int]:
        """Count; tell for each claim how often its subject has gone beyond the limit in this window, 0 for not."""
        if self._redis and not self._is_lost():
            # Never in the reactor: it is another machine.
            result = await self._access.read_long(_count_in_redis, self._redis, claims)
            if isinstance(result, list):
                self._found()
                return result
            self._lost(result)
        return self._memory.count(claims)

    def _is_lost(self) -> bool:
        # A clock that is set back does not prolong it.
        return self._lost_at is not None and 0 <= self._clock() - self._lost_at < _WITHOUT

    def _lost(self, error: Exception) -> None:
        if self._lost_at is None:
            self._log.error("redis-lost", problem=error, now="each daemon counts by itself")
        self._lost_at = self._clock()

    def _found(self) -> None:
        if self._lost_at is not None:
            self._lost_at = None
            self._log.info("redis-found")


class Counts:
    """The strategies of the library over one storage."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._strategies = {name: strategy(storage) for name, strategy in STRATEGIES.items()}

    def count(self, claims: Sequence[Claim]) -> list[int]:
        """Count; tell for each claim how often its subject has gone beyond the limit in this window, 0 for not."""
        return [self._excess(claim) for claim in claims]

    def _excess(self, claim: Claim) -> int:
        limit = claim.limit
        # One counter must not be read by another strategy, should the operator choose one.
        item = RateLimitItemPerSecond(limit.amount, limit.window, f"{limit.id}{limit.strategy[0]}")
        if self._strategies[limit.strategy].hit(item, claim.subject, cost=claim.amount):
            return 0
        return self.storage.incr(f"{item.key_for(claim.subject)}/beyond", limit.window)


def _count_in_redis(counts: Counts, claims: Sequence[Claim]) -> list[int] | Exception:
    errors = cast("tuple[type[Exception], ...]", (counts.storage.base_exceptions, OSError))
    try:
        return counts.count(claims)
    except errors as error:
        return error


def _open_redis(url: str) -> Storage:
    try:
        return RedisStorage(url, key_prefix="tempmaild", socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    except (ConfigurationError, ValueError) as error:
        raise StoreFailed(f"limits.redis_url cannot be used: {error}") from error
