"""Signing in to the console, and what makes sure that nobody else does."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import secret as secrets
from tempmaild.core import totp
from tempmaild.core.limit import network_of
from tempmaild.core.person import normalise_name
from tempmaild.core.token import lookup, new_token
from tempmaild.errors import InvalidValue, NoSuchSession, TooFast, WrongCredentials
from tempmaild.store.sign_ins import (
    CODES_WINDOW,
    BeginSession,
    EndSession,
    EndSessions,
    FailCode,
    FailSignIn,
    SignOut,
    SpendCode,
    UseSession,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.person import Person, Session
    from tempmaild.core.secret import Randomness
    from tempmaild.service.limits import Limiter
    from tempmaild.settings.admin import Admin
    from tempmaild.store.access import Access
    from tempmaild.store.people import PersonQueries
    from tempmaild.store.sign_ins import SignInQueries, Visitor

_LONGEST_AGENT = 200
"""Characters that are kept of what a browser calls itself."""
_CODE_SECONDS = 300
"""For how long a password that was right is good for giving the code."""
_USED_EVERY = 60
"""Seconds after which it is noted again that a session is in use."""
MOST_CODES = 20
"""Wrong codes of one person in an hour; after that only recovery codes are looked at. Who guesses at this rate, and
knows the password, needs more than a year for an even chance: three codes are good at any time."""
_IPV4_PREFIX, _IPV6_PREFIX = 32, 64
_MOST_WAITING = 10_000
"""Networks of which it is known that they have to wait."""


class Client(NamedTuple):
    """Whence somebody comes: the IP address, and what the browser calls itself."""

    address: str
    agent: str = ""


class SignedIn(NamedTuple):
    """What comes of the right password: who it is, a token, and whether a code is due with it."""

    person: Person
    token: str
    needs_code: bool


class SignIns:
    """The sessions of the console. A token stands for each, of which only a digest is kept."""

    def __init__(
        self,
        access: Access,
        queries: SignInQueries,
        people: PersonQueries,
        clock: Callable[[], float],
        random: Randomness,
        limiter: Limiter,
        settings: Admin,
    ) -> None:
        self._access = access
        self._queries = queries
        self._people = people
        self._clock = clock
        self._random = random
        self._waits = _Waits(limiter, clock)
        self._settings = settings
        self._nobodys_salt = random(secrets.SALT_OCTETS)

    # Getting in

    async def sign_in(self, name: str, password: str, client: Client) -> SignedIn:
        """Begin a session with name and password; it can do nothing while a code is due.

        What it takes does not depend on whether there is somebody of this name.

        Raises:
            WrongCredentials: they do not belong together, or the person may not sign in.
            TooFast: others of this network failed just now; its text is the number of seconds to wait.
            Banned: the client's network is turned away.
        """
        try:
            name = normalise_name(name)
        except InvalidValue:
            name = ""
        await self._waits.check(client.address)
        is_password = await self._is_password(name, password)
        person = await self._access.read(self._people.named, name)
        if not is_password or person is None or not person.enabled:
            await self._access.write(FailSignIn(name))
            await self._waits.failed(client.address)
            raise WrongCredentials(name)
        token = await self.begin(person, client, verified=not person.has_totp)
        return SignedIn(person, token, person.has_totp)

    async def give_code(self, token: str, code: str, client: Client) -> str:
        """Give the code that is due, or a recovery code; the token of the session that comes of it.

        Raises:
            NoSuchSession: no code is due, or no longer.
            WrongCredentials: the code is wrong, or was used.
            TooFast: too many were wrong; its text is the number of seconds to wait.
            Banned: the client's network is turned away.
        """
        visitor = await self._visitor(token)
        if visitor is None or visitor.session.verified:
            raise NoSuchSession("")
        await self._waits.check(client.address)
        if not await self._spend(visitor.person.id, code):
            await self._access.write(FailCode(visitor.person.id, lookup(token)))
            await self._waits.failed(client.address)
            raise WrongCredentials(visitor.person.name)
        await self._access.write(SignOut(lookup(token)))
        return await self.begin(visitor.person, client)

    async def begin(self, person: Person, client: Client, *, verified: bool = True, renewed: bool = False) -> str:
        """Begin a session of somebody who has shown who they are; its token.

        Args:
            verified: False while a code is due.
            renewed: whether it takes the place of one that has just ended.

        Raises:
            NoSuchPerson: they are gone, or may not sign in.
        """
        token = new_token(self._random)
        seconds = self._settings.session_seconds if verified else _CODE_SECONDS
        agent = "".join(filter(str.isprintable, client.agent))[:_LONGEST_AGENT]
        expires_at, idle = int(self._clock()) + seconds, self._settings.session_idle_seconds
        await self._access.write(
            BeginSession(person.id, lookup(token), verified, expires_at, idle, client.address, agent, renewed)
        )
        return token

    async def confirm(self, person: Person, password: str, client: Client) -> None:
        """See that somebody who is signed in knows their password.

        Raises:
            InvalidValue: they do not.
            TooFast: others of this network failed just now.
            Banned: the client's network is turned away.
        """
        await self._waits.check(client.address)
        if not await self._is_password(person.name, password):
            await self._access.write(FailSignIn(person.name))
            await self._waits.failed(client.address)
            raise InvalidValue("current", "it is not your password")

    # Being in

    async def visitor(self, token: str, *, is_there: bool = True) -> Visitor | None:
        """Give who is signed in by a token; None for nobody, or where a code is still due.

        Args:
            is_there: whether it is they who do something, and not a page of theirs that nobody may be looking at.
        """
        visitor = await self._visitor(token)
        if visitor is None or not visitor.session.verified:
            return None
        if is_there and self._clock() - visitor.session.used_at >= _USED_EVERY:
            await self._access.write(UseSession(visitor.session.id))
        return visitor

    async def needs_code(self, token: str) -> bool:
        """Tell whether a code is due for this token."""
        visitor = await self._visitor(token)
        return visitor is not None and not visitor.session.verified

    @property
    def requires_totp(self) -> bool:
        """Whether everybody has to have a second factor."""
        return self._settings.require_totp

    def lacks_totp(self, person: Person) -> bool:
        """Tell whether somebody has to set up a second factor before anything else."""
        return self.requires_totp and not person.has_totp

    async def sessions(self, person: Person) -> list[Session]:
        """Give the sessions of somebody, those first that were used last."""
        return await self._access.read(
            self._queries.sessions, person.id, int(self._clock()), self._settings.session_idle_seconds
        )

    # Getting out

    async def sign_out(self, token: str) -> None:
        """End the session of a token."""
        await self._access.write(SignOut(lookup(token)))

    async def end(self, session_id: int, person: Person, actor: str) -> None:
        """End a session of somebody. `actor` is whom the audit log names.

        Raises:
            NoSuchSession: it has ended.
        """
        await self._access.write(EndSession(session_id, person.id, actor))

    async def end_all(self, person: Person, actor: str, but: int = 0) -> int:
        """End the sessions of somebody, but for one; how many there were."""
        return await self._access.write(EndSessions(person.id, but, actor))

    # Looking closely

    async def _visitor(self, token: str) -> Visitor | None:
        visitor = await self._access.read(self._queries.visitor, lookup(token))
        if visitor is None:
            return None
        now, session = self._clock(), visitor.session
        is_over = session.expires_at <= now or session.used_at + self._settings.session_idle_seconds <= now
        return None if is_over else visitor

    async def _is_password(self, name: str, password: str) -> bool:
        proof = await self._access.read(self._people.proof, name)
        # One that nobody can have chosen costs the same, and no more.
        password = password[: secrets.LONGEST_PASSWORD + 1]
        salt = proof.salt if proof else self._nobodys_salt
        keys = await self._access.stretch(secrets.keys_of_password, password, salt)
        # It may have been changed meanwhile, which was to shut out who knows the old one.
        is_current = proof == await self._access.read(self._people.proof, name)
        return proof is not None and keys.fit(proof.verifier) and is_current

    async def _spend(self, person_id: int, code: str) -> bool:
        """Use a code, if it is good."""
        recovery = totp.recovery_verifier(code)
        if recovery:
            return await self._access.write(SpendCode(person_id, recovery=recovery))
        factor = await self._access.read(self._people.factor, person_id)
        if factor is None or factor.secret == "":
            raise NoSuchSession("")
        now = self._clock()
        again_at = factor.failed_since + CODES_WINDOW
        if factor.failed_codes >= MOST_CODES and factor.failed_since <= now < again_at:
            raise TooFast(str(ceil(again_at - now)))
        if factor.secret is None:
            return False
        step = totp.matching_step(factor.secret, code, now, factor.last_step)
        return step is not None and await self._access.write(SpendCode(person_id, step))


class _Waits:
    """Who has to wait before the next try. The limits say for how long, and here nobody's thread is kept for it."""

    def __init__(self, limiter: Limiter, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    async def check(self, address: str) -> None:
        """See that a client may try; as for `SignIns.sign_in`."""
        await self._limiter.check_ban("reading", address)
        seconds = self._until.get(_network(address), 0.0) - self._clock()
        if seconds > 0:
            raise TooFast(str(ceil(seconds)))

    async def failed(self, address: str) -> None:
        """Have a client wait that has failed, as long as the limits say."""
        delay = await self._limiter.failed_login(address)
        if not delay:
            return
        self._until[_network(address)] = self._clock() + delay
        self._until.move_to_end(_network(address))
        if len(self._until) > _MOST_WAITING:
            self._until.popitem(last=False)


def _network(address: str) -> str:
    return network_of(address, _IPV4_PREFIX, _IPV6_PREFIX) if address else ""
