"""What people who operate the host do with what is their own: password, second factor, and how pages look."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import totp
from tempmaild.core.person import RECOVERY_CODES, check_preferences
from tempmaild.errors import CredentialRefused, InvalidValue
from tempmaild.service.people import new_proof
from tempmaild.store.people import LockTotp, RemoveTotp, SetPassword, SetPreferences, SetRecovery, SetTotp

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.person import Person
    from tempmaild.core.secret import Randomness
    from tempmaild.service.sign_ins import Client, SignIns
    from tempmaild.store.access import Access
    from tempmaild.store.console_key import FactorLock
    from tempmaild.store.people import PersonQueries

_KEY_OCTETS = 32


class Draft(NamedTuple):
    """A second factor that is being set up: its secret in base 32, and what a QR code says of it."""

    secret: str
    uri: str


class NewFactor(NamedTuple):
    """A second factor that was set up: the token by which one is signed in now, and the recovery codes."""

    token: str
    recovery_codes: list[str]


class Profiles:
    """What somebody who is signed in can change of themselves; what opens doors only with their password.

    Args:
        host: whose console it is, as authenticators show it.
        lock: with which the secrets of second factors are kept.
    """

    def __init__(
        self,
        access: Access,
        queries: PersonQueries,
        sign_ins: SignIns,
        clock: Callable[[], float],
        random: Randomness,
        host: str,
        lock: FactorLock,
    ) -> None:
        self._access = access
        self._queries = queries
        self._sign_ins = sign_ins
        self._clock = clock
        self._random = random
        self._host = host
        self._lock = lock
        self._draft_key = random(_KEY_OCTETS)

    async def set_preferences(self, person: Person, zone: str, language: str, theme: str) -> None:
        """Have times in this zone, and pages in this language and theme.

        Raises:
            InvalidValue: there is none such; names the field.
        """
        check_preferences(zone, language, theme)
        await self._access.write(SetPreferences(person.name, zone, language, theme))

    async def change_password(self, person: Person, current: str, new: str, client: Client) -> str:
        """Have another password, and be signed out everywhere but here; the token of the session here.

        Raises:
            InvalidValue: the current one is wrong, or the new one cannot be chosen.
            TooFast: others of this network failed just now.
            Banned: the client's network is turned away.
        """
        await self._sign_ins.confirm(person, current, client)
        proof = await new_proof(self._access, self._random, new, person.name)
        await self._access.write(SetPassword(person.name, *proof, person.name))
        return await self._sign_ins.begin(person, client, renewed=True)

    def draft_totp(self, person: Person, token: str) -> Draft:
        """Give the second factor that the session of this token can set up: always the same until it has.

        It is kept nowhere: it comes from the token and a key of this process.
        """
        secret = totp.secret_of(hmac.digest(self._draft_key, token.encode("utf-8", "surrogatepass"), "sha256"))
        return Draft(secret, totp.uri(secret, person.name, self._host))

    async def set_totp(self, person: Person, token: str, current: str, code: str, client: Client) -> NewFactor:
        """Set up the second factor of `draft_totp`, in place of another if there is one.

        All sessions end that began without it.

        Args:
            code: that an authenticator shows for it.

        Raises:
            InvalidValue: the current password or the code is wrong.
            TooFast: others of this network failed just now.
            Banned: the client's network is turned away.
        """
        draft = self.draft_totp(person, token)
        step = totp.matching_step(draft.secret, code, self._clock(), -1)
        if step is None:
            raise InvalidValue("code", "it is not what an authenticator shows now; see that its clock is right")
        await self._sign_ins.confirm(person, current, client)
        codes, verifiers = self._new_recovery_codes()
        locked = self._lock.lock(person.id, draft.secret)
        await self._access.write(SetTotp(person.name, locked, step, verifiers, person.name))
        return NewFactor(await self._sign_ins.begin(person, client, renewed=True), codes)

    async def lock_factors(self) -> int:
        """Lock the secrets of second factors that an earlier program has kept in clear; how many there were.

        Raises:
            StoreFailed: the console's key cannot be used.
        """
        clear = await self._access.read(self._queries.clear_secrets)
        for person_id, secret in clear:
            await self._access.write(LockTotp(person_id, secret, self._lock.lock(person_id, secret)))
        return len(clear)

    async def remove_totp(self, person: Person, current: str, client: Client) -> None:
        """Have no second factor any more.

        Raises:
            CredentialRefused: everybody has to have one here.
            InvalidValue: the current password is wrong.
            TooFast: others of this network failed just now.
            Banned: the client's network is turned away.
        """
        if self._sign_ins.requires_totp:
            raise CredentialRefused("everybody has to have a second factor here")
        await self._sign_ins.confirm(person, current, client)
        await self._access.write(RemoveTotp(person.name, person.name))

    async def renew_recovery_codes(self, person: Person, current: str, client: Client) -> list[str]:
        """Get other recovery codes; the old ones are good no longer.

        Raises:
            CredentialRefused: without a second factor there is nothing that they could stand in for.
            InvalidValue: the current password is wrong.
            TooFast: others of this network failed just now.
            Banned: the client's network is turned away.
        """
        if not person.has_totp:
            raise CredentialRefused("there is no second factor")
        await self._sign_ins.confirm(person, current, client)
        codes, verifiers = self._new_recovery_codes()
        await self._access.write(SetRecovery(person.name, verifiers, person.name))
        return codes

    async def recovery_codes(self, person: Person) -> int:
        """Tell how many recovery codes somebody has left."""
        return await self._access.read(self._queries.recovery_codes, person.id)

    def _new_recovery_codes(self) -> tuple[list[str], tuple[bytes, ...]]:
        """Make codes; with their verifiers."""
        codes = [totp.new_recovery_code(self._random) for _ in range(RECOVERY_CODES)]
        verifiers = tuple(verifier for code in codes if (verifier := totp.recovery_verifier(code)))
        return codes, verifiers
