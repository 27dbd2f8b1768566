"""Search keys: questions to a message (RFC 3501 §6.4.4). `search_keys` reads them from a command.

A key is asked with what is at hand of the message, and answers None when that does not decide it. So a session asks
its key for every message as it stands in the view; then, with `Message.summary`, for those left undecided, and at
last with `Message.content` too: what is costly to get is got for few.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.content import decode_words
from tempmaild.core.dates import day_of
from tempmaild.core.headers import fields, unfold
from tempmaild.imap.message import Message
from tempmaild.imap.object_ids import email_id
from tempmaild.imap.texts import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from tempmaild.core.envelope import Address, Envelope
    from tempmaild.imap.texts import Texts


class Cost(enum.IntEnum):
    """What of a message is needed to answer; each needs the ones before it as well."""

    ENTRY = 0
    SUMMARY = 1
    CONTENT = 2


class Key(Struct, frozen=True):
    """A question that a message answers with yes or no.

    Attributes:
        cost: what is needed to answer for sure; less may do for some messages.
        decide: tells whether the message matches; None when that shows only with more of the message.
    """

    cost: Cost
    decide: Callable[[Message], bool | None]


# -- combinations; the cheapest key is asked first


def all_of(keys: Sequence[Key]) -> Key:
    """All of the keys match."""
    if len(keys) == 1:
        return keys[0]
    questions = [key.decide for key in sorted(keys, key=_cost)]

    def decide(message: Message) -> bool | None:
        verdict: bool | None = True
        for question in questions:
            answer = question(message)
            if answer is False:
                return False
            if answer is None:
                verdict = None
        return verdict

    return Key(max(map(_cost, keys)), decide)


def any_of(keys: Sequence[Key]) -> Key:
    """At least one of the keys matches."""
    return negation(all_of([negation(key) for key in keys]))


def negation(key: Key) -> Key:
    """The key does not match."""
    question = key.decide

    def decide(message: Message) -> bool | None:
        answer = question(message)
        return None if answer is None else not answer

    return Key(key.cost, decide)


def _cost(key: Key) -> Cost:
    return key.cost


# -- of the entry


def everything() -> Key:
    """Every message."""
    return Key(Cost.ENTRY, lambda _: True)


def has_flag(flag: str) -> Key:
    """The message has this system flag, in the case of `core.flags`."""
    return Key(Cost.ENTRY, lambda message: flag in message.entry.flags)


def has_keyword(keyword: str) -> Key:
    """The message has this keyword, in whatever case."""
    wanted = keyword.lower()
    return Key(Cost.ENTRY, lambda message: any(flag.lower() == wanted for flag in message.entry.flags))


def is_recent() -> Key:
    r"""The message is \Recent."""
    return Key(Cost.ENTRY, lambda message: message.recent)


def has_uid(ranges: list[tuple[int, int]]) -> Key:
    """The UID is in one of the ranges, which ascend and do not overlap."""
    return Key(Cost.ENTRY, lambda message: _in_ranges(message.entry.uid, ranges))


def is_among(uids: Collection[int]) -> Key:
    """The UID is one of these."""
    return Key(Cost.ENTRY, lambda message: message.entry.uid in uids)


def _in_ranges(number: int, ranges: list[tuple[int, int]]) -> bool:
    index = bisect_right(ranges, number, key=_first)
    return index > 0 and number <= ranges[index - 1][1]


def _first(pair: tuple[int, int]) -> int:
    return pair[0]


def since(moment: int) -> Key:
    """The internal date is at `moment` (UTC epoch seconds) or later."""
    return Key(Cost.ENTRY, lambda message: message.entry.internal_date >= moment)


def before(moment: int) -> Key:
    """The internal date is before `moment`, UTC epoch seconds."""
    return Key(Cost.ENTRY, lambda message: message.entry.internal_date < moment)


def larger(size: int) -> Key:
    """The message has more octets."""
    return Key(Cost.ENTRY, lambda message: message.entry.size > size)


def smaller(size: int) -> Key:
    """The message has fewer octets."""
    return Key(Cost.ENTRY, lambda message: message.entry.size < size)


def has_modseq(least: int) -> Key:
    """The message has changed at this modification sequence or later (RFC 7162 §3.1.5)."""
    return Key(Cost.ENTRY, lambda message: message.entry.modseq >= least)


def saved_since(moment: int) -> Key:
    """The message came into the folder at `moment` (UTC epoch seconds) or later (RFC 8514 §4.2)."""
    return Key(Cost.ENTRY, lambda message: message.entry.save_date >= moment)


def saved_before(moment: int) -> Key:
    """The message came into the folder before `moment`, UTC epoch seconds (RFC 8514 §4.2)."""
    return Key(Cost.ENTRY, lambda message: message.entry.save_date < moment)


def has_email_id(wanted: bytes) -> Key:
    """The message has this EMAILID (RFC 8474 §6)."""
    return Key(Cost.ENTRY, lambda message: email_id(message.entry) == wanted)


# -- of the summary


def _of_envelope(answer: Callable[[Envelope], bool]) -> Key:
    def decide(message: Message) -> bool | None:
        return None if message.summary is None else answer(message.summary.envelope)

    return Key(Cost.SUMMARY, decide)


def in_envelope(field: str, text: str) -> Key:
    """The field of `Envelope` that is no list of addresses is there, and says the text."""
    wanted = folded(text)

    def answer(envelope: Envelope) -> bool:
        value: bytes | None = getattr(envelope, field)
        return value is not None and wanted in folded(decode_words(value))

    return _of_envelope(answer)


def in_addresses(field: str, text: str) -> Key:
    """The text is in the addresses of this field of `Envelope`, when these read `Name <mailbox@host>, …`."""
    wanted = folded(text)

    def answer(envelope: Envelope) -> bool:
        addresses: tuple[Address, ...] = getattr(envelope, field)
        return bool(addresses) and wanted in folded(decode_words(b", ".join(map(_address_text, addresses))))

    return _of_envelope(answer)


def _address_text(address: Address) -> bytes:
    text = address.mailbox or b""
    if address.host:
        text = b"%b@%b" % (text, address.host)
    return b"%b <%b>" % (address.name, text) if address.name else text


def sent_before(limit: date) -> Key:
    """The Date field names an earlier day; its time and zone do not count."""
    return _of_day(lambda day: day < limit)


def sent_on(wanted: date) -> Key:
    """The Date field names this day."""
    return _of_day(lambda day: day == wanted)


def sent_since(first: date) -> Key:
    """The Date field names this day or a later one."""
    return _of_day(lambda day: day >= first)


def _of_day(answer: Callable[[date], bool]) -> Key:
    def answer_envelope(envelope: Envelope) -> bool:
        day = day_of(envelope.date or b"")
        return day is not None and answer(day)

    return _of_envelope(answer_envelope)


# -- of the content


def in_header_field(name: bytes, text: str) -> Key:
    """There is a header field of this name, in whatever case, that says the text."""
    wanted_name, wanted = name.lower(), folded(text)

    def decide(message: Message) -> bool | None:
        if message.summary is None or message.content is None:
            return None
        root = message.summary.structure
        return any(
            wanted in folded(decode_words(unfold(field.value)))
            for field in fields(message.content, root.header, root.body)
            if field.name.lower() == wanted_name
        )

    return Key(Cost.CONTENT, decide)


def in_body(text: str) -> Key:
    """The text is in the body; the empty text is in every body, even in one without text parts."""
    wanted = folded(text)
    return everything() if not wanted else _of_texts(lambda texts: any(wanted in part for part in texts.body))


def in_header_or_body(text: str) -> Key:
    """The text is in the header or in the body."""
    wanted = folded(text)
    return _of_texts(lambda texts: wanted in texts.header or any(wanted in part for part in texts.body))


def _of_texts(answer: Callable[[Texts], bool]) -> Key:
    def decide(message: Message) -> bool | None:
        texts = message.texts()
        return None if texts is None else answer(texts)

    return Key(Cost.CONTENT, decide)
