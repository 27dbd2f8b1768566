"""Limits: what the operator decides, and holding clients to it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from tempmaild.core import address as addresses
from tempmaild.core.limit import SCOPES, Ban, network_of
from tempmaild.errors import Banned, InvalidAddress, InvalidValue, NoSuchLimit, StoreFailed, TooFast
from tempmaild.service.bans import Banlist
from tempmaild.service.meter import Claim
from tempmaild.settings import is_among
from tempmaild.store.limits import AddBan, AddLimit, ChangeLimit, RemoveLimit
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tempmaild.core.limit import Event, Limit, Scope
    from tempmaild.log import Log
    from tempmaild.notify.hub import Hub
    from tempmaild.service.meter import Counter
    from tempmaild.settings import Network
    from tempmaild.store.access import Access
    from tempmaild.store.limits import LimitQueries

_LONGEST_DELAY = 10.0
"""Seconds."""
_SLACK = 300
"""Seconds by which the clocks of several hosts may differ, and a change may take to be stored."""
_FORGET_EVERY = 3600
"""Seconds after which bans that are over are dropped from the memory."""


class Limits:
    """What the operator can do with limits. `actor` is whom the audit log names."""

    def __init__(self, access: Access, queries: LimitQueries) -> None:
        self._access = access
        self._queries = queries

    async def add(self, limit: Limit, actor: str = "") -> Limit:
        """Have one limit more; it comes back with its id.

        Raises:
            InvalidValue: there can be no such limit; names the field.
            NameTaken: there is one of this name.
        """
        return await self._access.write(AddLimit(_checked(limit), actor))

    async def change(self, limit: Limit, actor: str = "") -> None:
        """Have the limit of this name be as `limit` says.

        Raises:
            InvalidValue: there can be no such limit; names the field.
            NoSuchLimit: no limit has this name.
        """
        await self._access.write(ChangeLimit(_checked(limit), actor))

    async def remove(self, name: str, actor: str = "") -> None:
        """Have a limit no more.

        Raises:
            NoSuchLimit: no limit has this name.
        """
        await self._access.write(RemoveLimit(name, actor))

    async def list_all(self) -> list[Limit]:
        """Give all limits by name."""
        return await self._access.read(self._queries.limits)

    async def get(self, name: str) -> Limit:
        """Give the limit of this name.

        Raises:
            NoSuchLimit: no limit has it.
        """
        for limit in await self.list_all():
            if limit.name == name:
                return limit
        raise NoSuchLimit(name)


def _checked(limit: Limit) -> Limit:
    """Give a limit with its domain in the form under which domains are kept.

    Raises:
        InvalidValue: there can be no such limit.
    """
    limit.check()
    if not limit.domain:
        return limit
    try:
        return msgspec.structs.replace(limit, domain=addresses.normalise_pattern(limit.domain))
    except InvalidAddress:
        raise InvalidValue("domain", "%(name)r is no name of a domain", name=limit.domain) from None


class Limiter:
    """Holds clients to the limits, and turns banned networks away; what others change is known within a second.

    Nothing is ever taken back from a count: a login that succeeds does not make up for those that failed before it,
    or whoever has one mailbox could try the secrets of all others at leisure. While the database does not answer,
    what was known last is in force.

    Args:
        clock: UTC epoch seconds.
        trusted: networks that no limit per network concerns; the operator can ban them nevertheless.

    Attributes:
        counter: counts what limits are about.
    """

    def __init__(
        self,
        access: Access,
        queries: LimitQueries,
        hub: Hub,
        clock: Callable[[], float],
        counter: Counter,
        trusted: Sequence[Network],
        log: Log,
    ) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self.counter = counter
        self._log = log
        self._versions = (-1, -1)
        self._read_all_at = self._read_at = 0
        self._doubtful = True
        self._by_event: dict[Event, list[Limit]] = {}
        self._banned = Banlist(clock)
        self.trust(trusted)
        hub.watch(SETTINGS, self._doubt)

    def trust(self, networks: Sequence[Network]) -> None:
        """Have no limits per network for clients of these networks from now on."""
        self._trusted = networks
        # Most clients come again soon.
        self._network = lru_cache(maxsize=4096)(self._find_network)

    async def connect(self, scope: Scope, address: str) -> float:
        """Let a client connect that wants to do what `scope` says.

        Args:
            address: its IP address, "" for a Unix socket.

        Returns:
            For how many seconds it is kept waiting before that.

        Raises:
            Banned: its network is turned away.
            TooFast: too many have connected.
        """
        await self.check_ban(scope, address)
        return await self.count("connection", address)

    async def check_ban(self, scope: Scope, address: str) -> None:
        """See that a client is not banned; to be done before every login.

        Raises:
            Banned: its network is turned away.
        """
        if self._doubtful:
            await self._look_again()
        self._banned.check(address, scope)

    async def failed_login(self, address: str) -> float:
        """Count a login with wrong credentials, of whichever protocol.

        Returns:
            For how many seconds the client is kept waiting before it is told. That depends on how often its network
            has failed, never on why.
        """
        try:
            return await self.count("failed-login", address)
        except Banned:
            return 0.0

    async def count(
        self,
        event: Event,
        address: str,
        *,
        sender_domain: str = "",
        mailbox: str = "",
        api_key: str = "",
        domain: str = "",
        amount: int = 1,
    ) -> float:
        """Count an event against all limits that concern it.

        Args:
            address: the client's IP address, "" for a Unix socket.
            sender_domain: of the envelope; "" for mail from nobody.
            mailbox: the recipient's address.
            domain: the one of ours that the event belongs to.
            amount: octets for the event "bytes".

        Returns:
            For how many seconds the client is kept waiting before it is answered.

        Raises:
            Banned: the client's network is turned away, from now on or since longer.
            TooFast: there was too much of it.
        """
        if self._doubtful:
            await self._look_again()
        self._banned.check(address, SCOPES[event])
        limits = self._by_event.get(event)
        if not limits:
            return 0.0
        claims = self.claims(
            limits,
            address,
            sender_domain=sender_domain,
            mailbox=mailbox,
            api_key=api_key,
            domain=domain,
            amount=amount,
        )
        if not claims:
            return 0.0
        excesses = await self.counter.count(claims)
        beyond = [(claim, excess) for claim, excess in zip(claims, excesses, strict=True) if excess]
        return await self._judge(beyond) if beyond else 0.0

    def claims(
        self,
        limits: Iterable[Limit],
        address: str,
        *,
        sender_domain: str = "",
        mailbox: str = "",
        api_key: str = "",
        domain: str = "",
        amount: int = 1,
    ) -> list[Claim]:
        """Give what an event is counted against, if these are the limits for such; arguments as for `count`."""
        claims = []
        for limit in limits:
            if limit.subject == "network":
                subject = self._network(address, limit.ipv4_prefix, limit.ipv6_prefix)
            elif limit.subject == "sender-domain":
                subject = sender_domain.lower()
            else:
                subject = mailbox if limit.subject == "mailbox" else api_key
            if subject and (not limit.domain or addresses.covers(limit.domain, domain)):
                claims.append(Claim(limit, subject, amount))
        return claims

    async def _judge(self, beyond: list[tuple[Claim, int]]) -> float:
        """Do what the limits say beyond which a client has gone."""
        delay = 0.0
        refusing = ""
        for (limit, subject, _), excess in beyond:
            self._log.info("limit-reached", limit=limit.name, subject=subject, excess=excess)
            if limit.action == "ban":
                await self._ban(limit, subject)
                raise Banned(subject)
            if limit.action == "refuse":
                refusing = limit.name
            else:
                delay = max(delay, min(_LONGEST_DELAY, 2.0 ** min(excess - 1, 10)))
        if refusing:
            raise TooFast(refusing)
        return delay

    async def _ban(self, limit: Limit, network: str) -> None:
        until = int(self._clock()) + limit.ban_seconds
        ban = Ban(network, f"limit {limit.name}", SCOPES[limit.event], until)
        # At once: many may have come together.
        self._banned.add(ban)
        self._log.warning("banned", network=network, limit=limit.name, scope=ban.scope, seconds=limit.ban_seconds)
        try:
            await self._access.write(AddBan(ban))
        except StoreFailed as error:
            self._log.error("ban-not-stored", network=network, problem=error)

    def _find_network(self, address: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
        """Give the network that a client is counted under, "" for none."""
        if not address:
            return ""
        return "" if self.is_trusted(address) else network_of(address, ipv4_prefix, ipv6_prefix)

    def is_trusted(self, address: str) -> bool:
        """Tell whether no limit per network concerns a client."""
        return is_among(address, self._trusted)

    def _doubt(self) -> None:
        self._doubtful = True

    async def _look_again(self) -> None:
        # What changes while this reads is read again.
        self._doubtful = False
        try:
            versions = await self._access.read(self._queries.versions)
            if versions == self._versions:
                return
            now = int(self._clock())
            if versions[1] == self._versions[1] and now - self._read_all_at < _FORGET_EVERY:
                await self._read_new_bans(now)
            else:
                await self._read_all(now)
        except StoreFailed:
            self._doubtful = True
        else:
            self._versions = versions
            self._read_at = now

    async def _read_new_bans(self, now: int) -> None:
        """Read no more than has been added: in an attack every ban brings us here."""
        for ban in await self._access.read(self._queries.bans, now, self._read_at - _SLACK):
            self._banned.add(ban)

    async def _read_all(self, now: int) -> None:
        limits = await self._access.read(self._queries.limits)
        bans = await self._access.read(self._queries.bans, now)
        self._by_event = {}
        for limit in limits:
            if limit.enabled:
                self._by_event.setdefault(limit.event, []).append(limit)
        self._banned = Banlist(self._clock, bans)
        self._read_all_at = now
