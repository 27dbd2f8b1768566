"""The operator's rules about senders and clients: editing them, and finding the one that holds."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.core.block_rule import HARDNESS, BlockRule, domain_key, helo_key, sender_key
from tempmaild.core.limit import networks_around, parse_address
from tempmaild.errors import NoSuchBlockRule, StoreFailed
from tempmaild.store.block_rules import AddBlockRules, RemoveBlockRule
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tempmaild.core.block_rule import Kind
    from tempmaild.notify.hub import Hub
    from tempmaild.store.access import Access
    from tempmaild.store.block_rules import BlockRuleQueries, Key, Wanted


class BlockRules:
    """The operator's rules; what others change is known within a second. `actor` is whom the audit log names.

    Who calls `check` awaits `refresh` before, once for a message. It is awaited before the first client comes, too:
    who asks while others wait for the database gets what was known before.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(self, access: Access, queries: BlockRuleQueries, hub: Hub, clock: Callable[[], float]) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._version = -1
        self._doubtful = True
        self._book = Rulebook(())
        hub.watch(SETTINGS, self._doubt)

    async def add(self, rules: Iterable[BlockRule], actor: str = "") -> list[BlockRule]:
        """Have all these rules, or none; those that there are about the same give way. As they are kept.

        Raises:
            InvalidValue: there can be no such rule, or not so many.
        """
        # Of two about the same the last one holds.
        wanted = {(rule.kind, rule.subject, rule.domain): rule for rule in (rule.normalised() for rule in rules)}
        kept = list(wanted.values())
        if kept:
            await self._access.write(AddBlockRules(tuple(kept), actor))
        return kept

    async def remove(self, kind: Kind, subject: str, domain: str = "", actor: str = "") -> None:
        """Have a rule no more.

        Raises:
            InvalidValue: there can be no such rule.
            NoSuchBlockRule: there is none.
        """
        rule = BlockRule(kind, subject, domain=domain).normalised()
        await self._access.write(RemoveBlockRule(kind, rule.subject, rule.domain, actor))

    async def list_all(self) -> list[BlockRule]:
        """Give the rules that hold now, by kind and subject."""
        return await self._access.read_long(self._queries.rules, int(self._clock()))

    async def page(self, wanted: Wanted, after: Key | None, most: int) -> list[BlockRule]:
        """Give up to `most` rules that hold now, in an order of the database.

        Args:
            after: kind, subject and domain of the last rule of the page before; None for the first page.
        """
        part = wanted.part.strip().lower()
        now = int(self._clock())
        return await self._access.read_long(self._queries.page, wanted._replace(part=part), now, after, most)

    async def count(self) -> int:
        """Give how many rules there are."""
        return await self._access.read(self._queries.count)

    async def get(self, kind: Kind, subject: str, domain: str = "") -> BlockRule:
        """Give the rule about this.

        Raises:
            InvalidValue: there can be no such rule.
            NoSuchBlockRule: there is none, or no longer.
        """
        wanted = BlockRule(kind, subject, domain=domain).normalised()
        for rule in await self._access.read(self._queries.about, {kind: [wanted.subject]}, int(self._clock())):
            if rule.domain == wanted.domain:
                return rule
        raise NoSuchBlockRule(f"{kind} {subject}")

    async def foresee(
        self, client: str, helo: str, sender: str, domain: str
    ) -> tuple[BlockRule | None, list[BlockRule]]:
        """Tell what would hold for a recipient, without having all rules in memory.

        Args:
            client: its IP address; the others as for `check`. "" for what nothing is known of.

        Returns:
            The rule that would hold, if there is one, and all that are about any of these.

        Raises:
            InvalidValue: the client's address is none.
        """
        subjects: dict[Kind, list[str]] = {}
        if client:
            subjects["network"] = networks_around(parse_address(client))
        if helo:
            subjects["helo"] = list(_names_upwards(helo_key(helo)))
        if sender:
            subjects["address"] = [sender_key(sender)]
            subjects["domain"] = list(_names_upwards(domain_key(sender.rpartition("@")[2])))
        rules = await self._access.read(self._queries.about, subjects, int(self._clock()))
        return Rulebook(rules).find(client, helo, sender, domain, self._clock), rules

    async def refresh(self) -> None:
        """Have `check` know what was changed; costs nothing while nothing was.

        While the database does not answer, what was known last holds.
        """
        if not self._doubtful:
            return
        # What changes while this reads is read again.
        self._doubtful = False
        try:
            version = await self._access.read(self._queries.version)
            if version == self._version:
                return
            book = await self._access.read_long(self._read_book)
        except StoreFailed:
            self._doubtful = True
            return
        # Two may read at the same time; the one that began first may be the last to get here.
        if version > self._version:
            self._version, self._book = version, book

    def check(self, client: str, helo: str, sender: str, domain: str) -> BlockRule | None:
        """Give the rule that holds for a recipient, if there is one; takes a few microseconds.

        Of several, one that allows comes before one that refuses, and that before one that says junk.

        Args:
            client: its IP address, "" for a Unix socket.
            helo: the name that it gives itself.
            sender: of MAIL FROM, "" for the null reverse-path.
            domain: of the recipient, as domains of ours are kept.
        """
        return self._book.find(client, helo, sender, domain, self._clock)

    def _read_book(self) -> Rulebook:
        return Rulebook(self._queries.rules(int(self._clock())))

    def _doubt(self) -> None:
        self._doubtful = True


class Rulebook:
    """Rules in memory: a look-up for an address, for each label of a name, and for each size of network."""

    def __init__(self, rules: Iterable[BlockRule]) -> None:
        self._named: dict[Kind, dict[str, tuple[BlockRule, ...]]] = {"address": {}, "domain": {}, "helo": {}}
        self._networks: dict[tuple[int, int], dict[int, tuple[BlockRule, ...]]] = {}
        for rule in rules:
            if rule.kind == "network":
                self._add_network(rule)
            else:
                named = self._named[rule.kind]
                named[rule.subject] = (*named.get(rule.subject, ()), rule)

    def _add_network(self, rule: BlockRule) -> None:
        network = ipaddress.ip_network(rule.subject)
        host_bits = network.max_prefixlen - network.prefixlen
        of_this_size = self._networks.setdefault((network.version, host_bits), {})
        number = int(network.network_address) >> host_bits
        of_this_size[number] = (*of_this_size.get(number, ()), rule)

    def find(self, client: str, helo: str, sender: str, domain: str, clock: Callable[[], float]) -> BlockRule | None:
        """Give the hardest of the rules that hold now; `BlockRules.check` says what the arguments are."""
        found = None
        for rule in self._about(client, helo, sender):
            if rule.domain and not addresses.covers(rule.domain, domain):
                continue
            if rule.until and rule.until <= clock():
                continue
            if found is None or HARDNESS[rule.action] > HARDNESS[found.action]:
                found = rule
        return found

    def _about(self, client: str, helo: str, sender: str) -> Iterator[BlockRule]:
        """Give the rules about any of these."""
        if client and self._networks:
            version, number = _numbers(client)
            for (other, host_bits), networks in self._networks.items():
                if other == version:
                    yield from networks.get(number >> host_bits, ())
        if helo and self._named["helo"]:
            yield from _upwards(self._named["helo"], helo_key(helo))
        if sender:
            if self._named["address"]:
                yield from self._named["address"].get(sender_key(sender), ())
            if self._named["domain"]:
                yield from _upwards(self._named["domain"], domain_key(sender.rpartition("@")[2]))


def _upwards(named: dict[str, tuple[BlockRule, ...]], name: str) -> Iterator[BlockRule]:
    """Give the rules about a name, and about those above it."""
    for each in _names_upwards(name):
        yield from named.get(each, ())


def _names_upwards(name: str) -> Iterator[str]:
    """Give a name, and those above it."""
    while True:
        yield name
        _, dot, name = name.partition(".")
        if not dot:
            return


@lru_cache(maxsize=4096)
def _numbers(address: str) -> tuple[int, int]:
    """Give the version of an IP address, and the address as a number."""
    ip = ipaddress.ip_address(address)
    return ip.version, int(ip)
