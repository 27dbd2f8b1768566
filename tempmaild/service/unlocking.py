"""What a secret opens: a mailbox, with one of its credentials, for whoever has just shown it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core import secret as secrets
from tempmaild.core.delivery import Opening
from tempmaild.core.mailbox import Mailbox
from tempmaild.core.sealing import KeyPair, Masked, NotOurs, Opener, unwrap
from tempmaild.errors import InvalidAddress, NoSuchDomain, WrongCredentials
from tempmaild.store.creation import OpenMailbox
from tempmaild.store.queries import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Domain
    from tempmaild.core.secret import Keys
    from tempmaild.service.directory import Directory
    from tempmaild.service.passwords import Passwords
    from tempmaild.service.room import Room
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_EVERYBODYS = Lock(0, bytes(secrets.VERIFIER_OCTETS), owner=False, read_only=False, salt=None, wrapped=None)
"""What stands for a credential where there is none; its verifier is no secret's."""


class Unlocked(Struct, frozen=True):
    """A mailbox, and by what right somebody has it.

    Attributes:
        opener: opens its mail; None where nothing is sealed.
        largest_message: octets that a message to its domain may have; 0 for what the settings say.
    """

    mailbox: Mailbox
    lock: Lock
    opener: Opener | None
    largest_message: int = 0


class Unlocker:
    """Compares secrets with what is kept of them.

    Attributes:
        passwords: what looks at passwords that somebody has chosen.
    """

    def __init__(
        self,
        access: Access,
        queries: Queries,
        directory: Directory,
        clock: Callable[[], float],
        room: Room,
        passwords: Passwords,
    ) -> None:
        self.passwords = passwords
        self._access = access
        self._queries = queries
        self._directory = directory
        self._clock = clock
        self._room = room
        self._shared_keys = Masked()

    async def unlock(self, name: str, secret: str) -> Unlocked:
        """See what a secret opens.

        How long a refusal takes depends on the form of the secret and on the domain, never on whether there is such a
        mailbox: with or without one there is one comparison of verifiers, and where passwords may be chosen one
        Argon2id for whatever is not a code.

        Raises:
            WrongCredentials: there is no such mailbox, it has expired, or the secret is another's.
            TooManyLogins: too many passwords wait to be looked at.
        """
        self.passwords.forget_old()
        try:
            address = addresses.normalise(name)
        except InvalidAddress:
            address = ""  # nobody's
        domain = await self._directory.find(address.rpartition("@")[2])
        keys = await self._keys(address, secret, domain)
        mailbox, locks = await self._access.read(self._queries.locks, address) or (None, ())
        if mailbox is None and domain is not None and domain.kind == "open":
            mailbox = await self._make(address, domain)
        # Compared with something although there is no mailbox, or none that has a secret.
        opened = [lock for lock in locks or (_EVERYBODYS,) if keys.fit(lock.verifier)]
        if mailbox is None or self._clock() >= mailbox.expires_at:
            raise WrongCredentials(name)
        if not opened:
            if not _is_everybodys(mailbox, domain):
                raise WrongCredentials(name)
            opened = [_EVERYBODYS]
        lock = opened[0]
        if lock.salt is not None:
            self.passwords.remember(secret, lock.salt, keys)
        largest = domain.policy.largest_message if domain else 0
        return Unlocked(mailbox, lock, self._opener(mailbox, lock, keys), largest)

    async def _keys(self, address: str, secret: str, domain: Domain | None) -> Keys:
        if domain is None or not domain.policy.passwords or secrets.is_code(secret):
            return secrets.keys_of_code(secret)
        _, locks = await self._access.read(self._queries.locks, address) or (None, ())
        # All chosen passwords of a mailbox share their salt.
        salts = [lock.salt for lock in locks if lock.salt is not None]
        return await self.passwords.keys(secret, salts[0] if salts else None)

    async def _make(self, address: str, domain: Domain) -> Mailbox | None:
        """Make a mailbox of an open domain; None where nobody gets one."""
        if not domain.enabled or domain.policy.reserves(address.rpartition("@")[0]):
            return None
        self._room.check()
        opening = Opening(domain.id, addresses.skeleton(address), self._directory.lifetime(domain))
        try:
            await self._access.write(OpenMailbox(address, opening))
        except NoSuchDomain:
            return None
        return await self._access.read(self._queries.mailbox, address)

    def _opener(self, mailbox: Mailbox, lock: Lock, keys: Keys) -> Opener | None:
        """Give what opens the mail of this mailbox for the time of this login; None where nothing is sealed."""
        if mailbox.public_key is None:
            return None
        try:
            if lock.wrapped is None:
                raise NotOurs("the key is not there: it was destroyed, or a backup was restored without it")
            private = unwrap(lock.wrapped, keys.wrapping_key, mailbox.public_key)
        except NotOurs as error:
            raise WrongCredentials(f"{mailbox.address}: {error}") from None
        return Opener(KeyPair(mailbox.public_key, private), self._shared_keys)


def _is_everybodys(mailbox: Mailbox, domain: Domain | None) -> bool:
    """Tell whether a mailbox is read by whoever knows its name."""
    # A domain that was added later, below or beside its own, takes no mailbox from its owner.
    return (
        domain is not None and domain.kind == "open" and mailbox.domain_id == domain.id and mailbox.public_key is None
    )
