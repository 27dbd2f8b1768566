"""Whether DNS leads mail here, and others believe that this host is what it says."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.core.dns_records import records
from tempmaild.core.plural import counted
from tempmaild.service.domain_check import check
from tempmaild.setup.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tempmaild.service.domain_check import Result
    from tempmaild.settings import Settings

_CACHE_BYTES = 2**20
_MOST_DOMAINS = 100
"""Each takes seconds where DNS is slow; who has more sees the rest in the console."""


def examine(settings: Settings, domains: Sequence[str]) -> Iterator[Finding]:
    """Ask about this host and its domains."""
    yield from asyncio.run(_reverse(settings))
    for domain in domains[:_MOST_DOMAINS]:
        wanted = [record for record in records(domain, settings) if record.need != "may"]
        wrong = [result for result in check(wanted, settings.host.name, settings.dns) if result.state != "fine"]
        yield from map(_told, wrong)
        if not wrong:
            yield Finding("fine", domain, "its records are in DNS")
    if len(domains) > _MOST_DOMAINS:
        left = counted(len(domains) - _MOST_DOMAINS, "further domain was", "further domains were")
        yield Finding("note", "DNS", f"{left} not looked at")


def _told(result: Result) -> Finding:
    record = result.record
    if result.state == "unknown":
        return Finding("warning", record.name, f"DNS does not tell its {record.kind} record", "try again")
    text = f"its {record.kind} record is missing"
    if result.state == "different":
        text = f"its {record.kind} record is {', '.join(result.found)}"
    value = record.line if record.value else f"{record.name}. IN {record.kind} with the public address of this host"
    return Finding("error" if record.need == "must" else "warning", record.name, text, f"publish: {value}")


async def _reverse(settings: Settings) -> list[Finding]:
    """See that the addresses of this host lead back to its name: many mail hosts look at that."""
    dns, host = settings.dns, settings.host.name
    resolver = Resolver(dns.servers, query_seconds=dns.query_seconds, seconds=dns.seconds, cache_bytes=_CACHE_BYTES)
    try:
        addresses = [*await _values(resolver, host, "A"), *await _values(resolver, host, "AAAA")]
        return [await _one(resolver, address, host) for address in addresses]
    except LookupFailed as error:
        return [Finding("warning", "DNS", f"it does not answer: {error}", "look at /etc/resolv.conf or dns.servers")]
    finally:
        await resolver.close()


async def _one(resolver: Resolver, address: str, host: str) -> Finding:
    pointer = ip_address(address).reverse_pointer
    names = await _values(resolver, pointer, "PTR")
    if host in names:
        return Finding("fine", address, f"it leads back to {host}")
    text = f"it leads back to {', '.join(names[:3])}" if names else "it leads back to no name"
    remedy = f"have whoever gave you the address publish: {pointer}. IN PTR {host}."
    # We send no mail, so that this costs none; but it tells others whose address it is.
    return Finding("note", address, text, remedy)


async def _values(resolver: Resolver, name: str, kind: str) -> tuple[str, ...]:
    try:
        return tuple(str(value) for value in await resolver.lookup(name, kind))
    except NoSuchName:
        return ()
