"""Addresses of mailboxes and names of domains, in the one form under which they are kept and compared.

Two addresses that a person would take for the same one must not belong to two owners. Those that mean the same
(letter case, composed or decomposed accents, full-width letters) are written in one form here. Those that only look
the same ("joe" with a Cyrillic "o") have one skeleton (`core.lookalikes`), by which the second of them is refused.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

from tempmaild.core import lookalikes
from tempmaild.errors import InvalidAddress

# RFC 5321 §4.5.3.1.1 and §4.5.3.1.2, in octets.
LONGEST_LOCAL_PART = 64
LONGEST_DOMAIN = 255
_FACTOR = 4
"""By how much a text may become shorter when it is brought into its form; longer ones are not looked at."""

WILDCARD = "*."
"""What begins the name of a domain that stands for all names below another."""

# RFC 5321 §4.1.2 Dot-string. Quoted strings name no mailbox of ours.
_ATEXT = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_A_LABEL = "xn--"

# RFC 6531 §3.3 allows everything beyond ASCII; letters, digits and their marks are what RFC 8264 §4.2 (the
# IdentifierClass, which RFC 8265 §3.3 wants for user names) leaves of it, and what people can tell apart.
_LETTERS = frozenset({"Ll", "Lo", "Lm", "Lu", "Nd"})
_MARKS = frozenset({"Mn", "Mc"})
# Those that are not to be seen, as Unicode's DerivedCoreProperties.txt has them (Default_Ignorable_Code_Point); the
# others of them belong to categories that are refused anyway.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


@lru_cache(maxsize=4096)
def normalise_domain(name: str) -> str:
    """Give a domain in lower case with A-labels (RFC 5891 §4), without a final dot.

    Raises:
        InvalidAddress: it is no domain name.
    """
    folded = name.removesuffix(".").lower()
    if not folded.isascii() or _A_LABEL in folded:
        folded = _with_a_labels(folded)
    if len(folded) > LONGEST_DOMAIN or not _DOMAIN.fullmatch(folded):
        raise InvalidAddress(f"{name!r} is not a domain name")
    return folded


def _with_a_labels(name: str) -> str:
    try:
        if len(name) > LONGEST_DOMAIN * _FACTOR:
            raise idna.IDNAError("it is too long")
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise InvalidAddress(f"{name!r} is not a domain name: {error}") from None


def normalise_pattern(name: str) -> str:
    """Give the name of a domain, or "*." and one, in the form under which it is kept.

    Raises:
        InvalidAddress: it is none.
    """
    wildcard = WILDCARD if name.startswith(WILDCARD) else ""
    return wildcard + normalise_domain(name.removeprefix(WILDCARD))


def covers(pattern: str, name: str) -> bool:
    """Tell whether a domain of this name, which may be "*." and one, takes the mail for a normalised name."""
    return name.endswith(pattern.removeprefix("*")) if pattern.startswith(WILDCARD) else name == pattern


def normalise_local_part(local_part: str) -> str:
    """Give a local part as ours compare: compatibility characters replaced (NFKC), without letter case.

    Raises:
        InvalidAddress: it cannot name a mailbox.
    """
    folded = local_part.lower() if local_part.isascii() else _folded(local_part)
    if len(folded) > LONGEST_LOCAL_PART or not _LOCAL_PART.fullmatch(folded):
        _check_beyond_ascii(local_part, folded)
    return folded


def _folded(local_part: str) -> str:
    """Fold as Unicode's definition D146 wants it for identifiers; folding once more changes nothing."""
    if len(local_part) > LONGEST_LOCAL_PART * _FACTOR or _INVISIBLE.search(local_part):
        raise InvalidAddress(f"{local_part!r} cannot name a mailbox")
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", local_part).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def _check_beyond_ascii(local_part: str, folded: str) -> None:
    """Check a local part that is not a Dot-string of ASCII.

    Raises:
        InvalidAddress: it cannot name a mailbox.
    """
    plain = "".join(character if character.isascii() else "x" for character in folded)
    if (
        folded.isascii()
        or not _LOCAL_PART.fullmatch(plain)
        or not _are_letters(folded)
        or len(folded.encode()) > LONGEST_LOCAL_PART
    ):
        raise InvalidAddress(f"{local_part!r} cannot name a mailbox")
    try:
        # RFC 8265 §3.3.1: what is written from right to left must not change places with what is not (RFC 5893 §2).
        idna.check_bidi(folded)
    except idna.IDNAError as error:
        raise InvalidAddress(f"{local_part!r} cannot name a mailbox: {error}") from None


def _are_letters(folded: str) -> bool:
    """Tell whether all beyond ASCII are letters and digits, and marks that stand on one of them."""
    can_carry = False
    for character in folded:
        category = unicodedata.category(character)
        if category in _MARKS:
            if not can_carry:
                return False
        else:
            can_carry = category in _LETTERS
            if not can_carry and not character.isascii():
                return False
    return True


def check_new_local_part(local_part: str) -> None:
    """See that a normalised local part is one that a new mailbox may get.

    Raises:
        InvalidAddress: its letters are of scripts that nobody writes together.
    """
    if not local_part.isascii() and lookalikes.mixes_scripts(local_part):
        raise InvalidAddress(f"{local_part!r} mixes letters of several scripts")


def normalise(address: str) -> str:
    """Give an address in the form under which its mailbox is kept.

    Raises:
        InvalidAddress: it is no address.
    """
    local_part, at, domain = address.rpartition("@")
    if not at:
        raise InvalidAddress(f"{address!r} has no domain")
    return f"{normalise_local_part(local_part)}@{normalise_domain(domain)}"


def readable(name: str) -> str:
    """Give a normalised address or domain as people see it, with U-labels (RFC 5890 §2.3.2.1)."""
    local_part, at, domain = name.rpartition("@")
    if _A_LABEL not in domain:
        return name
    wildcard = WILDCARD if domain.startswith(WILDCARD) else ""
    return f"{local_part}{at}{wildcard}{idna.decode(domain.removeprefix(WILDCARD))}"


def skeleton(name: str) -> str:
    """Give what a normalised address or domain has in common with all those that look like it."""
    return lookalikes.skeleton(readable(name))


def are_twins(one: str, other: str) -> bool:
    """Tell whether of two different addresses, or domains, with one skeleton the second is to be refused.

    Two that are both ASCII are no twins: "modern" and "modem" may exist side by side.
    """
    return not (readable(one).isascii() and readable(other).isascii())
