"""How many connections there may be, in all and from one network."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tempmaild.shared import CONNECTIONS, Shared, network_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.settings import Network


@dataclass(frozen=True)
class GateRules:
    """The limits.

    Attributes:
        ipv4_prefix: how many leading bits of an IPv4 address make its network; `ipv6_prefix` likewise.
        exempt: networks that count only towards the total.
    """

    connections: int
    connections_per_network: int
    ipv4_prefix: int
    ipv6_prefix: int
    exempt: Sequence[Network]


class Gate:
    """Counts the connections of all listeners.

    Args:
        shared: tells of the connections that other processes have.
    """

    def __init__(self, rules: GateRules, shared: Shared | None = None) -> None:
        self._shared = shared or Shared()
        self._all = 0
        self._of_network: Counter[str] = Counter()
        self.change(rules)

    def change(self, rules: GateRules) -> None:
        """Hold whoever comes from now on against other limits."""
        self._rules = rules
        self._network = lru_cache(maxsize=4096)(self._find_network)

    def enter(self, address: str) -> str | None:
        """Let a connection in.

        Returns:
            Its network, "" when that has no limit; None, and nothing counted, when there are too many.
        """
        network = self._network(address)
        others = self._shared.others
        if self._all + others(CONNECTIONS) >= self._rules.connections:
            return None
        if network:
            column = network_column(network)
            if self._of_network[network] + others(column) >= self._rules.connections_per_network:
                return None
            self._of_network[network] += 1
            self._shared.add(column, 1)
        self._all += 1
        self._shared.add(CONNECTIONS, 1)
        return network

    def leave(self, network: str) -> None:
        """Count a connection out that was let in, with what `enter` gave for it."""
        self._all -= 1
        self._shared.add(CONNECTIONS, -1)
        if network:
            self._of_network[network] -= 1
            self._shared.add(network_column(network), -1)
            if not self._of_network[network]:
                del self._of_network[network]

    def _find_network(self, address: str) -> str:
        """Give the network that an address is counted under, "" for none."""
        if not address:
            return ""
        ip = ipaddress.ip_address(address)
        if any(ip in network for network in self._rules.exempt):
            return ""
        prefix = self._rules.ipv4_prefix if ip.version == 4 else self._rules.ipv6_prefix
        return str(ipaddress.ip_network((address, prefix), strict=False))
