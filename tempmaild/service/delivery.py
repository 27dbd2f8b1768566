"""Mail that arrives: who takes it, and putting it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.errors import InvalidAddress, NoSuchDomain, NoSuchMailbox
from tempmaild.service.content import normalised
from tempmaild.store.messages import Deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.service.room import Room
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


class Deliveries:
    """Takes mail for the mailboxes of this host; it relays nothing and sends nothing back."""

    def __init__(self, access: Access, queries: Queries, clock: Callable[[], float], room: Room) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._room = room

    def check_room(self) -> None:
        """Make sure that a message can be taken.

        Raises:
            DiskFull: too little is free.
        """
        self._room.check()

    async def recipient(self, local_part: str, domain: str) -> Recipient:
        """Find who takes mail for an address.

        Raises:
            NoSuchDomain: the domain is not ours.
            NoSuchMailbox: the domain is ours, but nobody there has this address.
        """
        try:
            address = f"{addresses.normalise_local_part(local_part)}@{addresses.normalise_domain(domain)}"
        except InvalidAddress:
            address = ""
        found = await self._access.read(self._queries.recipient, address) if address else None
        if found and self._clock() < found.expires_at:
            return found
        await self._check_domain(domain)
        raise NoSuchMailbox(f"{local_part}@{domain}")

    async def deliver(self, content: bytes, recipients: Sequence[Recipient]) -> list[Recipient]:
        """Put a message, with all the headers it is to have, into the inboxes of its recipients.

        Returns:
            Who has it now, for good; a mailbox that was destroyed meanwhile is missing.

        Raises:
            DiskFull: the disk is.
            StoreFailed: nothing was stored.
        """
        self._room.check()
        return await self._access.write(Deliver(await normalised(self._access, content), tuple(recipients)))

    async def _check_domain(self, domain: str) -> None:
        try:
            known = await self._access.read(self._queries.domain, addresses.normalise_domain(domain))
        except InvalidAddress:
            known = None
        if known is None:
            raise NoSuchDomain(domain)
