"""How block lists and spam filters stand in the settings."""

import ipaddress
import re
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Literal, cast, get_args

from tempmaild.settings.values import Address, UnixAddress, from_text, parse_address, parse_host_name, toml

Action = Literal["mark", "junk", "refuse"]
Protocol = Literal["rspamd", "spamd"]

_LOOPBACK = (0x7F000000, 0x7FFFFFFF)
"""The first and last address of 127.0.0.0/8, as numbers: lists answer with nothing else (RFC 5782 §2.3)."""
_SECONDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")
_LONGEST_ZONE = 150
"""Characters: with the 64 of an IPv6 address, or with a domain that anybody uses, it still is a name (253)."""
_MOST_SECONDS = 60
_USAGE = "write ZONE, then what is not usual of: codes=127.0.0.2-11 action=refuse seconds=3"


@dataclass(frozen=True, slots=True)
class BlockList:
    """A list in DNS.

    Attributes:
        zone: the name below which it is looked up.
        codes: the first and last of the addresses, as numbers, that say that something is listed.
        action: the most that is done about what it lists.
        seconds: how long it may take to answer.
    """

    zone: str
    codes: tuple[tuple[int, int], ...] = ()
    action: Action = "refuse"
    seconds: float = 3

    def __str__(self) -> str:
        codes = [f"codes={ipaddress.IPv4Address(low)}-{ipaddress.IPv4Address(high)}" for low, high in self.codes]
        return " ".join([self.zone, *codes, f"action={self.action}", f"seconds={self.seconds:g}"])


def parse_block_list(text: str) -> BlockList:
    """Read a list as `BlockList` writes it."""
    zone, *words = text.split() or [""]
    codes: list[tuple[int, int]] = []
    action: Action = "refuse"
    seconds = 3.0
    for word in words:
        name, _, value = word.partition("=")
        if name == "codes":
            codes.append(_codes(value))
        elif name == "action" and value in get_args(Action):
            action = cast("Action", value)
        elif name == "seconds" and _SECONDS.fullmatch(value) and 0 < float(value) <= _MOST_SECONDS:
            seconds = float(value)
        else:
            raise ValueError(f"{toml(word)} is nothing to say of a list: {_USAGE}")
    zone = parse_host_name(zone)
    if len(zone) > _LONGEST_ZONE:
        raise ValueError(f"{toml(zone)} is too long for the name of a list")
    return BlockList(zone, tuple(codes), action, seconds)


def _codes(text: str) -> tuple[int, int]:
    """Read 127.0.0.2, 127.0.0.2-11 or 127.0.0.2-127.0.0.11."""
    first, dash, last = text.partition("-")
    if last.isdigit():
        last = f"{first.rpartition('.')[0]}.{last}"
    try:
        low, high = (int(ipaddress.IPv4Address(address)) for address in (first, last if dash else first))
    except ValueError:
        low, high = 0, -1
    if not _LOOPBACK[0] <= low <= high <= _LOOPBACK[1]:
        raise ValueError(f"{toml(text)} is no range of codes: write 127.0.0.2, 127.0.0.2-11 or 127.0.0.2-127.0.1.255")
    return low, high


@dataclass(frozen=True, slots=True)
class SpamFilter:
    """A program that tells how much a message looks like spam."""

    protocol: Protocol
    address: Address

    def __str__(self) -> str:
        return f"{self.protocol}:{self.address}"


def parse_optional_spam_filter(text: str) -> SpamFilter | None:
    """Read PROTOCOL:HOST:PORT or PROTOCOL:unix:PATH, or "" for none."""
    if not text:
        return None
    protocol, _, rest = text.partition(":")
    if protocol not in get_args(Protocol):
        raise ValueError(
            f"{toml(text)} is no spam filter: write rspamd:HOST:PORT, spamd:HOST:PORT or spamd:unix:PATH"
        )
    address = parse_address(rest)
    if isinstance(address, UnixAddress):
        if not address.path.is_absolute():
            raise ValueError(f"{toml(text)} has no whole path: write it from / on")
    elif address.port == 0:
        raise ValueError(f"{toml(text)} has no port")
    return SpamFilter(cast("Protocol", protocol), address)


BlockLists = tuple[Annotated[BlockList, from_text(parse_block_list, BlockList)], ...]
OptionalSpamFilter = Annotated[SpamFilter | None, from_text(parse_optional_spam_filter, SpamFilter, NoneType)]
