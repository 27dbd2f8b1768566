"""Mailboxes: made, listed, destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core import naming, receipt
from tempmaild.core import secret as secrets
from tempmaild.core.mailbox import Folder, Mailbox
from tempmaild.core.sealing import new_key_pair, wrap
from tempmaild.errors import (
    AddressReserved,
    AddressTaken,
    DomainDisabled,
    InvalidValue,
    NoSuchDomain,
    NoSuchMailbox,
    StoreFailed,
)
from tempmaild.service.passwords import check_allowed, new_secret
from tempmaild.store.mailboxes import CreateMailbox, DestroyMailboxes, EndLifetime, NewCredential

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from tempmaild.core.lifetime import Lifetime
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.naming import Style
    from tempmaild.core.secret import Randomness
    from tempmaild.service.directory import Directory
    from tempmaild.store.access import Access
    from tempmaild.store.mailboxes import Destroyed
    from tempmaild.store.queries import Queries

    Breather = Callable[[], Awaitable[None]]
    """Awaited between two portions of a long work, so that others get at the writer."""

_ATTEMPTS = 20
"""Made-up names that may be taken before the domain counts as full."""
_TOGETHER, _AT_ONCE = 2, 30
"""Mailboxes, and messages, that are deleted in one portion, so that others need not wait long for the writer."""
_KEYS = 8
"""Mailboxes whose keys are destroyed in one portion."""
_LISTED = 100
"""Expired mailboxes that are looked up at once."""
_MOST_FAILURES = 100
"""Mailboxes that could not be destroyed, after which it is not their fault."""


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

    def __add__(self, other: Purged | Destroyed) -> Purged:
        return Purged(self.mailboxes + other.mailboxes, self.messages + other.messages)


async def go_on() -> None:
    """Begin the next portion of a long work at once."""


class Mailboxes:
    """The life of mailboxes.

    Attributes:
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
        self.quarantine = quarantine

    async def create(
        self,
        address: str,
        lifetime: Lifetime | None = None,
        *,
        names: Style | None = None,
        operator: bool = False,
        role: bool = False,
        password: str | None = None,
    ) -> NewMailbox:
        """Make a mailbox with this address, or with a made-up one where only a domain is given.

        Args:
            lifetime: None for what the domain says.
            names: how the address is made up; None for how the domain has it.
            operator: whether the operator wants it, whose mailboxes may live for ever.
            role: whether it may be a name that nobody but the operator gets, such as postmaster.
            password: chosen by the owner; None for a generated secret.

        Raises:
            InvalidAddress: it is no address that a mailbox can have.
            InvalidValue: the lifetime is impossible, or longer than the domain allows; or the password is.
            CredentialRefused: passwords cannot be chosen in this domain.
            TooManyLogins: too many passwords wait to be looked at.
            NoSuchDomain: the domain is not ours.
            DomainDisabled: it gets no mailboxes now.
            AddressReserved: it is kept for the operator.
            AddressTaken: a mailbox has it or one that looks like it, or had it not long ago.
        """
        local_part, at, domain_name = address.rpartition("@")
        domain_name = addresses.normalise_domain(domain_name)
        domain = await self._directory.find(domain_name)
        if domain is None:
            raise NoSuchDomain(domain_name)
        if not domain.enabled:
            raise DomainDisabled(domain_name)
        lifetime = self._checked(lifetime, domain, operator=operator)
        if password is not None:
            check_allowed(domain)
        if at:
            local_part = addresses.normalise_local_part(local_part)
            addresses.check_new_local_part(local_part)
            if domain.policy.reserves(local_part) and not role:
                raise AddressReserved(address)
            return await self._create(domain, f"{local_part}@{domain_name}", lifetime, password)
        for _ in range(_ATTEMPTS):
            try:
                local_part = naming.make_up(names or domain.policy.names, self._random)
                return await self._create(domain, f"{local_part}@{domain_name}", lifetime, password)
            except AddressTaken:
                continue
        raise AddressTaken(domain_name)

    def _checked(self, lifetime: Lifetime | None, domain: Domain, *, operator: bool) -> Lifetime:
        usual = self._directory.lifetime(domain)
        if lifetime is None:
            return usual
        lifetime.check()
        if not operator:
            domain.policy.allow(lifetime)
            if not lifetime.seconds and usual.seconds:
                raise InvalidValue("seconds", "only the operator's mailboxes live for ever")
        return lifetime

    async def _create(self, domain: Domain, address: str, lifetime: Lifetime, password: str | None) -> NewMailbox:
        new = await new_secret(self._access, self._random, address, password)
        receipt_id = secrets.generate(self._random)
        public_key = wrapped = None
        if domain.sealed:
            pair = new_key_pair(self._random)
            public_key, wrapped = pair.public, wrap(pair.private, new.keys.wrapping_key, pair.public)
        change = CreateMailbox(
            domain.id,
            address,
            lifetime,
            NewCredential(new.keys.verifier, wrapped=wrapped, salt=new.salt),
            skeleton=addresses.skeleton(address),
            public_key=public_key,
            receipt=(receipt.lookup(receipt_id), receipt.subject(receipt_id, address)),
        )
        return NewMailbox(await self._access.write(change), new.secret, receipt_id)

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
            InvalidAddress: it is no domain name.
            NoSuchDomain: the domain is not ours.
        """
        if domain_name is None:
            return self._queries.mailboxes()
        domain = await self._access.read(self._queries.domain, addresses.normalise_pattern(domain_name))
        if domain is None:
            raise NoSuchDomain(domain_name)
        return self._queries.mailboxes(domain.id)

    async def destroy(self, mailbox: Mailbox, actor: str = "") -> int:
        """Destroy a mailbox at once; the number of messages it had.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        destroyed = await self.destroy_all([mailbox], actor)
        if not destroyed.mailboxes:
            raise NoSuchMailbox(mailbox.address)
        return destroyed.messages

    async def destroy_all(self, mailboxes: Sequence[Mailbox], actor: str = "", breathe: Breather = go_on) -> Purged:
        """Destroy mailboxes, expired or not: the keys of all of them first."""
        for start in range(0, len(mailboxes), _KEYS):
            some = mailboxes[start : start + _KEYS]
            await self._access.write(EndLifetime(tuple(mailbox.id for mailbox in some)))
            await breathe()
        purged = Purged(0, 0)
        for start in range(0, len(mailboxes), _TOGETHER):
            left = mailboxes[start : start + _TOGETHER]
            while left:
                destroyed = await self._destroy(left, actor)
                purged += destroyed
                left = [mailbox for mailbox in left if mailbox.id in destroyed.left]
                await breathe()
        return purged

    async def purge(self, actor: str = "", breathe: Breather = go_on) -> Purged:
        """Destroy every mailbox whose time is over: the keys of all of them first.

        Raises:
            StoreFailed: many could not be destroyed. A few that cannot do not keep the others.
        """
        queries, read_long = self._queries, self._access.read_long
        while ids := await read_long(queries.expired_with_keys, int(self._clock()), _LISTED):
            for start in range(0, len(ids), _KEYS):
                await self._access.write(EndLifetime(tuple(ids[start : start + _KEYS]), only_expired=True))
                await breathe()
        purged, together, failed = Purged(0, 0), _TOGETHER, set[int]()
        while expired := await self._expired(failed):
            while expired:
                portion, expired = expired[:together], expired[together:]
                try:
                    destroyed = await self._destroy(portion, actor, only_expired=True)
                    purged += destroyed
                    expired = [mailbox for mailbox in portion if mailbox.id in destroyed.left] + expired
                except StoreFailed:
                    if together == 1:
                        failed.add(portion[0].id)
                    if len(failed) > _MOST_FAILURES:
                        raise
                    # One of them spoils it for the others, which come again.
                    together = 1
                await breathe()
        return purged

    async def _expired(self, failed: set[int]) -> list[Mailbox]:
        found = await self._access.read_long(self._queries.expired, int(self._clock()), _LISTED + len(failed))
        return [mailbox for mailbox in found if mailbox.id not in failed]

    async def _destroy(self, mailboxes: Sequence[Mailbox], actor: str, *, only_expired: bool = False) -> Destroyed:
        now = int(self._clock())
        doomed = []
        for mailbox in mailboxes:
            domain = await self._directory.by_id(mailbox.domain_id)
            # Everybody knows the names of an open domain, and their mail is everybody's.
            quarantine = 0 if domain and domain.kind == "open" else self.quarantine
            doomed.append((mailbox.id, now + quarantine))
        return await self._access.write(DestroyMailboxes(tuple(doomed), actor, _AT_ONCE, only_expired))
