"""Networks that are turned away for a while: by the operator, or by a limit."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from tempmaild.core.limit import LONGEST_BAN, Ban, networks_around, parse_network
from tempmaild.errors import Banned, InvalidValue
from tempmaild.store.limits import AddBan, AddBans, RemoveBan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.core.limit import Scope
    from tempmaild.store.access import Access
    from tempmaild.store.limits import LimitQueries

MOST_IMPORTED = 100_000
"""Bans in one list; a second of the writer's time."""


class Bans:
    """What the operator can do with bans. `actor` is whom the audit log names."""

    def __init__(self, access: Access, queries: LimitQueries, clock: Callable[[], float]) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock

    async def add(self, network: str, seconds: int, reason: str = "", scope: Scope = "all", actor: str = "") -> Ban:
        """Turn a network away from now on; one that was so already is for the longer time.

        Raises:
            InvalidValue: the network, the time, the reason or the scope is impossible.
        """
        if not 1 <= seconds <= LONGEST_BAN:
            raise InvalidValue("seconds", "%(value)s is not between 1 and %(most)s", value=seconds, most=LONGEST_BAN)
        ban = Ban(network, reason, scope, int(self._clock()) + seconds).normalised()
        return await self._access.write(AddBan(ban, actor))

    async def add_all(self, bans: Iterable[Ban], actor: str = "") -> int:
        """Have all these bans, or none; those that are over are left out. How many there are of the others.

        Raises:
            InvalidValue: there can be no such ban, or not so many.
        """
        now = int(self._clock())
        wanted = [ban.normalised() for ban in bans if ban.until > now]
        if len(wanted) > MOST_IMPORTED:
            raise InvalidValue(
                "bans",
                "there are %(count)s, and no more than %(most)s at once can be had",
                count=len(wanted),
                most=MOST_IMPORTED,
            )
        if any(ban.until > now + LONGEST_BAN for ban in wanted):
            raise InvalidValue("until", "it is more than ten years ahead")
        if wanted:
            await self._access.write(AddBans(tuple(wanted), actor))
        return len(wanted)

    async def remove(self, network: str, actor: str = "") -> None:
        """Let a network come again.

        Raises:
            InvalidValue: it is no network.
            NoSuchBan: it is not banned; the network has to be the very one.
        """
        await self._access.write(RemoveBan(parse_network(network), actor))

    async def list_all(self) -> list[Ban]:
        """Give the bans that are in force, the latest first."""
        return await self._access.read(self._queries.bans, int(self._clock()))

    async def page(self, after: tuple[int, str] | None, most: int) -> list[Ban]:
        """Give up to `most` bans that are in force, the latest first.

        Args:
            after: when the last one of the page before was made, and its network; None for the first page.
        """
        return await self._access.read(self._queries.bans_page, int(self._clock()), after, most)

    async def about(self, network: str) -> list[Ban]:
        """Give the bans in force of a network, or of an address, and of all networks that it is in.

        Raises:
            InvalidValue: it is neither.
        """
        around = networks_around(parse_network(network))
        return await self._access.read(self._queries.bans_of, int(self._clock()), around)

    async def count(self) -> int:
        """Give how many are in force."""
        return await self._access.read(self._queries.count_bans, int(self._clock()))


class Banlist:
    """The bans in memory: a look-up for each size of network among them.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(self, clock: Callable[[], float], bans: Iterable[Ban] = ()) -> None:
        self._clock = clock
        self._by_size: dict[tuple[int, int], dict[int, Ban]] = {}
        for ban in bans:
            self.add(ban)

    def add(self, ban: Ban) -> None:
        """Turn one more network away."""
        network = ipaddress.ip_network(ban.network)
        host_bits = network.max_prefixlen - network.prefixlen
        self._by_size.setdefault((network.version, host_bits), {})[int(network.network_address) >> host_bits] = ban

    def check(self, address: str, scope: Scope) -> None:
        """See that a client may do what `scope` says.

        Args:
            address: of the client; "" for a Unix socket, which nobody can ban.

        Raises:
            Banned: it may not.
        """
        if not self._by_size or not address:
            return
        version, number = _numbers(address)
        for (other, host_bits), bans in self._by_size.items():
            ban = bans.get(number >> host_bits) if other == version else None
            if ban and ban.scope in ("all", scope) and self._clock() < ban.until:
                raise Banned(ban.network)


@lru_cache(maxsize=4096)
def _numbers(address: str) -> tuple[int, int]:
    """Give the version of an IP address, and the address as a number."""
    ip = ipaddress.ip_address(address)
    return ip.version, int(ip)
