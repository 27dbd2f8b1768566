"""Domains: added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.core.policy import Policy
from tempmaild.errors import NoSuchDomain
from tempmaild.store.mailboxes import AddDomain, ChangeDomain, RemoveDomain

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.policy import Kind
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


class Domains:
    """What the operator can do with domains. `actor` is whom the audit log names."""

    def __init__(self, access: Access, queries: Queries) -> None:
        self._access = access
        self._queries = queries

    async def add(
        self, name: str, kind: Kind = "claimed", *, sealed: bool = True, policy: Policy | None = None, actor: str = ""
    ) -> Domain:
        """Take mail for a domain; "*.example.org" stands for all names below that one.

        Raises:
            InvalidAddress: the name is no domain name.
            DomainExists: it is there, or one that looks like it.
            InvalidValue: the policy is impossible.
        """
        name = normalise_pattern(name)
        return await self._access.write(
            AddDomain(name, kind, sealed=sealed and kind != "open", policy=policy or Policy(), actor=actor)
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
        domain = await self._access.read(self._queries.domain, normalise_pattern(name))
        if domain is None:
            raise NoSuchDomain(name)
        return domain

    async def change(self, domain: Domain, actor: str = "") -> Domain:
        """Have kind, sealing, policy and whether it is enabled as `domain` says.

        Raises:
            NoSuchDomain: it was removed.
            InvalidValue: the policy is impossible.
        """
        return await self._access.write(ChangeDomain(domain, actor))

    async def remove(self, name: str, actor: str = "") -> None:
        """Take no more mail for a domain.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        await self._access.write(RemoveDomain(normalise_pattern(name), actor))


def normalise_pattern(name: str) -> str:
    """Give the name of a domain, or "*." and one, in the form under which it is kept.

    Raises:
        InvalidAddress: it is none.
    """
    wildcard = "*." if name.startswith("*.") else ""
    return wildcard + addresses.normalise_domain(name.removeprefix("*."))
