"""Outcomes that are kept as long as DNS says the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tempmaild.checks.client import Client
from tempmaild.checks.dmarc import Dmarc
from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.checks.kept import Asking, Kept
from tests.checks.mails import CLIENT, examined
from tests.checks.test_dmarc import SUFFIXES, dkim
from tests.checks.test_dmarc import examined as from_somebody
from tests.dns_server import SERVFAIL

if TYPE_CHECKING:
    from tests.dns_server import DnsServer, Zones

_TTL = 300


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Names:
    """Keeps how many addresses names have."""

    def __init__(self, resolver: Resolver, most: int = 10) -> None:
        self._resolver = resolver
        self._kept: Kept[int] = Kept(resolver, most)

    async def count(self, *names: str) -> int:
        """Count them; negative where somebody has counted before."""
        known = self._kept.recall(names)
        if known is not None:
            return -known
        asking = Asking(self._resolver)
        count = 0
        for name in names:
            try:
                count += len(await asking.lookup(name, "A"))
            except (NoSuchName, LookupFailed):
                continue
        self._kept.keep(names, count, asking)
        return count


ZONES: Zones = {
    "a.example": {"A": ["192.0.2.1"]},
    "b.example": {"A": ["192.0.2.1", "192.0.2.2"]},
    "c.example": SERVFAIL,
}


def counted(dns: DnsServer, *steps: tuple[str, ...] | float, most: int = 10) -> list[int]:
    """Count the addresses of names; meanwhile seconds pass."""
    clock = _Clock()

    async def main() -> list[int]:
        names = _Names(Resolver([dns.address], clock=clock), most)
        found = []
        for step in steps:
            if isinstance(step, tuple):
                found.append(await names.count(*step))
            else:
                clock.now += step
        return found

    dns.zones = ZONES
    return asyncio.run(main())


def test_an_outcome_is_kept_as_long_as_all_its_answers(dns: DnsServer) -> None:
    both, first, second = ("a.example", "b.example"), ("a.example",), ("b.example",)
    assert counted(dns, both, both, first, first, second) == [3, -3, 1, -1, 2]
    assert counted(dns, first, _TTL - 1, second, both, both, 2, both, both, second) == [1, 2, 3, -3, 3, -3, -2]


def test_that_there_is_nothing_is_an_answer(dns: DnsServer) -> None:
    names = ("none.example", "a.example")
    assert counted(dns, names, names) == [1, -1]


@pytest.mark.parametrize("name", ["c.example", "ä.example", "a..example"])
def test_what_the_resolver_does_not_tell_for_good_is_not_kept(dns: DnsServer, name: str) -> None:
    names = (name, "a.example")
    assert counted(dns, names, names) == [1, 1]


def test_the_oldest_go_first(dns: DnsServer) -> None:
    a, b, none = ("a.example",), ("b.example",), ("none.example",)
    assert counted(dns, a, b, none, b, a, b, none, most=2) == [1, 2, 0, -2, 1, 2, 0]


class TestChecks:
    """What the checks that keep their outcomes say of the same mail again."""

    def test_client(self, dns: DnsServer) -> None:
        clock = _Clock()
        right: Zones = {"1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.org"]}, "mx.example.org": {"A": [CLIENT]}}

        async def main() -> None:
            check = Client(Resolver([dns.address], clock=clock))
            dns.zones = right
            first = await check.examine(examined())
            count = len(dns.queries)
            assert first.state == "fine"
            assert await check.examine(examined()) == first
            assert (await check.examine(examined(helo="[192.0.2.2]"))).state == "bad"
            assert len(dns.queries) == count
            dns.zones = {}
            clock.now += _TTL + 1
            assert (await check.examine(examined())).state == "bad"

        asyncio.run(main())

    def test_dmarc(self, dns: DnsServer) -> None:
        clock = _Clock()

        async def main() -> None:
            check = Dmarc(Resolver([dns.address], clock=clock), SUFFIXES, 5)
            dns.zones = {"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}}
            signed = from_somebody(dkim=dkim(("pass", "example.com")))
            first = await check.examine(signed)
            assert first.state == "fine"
            assert (await check.examine(from_somebody())).state == "bad"
            count = len(dns.queries)
            assert await check.examine(signed) == first
            assert (await check.examine(from_somebody())).state == "bad"
            assert len(dns.queries) == count
            dns.zones = {}
            clock.now += _TTL + 1
            assert (await check.examine(from_somebody())).state == "fine"

        asyncio.run(main())
