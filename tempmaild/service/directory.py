"""The domains, in memory: every recipient and every login asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.core.policy import usual_lifetime
from tempmaild.errors import InvalidAddress, StoreFailed
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from tempmaild.core.lifetime import Lifetime
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.policy import Kind
    from tempmaild.notify.hub import Hub
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_WILDCARD = addresses.WILDCARD


class Directory:
    """All domains by name and id; what others change is known within a second.

    Attributes:
        usual_seconds: how long a new mailbox lives, where its domain says nothing else.
    """

    def __init__(self, access: Access, queries: Queries, hub: Hub, usual_seconds: int) -> None:
        self.usual_seconds = usual_seconds
        self._access = access
        self._queries = queries
        self._version = -1
        self._doubtful = True
        self._by_name: dict[str, Domain] = {}
        self._wildcards: dict[str, Domain] = {}
        self._by_id: dict[int, Domain] = {}
        hub.watch(SETTINGS, self._doubt)

    async def find(self, name: str) -> Domain | None:
        """Give the domain whose mail for this name is taken: the one of the name, or the nearest wildcard above it.

        `name` may be as somebody has written it.
        """
        if self._doubtful:
            await self._look_again()
        domain = self._by_name.get(name)
        if domain is not None:
            return domain
        try:
            name = addresses.normalise_domain(name)
        except InvalidAddress:
            return None
        domain = self._nearest(name)
        if domain is None:
            # It may have been added this very moment.
            await self._look_again()
            domain = self._nearest(name)
        return domain

    async def by_id(self, domain_id: int) -> Domain | None:
        """Give the domain of this id."""
        if self._doubtful or domain_id not in self._by_id:
            await self._look_again()
        return self._by_id.get(domain_id)

    def lifetime(self, domain: Domain) -> Lifetime:
        """Give the lifetime of a new mailbox of this domain, if nobody asks for another."""
        return domain.policy.lifetime or self.usual_lifetime(domain.kind, domain.policy.longest)

    def usual_lifetime(self, kind: Kind, longest: int = 0) -> Lifetime:
        """Give the lifetime of a new mailbox of a domain that says no more of it than how long it may be at most."""
        return usual_lifetime(kind, min(self.usual_seconds, longest or self.usual_seconds))

    def _nearest(self, name: str) -> Domain | None:
        domain = self._by_name.get(name)
        while domain is None and "." in name:
            name = name.partition(".")[2]
            domain = self._wildcards.get(name)
        return domain

    def _doubt(self) -> None:
        self._doubtful = True

    async def _look_again(self) -> None:
        # A notice that comes while this waits for the database makes all doubtful again.
        self._doubtful = False
        try:
            version = await self._access.read(self._queries.counter, "settings")
            if version > self._version:
                domains = await self._access.read(self._queries.domains)
        except StoreFailed:
            self._doubtful = True
            raise
        # Two may look at the same time; the one that read first may be the last to get here.
        if version > self._version:
            self._by_name = {d.name: d for d in domains if not d.name.startswith(_WILDCARD)}
            self._wildcards = {d.name.removeprefix(_WILDCARD): d for d in domains if d.name.startswith(_WILDCARD)}
            self._by_id = {domain.id: domain for domain in domains}
            self._version = version
