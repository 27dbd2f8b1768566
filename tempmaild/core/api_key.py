"""Keys by which programs use the API: what they may do, whence, and until when.

A key such as `tmk_4fJx0QzL…` is made of 256 random bits, so that nobody finds it by trying, and a plain SHA-256 is
enough to keep of it: Argon2id, as for passwords, protects what can be guessed, and would cost every single call a
tenth of a second and 64 MiB. The first characters are kept in clear: people tell keys apart by them, and the database
finds by them what is then compared in constant time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Literal, get_args

from msgspec import Struct

from tempmaild.core.limit import parse_network
from tempmaild.core.timespan import DAY
from tempmaild.core.token import new_token
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tempmaild.core.secret import Randomness

Scope = Literal[
    "mailboxes:create",
    "mailboxes:read",
    "mailboxes:extend",
    "mailboxes:destroy",
    "messages:read",
    "messages:delete",
    "domains:read",
]
"""What a key may do.

mailboxes:read tells which there are and how long they live, messages:read what is in those that are not sealed. What
is in a sealed one takes its secret, whatever the key may do.
"""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

KEY_SECONDS: Final = 90 * DAY
"""For how long a key is good where nobody says another time."""
LONGEST_KEY: Final = 3650 * DAY
"""Seconds. None is good for ever: what nobody uses any more ends by itself."""
GRACE_SECONDS: Final = DAY
"""For how long the old secret of a key is good beside its new one, where nobody says another time."""
LONGEST_GRACE: Final = 30 * DAY
"""Seconds."""
MOST_NETWORKS: Final = 50
"""Of one key: each call looks at all of them."""

_MARK: Final = "tmk_"
"""What keys begin with, so that programs that look for lost secrets know one when they see it."""
_SHOWN: Final = len(_MARK) + 8
"""Characters of a key that are kept in clear; they leave 208 bits that nobody knows."""
_KEY = re.compile(rf"{_MARK}[A-Za-z0-9_-]{{43}}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_DOMAIN: Final = b"tempmaild api key\0"


class ApiKey(Struct, frozen=True):
    """A key of a program. Times are in UTC epoch seconds.

    Attributes:
        name: by which people and the audit log know it.
        prefix: what its secret begins with.
        networks: whence it may be used, as `parse_network` writes them; none for anywhere.
        created_by: whom the audit log names.
        used_at: when it was used last, within a minute; 0 for never.
        old_prefix: what the secret begins with that it had before; "" for none.
        old_until: when that one is good no longer.
    """

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_by: str
    created_at: int
    expires_at: int
    used_at: int = 0
    old_prefix: str = ""
    old_until: int = 0

    def may_come_from(self, address: str) -> bool:
        """Tell whether it may be used from this IP address."""
        if not self.networks:
            return True
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(client, IPv6Address) and client.ipv4_mapped:
            client = client.ipv4_mapped
        return any(client in ipaddress.ip_network(network) for network in self.networks)


def new_secret(random: Randomness) -> str:
    """Make the secret of a key."""
    return _MARK + new_token(random)


def prefix_of(secret: str) -> str:
    """Give what is kept in clear of a secret; "" for what is no key at all."""
    return secret[:_SHOWN] if _KEY.fullmatch(secret) else ""


def verifier_of(secret: str) -> bytes:
    """Give what is kept of a secret to recognise it by, whatever text somebody sends as one."""
    return hashlib.sha256(_DOMAIN + secret.encode("utf-8", "surrogatepass")).digest()


def normal_name(name: str) -> str:
    """Give a name as it is kept: letter case does not count.

    Raises:
        InvalidValue: no key can have it.
    """
    normal = name.strip().lower()
    if not _NAME.fullmatch(normal):
        raise InvalidValue("name", "%(name)r is not made of at most 63 of a-z, 0-9 and inner . _ -", name=name)
    return normal


def normal_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Give scopes as they are kept: each once, in the order of `SCOPES`.

    Raises:
        InvalidValue: there is none, or one that does not exist.
    """
    wanted = set(scopes)
    if not wanted:
        raise InvalidValue("scopes", "a key that may do nothing is of no use")
    if unknown := sorted(wanted - set(SCOPES)):
        raise InvalidValue(
            "scopes", "%(value)r is not one of %(allowed)s", value=unknown[0], allowed=", ".join(SCOPES)
        )
    return tuple(scope for scope in SCOPES if scope in wanted)


def normal_networks(networks: Iterable[str]) -> tuple[str, ...]:
    """Give networks as they are kept: each once.

    Raises:
        InvalidValue: one is none, or there are too many.
    """
    try:
        normal = tuple(dict.fromkeys(map(parse_network, networks)))
    except InvalidValue as error:
        raise error.about("networks") from None
    if len(normal) > MOST_NETWORKS:
        raise InvalidValue("networks", "there are more than %(most)s", most=MOST_NETWORKS)
    return normal


def check_seconds(seconds: int) -> None:
    """See that a key can be good for so long.

    Raises:
        InvalidValue: it cannot.
    """
    _check_range("seconds", seconds, 1, LONGEST_KEY)


def check_grace(seconds: int) -> None:
    """See that an old secret can be good for so long.

    Raises:
        InvalidValue: it cannot.
    """
    _check_range("grace", seconds, 0, LONGEST_GRACE)


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidValue(
            field, "%(value)s is not between %(least)s and %(most)s", value=value, least=least, most=most
        )
