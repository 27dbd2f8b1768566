"""The people who operate the host: who they are, what they may do, and how they get in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import person as people
from tempmaild.core import secret as secrets
from tempmaild.core.timespan import DAY
from tempmaild.core.token import lookup, new_token
from tempmaild.errors import InvalidValue, NoSuchInvitation, NoSuchPerson
from tempmaild.store.people import (
    Accept,
    AddPerson,
    ChangePerson,
    Invite,
    Proof,
    RemovePerson,
    WithdrawInvitation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.person import Invitation, Person, Role
    from tempmaild.core.secret import Randomness
    from tempmaild.store.access import Access
    from tempmaild.store.people import PersonQueries

INVITATION_SECONDS = 3 * DAY
"""For how long an invitation is good where nobody says another time."""
LONGEST_INVITATION = 30 * DAY
"""Seconds."""


class Invited(NamedTuple):
    """An invitation, with the token that its link ends in, which nobody is told again."""

    invitation: Invitation
    token: str


class People:
    """What owners can do with people, and people with invitations. `actor` is whom the audit log names."""

    def __init__(
        self, access: Access, queries: PersonQueries, clock: Callable[[], float], random: Randomness
    ) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._random = random

    async def list_all(self) -> list[Person]:
        """Give everybody by name."""
        return await self._access.read(self._queries.people)

    async def get(self, name: str) -> Person:
        """Give who has this name.

        Raises:
            NoSuchPerson: nobody has it.
        """
        person = await self._access.read(self._queries.named, name.strip().lower())
        if person is None:
            raise NoSuchPerson(name)
        return person

    async def add(self, name: str, role: Role, password: str, actor: str = "") -> Person:
        """Have one person more, whose password is known to who adds them.

        Raises:
            InvalidValue: the name, the role or the password is impossible.
            PersonExists: somebody has this name.
        """
        name = people.normalise_name(name)
        people.check_role(role)
        proof = await new_proof(self._access, self._random, password, name)
        return await self._access.write(AddPerson(name, role, *proof, actor))

    async def change(self, name: str, role: Role, *, enabled: bool, actor: str = "") -> Person:
        """Give somebody a role, and let them sign in or not; as they are now. They are signed out by that.

        Raises:
            InvalidValue: there is no such role.
            NoSuchPerson: nobody has this name.
            LastOwner: no owner would be left who can sign in.
        """
        people.check_role(role)
        return await self._access.write(ChangePerson(name, role, enabled, actor))

    async def remove(self, name: str, actor: str = "") -> None:
        """Have a person no more.

        Raises:
            NoSuchPerson: nobody has this name.
            LastOwner: no owner would be left who can sign in.
        """
        await self._access.write(RemovePerson(name, actor))

    async def invite(self, role: Role, seconds: int = INVITATION_SECONDS, note: str = "", actor: str = "") -> Invited:
        """Let somebody in who chooses name and password, with one link and once.

        Raises:
            InvalidValue: the role, the time or the note is impossible.
        """
        people.check_role(role)
        people.check_note(note)
        return await self._invite(role, seconds, note=note, actor=actor)

    async def reset(self, name: str, seconds: int = INVITATION_SECONDS, actor: str = "") -> Invited:
        """Let somebody choose another password, and go without the second factor that they had.

        Until they have done so everything stays as it is.

        Raises:
            InvalidValue: the time is impossible.
            NoSuchPerson: nobody has this name.
        """
        return await self._invite("viewer", seconds, name=name, actor=actor)

    async def invitations(self) -> list[Invitation]:
        """Give those that can be used, the latest first."""
        return await self._access.read(self._queries.invitations, int(self._clock()))

    async def withdraw(self, invitation_id: int, actor: str = "") -> None:
        """Have an invitation no more.

        Raises:
            NoSuchInvitation: it is not there.
        """
        await self._access.write(WithdrawInvitation(invitation_id, actor))

    async def invitation(self, token: str) -> Invitation:
        """Give the invitation of a link.

        Raises:
            NoSuchInvitation: it cannot be used, or no longer.
        """
        found = await self._access.read(self._queries.invitation, lookup(token), int(self._clock()))
        if found is None:
            raise NoSuchInvitation("")
        return found

    async def accept(self, token: str, name: str, password: str) -> Person:
        """Use the invitation of a link: be one person more, or have another password.

        Args:
            name: that somebody new chooses; of no meaning for who is there already.

        Raises:
            NoSuchInvitation: it cannot be used, or no longer.
            InvalidValue: the name or the password is impossible.
            PersonExists: somebody has this name.
        """
        invitation = await self.invitation(token)
        name = invitation.name or people.normalise_name(name)
        proof = await new_proof(self._access, self._random, password, name)
        return await self._access.write(Accept(lookup(token), name, *proof))

    async def _invite(self, role: Role, seconds: int, *, note: str = "", name: str = "", actor: str = "") -> Invited:
        if not 1 <= seconds <= LONGEST_INVITATION:
            raise InvalidValue(
                "seconds", "%(value)s is not between 1 and %(most)s", value=seconds, most=LONGEST_INVITATION
            )
        token = new_token(self._random)
        expires_at = int(self._clock()) + seconds
        invite = Invite(lookup(token), role, expires_at, note, name, actor)
        return Invited(await self._access.write(invite), token)


async def new_proof(access: Access, random: Randomness, password: str, name: str) -> Proof:
    """Give what a password is recognised by that somebody of this name chooses.

    Raises:
        InvalidValue: it cannot be chosen.
    """
    people.check_password(password, name)
    salt = random(secrets.SALT_OCTETS)
    keys = await access.stretch(secrets.keys_of_password, password, salt)
    return Proof(keys.verifier, salt)
