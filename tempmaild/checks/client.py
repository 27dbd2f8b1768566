"""The names of a client: the one it gives itself in HELO, and the one that DNS has for its address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.kept import MOST_KEPT, Kept
from tempmaild.checks.waiting import side_by_side
from tempmaild.core.client_name import literal_address, looks_like_host
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.kept import Asking
    from tempmaild.checks.mail import Examined
    from tempmaild.core.verdict import State

    IpAddress = IPv4Address | IPv6Address

MOST_NAMES: Final = 10
"""Names of one address that are looked at; nobody has more with good reason (RFC 7208 §4.6.4 has the same bound)."""
_STATES: Final[dict[str, State]] = {"fail": "bad", "permerror": "bad", "temperror": "failed"}
"""What the results come to; the others are fine."""
_NO_NAME: Final = Refusal("5.7.25", "Your address has no name in DNS that leads back to it")  # RFC 7372 §3.2
_BAD_HELO: Final = Refusal("5.7.1", "The name in your HELO is no name of a host in DNS")


class Client:
    """Looks up a client's names."""

    def __init__(self, resolver: Resolver) -> None:
        self._kept: Kept[Report] = Kept(resolver, MOST_KEPT)

    async def examine(self, examined: Examined) -> Report:
        """Tell whether the names are those of a host."""
        mail = examined.mail
        if not mail.outside_client:
            return Report()
        names = mail.client, mail.helo
        return await self._kept.outcome(names, lambda asking: _Names(asking).report(*names))


class _Names:
    """What DNS says of one client's names."""

    def __init__(self, resolver: Asking) -> None:
        self._resolver = resolver

    async def report(self, client: str, helo: str) -> Report:
        """Judge the names."""
        address = _address(client)
        findings = await side_by_side(self._iprev(address), self._helo(helo, address))
        iprev = findings[0]
        states = {_STATES.get(finding.result, "fine") for finding in findings}
        if "bad" in states:
            refusal = _BAD_HELO if _STATES.get(iprev.result) != "bad" else _NO_NAME
            return Report("bad", tuple(findings), refusal=refusal)
        return Report("failed" if "failed" in states else "fine", tuple(findings))

    async def _iprev(self, address: IpAddress) -> Finding:
        """Make the check of RFC 8601 §3."""
        properties = (("policy.iprev", str(address)),)
        try:
            names = await self._resolver.lookup(_pointer(address), "PTR")
        except NoSuchName:
            names = ()
        except LookupFailed:
            return Finding("iprev", "temperror", properties)
        if not names:
            return Finding("iprev", "permerror", properties, "the address has no name")
        result, name = await self._confirmed(names[:MOST_NAMES], address)
        return Finding("iprev", result, properties, name)

    async def _confirmed(self, names: Iterable[str], address: IpAddress) -> tuple[str, str]:
        """Give the result of RFC 8601 §2.7.3, and the name that leads back to the address, or why there is none."""
        found = failed = False
        for name in names:
            try:
                addresses = await self._addresses(name, address.version)
            except LookupFailed:
                failed = True
                continue
            if address in addresses:
                return "pass", name
            found = found or bool(addresses)
        if failed:
            return "temperror", ""
        return ("fail", "its name has other addresses") if found else ("permerror", "its name has no address")

    async def _helo(self, helo: str, address: IpAddress) -> Finding:
        """See whether the name in HELO is a literal of the address or the name of a host (RFC 5321 §4.1.1.1).

        That the host has other addresses, too, is nothing bad: RFC 5321 §4.1.4 has servers bear it.
        """
        result, reason = await self._judge_helo(helo, address)
        return Finding("x-helo", result, (("smtp.helo", helo),), reason)

    async def _judge_helo(self, helo: str, address: IpAddress) -> tuple[str, str]:
        if helo.startswith("["):
            literal = literal_address(helo)
            if literal is None:
                return "permerror", "it is no address literal"
            return ("pass", "") if literal == address else ("fail", "it is another address")
        if not looks_like_host(helo):
            return "permerror", "it is no full name of a host"
        try:
            addresses = await self._addresses(helo, address.version)
            if not addresses:
                addresses = await self._addresses(helo, 10 - address.version)
        except LookupFailed:
            return "temperror", ""
        if not addresses:
            return "fail", "it has no address"
        return ("pass", "") if address in addresses else ("neutral", "it has other addresses")

    async def _addresses(self, name: str, version: int) -> set[IpAddress]:
        kind: Literal["A", "AAAA"] = "A" if version == 4 else "AAAA"
        try:
            return set(map(_address, await self._resolver.lookup(name, kind)))
        except NoSuchName:
            return set()


@lru_cache(maxsize=8192)
def _address(text: str) -> IpAddress:
    return ipaddress.ip_address(text)


@lru_cache(maxsize=4096)
def _pointer(address: IpAddress) -> str:
    """Give the name under which DNS has the names of an address."""
    return address.reverse_pointer
