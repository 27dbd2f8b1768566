"""Passwords that somebody has chosen: what it takes to look at one, and what is remembered for a moment."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import secret as secrets
from tempmaild.errors import CredentialRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Domain
    from tempmaild.core.secret import Keys, Randomness
    from tempmaild.store.access import Access

_REMEMBERED = 60
"""Seconds; mail clients open several connections, and look for mail every minute."""
_MOST = 1000
_DIGEST = "sha256"


class NewSecret(NamedTuple):
    """A secret that has just been made or chosen; `salt` in the latter case."""

    secret: str
    keys: Keys
    salt: bytes | None


async def new_secret(
    access: Access, random: Randomness, address: str, password: str | None, salt: bytes | None = None
) -> NewSecret:
    """Make a secret for the mailbox of this address, or take the password that somebody has chosen for it.

    Args:
        salt: of the passwords that the mailbox has; None when it has none.

    Raises:
        InvalidValue: the password cannot be chosen.
        TooManyLogins: too many passwords wait to be looked at.
    """
    if password is None:
        code = secrets.generate(random)
        return NewSecret(code, secrets.keys_of_code(code), None)
    secrets.check_password(password, address)
    salt = salt or random(secrets.SALT_OCTETS)
    return NewSecret(password, await access.stretch(secrets.keys_of_password, password, salt), salt)


def check_allowed(domain: Domain) -> None:
    """See that passwords may be chosen in a domain.

    Raises:
        CredentialRefused: they may not.
    """
    if not domain.policy.passwords:
        raise CredentialRefused(f"passwords cannot be chosen in {domain.name}")


class _Known(NamedTuple):
    keys: Keys
    since: float


class Passwords:
    """Works out the keys of passwords; those that were right, once a minute only.

    What is remembered is found by a digest of the password under a key of this process, so that a password that is
    wrong is never found, and costs the same whether its mailbox exists or not.
    """

    def __init__(self, access: Access, clock: Callable[[], float], random: Randomness) -> None:
        self._access = access
        self._clock = clock
        self._digest_key = random(secrets.VERIFIER_OCTETS)
        self._nobodys_salt = random(secrets.SALT_OCTETS)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def keys(self, password: str, salt: bytes | None) -> Keys:
        """Give the keys of a password; a mailbox that has no password, or none that is, has no salt.

        Raises:
            TooManyLogins: too many wait for this.
        """
        salt = salt or self._nobodys_salt
        known = self._known.get(self._digest(password, salt))
        if known is not None:
            return known.keys
        return await self._access.stretch(secrets.keys_of_password, password, salt)

    def remember(self, password: str, salt: bytes, keys: Keys) -> None:
        """Keep the keys of a password that was right; not for longer because it is used again."""
        self._known.setdefault(self._digest(password, salt), _Known(keys, self._clock()))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def forget_old(self) -> None:
        """Forget what was remembered a minute ago."""
        while self._known:
            oldest = next(iter(self._known))
            if 0 <= self._clock() - self._known[oldest].since < _REMEMBERED:
                return
            del self._known[oldest]

    def _digest(self, password: str, salt: bytes) -> bytes:
        octets = secrets.prepared(password).encode("utf-8", "surrogatepass")
        return hmac.digest(self._digest_key, salt + octets, _DIGEST)
