"""SORT: the orders that a client can ask for (RFC 5256 §3, RFC 5957)."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b
from heapq import merge
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tempmaild.core.content import decode_words
from tempmaild.core.dates import moment_of
from tempmaild.core.subject import LONGEST, base_subject
from tempmaild.imap.search import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from tempmaild.core.envelope import Address
    from tempmaild.core.summary import Summary
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message

_LONGEST_KEY = 250
"""Characters of a text that are kept to compare it: the keys of all messages are in memory at once."""

_RUN = 4096
"""Messages that are sorted in one go, a few milliseconds."""

_RANK_OCTETS = 200

Rank = tuple[Any, ...]
"""The keys of one message, the most important one first, and its UID: equal keys leave messages as they came."""


# -- what texts are compared by


def collation_key(text: str) -> str:
    """Give the form by which texts are compared and ordered: i;unicode-casemap (RFC 5051 §2).

    Of a very long text the rest beyond its beginning only tells whether it equals another one.
    """
    text = text.upper() if text.isascii() else unicodedata.normalize("NFKD", "".join(map(_title, text)))
    if len(text) <= _LONGEST_KEY:
        return text
    return text[:_LONGEST_KEY] + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _title(character: str) -> str:
    # The simple mapping of RFC 5051, which never makes two characters out of one.
    title = character.title()
    return title if len(title) == 1 else character


def sent_date(message: Message) -> int:
    """Give when the message was sent, UTC epoch seconds; when it arrived if it does not say (RFC 5256 §2.2)."""
    moment = moment_of(_summary(message).envelope.date or b"")
    return message.entry.internal_date if moment is None else moment


def subject(message: Message) -> str:
    """Give the base subject to compare by."""
    return collation_key(base_subject(_summary(message).envelope.subject or b"").text)


def _summary(message: Message) -> Summary:
    assert message.summary is not None, "what it costs was told"
    return message.summary


# -- the criteria


class Criterion(NamedTuple):
    """One of the things by which messages are ordered.

    Attributes:
        cost: what of a message `key` needs.
        key: gives a number or a text; the least comes first.
        is_reverse: whether the greatest comes first.
    """

    cost: Cost
    key: Callable[[Message], Any]
    is_reverse: bool = False


def parse_order(parser: Parser) -> list[Criterion]:
    """Read the criteria, the most important one first (RFC 5256 §5, `sort-criteria`)."""
    parser.expect(b"(")
    # Where one comes again, everything that it could tell apart is apart already.
    criteria: dict[bytes, Criterion] = {}
    while True:
        word = parser.atom().upper()
        is_reverse = word == b"REVERSE"
        if is_reverse:
            parser.space()
            word = parser.atom().upper()
        criterion = _CRITERIA.get(word)
        if criterion is None:
            parser.fail("Expected a sort key before this")
        criteria.setdefault(word, criterion._replace(is_reverse=is_reverse))
        if not parser.accept(b" "):
            break
    parser.expect(b")")
    return list(criteria.values())


def _mailbox(field: str) -> Criterion:
    def key(message: Message) -> str:
        address = _first_address(message, field)
        return _text((address and address.mailbox) or b"")

    return Criterion(Cost.SUMMARY, key)


def _display(field: str) -> Criterion:
    def key(message: Message) -> str:
        address = _first_address(message, field)
        return _display_key(address) if address else ""

    return Criterion(Cost.SUMMARY, key)


def _display_key(address: Address) -> str:
    """Give what is shown of an address (RFC 5957 §3)."""
    name = _text(address.name or b"")
    if name:
        return name
    mailbox = address.mailbox or b""
    return _text(b"%b@%b" % (mailbox, address.host) if address.host else mailbox)


def _first_address(message: Message, field: str) -> Address | None:
    addresses: tuple[Address, ...] = getattr(_summary(message).envelope, field)
    return addresses[0] if addresses else None


def _text(value: bytes) -> str:
    return collation_key(decode_words(value[:LONGEST]))


_CRITERIA: Final = {
    b"ARRIVAL": Criterion(Cost.ENTRY, lambda message: message.entry.internal_date),
    b"CC": _mailbox("cc"),
    b"DATE": Criterion(Cost.SUMMARY, sent_date),
    b"DISPLAYFROM": _display("from_"),
    b"DISPLAYTO": _display("to"),
    b"FROM": _mailbox("from_"),
    b"SIZE": Criterion(Cost.ENTRY, lambda message: message.entry.size),
    b"SUBJECT": Criterion(Cost.SUMMARY, subject),
    b"TO": _mailbox("to"),
}


# -- sorting


class Order:
    """Puts messages into the order of some criteria; those that are equal in all of them stay as they came.

    Args:
        criteria: the most important one first.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self.cost = max(criterion.cost for criterion in criteria)
        self.criteria = criteria
        self._keys: list[list[Any]] = [[] for _ in criteria]

    def add(self, message: Message) -> None:
        """Take a message; from now on it is only known by its place among those that were taken."""
        for criterion, keys in zip(self.criteria, self._keys, strict=True):
            keys.append(criterion.key(message))

    def places(self) -> Generator[None, None, list[int]]:
        """Give the places of the messages in their new order; yields where others may have their turn."""
        order = list(range(len(self._keys[0])))
        # Each pass keeps the order of what it finds equal, so the most important one comes last.
        for criterion, keys in zip(reversed(self.criteria), reversed(self._keys), strict=True):
            order = yield from sorted_in_turns(order, keys, is_reverse=criterion.is_reverse)
        return order

    def rank(self, place: int, uid: int) -> Rank:
        """Give what of two messages, with these UIDs, the one has less of that comes first."""
        keys = [
            _Backwards(keys[place]) if criterion.is_reverse else keys[place]
            for criterion, keys in zip(self.criteria, self._keys, strict=True)
        ]
        return (*keys, uid)


class _Backwards:
    """A number or a text of which the greatest comes first."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


def octets_of(rank: Rank) -> int:
    """Give about how much memory a rank takes, with its places in a list and a dictionary."""
    return _RANK_OCTETS + sum(getsizeof(key.key if isinstance(key, _Backwards) else key) for key in rank)


def sorted_in_turns(
    places: Sequence[int], keys: Sequence[Any], *, is_reverse: bool = False
) -> Generator[None, None, list[int]]:
    """Sort places by their keys, stably; yields where others may have their turn."""
    key = keys.__getitem__
    runs = [sorted(places[:_RUN], key=key, reverse=is_reverse)]
    for start in range(_RUN, len(places), _RUN):
        yield
        runs.append(sorted(places[start : start + _RUN], key=key, reverse=is_reverse))
    if len(runs) == 1:
        return runs[0]
    merged: Iterator[int] = merge(*runs, key=key, reverse=is_reverse)
    result: list[int] = []
    while some := list(islice(merged, _RUN)):
        result += some
        yield
    return result
