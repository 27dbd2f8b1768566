"""SPF records and the macros in them, by the letter of their grammar (RFC 7208 §4.6.1, §7.1, §12).

What the grammar does not have is `Malformed`, never half understood, and everything takes linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import quote

from tempmaild.core.dns_message import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_RECORD: Final = 4096
"""Characters. RFC 7208 §3.4 wants a record to fit into 512 octets, and few that are in use have more than 2,000."""
_KEPT_RECORDS: Final = 512
_KEPT_TERMS: Final = 2048
"""What has been read and is kept, for the same records come again and again; at their longest these take 20 MiB."""

_VERSION: Final = "v=spf1"
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_MECHANISM: Final = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?![a-z0-9])(.*)", re.IGNORECASE)
_ADDRESSES: Final = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?")
"""What follows "a" and "mx": a domain-spec, and the lengths of prefixes for IPv4 and IPv6."""
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP4: Final = re.compile(rf":({_OCTET}(?:\.{_OCTET}){{3}})(?:/(0|[1-9][0-9]?))?")
_IP6: Final = re.compile(r":([0-9a-f:.]+)(?:/(0|[1-9][0-9]{0,2}))?", re.IGNORECASE)

_MACRO: Final = re.compile(r"%(?:\{([slodiphvcrt])([0-9]*)(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_IN_EXPLANATIONS_ONLY: Final = frozenset("crt")  # §7.2
_LITERALS: Final = {"%": "%", "_": " ", "-": "%20"}
_PIECE: Final = re.compile(r"%(?:\{[^{}]*\}|[%_-])|[!-$&-~]+")
_PIECE_OF_EXPLANATION: Final = re.compile(r"%(?:\{[^{}]*\}|[%_-])|[ -$&-~]+")
_TOP_LABEL: Final = re.compile(r"[0-9a-z]*[a-z][0-9a-z]*|[0-9a-z]+-[0-9a-z-]*[0-9a-z]", re.IGNORECASE)
_ALL_PARTS: Final = 999
"""More parts than anything that a macro stands for can be split into."""

Matched = Literal["pass", "fail", "softfail", "neutral"]
_QUALIFIERS: Final[dict[str, Matched]] = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class Malformed(Exception):
    """A record is not what the grammar allows.

    Attributes:
        problem: what is wrong, in words of ours.
        term: where.
    """

    def __init__(self, problem: str, term: str) -> None:
        super().__init__(problem, term)
        self.problem = problem
        self.term = term


class Mechanism(NamedTuple):
    """A mechanism of a record.

    Attributes:
        name: in lower case.
        target: a domain-spec with its macros, an address for ip4 and ip6; "" for none.
        prefix4: bits of IPv4 addresses that have to be the same.
        prefix6: bits of IPv6 addresses.
        result: what it comes to when it matches.
    """

    name: str
    target: str
    prefix4: int
    prefix6: int
    result: Matched


@lru_cache(maxsize=_KEPT_RECORDS)
def tidy(record: str) -> str | None:
    """Give a record with those terms alone that mean something; None if it is no SPF record of this version.

    Names of modifiers are in lower case. Modifiers that nobody knows are gone, and so is "redirect" beside "all"
    (RFC 7208 §6, §6.1).

    Raises:
        Malformed: there is an error in it, anywhere (§4.6).
    """
    version, _, terms = record.partition(" ")
    if version.lower() != _VERSION:
        return None
    if len(record) > LONGEST_RECORD:
        raise Malformed("the record is too long", record[:64])
    mechanisms: list[str] = []
    names: set[str] = set()
    modifiers: dict[str, str] = {}
    for term in filter(None, terms.split(" ")):
        if modifier := _MODIFIER.fullmatch(term):
            _read_modifier(modifier[1].lower(), modifier[2], modifiers)
        else:
            names.add(mechanism(term).name)
            mechanisms.append(term)
    if "all" in names:
        modifiers.pop("redirect", None)
    return " ".join([_VERSION, *mechanisms, *(f"{name}={value}" for name, value in modifiers.items())])


def _read_modifier(name: str, value: str, modifiers: dict[str, str]) -> None:
    if name not in {"redirect", "exp"}:
        _pieces(value, _PIECE)
        return
    if name in modifiers:
        raise Malformed(f"{name}= is there twice", f"{name}={value}")
    _check_domain_spec(value)
    modifiers[name] = value


@lru_cache(maxsize=_KEPT_TERMS)
def mechanism(term: str) -> Mechanism:
    """Read a mechanism.

    Raises:
        Malformed: it is none.
    """
    match = _MECHANISM.fullmatch(term)
    if match is None:
        raise Malformed("unknown mechanism", term)
    qualifier, name, rest = match[1], match[2].lower(), match[3]
    target, prefix4, prefix6 = _argument(name, rest, term)
    return Mechanism(name, target, prefix4, prefix6, _QUALIFIERS[qualifier])


def _argument(name: str, rest: str, term: str) -> tuple[str, int, int]:
    """Read what follows the name of a mechanism: its target, and the lengths of prefixes for IPv4 and IPv6."""
    target, prefix4, prefix6 = rest, None, None
    if name == "ip4":
        target, prefix4 = _network(_IP4, rest, term)
    elif name == "ip6":
        target, prefix6 = _network(_IP6, rest, term)
        _check_ipv6(target, term)
    elif name in {"a", "mx"}:
        match = _ADDRESSES.fullmatch(rest)
        assert match, "it matches any line"
        target, prefix4, prefix6 = match.groups()
    if name not in {"ip4", "ip6"}:
        target = _domain_spec(name, target, term)
    lengths = int(prefix4 or 32), int(prefix6 or 128)
    if lengths[0] > 32 or lengths[1] > 128:
        raise Malformed("a prefix is too long", term)
    return target, *lengths


def _network(pattern: re.Pattern[str], text: str, term: str) -> tuple[str, str | None]:
    match = pattern.fullmatch(text)
    if match is None:
        raise Malformed("this is no network", term)
    return match[1], match[2]


def _check_ipv6(address: str, term: str) -> None:
    try:
        IPv6Address(address)
    except ValueError:
        raise Malformed("this is no network", term) from None


def _domain_spec(name: str, text: str, term: str) -> str:
    """Read ":" and a domain-spec, where there may be or has to be one."""
    if not text:
        if name in {"include", "exists"}:
            raise Malformed("a domain is missing", term)
        return ""
    if name == "all" or not text.startswith(":"):
        raise Malformed("unknown mechanism", term)
    _check_domain_spec(text[1:])
    return text[1:]


def _check_domain_spec(text: str) -> None:
    pieces = _pieces(text, _PIECE)
    for piece in pieces:
        if piece[:2] == "%{" and piece[2].lower() in _IN_EXPLANATIONS_ONLY:
            raise Malformed("this macro is for explanations only", text)
    if not pieces:
        raise Malformed("a domain is missing", text)
    # §7.1: domain-end
    _, dot, top_label = pieces[-1].removesuffix(".").rpartition(".")
    if not (pieces[-1].startswith("%") or (dot and _TOP_LABEL.fullmatch(top_label))):
        raise Malformed("this is no full domain name", text)


def _pieces(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Split a text into macros and what is between them."""
    pieces = pattern.findall(text)
    if sum(map(len, pieces)) != len(text):
        raise Malformed("a character or a macro that cannot be there", text)
    for piece in pieces:
        if piece.startswith("%"):
            match = _MACRO.fullmatch(piece)
            if match is None or (match[2] and not match[2].strip("0")):
                raise Malformed("unknown macro", text)
    return pieces


def expand_name(text: str, value: Callable[[str], str]) -> str:
    """Expand the macros in a domain-spec that has been read, and give the name as DNS can be asked for it (§7.3).

    Args:
        value: what stands for a macro, by its letter in lower case.
    """
    name = _expand(text, value).removesuffix(".")
    if len(name) <= LONGEST_NAME:
        return name
    kept = name[-LONGEST_NAME:]
    return kept if name[-LONGEST_NAME - 1] == "." else kept.partition(".")[2]


def expand_explanation(text: str, value: Callable[[str], str]) -> str:
    """Expand the macros in the text that "exp" points to.

    Raises:
        Malformed: the text is not what the grammar allows.
    """
    if len(text) > LONGEST_RECORD:
        raise Malformed("the explanation is too long", text[:64])
    _pieces(text, _PIECE_OF_EXPLANATION)
    return _expand(text, value)


def _expand(text: str, value: Callable[[str], str]) -> str:
    def expansion(macro: re.Match[str]) -> str:
        letter, digits, reverse, delimiters, literal = macro.groups()
        if literal:
            return _LITERALS[literal]
        expanded = value(letter.lower())
        if digits or reverse or delimiters:
            expanded = _transform(expanded, digits, bool(reverse), delimiters or ".")
        return quote(expanded, safe="", errors="replace") if letter.isupper() else expanded

    return _MACRO.sub(expansion, text) if "%" in text else text


def _transform(text: str, digits: str, reverse: bool, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters)}]", text)
    if reverse:
        parts.reverse()
    if digits:
        significant = digits.lstrip("0")
        parts = parts[-(int(significant) if len(significant) <= 3 else _ALL_PARTS) :]
    return ".".join(parts)
