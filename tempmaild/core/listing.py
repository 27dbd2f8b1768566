"""What is looked up in block lists, and what their answers mean (RFC 5782)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Literal

from tempmaild.core import address as addresses
from tempmaild.errors import InvalidAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

Meaning = Literal["listed", "not listed", "no answer"]
"""No answer: the list says that it does not want to say."""

UNLISTED_DOMAIN = "invalid"
"""What no list of domains has (RFC 5782 §5)."""
_UNLISTED_ADDRESS: dict[int, IPv4Address | IPv6Address] = {
    4: IPv4Address("127.0.0.1"),
    6: IPv6Address("::ffff:127.0.0.1"),
}
_LONGEST_REASON = 200
"""Characters of what a list says of an entry."""
_LOOPBACK = range(0x7F000000, 0x80000000)  # 127.0.0.0/8
_NO_ANSWER = range(0x7FFFFF00, 0x80000000)
"""127.255.255.0/24: with what Spamhaus and others tell whom they do not serve."""
_NEVER = 0x7F000001
"""127.0.0.1: stands for no entry (RFC 5782 §2.3 begins with 127.0.0.2); URIBL tells by it whom it does not serve."""
_NOT_PLAIN = re.compile(r"[^\x21-\x7e]+")


def address_label(address: IPv4Address | IPv6Address) -> str:
    """Give what stands before the zone of a list for an address: "1.2.0.192", or 32 nibbles (RFC 5782 §2.1, §2.4)."""
    return address.reverse_pointer.rpartition(".")[0].rpartition(".")[0]


def unlisted_address_label(version: int) -> str:
    """Give the label of the address that no list has (RFC 5782 §5)."""
    return address_label(_UNLISTED_ADDRESS[version])


def meaning(answers: Iterable[str], counts: Iterable[tuple[int, int]]) -> tuple[Meaning, str]:
    """Tell what a list has said with A records, and by which of them.

    Args:
        counts: the first and last of the answers, as numbers, that the operator wants; none for all.
    """
    wanted = tuple(counts)
    found = ""
    for answer in answers:
        code = int(IPv4Address(answer))
        if code not in _LOOPBACK or code in _NO_ANSWER or code == _NEVER:
            # A zone that nobody keeps any more may have been given away, and answer everything with a web server.
            return "no answer", answer
        if not wanted or any(low <= code <= high for low, high in wanted):
            found = found or answer
    return ("listed", found) if found else ("not listed", "")


def reason(texts: Iterable[bytes]) -> str:
    """Give what a list says of an entry, as one line of ASCII."""
    text = next(iter(texts), b"").decode("ascii", "replace")
    return _NOT_PLAIN.sub(" ", text).strip()[:_LONGEST_REASON]


def domains_to_look_up(names: Iterable[str]) -> list[str]:
    """Give what to ask lists of domains about.

    Some lists have the domain that somebody has bought and others single hosts, and not all of them answer for the
    names below an entry: the last two and the last three labels of a longer name are looked up as well.
    """
    found: dict[str, None] = {}
    for name in names:
        labels = _normal(name).split(".")
        if len(labels) > 1:
            for count in (len(labels), 3, 2):
                found[".".join(labels[-count:])] = None
    return list(found)


def _normal(name: str) -> str:
    """Give a domain in the form of DNS, or "" for what is none."""
    try:
        normal = addresses.normalise_domain(name)
    except InvalidAddress:
        return ""
    return "" if normal.rpartition(".")[2].isdigit() else normal
