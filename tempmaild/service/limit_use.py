"""How far clients have come with the limits: what the operator is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.limit import SCOPES, networks_around, parse_address
from tempmaild.store.limits import NoteUses, Use

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.limit import Event, Limit
    from tempmaild.service.limits import Limiter
    from tempmaild.service.meter import Claim, Meter
    from tempmaild.store.access import Access
    from tempmaild.store.limits import LimitQueries

_SHOWN = ("network", "sender-domain", "api-key")
"""Subjects that are put away. Addresses of mailboxes are not: nothing of them may stay when they are destroyed."""


class Held(NamedTuple):
    """Somebody who is beyond a limit, or near it."""

    limit: Limit
    use: Use


class Foreseen(NamedTuple):
    """What is known of a client and one limit.

    Attributes:
        used: of its amount, None where the daemon alone knows.
        excess: how often it has gone beyond it, 0 for not, or where that is not known.
        noted_at: of when that is (UTC epoch seconds), 0 for now.
        is_beyond: whether it would go beyond the limit; None where that is not known.
    """

    limit: Limit
    subject: str
    used: int | None
    excess: int
    noted_at: int
    is_beyond: bool | None


class Forecast(NamedTuple):
    """What would become of a client.

    Attributes:
        banned: the network that is turned away, "" for none.
        trusted: whether no limit per network concerns it.
        limits: those that concern it.
    """

    banned: str
    trusted: bool
    limits: list[Foreseen]


class LimitUse:
    """Puts away who is beyond a limit, or near it, and tells it.

    Counts are in the memory of each daemon, or in Redis. What is put away is no count: nobody is held to it.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(
        self, access: Access, queries: LimitQueries, limiter: Limiter, meter: Meter, clock: Callable[[], float]
    ) -> None:
        self._access = access
        self._queries = queries
        self._limiter = limiter
        self._meter = meter
        self._clock = clock

    async def flush(self) -> None:
        """Put away whom this daemon has seen beyond a limit since the last time, or with half of it used up.

        Raises:
            StoreFailed: it could not be.
        """
        within, beyond = self._meter.noticed.take()
        claims = [claim for claim in within if claim.limit.subject in _SHOWN]
        used = await self._meter.usage(claims)
        uses = [
            self._use(claim, so_much, 0)
            for claim, so_much in zip(claims, used, strict=True)
            if 2 * so_much >= claim.limit.amount
        ]
        uses += [
            self._use(claim, claim.limit.amount, excess) for claim, excess in beyond if claim.limit.subject in _SHOWN
        ]
        if uses:
            await self._access.write(NoteUses(tuple(uses)))

    def _use(self, claim: Claim, used: int, excess: int) -> Use:
        now = int(self._clock())
        return Use(claim.limit.id, claim.subject, used, excess, now, now + claim.limit.window)

    async def list_all(self) -> list[Held]:
        """Give who is beyond a limit or near it, as far as daemons have told: those first who were seen last."""
        limits = {limit.id: limit for limit in await self._access.read(self._queries.limits)}
        uses = await self._access.read(self._queries.uses, int(self._clock()))
        return [Held(limits[use.limit_id], use) for use in uses if use.limit_id in limits]

    async def foresee(
        self,
        event: Event,
        address: str,
        *,
        sender_domain: str = "",
        mailbox: str = "",
        domain: str = "",
        amount: int = 1,
    ) -> Forecast:
        """Tell what would become of a client, without counting anything; arguments as for `Limiter.count`.

        Raises:
            InvalidValue: the address is no IP address.
        """
        address = parse_address(address)
        # Read for this client alone: a limiter has all bans in memory, and there may be many.
        bans = await self._access.read(self._queries.bans_of, int(self._clock()), networks_around(address))
        banned = [ban.network for ban in bans if ban.scope in ("all", SCOPES[event])]
        limits = [
            limit for limit in await self._access.read(self._queries.limits) if limit.enabled and limit.event == event
        ]
        claims = self._limiter.claims(
            limits, address, sender_domain=sender_domain, mailbox=mailbox, domain=domain, amount=amount
        )
        foreseen = [self._foreseen(claim, use) for claim, use in zip(claims, await self._known(claims), strict=True)]
        return Forecast(banned[0] if banned else "", self._limiter.is_trusted(address), foreseen)

    async def _known(self, claims: list[Claim]) -> list[Use | None]:
        keys = {(claim.limit.id, claim.subject) for claim in claims}
        noted = {
            (use.limit_id, use.subject): use
            for use in await self._access.read(self._queries.uses, int(self._clock()), keys)
        }
        known = [noted.get((claim.limit.id, claim.subject)) for claim in claims]
        used = await self._meter.shared_usage(claims)
        if used is None:
            return known
        return [
            Use(
                claim.limit.id,
                claim.subject,
                so_much,
                use.excess if use and so_much >= claim.limit.amount else 0,
                0,
                0,
            )
            for claim, so_much, use in zip(claims, used, known, strict=True)
        ]

    def _foreseen(self, claim: Claim, use: Use | None) -> Foreseen:
        limit = claim.limit
        if use is None:
            # One that is too large by itself needs no count.
            return Foreseen(limit, claim.subject, None, 0, 0, True if claim.amount > limit.amount else None)
        return Foreseen(
            limit, claim.subject, use.used, use.excess, use.noted_at, use.used + claim.amount > limit.amount
        )
