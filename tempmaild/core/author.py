"""Whom the field From of a message may show as its author, to whichever reader: for DMARC (RFC 9989)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.address import normalise_domain
from tempmaild.core.content import decode_words
from tempmaild.core.dns_message import LONGEST_NAME
from tempmaild.core.envelope import parse_addresses
from tempmaild.core.headers import QUOTED_STRING, fields, without_comments
from tempmaild.core.remembering import remembering
from tempmaild.errors import InvalidAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tempmaild.core.envelope import Address

MOST_AUTHORS: Final = 5
"""Domains in From that are looked up, and From fields that are read: more than one is nearly always abuse."""

_LONGEST_FROM: Final = 8 * 1024
"""Octets of a From that is read: that takes a second for each MiB, in which nothing else is checked."""
_FROM = re.compile(rb"\nfrom(\s*+):")
"""The beginning of a field From; a line end in it is none of RFC 5322, but there are readers who unfold first."""
_NAME = re.compile(rb"(?<![^,;:])[^<>,;:]++(?=<)")
"""What is in front of an address in angle brackets: readers take it for a name, whatever is in it."""
_STRAY = re.compile(rb"@\s*+([^\s<>,;:@]++)\s*+(?=@)|>[^<>,;@]*+@\s*+([^\s<>,;:@]++)")
"""A domain where no address can have one: in front of another, and behind an address in angle brackets."""
_ENCODED_WORD = re.compile(rb"=\?[^?\s]*+\?[Qq]\?[^?\s]*+\?=")
_SPECIALS: Final = bytes.maketrans(b'()<>[]:;@\\,"', b"_" * 12)
"""What must not be in an encoded word of a name (RFC 2047 §5), and what is there instead: a blank."""
_LABEL = "[a-z0-9_-]{1,63}"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


class Author(NamedTuple):
    """What From says of the author.

    Attributes:
        domains: all that it names.
        problem: why no single domain is the author's; "" if one is.
        too_many: whether there are more, or one From is longer, than anybody is going to look at; `domains` has none
            then.
    """

    domains: tuple[str, ...]
    problem: str
    too_many: bool = False


def find_author(content: bytes, header_end: int) -> Author:
    """Find the author domain in the header of a message (RFC 9989 §5.3.1).

    Readers differ in what they make of a From that is malformed. Whoever any of them may show is an author here, so
    that it takes more than the domain of one of them for such a message to pass.
    """
    header = b"\n" + content[:header_end].lower()
    matches = list(_FROM.finditer(header))
    starts = [match.start() for match in matches]
    count = len(starts) if any(b"\n" not in match[1] for match in matches) else 0
    values = [next(fields(content, start, len(content))).value for start in starts[: MOST_AUTHORS + 1]]
    if any(len(value) > _LONGEST_FROM for value in values):
        return Author((), "From is too long", too_many=True)
    found = [_hosts(value) for value in values]
    hosts = {host for named, stray in found for host in (*named, *stray)}
    if max(len(starts), len(hosts)) > MOST_AUTHORS:
        return Author((), "there are too many authors in From", too_many=True)
    names = [dns_name(host.decode("utf-8", "replace")) for host in sorted(hosts)]
    domains = tuple(dict.fromkeys(filter(None, names)))
    problem = _problem(count, len(domains), valid=all(names))
    return Author(domains, problem or ("From is malformed" if any(stray for _, stray in found) else ""))


@remembering(longest=512, most=1024)  # of one sender it is mostly the same
def _hosts(value: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Give the domains in one field: those of its addresses, and those that stand where none can."""
    addresses = parse_addresses(value)
    stray = []
    if value.count(b"@") > len(addresses):
        bare = _NAME.sub(b"", QUOTED_STRING.sub(b"", without_comments(value)))
        stray += [(match[1] or match[2]).lower() for match in _STRAY.finditer(bare)]
    # A name alone is no address (RFC 5322 §3.4), but it is shown, decoded, and may look like one.
    whole_words = _ENCODED_WORD.sub(lambda word: word[0].translate(_SPECIALS), value)
    texts = [_shown(address) for address in parse_addresses(whole_words) if address.host == b""]
    if b"\0" in value:  # which is nothing here, and the end of the text for others
        texts.append(value.partition(b"\0")[0])
    for text in texts:
        stray += _hosts_of(parse_addresses(text))
    return tuple(_hosts_of(addresses)), tuple(stray)


def _hosts_of(addresses: Iterable[Address]) -> list[bytes]:
    return [address.host.lower() for address in addresses if address.host]


def _shown(address: Address) -> bytes:
    return decode_words(address.mailbox or b"").encode("utf-8", "replace")


def _problem(count: int, domains: int, *, valid: bool) -> str:
    if count != 1:
        return "there is no From field" if count == 0 else "there are several From fields"
    if not valid:
        return "the domain in From cannot exist"
    if domains != 1:
        return "there is no domain in From" if domains == 0 else "there are several domains in From"
    return ""


def dns_name(text: str) -> str | None:
    """Give a domain as DNS has it, in lower case and with A-labels; None if there can be none of this name."""
    try:
        return normalise_domain(text)
    except InvalidAddress:
        # Names with "_" name no hosts, but can be in DNS, and are below somebody's policy like all others.
        name = text.lower().removesuffix(".")
        return name if len(name) <= LONGEST_NAME and _DNS_NAME.fullmatch(name) else None
