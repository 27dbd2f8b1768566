"""What the operator has decided of senders and clients: to refuse their mail, to take it as junk, to trust them."""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core.limit import parse_network
from tempmaild.errors import InvalidAddress, InvalidValue

Kind = Literal["address", "domain", "network", "helo"]
"""What a rule is about: the sender's address, the domain of it, the client's network, the name in HELO."""
Action = Literal["refuse", "junk", "allow"]
"""What is done: mail is refused (550), delivered into Junk, or taken whatever block lists and spam filters think."""

HARDNESS: dict[Action, int] = {"junk": 0, "refuse": 1, "allow": 2}
"""Of several rules that fit, the one whose action has the highest number holds."""

LONGEST_NOTE = 200
"""Characters."""
_LONGEST_ADDRESS = 320
"""Characters: 64 and "@" and 255 (RFC 5321 §4.5.3.1.1, §4.5.3.1.2)."""
_ADDRESS = re.compile(r".+@[^@\s]+")
_HELO = re.compile(r"[a-z0-9_.:\[\]-]{1,255}")  # what our SMTP takes for a name, in lower case
_LAST_YEAR = 253_402_300_799
"""The end of the year 9999: later times cannot be written (UTC epoch seconds)."""


class BlockRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rule of the operator. Of one kind, subject and domain there is but one.

    Attributes:
        subject: whom it is about. A domain, and a name in HELO, stand for all names below them as well.
        domain: of ours, or "*." and one: it holds for mail to that alone; "" for all.
        note: for the operator to read; no client is told.
        until: when it ends (UTC epoch seconds), 0 for never.
        created_at: when it was made, or made anew.
    """

    kind: Kind
    subject: str
    action: Action = "refuse"
    domain: str = ""
    note: str = ""
    until: int = 0
    created_at: int = 0

    def normalised(self) -> BlockRule:
        """Give it in the form in which rules are kept and compared.

        Raises:
            InvalidValue: there can be no such rule; names the field.
        """
        if self.kind not in get_args(Kind):
            raise InvalidValue(
                "kind", "%(value)r is not one of %(allowed)s", allowed=", ".join(get_args(Kind)), value=self.kind
            )
        if self.action not in get_args(Action):
            raise InvalidValue(
                "action",
                "%(value)r is not one of %(allowed)s",
                allowed=", ".join(get_args(Action)),
                value=self.action,
            )
        if len(self.note) > LONGEST_NOTE or not self.note.isprintable():
            raise InvalidValue("note", "it is not one line of at most %(longest)s characters", longest=LONGEST_NOTE)
        if not 0 <= self.until <= _LAST_YEAR:
            raise InvalidValue("until", "%(until)s is no time before the year 10000", until=self.until)
        return msgspec.structs.replace(
            self, subject=_normal_subject(self.kind, self.subject), domain=_normal_domain(self.domain)
        )


def _normal_subject(kind: Kind, subject: str) -> str:
    """Give whom a rule is about in the form in which it is kept; InvalidValue if it cannot be about that."""
    if kind == "network":
        return parse_network(subject)
    if kind == "domain":
        try:
            return addresses.normalise_domain(subject)
        except InvalidAddress:
            raise InvalidValue("subject", "%(name)r is no name of a domain", name=subject) from None
    if kind == "address":
        if len(subject) > _LONGEST_ADDRESS or not subject.isprintable() or not _ADDRESS.fullmatch(subject):
            raise InvalidValue("subject", "%(subject)r is no address of a sender", subject=subject)
        return sender_key(subject)
    name = helo_key(subject)
    if not _HELO.fullmatch(name):
        raise InvalidValue("subject", "%(subject)r is nothing that a client can call itself", subject=subject)
    return name


def sender_key(address: str) -> str:
    """Give the address of a sender as rules compare it.

    Others may tell upper from lower case in local parts; who writes a rule means both.
    """
    local_part, _, domain = address.rpartition("@")
    return f"{local_part.lower()}@{domain_key(domain)}"


def domain_key(name: str) -> str:
    """Give the domain of a sender as rules compare it; what is no domain name, as "[192.0.2.1]", in lower case."""
    try:
        return addresses.normalise_domain(name)
    except InvalidAddress:
        return name.lower()


def helo_key(name: str) -> str:
    """Give a name in HELO as rules compare it."""
    return name.rstrip(".").lower()


def _normal_domain(domain: str) -> str:
    try:
        return addresses.normalise_pattern(domain) if domain else ""
    except InvalidAddress:
        raise InvalidValue("domain", "%(name)r is no name of a domain", name=domain) from None
