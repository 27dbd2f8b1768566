"""Counting against limits: in memory on one host, in Redis for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from limits import RateLimitItemPerSecond
from limits.errors import ConfigurationError
from limits.storage import RedisStorage
from limits.strategies import STRATEGIES

from tempmaild.errors import StoreFailed
from tempmaild.service.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from limits.storage import Storage

    from tempmaild.core.limit import Limit
    from tempmaild.log import Log
    from tempmaild.store.access import Access

    _Question = Callable[["Counts", Sequence["Claim"]], list[int]]

_PATIENCE = 1.0
"""Seconds for an answer of Redis."""
_WITHOUT = 10.0
"""Seconds until Redis is asked again that did not answer."""
_SAMPLE = 200
"""Subjects within their limits that are noticed until somebody asks: a millisecond to look them up in memory."""
_MOST_BEYOND = 1000
"""Subjects beyond their limits that are noticed until then."""


class Claim(NamedTuple):
    """So much more of what a limit counts, by one of its subjects."""

    limit: Limit
    subject: str
    amount: int


class Counter(Protocol):
    """Who counts claims."""

    def count(self, claims: Sequence[Claim]) -> Awaitable[list[int]]:
        """Count; tell for each claim how often its subject has gone beyond the limit in this window, 0 for not."""


class Meter:
    """Counts claims.

    With Redis all daemons count together. While it does not answer, each counts by itself, in memory: limits of a
    single host are better than none, and than a host that takes no mail because its counters are gone.

    Args:
        clock: UTC epoch seconds.
        redis_url: "" to count in memory.

    Attributes:
        noticed: some of those who were counted lately.

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
        self.noticed = Noticed()

    async def count(self, claims: Sequence[Claim]) -> list[int]:
        """Count; tell for each claim how often its subject has gone beyond the limit in this window, 0 for not."""
        excesses = await self._ask_redis(Counts.count, claims)
        if excesses is None:
            excesses = self._memory.count(claims)
        self.noticed.note(claims, excesses)
        return excesses

    async def usage(self, claims: Sequence[Claim]) -> list[int]:
        """Tell how much is used up of what each claim's limit allows its subject now; nothing is counted."""
        used = await self.shared_usage(claims)
        return self._memory.usage(claims) if used is None else used

    async def shared_usage(self, claims: Sequence[Claim]) -> list[int] | None:
        """Tell the same where all daemons count together; None where they do not, or not now."""
        return await self._ask_redis(Counts.usage, claims)

    async def _ask_redis(self, ask: _Question, claims: Sequence[Claim]) -> list[int] | None:
        """Give the answer of Redis; None without it."""
        if self._redis is None or self._is_lost():
            return None
        # Never in the reactor: it is another machine.
        result = await self._access.read_long(_ask, ask, self._redis, claims)
        if isinstance(result, list):
            self._found()
            return result
        self._lost(result)
        return None

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


class Noticed:
    """Some of those who were counted lately: whoever went beyond a limit, and a sample of the others.

    Who comes often is likely to be in the sample. Both are bounded, so that a crowd costs neither memory nor time.
    """

    def __init__(self) -> None:
        self._within: dict[tuple[int, str], Claim] = {}
        self._beyond: dict[tuple[int, str], tuple[Claim, int]] = {}

    def note(self, claims: Sequence[Claim], excesses: Sequence[int]) -> None:
        """Notice claims that were counted."""
        if len(self._within) < _SAMPLE:
            for claim in claims:
                self._within[claim.limit.id, claim.subject] = claim
        if any(excesses):
            for claim, excess in zip(claims, excesses, strict=True):
                key = claim.limit.id, claim.subject
                if excess and (len(self._beyond) < _MOST_BEYOND or key in self._beyond):
                    self._beyond[key] = claim, excess

    def take(self) -> tuple[list[Claim], list[tuple[Claim, int]]]:
        """Give those who were within all limits and those who went beyond, with how often, and begin anew."""
        within = [claim for key, claim in self._within.items() if key not in self._beyond]
        beyond = list(self._beyond.values())
        self._within, self._beyond = {}, {}
        return within, beyond


class Counts:
    """The strategies of the library over one storage."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._strategies = {name: strategy(storage) for name, strategy in STRATEGIES.items()}

    def count(self, claims: Sequence[Claim]) -> list[int]:
        """Count; tell for each claim how often its subject has gone beyond the limit in this window, 0 for not."""
        return [self._excess(claim) for claim in claims]

    def usage(self, claims: Sequence[Claim]) -> list[int]:
        """Tell how much is used up of what each claim's limit allows its subject now."""
        return [self._used(claim) for claim in claims]

    def _used(self, claim: Claim) -> int:
        limit = claim.limit
        return limit.amount - self._strategies[limit.strategy].get_window_stats(_item(limit), claim.subject).remaining

    def _excess(self, claim: Claim) -> int:
        limit = claim.limit
        item = _item(limit)
        if self._strategies[limit.strategy].hit(item, claim.subject, cost=claim.amount):
            return 0
        return self.storage.incr(f"{item.key_for(claim.subject)}/beyond", limit.window)


def _item(limit: Limit) -> RateLimitItemPerSecond:
    # One counter must not be read by another strategy, should the operator choose one.
    return RateLimitItemPerSecond(limit.amount, limit.window, f"{limit.id}{limit.strategy[0]}")


def _ask(ask: _Question, counts: Counts, claims: Sequence[Claim]) -> list[int] | Exception:
    errors = cast("tuple[type[Exception], ...]", (counts.storage.base_exceptions, OSError))
    try:
        return ask(counts, claims)
    except errors as error:
        return error


def _open_redis(url: str) -> Storage:
    try:
        return RedisStorage(url, key_prefix="tempmaild", socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    except (ConfigurationError, ValueError) as error:
        raise StoreFailed(f"limits.redis_url cannot be used: {error}") from error
