"""Mail that arrives: who takes it, and putting it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.core.delivery import Opening, Recipient
from tempmaild.core.lifetime import FOREVER
from tempmaild.core.policy import ROLES
from tempmaild.errors import DomainDisabled, InvalidAddress, MailboxFull, NoSuchDomain, NoSuchMailbox
from tempmaild.service.content import normalised
from tempmaild.store.messages import Deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tempmaild.core.mailbox import Domain
    from tempmaild.service.directory import Directory
    from tempmaild.service.room import Room
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


class Deliveries:
    """Takes mail for the mailboxes of this host; it relays nothing and sends nothing back."""

    def __init__(
        self,
        access: Access,
        queries: Queries,
        directory: Directory,
        clock: Callable[[], float],
        room: Room,
        operator: str,
    ) -> None:
        self._access = access
        self._queries = queries
        self._directory = directory
        self._clock = clock
        self._room = room
        self._operator = operator

    def check_room(self) -> None:
        """Make sure that a message can be taken.

        Raises:
            DiskFull: too little is free.
        """
        self._room.check()

    async def recipient(self, local_part: str, domain_name: str) -> Recipient:
        """Find who takes mail for an address.

        Raises:
            NoSuchDomain: the domain is not ours.
            DomainDisabled: it takes no mail now.
            NoSuchMailbox: the domain is ours, but nobody there has this address.
            MailboxFull: the mailbox holds as many messages as it may.
        """
        domain = await self._directory.find(domain_name)
        if domain is None:
            raise NoSuchDomain(domain_name)
        if not domain.enabled:
            raise DomainDisabled(domain_name)
        try:
            name = addresses.normalise_local_part(local_part)
        except InvalidAddress:
            raise NoSuchMailbox(f"{local_part}@{domain_name}") from None
        address = f"{name}@{addresses.normalise_domain(domain_name)}"
        for candidate in self._candidates(domain, name, address):
            found = await self._access.read(self._queries.recipient, candidate)
            if found and self._clock() < found.expires_at:
                if not await self._access.read(self._queries.has_room, found):
                    raise MailboxFull(address)
                return found
        if domain.kind == "open" and name not in ROLES:
            return self._opening(domain, address)
        raise NoSuchMailbox(address)

    def _candidates(self, domain: Domain, name: str, address: str) -> Iterator[str]:
        """Give the addresses whose mailboxes may take the mail, the likeliest first."""
        yield address
        if name in ROLES:
            yield from filter(None, (domain.policy.operator, self._operator))
        elif domain.kind == "catch-all" and domain.policy.catch_all:
            yield domain.policy.catch_all

    def _opening(self, domain: Domain, address: str) -> Recipient:
        lifetime = self._directory.lifetime(domain)
        return Recipient(
            address,
            mailbox_id=0,
            inbox_id=0,
            expires_at=FOREVER,
            messages=lifetime.messages,
            replaces_oldest=lifetime.when_full == "oldest",
            retention=lifetime.retention,
            opening=Opening(domain.id, addresses.skeleton(address), lifetime),
        )

    async def deliver(self, content: bytes, recipients: Sequence[Recipient]) -> list[Recipient]:
        """Put a message, with all the headers it is to have, into the inboxes of its recipients.

        Returns:
            Who has it now, for good; a mailbox that was destroyed meanwhile is missing.

        Raises:
            DiskFull: the disk is.
            MailboxFull: all the mailboxes are.
            StoreFailed: nothing was stored.
        """
        self._room.check()
        return await self._access.write(Deliver(await normalised(self._access, content), tuple(recipients)))
