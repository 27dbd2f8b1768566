"""Networks that are turned away for a while: by the operator, or by a limit."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

from tempmaild.core.limit import LONGEST_BAN, Ban, Scope, parse_network
from tempmaild.errors import Banned, InvalidValue
from tempmaild.store.limits import AddBan, RemoveBan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.store.access import Access
    from tempmaild.store.limits import LimitQueries

_LONGEST_REASON = 200
"""Characters of a reason."""


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
        network = parse_network(network)
        if not 1 <= seconds <= LONGEST_BAN:
            raise InvalidValue("seconds", f"{seconds} is not between 1 and {LONGEST_BAN}")
        if len(reason) > _LONGEST_REASON or not reason.isprintable():
            raise InvalidValue("reason", f"it is not one line of at most {_LONGEST_REASON} characters")
        if scope not in get_args(Scope):
            raise InvalidValue("scope", f"{scope!r} is not one of {', '.join(get_args(Scope))}")
        return await self._access.write(AddBan(Ban(network, reason, scope, int(self._clock()) + seconds), actor))

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
