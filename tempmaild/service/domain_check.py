"""Whether the records of a domain are in DNS, asked at this moment: no answer is remembered from before."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.core.address import WILDCARD
from tempmaild.core.dns_records import Record, State, judge, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.dns_message import Value
    from tempmaild.settings.checks import Dns

SECONDS = 8
"""How long a check may take; somebody waits for it. One question may take 5, and few depend on others."""
_CACHE_BYTES = 2**20
"""Far more than the answers of one check."""
_SHOWN = 10
"""Values that are shown of one name."""


class Result(Struct, frozen=True):
    """What DNS has in the place of a record.

    Attributes:
        asked: the name that was asked for; another than the record's where that is "*.".
        found: what is there, as text of strangers in printable ASCII.
    """

    record: Record
    state: State
    asked: str
    found: tuple[str, ...] = ()


def check(records: Sequence[Record], host: str, settings: Dns, seconds: float = SECONDS) -> list[Result]:
    """Look for all records at once; waits for the answers, in this thread, but not longer than that.

    Args:
        host: the name of this host.
    """
    return asyncio.run(_check(records, host, settings, seconds))


async def _check(records: Sequence[Record], host: str, settings: Dns, seconds: float) -> list[Result]:
    resolver = Resolver(
        settings.servers, query_seconds=settings.query_seconds, seconds=settings.seconds, cache_bytes=_CACHE_BYTES
    )
    lookups = _Lookups(resolver, host)
    tasks = [asyncio.create_task(lookups.result(record)) for record in records]
    try:
        await asyncio.wait(tasks, timeout=seconds)
        return [
            task.result() if task.done() else Result(record, "unknown", lookups.asked(record))
            for task, record in zip(tasks, records, strict=True)
        ]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await resolver.close()


class _Lookups:
    """What is asked for each kind of record.

    Args:
        host: the name of this host.
    """

    def __init__(self, resolver: Resolver, host: str) -> None:
        self._resolver = resolver
        self._host = host
        # Nobody has a record of this very name, so that what is found holds for any other one, too.
        self._label = f"tempmaild-{secrets.token_hex(6)}"

    def asked(self, record: Record) -> str:
        """Give the name that is asked for."""
        if not record.name.startswith(WILDCARD):
            return record.name
        name = f"{self._label}.{record.name.removeprefix(WILDCARD)}"
        return f"_dmarc.{name}" if record.purpose == "dmarc" else name

    async def result(self, record: Record) -> Result:
        """Ask about one record."""
        name = self.asked(record)
        try:
            values = await self._values(record, name)
        except LookupFailed:
            return Result(record, "unknown", name)
        if record.purpose == "address" and (alias := await self._values_of(name, "CNAME")):
            # RFC 2181 §10.3: the host of an MX record has no alias.
            return Result(record, "different", name, tuple(f"CNAME {target}" for target in shown(alias)))
        return Result(record, judge(record, values), name, shown(values[:_SHOWN]))

    async def _values(self, record: Record, name: str) -> Sequence[Value]:
        if record.purpose == "below":
            return await self._leading_here(name)
        if record.purpose == "caa":
            return await self._nearest(name, record.kind)
        if record.kind == "CNAME":
            # Address records in its place are as good.
            return await self._addresses(name)
        return await self._values_of(name, record.kind)

    async def _values_of(self, name: str, kind: str) -> Sequence[Value]:
        try:
            return await self._resolver.lookup(name, kind)
        except NoSuchName:
            return ()

    async def _addresses(self, name: str) -> Sequence[Value]:
        return [*await self._values_of(name, "A"), *await self._values_of(name, "AAAA")]

    async def _leading_here(self, name: str) -> Sequence[Value]:
        """Give what makes senders bring mail for a name here (RFC 5321 §5.1)."""
        exchanges = await self._values_of(name, "MX")
        if exchanges:
            return [exchange for exchange in exchanges if exchange[1] == self._host]
        ours = await self._addresses(self._host)
        return [address for address in await self._addresses(name) if address in ours]

    async def _nearest(self, name: str, kind: str) -> Sequence[Value]:
        """Give the values of the name, or of the next one above it that has some (RFC 8659 §3)."""
        while "." in name:
            if values := await self._values_of(name, kind):
                return values
            name = name.partition(".")[2]
        return ()
