"""Domains and mailboxes: made, listed, destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core import naming
from tempmaild.core import secret as secrets
from tempmaild.core.mailbox import Folder, Mailbox
from tempmaild.errors import AddressTaken, NoSuchDomain, NoSuchMailbox
from tempmaild.store.mailboxes import AddDomain, CreateMailbox, DestroyMailbox, RemoveDomain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tempmaild.core.mailbox import Domain
    from tempmaild.core.secret import Randomness
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_ATTEMPTS = 20
"""Made-up names that may be taken before the domain counts as full."""
_SWEEP = 100
"""Mailboxes that are looked up at once when the expired ones are destroyed."""


class NewMailbox(Struct, frozen=True):
    """A mailbox that has just been made, with the secret that nobody can show again."""

    mailbox: Mailbox
    secret: str


class Description(Struct, frozen=True):
    """A mailbox as its operator may see it: how much is in it, never what."""

    mailbox: Mailbox
    expired: bool
    folders: tuple[Folder, ...]


class Purged(Struct, frozen=True):
    """What a purge has destroyed."""

    mailboxes: int
    messages: int


class Mailboxes:
    """The life of domains and mailboxes.

    Args:
        quarantine: seconds for which nobody gets the address of a destroyed mailbox.
    """

    def __init__(
        self, access: Access, queries: Queries, clock: Callable[[], float], random: Randomness, quarantine: int
    ) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._random = random
        self._quarantine = quarantine

    async def add_domain(self, name: str) -> Domain:
        """Take mail for a domain.

        Raises:
            InvalidAddress: the name is no domain name.
            DomainExists: it is there.
        """
        return await self._access.write(AddDomain(addresses.normalise_domain(name)))

    async def domains(self) -> list[Domain]:
        """Give all domains by name."""
        return await self._access.read(self._queries.domains)

    async def remove_domain(self, name: str) -> None:
        """Take no more mail for a domain.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        await self._access.write(RemoveDomain(addresses.normalise_domain(name)))

    async def create(self, address: str, lifetime: int) -> NewMailbox:
        """Make a mailbox with this address, or with a made-up one where only a domain is given.

        Args:
            lifetime: seconds.

        Raises:
            InvalidAddress: it is no address that a mailbox can have.
            NoSuchDomain: the domain is not ours.
            AddressTaken: a mailbox has it, or had it not long ago.
        """
        local_part, at, domain_name = address.rpartition("@")
        domain = await self._access.read(self._queries.domain, addresses.normalise_domain(domain_name))
        if domain is None:
            raise NoSuchDomain(domain_name)
        if at:
            return await self._create(domain, addresses.normalise_local_part(local_part), lifetime)
        for _ in range(_ATTEMPTS):
            try:
                return await self._create(domain, naming.pronounceable(self._random), lifetime)
            except AddressTaken:
                continue
        raise AddressTaken(domain_name)

    async def _create(self, domain: Domain, local_part: str, lifetime: int) -> NewMailbox:
        secret = secrets.generate(self._random)
        expires_at = int(self._clock()) + lifetime
        change = CreateMailbox(domain.id, f"{local_part}@{domain.name}", expires_at, secrets.verifier(secret))
        return NewMailbox(await self._access.write(change), secret)

    async def find(self, address: str) -> Mailbox:
        """Give the mailbox that has this address, though it may have expired.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it.
        """
        mailbox = await self._access.read(self._queries.mailbox, addresses.normalise(address))
        if mailbox is None:
            raise NoSuchMailbox(address)
        return mailbox

    async def describe(self, address: str) -> Description:
        """Tell how a mailbox stands.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it.
        """
        mailbox = await self.find(address)
        folders = await self._access.read(self._queries.folders, mailbox.id)
        return Description(mailbox, self._clock() >= mailbox.expires_at, tuple(folders))

    async def list_all(self, domain_name: str | None = None) -> Iterator[Mailbox]:
        """Give all mailboxes, or those of one domain, in the order in which they were made.

        Raises:
            NoSuchDomain: the domain is not ours.
        """
        if domain_name is None:
            return self._queries.mailboxes()
        domain = await self._access.read(self._queries.domain, addresses.normalise_domain(domain_name))
        if domain is None:
            raise NoSuchDomain(domain_name)
        return self._queries.mailboxes(domain.id)

    async def destroy(self, mailbox: Mailbox) -> int:
        """Destroy a mailbox at once; the number of messages it had.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        until = int(self._clock()) + self._quarantine
        return await self._access.write(DestroyMailbox(mailbox.id, until))

    async def purge(self) -> Purged:
        """Destroy every mailbox whose time is over."""
        mailboxes = messages = 0
        while expired := await self._access.read(self._queries.expired, int(self._clock()), _SWEEP):
            for mailbox in expired:
                try:
                    messages += await self.destroy(mailbox)
                except NoSuchMailbox:
                    continue
                mailboxes += 1
        return Purged(mailboxes, messages)
