"""What a daemon asks others: clamd, DNS, and the block lists. It may take seconds, in a thread of its own."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tempmaild import log
from tempmaild.checks.blocklists import Blocklists
from tempmaild.checks.clamav import days_of_signatures
from tempmaild.checks.clamd_client import VERSION, Clamd, ClamdFailed, printable
from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.core.health import Finding
from tempmaild.settings import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tempmaild.core.health import State, Values
    from tempmaild.settings import Address, Settings

_SECONDS = 10
"""What clamd may take for a word; one that is loading signatures says nothing for long."""
_CACHE_BYTES = 2**20
_SIGNATURES_WARNING, _SIGNATURES_PROBLEM = 2, 7
"""Days; there are new ones every day."""
_SLOW_SECONDS = 2.0
"""After which an answer of DNS comes too late for most checks."""
_ELSEWHERE = "org"
"""A name that DNS has, whatever has become of ours."""
_MOST_ADDRESSES = 16
"""Of this host; each is a question or two to every list."""
_LISTS_SECONDS = 60


def of_clamd(settings: Settings, now: float) -> Finding:
    """Tell whether mail is scanned, and with signatures of these days; `now` in UTC epoch seconds."""
    clamav = settings.clamav
    if not (settings.checks.enabled and clamav.enabled):
        return Finding("clamd", "fine", "Mail is not scanned for malware: the settings say so.")
    if clamav.address is None:
        text = "Mail is not scanned for malware: there is no clamd."
        advice = "apt install clamav-daemon, and `tempmaild setup --clamd unix:/run/clamav/clamd.ctl`"
        return Finding("clamd", "warning", text, advice)
    try:
        version = asyncio.run(_version(clamav.address))
    except (ClamdFailed, TimeoutError) as error:
        values: Values = {"address": str(clamav.address), "error": str(error) or "no answer in time"}
        text = "It does not answer at %(address)s: %(error)s"
        if clamav.failing == "later":
            advice = "systemctl status clamav-daemon; until then senders are asked to come back"
            return Finding("clamd", "problem", text, advice, values)
        advice = "systemctl status clamav-daemon; until then mail is taken without being scanned"
        return Finding("clamd", "problem", text, advice, values)
    return of_signatures(version, now)


def of_signatures(version: str, now: float) -> Finding:
    """Tell how old signatures are, from clamd's reply to VERSION."""
    days, advice = days_of_signatures(version, now), "systemctl status clamav-freshclam"
    if days is None:
        text = "Nobody knows how old its signatures are (%(version)s)."
        return Finding("clamd", "warning", text, advice, {"version": printable(version)})
    if days < _SIGNATURES_WARNING:
        return Finding("clamd", "fine", "It answers, with signatures of these days.")
    state: State = "warning" if days < _SIGNATURES_PROBLEM else "problem"
    return Finding("clamd", state, "Its signatures are %(days)s days old.", advice, {"days": days})


def of_dns(settings: Settings) -> Finding:
    """Tell whether DNS answers, where somebody needs it."""
    if not settings.checks.enabled:
        return Finding("DNS", "fine", "It is not asked: the settings say that mail is not checked.")
    return asyncio.run(_dns(settings))


def of_own_addresses(settings: Settings, listening: Iterable[Address]) -> list[Finding]:
    """Tell whether block lists have this host: whoever it writes to by other programs may refuse its mail.

    Args:
        listening: the addresses that are listened on.
    """
    if not settings.blocklists.dnsbl:
        return []
    return asyncio.run(_own_addresses(settings, listening))


async def _version(address: Address) -> str:
    clamd = Clamd(address, 1)
    try:
        async with asyncio.timeout(_SECONDS):
            (version,) = await clamd.ask([VERSION])
    finally:
        clamd.close()
    return version


def _resolver(settings: Settings) -> Resolver:
    dns = settings.dns
    return Resolver(dns.servers, query_seconds=dns.query_seconds, seconds=dns.seconds, cache_bytes=_CACHE_BYTES)


async def _dns(settings: Settings) -> Finding:
    resolver, begun = _resolver(settings), time.monotonic()
    advice = "look at /etc/resolv.conf or dns.servers; best is a resolver on this host (apt install unbound)"
    try:
        if not await _answers(resolver, settings.host.name, "A"):
            begun = time.monotonic()
            if not await _answers(resolver, _ELSEWHERE, "NS"):
                return Finding("DNS", "problem", "It does not answer, and so most checks of mail fail.", advice)
            text = "It answers, but cannot find out about %(host)s."
            values: Values = {"host": settings.host.name}
            return Finding("DNS", "warning", text, "look whether the name servers of its domain answer", values)
    finally:
        await resolver.close()
    taken = time.monotonic() - begun
    values = {"milliseconds": int(1000 * taken)}
    slow = taken >= _SLOW_SECONDS
    text = "It answers within %(milliseconds)s ms."
    return Finding("DNS", "warning" if slow else "fine", text, advice if slow else "", values)


async def _answers(resolver: Resolver, name: str, kind: str) -> bool:
    try:
        await resolver.lookup(name, kind)
    except NoSuchName:
        return True
    except LookupFailed:
        return False
    return True


async def _own_addresses(settings: Settings, listening: Iterable[Address]) -> list[Finding]:
    resolver = _resolver(settings)
    try:
        addresses = settings.alerts.own_addresses or await _public_addresses(resolver, settings.host.name, listening)
        lists = Blocklists(resolver, settings.blocklists.dnsbl, (), log.get_log("health"))
        async with asyncio.timeout(_LISTS_SECONDS):
            return [await _one(lists, address) for address in addresses[:_MOST_ADDRESSES]]
    except TimeoutError:
        return [Finding("block lists", "unknown", "They have not answered in time.")]
    finally:
        await resolver.close()


async def _public_addresses(resolver: Resolver, host: str, listening: Iterable[Address]) -> list[str]:
    """Give the addresses of this host that others see."""
    found = [address.host for address in listening if isinstance(address, TcpAddress)]
    for kind in ("A", "AAAA"):
        try:
            found += [str(value) for value in await resolver.lookup(host, kind)]
        except (NoSuchName, LookupFailed):
            continue
    return [address for address in dict.fromkeys(found) if ip_address(address).is_global]


async def _one(lists: Blocklists, address: str) -> Finding:
    name = f"address {address}"
    told = await lists.of_address(address)
    listed = [finding for finding in told if finding.result == "fail"]
    if listed:
        zones = [dict(finding.properties)["dns.zone"] for finding in listed]
        reasons = [finding.reason for finding in listed if finding.reason]
        values: Values = {"zones": ", ".join(zones), "reasons": "; ".join(reasons) or "-"}
        text = "It is listed by %(zones)s, so that others may refuse what this host sends. They say: %(reasons)s"
        advice = "find out why (an open relay? broken into?), and then ask for delisting there: %(zones)s"
        return Finding(name, "problem", text, advice, values)
    if told:
        values = {"zones": ", ".join(dict(finding.properties)["dns.zone"] for finding in told)}
        return Finding(name, "unknown", "These lists do not tell: %(zones)s.", "see docs/blocklists.md", values)
    return Finding(name, "fine", "No list has it.")
