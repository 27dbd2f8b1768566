"""The keys by which programs use the API."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core import api_key as api_keys
from tempmaild.core.api_key import GRACE_SECONDS, KEY_SECONDS
from tempmaild.errors import ApiKeyElsewhere, ApiKeyExpired, NoSuchApiKey, OutOfScope
from tempmaild.store.api_keys import AddApiKey, ChangeApiKey, RemoveApiKey, RotateApiKey, UseApiKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.core.api_key import ApiKey, Scope
    from tempmaild.core.secret import Randomness
    from tempmaild.store.access import Access
    from tempmaild.store.api_keys import ApiKeyQueries, KeptKey

_USED_EVERY: Final = 60
"""Seconds after which it is noted again that a key is in use: no call but one a minute waits for a commit."""
_NOBODYS: Final = bytes(32)
"""What the secret of a key that does not exist is compared with; no digest is known to be this."""


class NewApiKey(NamedTuple):
    """A key with its secret, which nobody is told again."""

    key: ApiKey
    secret: str


class ApiKeys:
    """What operators do with keys, and programs. `actor` is whom the audit log names."""

    def __init__(
        self, access: Access, queries: ApiKeyQueries, clock: Callable[[], float], random: Randomness
    ) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._random = random

    async def page(self, after: str, limit: int) -> list[ApiKey]:
        """Give up to `limit` keys by name, those behind the name `after`; "" for the first."""
        return await self._access.read(self._queries.page, after, limit)

    async def get(self, name: str) -> ApiKey:
        """Give the key of a name.

        Raises:
            NoSuchApiKey: there is none.
        """
        key = await self._access.read(self._queries.named, name.strip().lower())
        if key is None:
            raise NoSuchApiKey(name)
        return key

    async def add(
        self,
        name: str,
        scopes: Iterable[str],
        networks: Iterable[str] = (),
        seconds: int = KEY_SECONDS,
        actor: str = "",
    ) -> NewApiKey:
        """Make a key that may do these things, from these networks or from anywhere, for so long.

        Raises:
            InvalidValue: there can be no such key; names the field.
            NameTaken: there is one of this name.
        """
        name, networks = api_keys.normal_name(name), api_keys.normal_networks(networks)
        api_keys.check_seconds(seconds)
        secret, verifier = self._new_secret()
        prefix, expires_at = api_keys.prefix_of(secret), int(self._clock()) + seconds
        change = AddApiKey(name, prefix, verifier, api_keys.normal_scopes(scopes), networks, expires_at, actor)
        return NewApiKey(await self._access.write(change), secret)

    async def change(self, name: str, scopes: Iterable[str], networks: Iterable[str] = (), actor: str = "") -> ApiKey:
        """Have a key do other things, or come from other networks; as it is now.

        Raises:
            InvalidValue: it cannot be like this; names the field.
            NoSuchApiKey: there is none of this name.
        """
        networks = api_keys.normal_networks(networks)
        return await self._access.write(ChangeApiKey(name, api_keys.normal_scopes(scopes), networks, actor))

    async def rotate(
        self, name: str, seconds: int = KEY_SECONDS, grace: int = GRACE_SECONDS, actor: str = ""
    ) -> NewApiKey:
        """Give a key another secret, good for `seconds`; the present one is good for `grace` seconds more at most.

        A secret that is older than the present one is good no longer.

        Raises:
            InvalidValue: one of the times is impossible; names the field.
            NoSuchApiKey: there is none of this name.
        """
        api_keys.check_seconds(seconds)
        api_keys.check_grace(grace)
        secret, verifier = self._new_secret()
        prefix, expires_at = api_keys.prefix_of(secret), int(self._clock()) + seconds
        change = RotateApiKey(name, prefix, verifier, expires_at, grace, actor)
        return NewApiKey(await self._access.write(change), secret)

    async def remove(self, name: str, actor: str = "") -> None:
        """Have a key no more; no call is answered to it from then on.

        Raises:
            NoSuchApiKey: there is none of this name.
        """
        await self._access.write(RemoveApiKey(name, actor))

    async def check(self, secret: str, scope: Scope, address: str) -> ApiKey:
        """Give the key that a program shows, if it may do this from there.

        What this takes does not depend on how much of the secret is right.

        Args:
            address: the client's IP address.

        Raises:
            NoSuchApiKey: no key has this secret.
            ApiKeyExpired: its time is over, or that of the secret.
            ApiKeyElsewhere: it may not be used from this address.
            OutOfScope: it may not do this.
        """
        prefix = api_keys.prefix_of(secret)
        kept = await self._access.read(self._queries.with_prefix, prefix) if prefix else []
        key, until = _recognised(kept, api_keys.verifier_of(secret))
        now = int(self._clock())
        if until <= now:
            raise ApiKeyExpired(key.name)
        if not key.may_come_from(address):
            raise ApiKeyElsewhere(f"{key.name} from {address}")
        if scope not in key.scopes:
            raise OutOfScope(f"{key.name}: {scope}")
        if now - key.used_at >= _USED_EVERY:
            await self._access.write(UseApiKey(key.id))
        return key

    def _new_secret(self) -> tuple[str, bytes]:
        secret = api_keys.new_secret(self._random)
        return secret, api_keys.verifier_of(secret)


def _recognised(kept: list[KeptKey], verifier: bytes) -> tuple[ApiKey, int]:
    """Give the key whose secret it is, and until when that is good.

    Raises:
        NoSuchApiKey: it is none's.
    """
    for each in kept:
        if hmac.compare_digest(each.verifier, verifier):
            return each.key, each.key.expires_at
        if hmac.compare_digest(each.old_verifier, verifier):
            return each.key, each.key.old_until
    hmac.compare_digest(_NOBODYS, verifier)
    # It may be the secret of another host: it is not repeated.
    raise NoSuchApiKey("")
