"""Addresses of mailboxes and names of domains, in the one form under which they are kept and compared."""

from __future__ import annotations

import re
import unicodedata

import idna

from tempmaild.errors import InvalidAddress

# RFC 5321 §4.5.3.1.1 and §4.5.3.1.2, in octets.
LONGEST_LOCAL_PART = 64
LONGEST_DOMAIN = 255

# RFC 5321 §4.1.2 Dot-string, RFC 6531 §3.3 adds everything beyond ASCII. Quoted strings name no mailbox of ours.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\uD7FF\uE000-\U0010FFFF]+"
_LOCAL_PART = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def normalise_domain(name: str) -> str:
    """Give a domain in lower case with A-labels (RFC 5891 §4), without a final dot.

    Raises:
        InvalidAddress: it is no domain name.
    """
    folded = name.removesuffix(".").lower()
    if not folded.isascii():
        try:
            folded = idna.encode(folded, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidAddress(f"{name!r} is not a domain name: {error}") from None
    if len(folded) > LONGEST_DOMAIN or not all(_LABEL.fullmatch(label) for label in folded.split(".")):
        raise InvalidAddress(f"{name!r} is not a domain name")
    return folded


def normalise_local_part(local_part: str) -> str:
    """Give a local part as ours compare: in lower case, NFC (RFC 6532 §3.1).

    Raises:
        InvalidAddress: it cannot name a mailbox.
    """
    folded = local_part if local_part.isascii() else unicodedata.normalize("NFC", local_part)
    folded = folded.lower()
    if len(folded.encode("utf-8", "surrogatepass")) > LONGEST_LOCAL_PART or not _LOCAL_PART.fullmatch(folded):
        raise InvalidAddress(f"{local_part!r} cannot name a mailbox")
    return folded


def normalise(address: str) -> str:
    """Give an address in the form under which its mailbox is kept.

    Raises:
        InvalidAddress: it is no address.
    """
    local_part, at, domain = address.rpartition("@")
    if not at:
        raise InvalidAddress(f"{address!r} has no domain")
    return f"{normalise_local_part(local_part)}@{normalise_domain(domain)}"


def skeleton(address: str) -> str:
    """Give what a normalised address has in common with all those that look like it."""
    return address
