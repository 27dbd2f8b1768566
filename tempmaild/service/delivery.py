"""Mail that arrives: who takes it, and putting it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tempmaild.core import address as addresses
from tempmaild.core.delivery import Opening, Recipient
from tempmaild.core.lifetime import FOREVER
from tempmaild.core.verdict import UNCHECKED
from tempmaild.errors import DomainDisabled, InvalidAddress, MailboxFull, NoSuchDomain, NoSuchMailbox
from tempmaild.service.content import normalised
from tempmaild.store.arriving import Deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tempmaild.core.mailbox import Domain
    from tempmaild.core.verdict import Verdict
    from tempmaild.service.directory import Directory
    from tempmaild.service.room import Room
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


_POSTMASTER = "postmaster"


class Deliveries:
    """Takes mail for the mailboxes of this host; it relays nothing and sends nothing back.

    Attributes:
        operator: the address whose mailbox takes mail to reserved names where the domain names none; "" for nobody.
    """

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
        self.operator = operator

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
        found = await self._first_alive(self._candidates(domain, name, address))
        if found is None:
            opening = self._opening(domain, name, address)
            if await self._access.read(self._queries.recipient, address):
                # One that has expired is still being erased; in a minute there is room for its successor.
                raise MailboxFull(address)
            return opening
        largest = domain.policy.largest_message
        return await self._with_room(msgspec.structs.replace(found, largest=largest) if largest else found)

    async def postmaster(self, host: str) -> Recipient:
        """Find who takes mail for `<postmaster>`, without a domain, which always means this host (RFC 5321 §4.5.1).

        Args:
            host: the name of this host, which need not be one of our domains.

        Raises:
            NoSuchMailbox: nobody does.
            MailboxFull: the mailbox holds as many messages as it may.
        """
        found = await self._first_alive(self._postmasters(await self._directory.find(host), host))
        if found is None:
            raise NoSuchMailbox(f"{_POSTMASTER}@{host}")
        return await self._with_room(found)

    async def without_postmaster(self, host: str) -> list[str]:
        """Give those of our domains, and of this host's name, whose mail for postmaster nobody reads."""
        domains = await self._access.read(self._queries.domains)
        names: dict[str, Domain | None] = {domain.name: domain for domain in domains if domain.enabled}
        names.setdefault(host, await self._directory.find(host))
        return [n for n, domain in names.items() if not await self._first_alive(self._postmasters(domain, n))]

    async def _first_alive(self, candidates: Iterable[str]) -> Recipient | None:
        now = self._clock()
        for address in candidates:
            found = await self._access.read(self._queries.recipient, address)
            if found and now < found.expires_at:
                return found
        return None

    async def _with_room(self, recipient: Recipient) -> Recipient:
        if recipient.may_be_full and not await self._access.read(self._queries.has_room, recipient):
            raise MailboxFull(recipient.address)
        return recipient

    def _candidates(self, domain: Domain, name: str, address: str) -> Iterator[str]:
        """Give the addresses whose mailboxes may take the mail, the likeliest first."""
        yield address
        if domain.policy.reserves(name):
            yield from filter(None, (domain.policy.operator, self.operator))
        if domain.policy.catch_all:
            yield domain.policy.catch_all

    def _postmasters(self, domain: Domain | None, name: str) -> Iterator[str]:
        address = f"{_POSTMASTER}@{name}"
        return self._candidates(domain, _POSTMASTER, address) if domain else filter(None, (address, self.operator))

    def _opening(self, domain: Domain, name: str, address: str) -> Recipient:
        """Give a mailbox that is made when the mail arrives.

        Raises:
            NoSuchMailbox: none can be.
        """
        if domain.kind != "open" or domain.policy.reserves(name):
            raise NoSuchMailbox(address)
        try:
            addresses.check_new_local_part(name)
        except InvalidAddress:
            raise NoSuchMailbox(address) from None
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
            largest=domain.policy.largest_message,
        )

    async def normalised(self, content: bytes) -> bytes:
        """Give a message with CRLF line ends and no other, as the checks and the store want it."""
        return await normalised(self._access, content)

    async def deliver(
        self, content: bytes, recipients: Sequence[Recipient], verdict: Verdict = UNCHECKED
    ) -> list[Recipient]:
        """Put a message, with all the headers it is to have, into the mailboxes of its recipients.

        Args:
            content: what `normalised` gave, with our trace fields.
            verdict: what was found out about it; it is not "refuse" or "later".

        Returns:
            Who has it now, for good; a mailbox that was destroyed meanwhile is missing.

        Raises:
            DiskFull: the disk is.
            MailboxFull: all the mailboxes are.
            StoreFailed: nothing was stored.
        """
        self._room.check()
        junk = verdict.disposition == "junk"
        if verdict.summary and verdict.content is None:
            deliver = Deliver(content, tuple(recipients), junk, verdict.keywords, sent=verdict.summary)
        else:
            deliver = Deliver(content, tuple(recipients), junk, verdict.keywords, verdict.findings)
        missing = await self._access.write(deliver)
        return [recipient for recipient in recipients if recipient not in missing]
