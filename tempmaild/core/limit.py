"""How much of something one subject may do in a time, and the networks that are turned away for a while."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv6Address
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from tempmaild.core.timespan import DAY
from tempmaild.errors import InvalidValue

Event = Literal["connection", "message", "recipient", "bytes", "new-address", "api-call", "failed-login"]
"""What is counted: connections of all protocols, messages at MAIL, recipients at RCPT, octets of messages that have
arrived, new mailboxes, calls of the API, logins with wrong credentials over all protocols."""
Subject = Literal["network", "sender-domain", "mailbox", "api-key"]
"""By whom it is counted."""
Strategy = Literal["fixed-window", "moving-window", "sliding-window-counter"]
"""How it is counted, as the `limits` library has it."""
Action = Literal["refuse", "delay", "ban"]
"""What happens beyond the limit: a temporary refusal, a wait, or a ban of the client's network."""
Scope = Literal["all", "mail", "reading"]
"""What a banned network cannot do: anything, bring mail (SMTP, LMTP), or read it (all else)."""

SUBJECTS: dict[Event, tuple[Subject, ...]] = {
    "connection": ("network",),
    "message": ("network", "sender-domain"),
    "recipient": ("network", "sender-domain", "mailbox"),
    "bytes": ("network", "sender-domain"),
    "new-address": ("network", "api-key"),
    "api-call": ("network", "api-key"),
    "failed-login": ("network",),
}
"""By whom each event can be counted."""
SCOPES: dict[Event, Scope] = {
    "connection": "all",
    "message": "mail",
    "recipient": "mail",
    "bytes": "mail",
    "new-address": "reading",
    "api-call": "reading",
    "failed-login": "reading",
}
"""What a network cannot do that is banned for too much of an event."""
_OF_A_DOMAIN = ("recipient", "new-address")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MOST = 10**12
MOST_MOVING = 1000
"""The largest amount of a moving window, which remembers the time of every single event."""
_LONGEST_WINDOW = 30 * DAY
LONGEST_BAN = 3650 * DAY
"""Seconds."""
LONGEST_REASON = 200
"""Characters of the reason of a ban."""
_LAST_YEAR = 253_402_300_799
"""The end of the year 9999: later times cannot be written (UTC epoch seconds)."""
_IPV4_PREFIXES = range(8, 33)
_IPV6_PREFIXES = range(16, 129)


class Limit(Struct, frozen=True):
    """A rule of the operator.

    Attributes:
        amount: how much there may be in `window` seconds; octets for the event "bytes", else events.
        ban_seconds: how long a network is turned away where `action` is "ban", else 0.
        ipv4_prefix: how many leading bits of an IPv4 address make its network; `ipv6_prefix` likewise.
        domain: of ours, whose recipients or new addresses alone are counted; "" for all.
        id: of its row, 0 for one that has none yet.
    """

    name: str
    event: Event
    subject: Subject
    amount: int
    window: int
    strategy: Strategy = "sliding-window-counter"
    action: Action = "refuse"
    ban_seconds: int = 0
    ipv4_prefix: int = 32
    ipv6_prefix: int = 64
    domain: str = ""
    enabled: bool = True
    id: int = 0

    def check(self) -> None:
        """See that there can be such a limit.

        Raises:
            InvalidValue: there cannot; names the field.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue(
                "name", "%(name)r is not made of at most 63 of a-z, 0-9 and inner hyphens", name=self.name
            )
        _check_word("event", self.event, get_args(Event))
        _check_word("subject", self.subject, SUBJECTS[self.event])
        _check_word("strategy", self.strategy, get_args(Strategy))
        _check_word("action", self.action, get_args(Action))
        _check_number("amount", self.amount, range(1, _MOST + 1))
        _check_number("window", self.window, range(1, _LONGEST_WINDOW + 1))
        _check_number("ipv4_prefix", self.ipv4_prefix, _IPV4_PREFIXES)
        _check_number("ipv6_prefix", self.ipv6_prefix, _IPV6_PREFIXES)
        self._check_action()
        if self.strategy == "moving-window" and (self.event == "bytes" or self.amount > MOST_MOVING):
            raise InvalidValue(
                "strategy", "a moving window remembers each single one, and at most %(most)s", most=MOST_MOVING
            )
        if self.domain and self.event not in _OF_A_DOMAIN:
            raise InvalidValue(
                "domain", "only these belong to a domain of ours: %(allowed)s", allowed=", ".join(_OF_A_DOMAIN)
            )

    def _check_action(self) -> None:
        if self.event == "failed-login" and self.action == "refuse":
            raise InvalidValue("action", "a failed login is refused anyway: delay the answer, or ban the network")
        if self.action != "ban":
            _check_number("ban_seconds", self.ban_seconds, range(1))
            return
        if self.subject != "network":
            raise InvalidValue("action", "only a network can be banned, not a %(subject)s", subject=self.subject)
        _check_number("ban_seconds", self.ban_seconds, range(1, LONGEST_BAN + 1))


class Ban(Struct, frozen=True):
    """A network that is turned away until a time (UTC epoch seconds).

    Attributes:
        network: as `parse_network` writes it.
        reason: for the operator to read; no client is told.
        created_at: when it was banned, or banned again.
    """

    network: str
    reason: str
    scope: Scope
    until: int
    created_at: int = 0

    def normalised(self) -> Ban:
        """Give it in the form in which bans are kept.

        Raises:
            InvalidValue: there can be no such ban; names the field.
        """
        network = parse_network(self.network)
        if len(self.reason) > LONGEST_REASON or not self.reason.isprintable():
            raise InvalidValue(
                "reason", "it is not one line of at most %(longest)s characters", longest=LONGEST_REASON
            )
        _check_word("scope", self.scope, get_args(Scope))
        if not 0 <= self.until <= _LAST_YEAR:
            raise InvalidValue("until", "%(until)s is no time before the year 10000", until=self.until)
        return msgspec.structs.replace(self, network=network)


def network_of(address: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
    """Give the network that an IP address is counted under."""
    prefix = ipv6_prefix if ":" in address else ipv4_prefix
    return str(ipaddress.ip_network((address, prefix), strict=False))


def networks_around(address: str) -> list[str]:
    """Give all networks that an IP address is in, as `parse_network` writes them, the smallest first."""
    network = ipaddress.ip_network(address)
    return [str(network.supernet(new_prefix=prefix)) for prefix in range(network.prefixlen, -1, -1)]


def parse_network(text: str) -> str:
    """Read a network, or a single address, as the operator writes it; the form under which it is kept.

    Raises:
        InvalidValue: it is none.
    """
    try:
        network = ipaddress.ip_network(text.replace("%", "no zones"), strict=False)
    except ValueError:
        raise InvalidValue("network", "%(text)r is not ADDRESS/PREFIX, or an address alone", text=text) from None
    first = network.network_address
    if first != ipaddress.ip_address(text.partition("/")[0]):
        raise InvalidValue(
            "network", "%(text)r goes on after its prefix: write %(network)s", text=text, network=network
        )
    if isinstance(first, IPv6Address) and first.ipv4_mapped:
        raise InvalidValue("network", "%(text)r holds IPv4 addresses: write them as such", text=text)
    return str(network)


def parse_address(text: str) -> str:
    """Read the IP address of a client as somebody writes it.

    Raises:
        InvalidValue: it is none.
    """
    try:
        return str(ipaddress.ip_address(text.replace("%", "no zones")))
    except ValueError:
        raise InvalidValue("address", "%(text)r is no IP address", text=text) from None


def _check_word(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidValue(field, "%(value)r is not one of %(allowed)s", value=value, allowed=", ".join(allowed))


def _check_number(field: str, value: int, allowed: range) -> None:
    if value not in allowed:
        least, most = allowed[0], allowed[-1]
        if least == most:
            raise InvalidValue(field, "%(value)s is not %(only)s", value=value, only=least)
        raise InvalidValue(
            field, "%(value)s is not between %(least)s and %(most)s", value=value, least=least, most=most
        )
