"""Further secrets of a mailbox: one for each program that reads it, each of which can be revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core.mailbox import Credential
from tempmaild.core.sealing import wrap
from tempmaild.errors import CredentialRefused, InvalidValue, NoSuchDomain, NoSuchMailbox
from tempmaild.service.inbox import OWNER
from tempmaild.service.passwords import check_allowed, new_secret
from tempmaild.store.mailboxes import AddCredential, NewCredential, RevokeCredential

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.core.sealing import Opener
    from tempmaild.core.secret import Randomness
    from tempmaild.service.directory import Directory
    from tempmaild.service.unlocking import Unlocker
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_LONGEST_LABEL = 100


class AddedCredential(Struct, frozen=True):
    """A credential that has just been added, with its secret, which nobody can show again."""

    credential: Credential
    secret: str


class Credentials:
    """What opens a mailbox besides the owner's secret."""

    def __init__(
        self, access: Access, queries: Queries, directory: Directory, unlocker: Unlocker, random: Randomness
    ) -> None:
        self._access = access
        self._queries = queries
        self._directory = directory
        self._unlocker = unlocker
        self._random = random

    async def add(
        self,
        address: str,
        owner_secret: str,
        label: str = "",
        *,
        read_only: bool = False,
        password: str | None = None,
    ) -> AddedCredential:
        """Give a mailbox one more secret, with which its mail can be read, but no further secret be made.

        Args:
            owner_secret: the mailbox's first one.
            label: what the owner calls it.
            password: chosen by the owner; None for a generated secret.

        Raises:
            WrongCredentials: there is no such mailbox, it has expired, or this is no secret of it.
            CredentialRefused: it is not the owner's; or passwords cannot be chosen here, or not this one, or there
                are too many credentials.
            InvalidValue: the label or the password is impossible.
            TooManyLogins: too many passwords wait to be looked at.
        """
        unlocked = await self._unlocker.unlock(address, owner_secret)
        if not unlocked.lock.owner:
            raise CredentialRefused("only the owner's secret may do this")
        return await self._add(unlocked.mailbox, unlocked.opener, label, read_only, password, OWNER)

    async def add_unsealed(
        self, address: str, label: str = "", *, read_only: bool = False, password: str | None = None, actor: str = ""
    ) -> AddedCredential:
        """Give a mailbox one more secret as its operator, who can read what is not sealed anyway.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it.
            CredentialRefused: the mailbox is sealed, or everybody reads it; or as for `add`.
            InvalidValue: the label or the password is impossible.
        """
        mailbox = await self._find(address)
        if mailbox.public_key is not None:
            raise CredentialRefused("it is sealed: nobody can add a credential without the owner's secret")
        return await self._add(mailbox, None, label, read_only, password, actor)

    async def _add(
        self, mailbox: Mailbox, opener: Opener | None, label: str, read_only: bool, password: str | None, actor: str
    ) -> AddedCredential:
        _check_label(label)
        domain = await self._directory.by_id(mailbox.domain_id)
        if domain is None:
            raise NoSuchDomain(mailbox.address)
        if domain.kind == "open":
            raise CredentialRefused("everybody reads the mailboxes of this domain")
        if password is not None:
            check_allowed(domain)
        _, locks = await self._access.read(self._queries.locks, mailbox.address) or (None, ())
        salts = [lock.salt for lock in locks if lock.salt is not None]
        new = await new_secret(self._access, self._random, mailbox.address, password, salts[0] if salts else None)
        wrapped = None
        if opener is not None and mailbox.public_key is not None:
            wrapped = wrap(opener.private_key, new.keys.wrapping_key, mailbox.public_key)
        credential = NewCredential(new.keys.verifier, "app", label, read_only, wrapped, new.salt)
        return AddedCredential(await self._access.write(AddCredential(mailbox.id, credential, actor)), new.secret)

    async def list_all(self, address: str) -> list[Credential]:
        """Give the credentials of a mailbox, the owner's first.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it.
        """
        mailbox = await self._find(address)
        return await self._access.read(self._queries.credentials, mailbox.id)

    async def revoke(self, address: str, credential_id: int, actor: str = "") -> None:
        """Have a further secret open nothing any more; sessions that began with it end at their next command.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it.
            NoSuchCredential: the mailbox has no such credential.
            CredentialRefused: it is the owner's.
        """
        mailbox = await self._find(address)
        await self._access.write(RevokeCredential(mailbox.id, credential_id, actor))

    async def _find(self, address: str) -> Mailbox:
        mailbox = await self._access.read(self._queries.mailbox, addresses.normalise(address))
        if mailbox is None:
            raise NoSuchMailbox(address)
        return mailbox


def _check_label(label: str) -> None:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise InvalidValue(
            "label",
            "it is longer than %(longest)s characters, or has some that cannot be shown",
            longest=_LONGEST_LABEL,
        )
