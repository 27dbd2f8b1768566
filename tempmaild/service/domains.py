"""Domains: added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core.mailbox import Domain
from tempmaild.core.policy import Policy
from tempmaild.errors import InvalidAddress, InvalidValue, NoSuchDomain
from tempmaild.store.domain_list import Amount
from tempmaild.store.domains import AddDomain, ChangeDomain, RemoveDomain

if TYPE_CHECKING:
    from tempmaild.core.policy import Kind
    from tempmaild.service.directory import Directory
    from tempmaild.store.access import Access
    from tempmaild.store.domain_list import DomainQueries
    from tempmaild.store.queries import Queries

_COUNTED = 5000
"""Mailboxes whose messages are counted for one page, or in one go: about 50 ms, for which others wait."""


class Listed(Struct, frozen=True):
    """A domain in the list, and how much is in it.

    Attributes:
        amount: None where counting it would take too long for a list.
    """

    domain: Domain
    mailboxes: int
    amount: Amount | None


class Dependents(Struct, frozen=True):
    """What else goes by the name of a domain, and would be without effect if it were removed.

    Attributes:
        domains: names of others, of which mail goes to a mailbox of this one.
    """

    domains: tuple[str, ...]
    schedules: int
    limits: int
    block_rules: int


class Domains:
    """What the operator can do with domains. `actor` is whom the audit log names."""

    def __init__(self, access: Access, queries: Queries, domain_queries: DomainQueries, directory: Directory) -> None:
        self._access = access
        self._queries = queries
        self._domain_queries = domain_queries
        self._directory = directory

    async def add(
        self, name: str, kind: Kind = "claimed", *, sealed: bool = True, policy: Policy | None = None, actor: str = ""
    ) -> Domain:
        """Take mail for a domain; "*.example.org" stands for all names below that one.

        Raises:
            InvalidAddress: the name is no domain name.
            DomainExists: it is there, or one that looks like it.
            InvalidValue: the policy is impossible.
        """
        name = addresses.normalise_pattern(name)
        policy = await self._checked(name, kind, policy or Policy())
        return await self._access.write(
            AddDomain(name, kind, sealed=sealed and kind != "open", policy=policy, actor=actor)
        )

    async def list_all(self) -> list[Domain]:
        """Give all domains by name."""
        return await self._access.read(self._queries.domains)

    async def page(self, part: str = "", after: str = "", limit: int = 50) -> list[Listed]:
        """Give domains by name, with how much is in them.

        Args:
            part: of their names, as somebody has written it.
            after: the name after which to begin.
            limit: how many at most.
        """
        if not (part + after).isprintable():
            return []  # no name has such characters, and PostgreSQL takes no NUL
        names = await self._access.read(self._domain_queries.names, _as_kept(part), after, limit)
        found = [await self._access.read(self._queries.domain, name) for name in names]
        domains = [domain for domain in found if domain]
        mailboxes = await self.count([domain.id for domain in domains])
        counted, listed = 0, []
        for domain in domains:
            here, amount = mailboxes.get(domain.id, 0), None
            if counted + here <= _COUNTED:
                counted += here
                amount, _ = await self.amount(domain)
            listed.append(Listed(domain, here, amount))
        return listed

    async def count(self, domain_ids: list[int]) -> dict[int, int]:
        """Give how many mailboxes domains have, expired ones included; those that have none are left out."""
        return await self._access.read_long(self._domain_queries.mailboxes, domain_ids)

    async def amount(self, domain: Domain, after: int = 0) -> tuple[Amount, int]:
        """Give how much is in the mailboxes of a domain, in portions, so that nobody waits long.

        Args:
            after: what the portion before gave, 0 for the first one.

        Returns:
            How much is in the mailboxes of this portion, and what to begin the next one with; 0 when it was the last.
        """
        return await self._access.read_long(self._domain_queries.amount, domain.id, after, _COUNTED)

    async def dependents(self, domain: Domain) -> Dependents:
        """Give what else goes by the name of this domain."""
        others = []
        for other in await self.list_all():
            hosts = {address.rpartition("@")[2] for address in (other.policy.catch_all, other.policy.operator)}
            if other.id != domain.id and any(addresses.covers(domain.name, host) for host in hosts):
                others.append(other.name)
        counts = await self._access.read(self._domain_queries.settings_of, domain.name)
        return Dependents(tuple(others), **counts)

    async def get(self, name: str) -> Domain:
        """Give the domain of this very name.

        Raises:
            InvalidAddress: the name is no domain name.
            NoSuchDomain: it is not there.
        """
        domain = await self._access.read(self._queries.domain, addresses.normalise_pattern(name))
        if domain is None:
            raise NoSuchDomain(name)
        return domain

    async def change(self, domain: Domain, actor: str = "") -> Domain:
        """Have kind, sealing, policy and whether it is enabled as `domain` says.

        Raises:
            NoSuchDomain: it was removed.
            DomainInUse: it has mailboxes and would become open, or stop being open.
            InvalidValue: the policy is impossible.
        """
        policy = await self._checked(domain.name, domain.kind, domain.policy)
        sealed = domain.sealed and domain.kind != "open"
        return await self._access.write(
            ChangeDomain(msgspec.structs.replace(domain, sealed=sealed, policy=policy), actor)
        )

    async def remove(self, name: str, actor: str = "") -> None:
        """Take no more mail for a domain.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        await self._access.write(RemoveDomain(addresses.normalise_pattern(name), actor))

    async def _checked(self, name: str, kind: Kind, policy: Policy) -> Policy:
        """Check a policy; the mailboxes that it names need not exist yet, but their domains.

        Raises:
            InvalidValue: it is impossible.
        """
        policy = policy.checked(kind)
        for field in ("catch_all", "operator"):
            address: str = getattr(policy, field)
            host = address.rpartition("@")[2]
            if address and not addresses.covers(name, host) and not await self._directory.find(host):
                raise InvalidValue(field, "%(address)s is not on this host", address=address)
        return policy


def _as_kept(part: str) -> str:
    """Bring a part of a name into the form under which names are kept, as far as it has one."""
    try:
        return addresses.normalise_pattern(part)
    except InvalidAddress:
        return part.lower()
