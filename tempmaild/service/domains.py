"""Domains: added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tempmaild.core import address as addresses
from tempmaild.core.policy import Policy
from tempmaild.errors import InvalidValue, NoSuchDomain
from tempmaild.store.mailboxes import AddDomain, ChangeDomain, RemoveDomain

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.policy import Kind
    from tempmaild.service.directory import Directory
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


class Domains:
    """What the operator can do with domains. `actor` is whom the audit log names."""

    def __init__(self, access: Access, queries: Queries, directory: Directory) -> None:
        self._access = access
        self._queries = queries
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
                raise InvalidValue(field, f"{address} is not on this host")
        return policy
