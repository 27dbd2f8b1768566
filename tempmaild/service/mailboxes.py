"""Mailboxes: made, listed, destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core import naming, receipt
from tempmaild.core import secret as secrets
from tempmaild.core.mailbox import Folder, Mailbox
from tempmaild.core.sealing import new_key_pair, wrap
from tempmaild.errors import AddressTaken, DomainDisabled, NoSuchDomain, NoSuchMailbox
from tempmaild.store.mailboxes import CreateMailbox, DestroyMailbox, EndLifetime, NewCredential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tempmaild.core.lifetime import Lifetime
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.secret import Randomness
    from tempmaild.service.directory import Directory
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_ATTEMPTS = 20
"""Made-up names that may be taken before the domain counts as full."""
_AT_ONCE = 500
"""Messages that are deleted at once, so that others need not wait long for the writer."""
_SWEEP = 100
"""Mailboxes that are looked up at once when the expired ones are destroyed."""


class NewMailbox(Struct, frozen=True):
    """A mailbox that has just been made, with what nobody can show again.

    Attributes:
        secret: opens it; the chosen password where there is one.
        receipt_id: asks for the proof of its destruction, once it is destroyed.
    """

    mailbox: Mailbox
    secret: str
    receipt_id: str


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
    """The life of mailboxes.

    Args:
        quarantine: seconds for which nobody gets the address of a destroyed mailbox.
    """

    def __init__(
        self,
        access: Access,
        queries: Queries,
        directory: Directory,
        clock: Callable[[], float],
        random: Randomness,
        quarantine: int,
    ) -> None:
        self._access = access
        self._queries = queries
        self._directory = directory
        self._clock = clock
        self._random = random
        self._quarantine = quarantine

    async def create(self, address: str, lifetime: Lifetime | None = None) -> NewMailbox:
        """Make a mailbox with this address, or with a made-up one where only a domain is given.

        Args:
            lifetime: None for what the domain says.

        Raises:
            InvalidAddress: it is no address that a mailbox can have.
            InvalidValue: the lifetime is impossible.
            NoSuchDomain: the domain is not ours.
            DomainDisabled: it gets no mailboxes now.
            AddressTaken: a mailbox has it, or had it not long ago.
        """
        local_part, at, domain_name = address.rpartition("@")
        domain_name = addresses.normalise_domain(domain_name)
        domain = await self._directory.find(domain_name)
        if domain is None:
            raise NoSuchDomain(domain_name)
        if not domain.enabled:
            raise DomainDisabled(domain_name)
        lifetime = lifetime or self._directory.lifetime(domain)
        lifetime.check()
        if at:
            local_part = addresses.normalise_local_part(local_part)
            return await self._create(domain, f"{local_part}@{domain_name}", lifetime)
        for _ in range(_ATTEMPTS):
            try:
                local_part = naming.pronounceable(self._random)
                return await self._create(domain, f"{local_part}@{domain_name}", lifetime)
            except AddressTaken:
                continue
        raise AddressTaken(domain_name)

    async def _create(self, domain: Domain, address: str, lifetime: Lifetime) -> NewMailbox:
        secret, receipt_id = secrets.generate(self._random), secrets.generate(self._random)
        keys = secrets.keys_of_code(secret)
        public_key = wrapped = None
        if domain.sealed:
            pair = new_key_pair(self._random)
            public_key, wrapped = pair.public, wrap(pair.private, keys.wrapping_key, pair.public)
        change = CreateMailbox(
            domain.id,
            address,
            lifetime,
            NewCredential(keys.verifier, wrapped=wrapped),
            skeleton=addresses.skeleton(address),
            public_key=public_key,
            receipt=(receipt.lookup(receipt_id), receipt.subject(receipt_id, address)),
        )
        return NewMailbox(await self._access.write(change), secret, receipt_id)

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
        domain = await self._directory.find(addresses.normalise_domain(domain_name))
        if domain is None:
            raise NoSuchDomain(domain_name)
        return self._queries.mailboxes(domain.id)

    async def destroy(self, mailbox: Mailbox, actor: str = "") -> int:
        """Destroy a mailbox at once; the number of messages it had.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        await self._access.write(EndLifetime((mailbox.id,)))
        domain = await self._directory.by_id(mailbox.domain_id)
        # Everybody knows the names of an open domain, and their mail is everybody's.
        quarantine = 0 if domain and domain.kind == "open" else self._quarantine
        until = int(self._clock()) + quarantine
        while (messages := await self._access.write(DestroyMailbox(mailbox.id, until, actor, _AT_ONCE))) is None:
            pass
        return messages

    async def purge(self, actor: str = "") -> Purged:
        """Destroy every mailbox whose time is over."""
        mailboxes = messages = 0
        while expired := await self._access.read(self._queries.expired, int(self._clock()), _SWEEP):
            for mailbox in expired:
                try:
                    messages += await self.destroy(mailbox, actor)
                except NoSuchMailbox:
                    continue
                mailboxes += 1
        return Purged(mailboxes, messages)
