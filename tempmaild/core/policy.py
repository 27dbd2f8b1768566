"""What the operator has decided for one domain."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core.checking import Checking, override
from tempmaild.core.lifetime import LONGEST, SHORTEST, Lifetime
from tempmaild.core.naming import Style
from tempmaild.errors import InvalidAddress, InvalidValue

Kind = Literal["claimed", "catch-all", "open"]
"""Who takes mail for an address of a domain.

claimed: the mailbox that was made for it, nobody else. catch-all: the same, and one mailbox takes what is for all
other names. open: mail makes the mailbox, and whoever knows its name reads it.
"""

SMALLEST_MESSAGE, LARGEST_MESSAGE = 64 << 10, 1 << 30
"""Octets: bounds of how large the largest message may be. RFC 5321 §4.5.3.1.7 wants the lower one."""
_MOST_RESERVED = 1000
_OPEN_MESSAGES = 50
"""Messages that a mailbox of an open domain holds where nothing else was decided: nobody looks after it."""

# RFC 2142: mail to these names is for whoever runs the host. RFC 5321 §4.5.1 wants the first to be taken always.
ROLES = frozenset(
    [
        "postmaster",
        "abuse",
        "hostmaster",
        "webmaster",
        "security",
        "noc",
        "info",
        "marketing",
        "sales",
        "support",
        "mailer-daemon",
        "usenet",
        "news",
        "www",
        "uucp",
        "ftp",
        "root",
        "admin",
        "administrator",
    ]
)


class Policy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What holds for the mailboxes of a domain.

    Attributes:
        lifetime: of a new mailbox, where its maker wants no other; None for what the settings say.
        longest: seconds that an owner may ask for at most; 0 for as long as can be.
        largest_message: octets; 0 for what the settings say, which is never exceeded.
        names: how local parts are made up: pronounceable words with digits, or the first 8 digits of a UUID.
        passwords: whether owners may choose a password; each wrong one then costs time and memory (Argon2id).
        catch_all: the address whose mailbox takes all other names of a "catch-all" domain. While there is no such
            mailbox, they are refused.
        operator: the address whose mailbox takes mail to reserved names; "" for what the settings say.
        reserved: local parts that no owner gets, beside the roles of RFC 2142.
        checks: what is wanted otherwise than the settings say of the checks of mail: fields of their rules.
    """

    lifetime: Lifetime | None = None
    longest: int = 0
    largest_message: int = 0
    names: Style = "words"
    passwords: bool = False
    catch_all: str = ""
    operator: str = ""
    reserved: tuple[str, ...] = ()
    checks: dict[str, dict[str, Any]] = {}

    def checked(self, kind: Kind) -> Policy:
        """Give this policy with its addresses in the form under which they are kept.

        Raises:
            InvalidValue: it is impossible for a domain of this kind; names the field.
        """
        if self.lifetime:
            self.lifetime.check()
            self.allow(self.lifetime)
        if self.longest and not SHORTEST <= self.longest <= LONGEST:
            raise InvalidValue(
                "longest",
                "%(value)s is not between %(least)s seconds and %(most)s",
                value=self.longest,
                least=SHORTEST,
                most=LONGEST,
            )
        if self.largest_message and not SMALLEST_MESSAGE <= self.largest_message <= LARGEST_MESSAGE:
            raise InvalidValue(
                "largest_message",
                "%(largest_message)s octets are not between 64 KiB and 1 GiB",
                largest_message=self.largest_message,
            )
        if kind == "catch-all" and not self.catch_all:
            raise InvalidValue("catch_all", "a catch-all domain needs the mailbox that takes all other names")
        if kind != "catch-all" and self.catch_all:
            raise InvalidValue(
                "catch_all", "a domain of the kind %(kind)r has no mailbox for all other names", kind=kind
            )
        if kind == "open" and self.passwords:
            raise InvalidValue("passwords", "mailboxes of an open domain are read without any")
        override(Checking(), self.checks)
        return msgspec.structs.replace(
            self,
            catch_all=_checked_address("catch_all", self.catch_all),
            operator=_checked_address("operator", self.operator),
            reserved=_checked_names(self.reserved),
        )

    def allow(self, lifetime: Lifetime) -> None:
        """See that an owner may have this lifetime.

        Raises:
            InvalidValue: it is too long; names the field.
        """
        if not self.longest:
            return
        if not 0 < lifetime.seconds <= self.longest:
            raise InvalidValue(
                "seconds", "a mailbox of this domain lives at most %(longest)s seconds", longest=self.longest
            )
        if lifetime.extend > self.longest:
            raise InvalidValue(
                "extend", "a mailbox of this domain lives at most %(longest)s seconds", longest=self.longest
            )

    def reserves(self, name: str) -> bool:
        """Tell whether no owner gets this normalised local part, or one that looks like it."""
        return name in ROLES or name in self.reserved or (not name.isascii() and _looks_like(name, self.reserved))


def usual_lifetime(kind: Kind, seconds: int) -> Lifetime:
    """Give the lifetime of mailboxes for which nothing but the time to live was decided."""
    return Lifetime(seconds, messages=_OPEN_MESSAGES) if kind == "open" else Lifetime(seconds)


def _checked_address(field: str, address: str) -> str:
    try:
        return addresses.normalise(address) if address else ""
    except InvalidAddress as error:
        raise InvalidValue(field, "it is no address: %(problem)s", problem=error) from None


def _checked_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > _MOST_RESERVED:
        raise InvalidValue(
            "reserved", "%(count)s names are more than %(most)s", count=len(names), most=_MOST_RESERVED
        )
    try:
        return tuple(sorted({addresses.normalise_local_part(name) for name in names}))
    except InvalidAddress as error:
        raise InvalidValue("reserved", "one of the names is none: %(problem)s", problem=error) from None


def _looks_like(name: str, reserved: tuple[str, ...]) -> bool:
    return addresses.skeleton(name) in _skeletons(reserved)


@lru_cache(maxsize=64)
def _skeletons(reserved: tuple[str, ...]) -> frozenset[str]:
    return frozenset(addresses.skeleton(name) for name in (*ROLES, *reserved))


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Policy)


def to_text(policy: Policy) -> str:
    """Write a policy as the store keeps it (JSON)."""
    return _encoder.encode(policy).decode()


def from_text(text: str) -> Policy:
    """Read what `to_text` wrote."""
    return _decoder.decode(text)
