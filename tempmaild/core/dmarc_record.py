"""DMARC policy records, and what those at a domain and above it mean for it (RFC 9989 §4.7 to §4.10).

A domain is in lower case and has A-labels here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeVar, get_args

from msgspec import Struct

Policy = Literal["none", "quarantine", "reject"]
"""What the owner of a domain wants done about mail that fails."""
Psd = Literal["y", "n", "u"]
"""Whether a domain is a public suffix: yes; no, and an Organizational Domain; its owner does not say."""

LONGEST_RECORD: Final = 4096
"""Octets; records are of a few hundred, and one that takes noticeably longer to read than those is no honest one."""
MOST_LOOKUPS: Final = 8
"""Names that one tree walk asks for (RFC 9989 §4.10)."""

_VERSION = re.compile(rb"[ \t]*+[vV][ \t]*+=[ \t]*+DMARC1[ \t]*+(?:;|\Z)")
# A scheme; what follows it matters to who sends reports.
_URI = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+:[!-~]")
_POLICIES: Final[dict[bytes, Policy]] = {policy.encode(): policy for policy in get_args(Policy)}
_PSD: Final[dict[bytes, Psd]] = {psd.encode(): psd for psd in get_args(Psd)}
_STRICT: Final = {b"r": False, b"s": True}
_TESTING: Final = {b"n": False, b"y": True}
_ONE_LOWER: Final[dict[Policy, Policy]] = {"none": "none", "quarantine": "none", "reject": "quarantine"}

_Value = TypeVar("_Value")


class Record(Struct, frozen=True):
    """A DMARC policy record.

    Attributes:
        policy: for the domain itself (p=).
        subdomains: for those below it (sp=); None for the same.
        missing: for those below it that do not exist (np=); None for the same as for all below it.
        strict_dkim: a DKIM signature has to be of the very domain (adkim=).
        strict_spf: the reverse-path has to be of the very domain (aspf=).
        psd: whether it is a public suffix.
        testing: the next milder policy is to be applied (t=).
        broken: it has no policy that could be applied, and DMARC cannot tell anything of the domain.
    """

    policy: Policy = "none"
    subdomains: Policy | None = None
    missing: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: Psd = "u"
    testing: bool = False
    broken: bool = False

    def applied(self, *, below: bool, exists: bool) -> Policy:
        """Give the policy for the domain of the record or, with `below`, for one that may not even exist."""
        policy = self.policy
        if below:
            policy = self.subdomains or policy
            if not exists:
                policy = self.missing or policy
        return _ONE_LOWER[policy] if self.testing else policy


Found = Sequence[tuple[str, Record]]
"""What a tree walk has found: names with their records, from the longest name to the shortest.

The walk ends at the first record that says whether its domain is a public suffix.
"""


def parse_records(texts: Iterable[bytes]) -> Record | None:
    """Find the one policy record among the TXT records of a name; None if there is none, or more than one.

    RFC 9989 §4.10 has several discarded together.
    """
    records = [text for text in texts if _VERSION.match(text)]
    if len(records) != 1:
        return None
    return _parse(records[0]) if len(records[0]) <= LONGEST_RECORD else Record(broken=True)


@lru_cache(maxsize=1024)
def _parse(text: bytes) -> Record:
    """Read a record (RFC 9989 §4.8); what is unknown or wrong is ignored, and of equal tags the first counts."""
    tags: dict[bytes, bytes] = {}
    for tag in text.split(b";"):
        name, equals, value = tag.partition(b"=")
        if equals:
            tags.setdefault(name.strip(b" \t").lower(), value.strip(b" \t"))
    psd = _value(tags, b"psd", _PSD) or "u"
    if any(name in tags and _value(tags, name, _POLICIES) is None for name in (b"p", b"sp", b"np")):
        # RFC 9989 §4.10.1: it counts as p=none where somebody waits for reports, and otherwise not at all.
        return Record(psd=psd, broken=not _wants_reports(tags))
    return Record(
        policy=_value(tags, b"p", _POLICIES) or "none",
        subdomains=_value(tags, b"sp", _POLICIES),
        missing=_value(tags, b"np", _POLICIES),
        strict_dkim=_value(tags, b"adkim", _STRICT) or False,
        strict_spf=_value(tags, b"aspf", _STRICT) or False,
        psd=psd,
        testing=_value(tags, b"t", _TESTING) or False,
    )


def _value(tags: dict[bytes, bytes], name: bytes, values: dict[bytes, _Value]) -> _Value | None:
    return values.get(tags.get(name, b"").lower())


def _wants_reports(tags: dict[bytes, bytes]) -> bool:
    return any(_URI.match(uri.strip(b" \t")) for uri in tags.get(b"rua", b"").split(b","))


def walk(domain: str) -> list[str]:
    """Give the names whose records a tree walk asks for, "_dmarc." before each left out (RFC 9989 §4.10)."""
    labels = domain.split(".")
    above = min(len(labels), MOST_LOOKUPS) - 1
    return [domain, *(".".join(labels[-count:]) for count in range(above, 0, -1))]


def organizational_domain(domain: str, found: Found) -> str:
    """Give the Organizational Domain of a domain (RFC 9989 §4.10.2)."""
    for name, record in found:
        if record.psd == "n":
            return name
        if record.psd == "y":
            return _one_below(domain, name)
    return found[-1][0] if found else domain


def _one_below(domain: str, suffix: str) -> str:
    """Give the name that has one label more than a suffix of the domain; the domain if it is the suffix itself."""
    return ".".join(domain.split(".")[-(suffix.count(".") + 2) :])


def applicable_record(domain: str, found: Found) -> tuple[str, Record] | None:
    """Give the record that applies to a domain, and its name; None when DMARC does not apply (RFC 9989 §4.10.1)."""
    records = dict(found)
    organizational = organizational_domain(domain, found)
    for name in (domain, organizational):
        if name in records:
            return name, records[name]
    # Only at a public suffix the walk ends without a record of the Organizational Domain.
    return found[-1] if found else None
