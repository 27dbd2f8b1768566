"""What FETCH can ask of a message, and how the answer is written (RFC 3501 §6.4.5, §7.4.2).

`parse_fetch` reads the request; the session gets what `FetchRequest.needs_summary` and `needs_content` tell for each
message and sends the pieces of `FetchRequest.response`. A data item that is added is a row of `_ITEMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.core.flags import to_text
from tempmaild.imap.bodystructure import write_body, write_envelope
from tempmaild.imap.message import Message
from tempmaild.imap.sections import Section, parse_section
from tempmaild.imap.strings import without_nul

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.summary import Summary
    from tempmaild.imap.grammar import Parser

_FIRST_MOMENT: Final = -62_135_596_800
_LAST_MOMENT: Final = 253_402_300_799
"""The years 1 to 9999, UTC epoch seconds."""
_MONTHS: Final = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Attribute(Struct, frozen=True):
    """A short data item that is written whole, with its name."""

    name: bytes
    write: Callable[[Message], bytes]
    needs_summary: bool = False


class BodyItem(Struct, frozen=True):
    """A data item with octets of the message's content.

    Attributes:
        name: as the response names it, with the place of a partial fetch.
        sets_seen: whether to fetch it means to read the message.
        start: first octet that is wanted, in a partial fetch.
        count: how many are wanted at most, None for all.
    """

    name: bytes
    section: Section
    sets_seen: bool
    start: int = 0
    count: int | None = None

    def write(self, message: Message) -> tuple[bytes, bytes]:
        """Write the item as its name, with NIL or the announcement of a literal, and the literal.

        Content that is wanted whole is not copied.
        """
        text = self.section.text(message)
        if text is None:
            return self.name + b" NIL", b""
        if self.count is not None:
            text = text[self.start : self.start + self.count]
        if not text:
            return self.name + b' ""', b""
        return b"%b {%d}\r\n" % (self.name, len(text)), without_nul(text)


class FetchRequest(Struct, frozen=True):
    """The data items that a FETCH asks for, each once."""

    attributes: tuple[Attribute, ...]
    body_items: tuple[BodyItem, ...]

    @property
    def needs_summary(self) -> bool:
        """Whether a `Message` must have its summary for `response`."""
        return any(item.needs_summary for item in self.attributes) or any(
            item.section.needs_summary for item in self.body_items
        )

    @property
    def needs_content(self) -> bool:
        """Whether a `Message` must have its content for `response`."""
        return bool(self.body_items)

    @property
    def sets_seen(self) -> bool:
        r"""Whether the fetched messages become \Seen."""
        return any(item.sets_seen for item in self.body_items)

    @property
    def shows_flags(self) -> bool:
        """Whether the responses tell the flags, so that no other response has to."""
        return _FLAGS in self.attributes

    def with_flags(self) -> FetchRequest:
        r"""Give the request whose responses tell the flags too, as for messages that it has just made \Seen."""
        return self if self.shows_flags else FetchRequest((*self.attributes, _FLAGS), self.body_items)

    def response(self, message: Message) -> Iterator[bytes]:
        r"""Write the FETCH response for one message, piece by piece, CRLF included.

        Only a body item that is wanted makes a piece of more than a few KiB, and it is made when its turn comes: let
        the connection drain between the pieces.
        """
        begun = b"* %d FETCH (%b" % (message.number, b" ".join([item.write(message) for item in self.attributes]))
        space = b" " if self.attributes else b""
        for item in self.body_items:
            head, text = item.write(message)
            yield begun + space + head
            yield text
            begun, space = b"", b" "
        yield begun + b")\r\n"


# -- writing the attributes


def _write_uid(message: Message) -> bytes:
    return b"UID %d" % message.entry.uid


def _write_flags(message: Message) -> bytes:
    flags = to_text(message.entry.flags)
    if message.recent:
        flags = f"{flags} \\Recent" if flags else "\\Recent"
    return f"FLAGS ({flags})".encode()


def _write_internal_date(message: Message) -> bytes:
    # The client that appended the message chose the date, and with its zone it may not fit into four digits.
    moment = min(max(message.entry.internal_date, _FIRST_MOMENT), _LAST_MOMENT)
    when = datetime.fromtimestamp(moment, UTC)
    return b'INTERNALDATE "%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        when.day,
        _MONTHS[when.month - 1],
        when.year,
        when.hour,
        when.minute,
        when.second,
    )


def _write_size(message: Message) -> bytes:
    return b"RFC822.SIZE %d" % message.entry.size


def _write_envelope(message: Message) -> bytes:
    return b"ENVELOPE " + write_envelope(_summary(message).envelope)


def _write_body(message: Message) -> bytes:
    return b"BODY " + write_body(_summary(message).structure, extended=False)


def _write_bodystructure(message: Message) -> bytes:
    return b"BODYSTRUCTURE " + write_body(_summary(message).structure, extended=True)


def _summary(message: Message) -> Summary:
    assert message.summary is not None, "FetchRequest.needs_summary was not heeded"
    return message.summary


_UID: Final = Attribute(b"UID", _write_uid)
_FLAGS: Final = Attribute(b"FLAGS", _write_flags)
_ENVELOPE: Final = Attribute(b"ENVELOPE", _write_envelope, needs_summary=True)
_BODY: Final = Attribute(b"BODY", _write_body, needs_summary=True)
_INTERNALDATE: Final = Attribute(b"INTERNALDATE", _write_internal_date)
_SIZE: Final = Attribute(b"RFC822.SIZE", _write_size)

# RFC 3501 §6.4.5
_ITEMS: Final[dict[bytes, Attribute | BodyItem]] = {
    item.name: item
    for item in (
        _UID,
        _FLAGS,
        _ENVELOPE,
        _BODY,
        _INTERNALDATE,
        _SIZE,
        Attribute(b"BODYSTRUCTURE", _write_bodystructure, needs_summary=True),
        BodyItem(b"RFC822", Section(), sets_seen=True),
        BodyItem(b"RFC822.HEADER", Section(kind=b"HEADER"), sets_seen=False),
        BodyItem(b"RFC822.TEXT", Section(kind=b"TEXT"), sets_seen=True),
    )
}
_FAST: Final = (_FLAGS, _INTERNALDATE, _SIZE)
_MACROS: Final[dict[bytes, tuple[Attribute, ...]]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, _ENVELOPE),
    b"FULL": (*_FAST, _ENVELOPE, _BODY),
}


# -- reading the request


def parse_fetch(parser: Parser, *, with_uid: bool = False) -> FetchRequest:
    """Read a macro, a data item, or data items in parentheses.

    Args:
        with_uid: the responses tell the UID even if it is not asked for, as UID FETCH does.

    Raises:
        SyntaxProblem: for anything else.
    """
    asked: list[Attribute | BodyItem] = [_UID] if with_uid else []
    if parser.accept(b"("):
        asked.append(_parse_item(parser, parser.atom().upper()))
        while parser.accept(b" "):
            asked.append(_parse_item(parser, parser.atom().upper()))
        parser.expect(b")")
    else:
        word = parser.atom().upper()
        asked += _MACROS.get(word) or [_parse_item(parser, word)]
    items = dict.fromkeys(asked)
    return FetchRequest(
        tuple(item for item in items if isinstance(item, Attribute)),
        tuple(item for item in items if isinstance(item, BodyItem)),
    )


def _parse_item(parser: Parser, word: bytes) -> Attribute | BodyItem:
    """Read a data item whose first word, in upper case, is consumed already."""
    return _ITEMS.get(word) or _parse_body_item(parser, word)


def _parse_body_item(parser: Parser, word: bytes) -> BodyItem:
    # The bracket belongs to the octets of an atom, so that the word holds the section up to its first space.
    kind, bracket, section_word = word.partition(b"[")
    if kind not in {b"BODY", b"BODY.PEEK"} or not bracket:
        parser.fail("Expected a data item of FETCH")
    section = parse_section(parser, section_word)
    parser.expect(b"]")
    name = b"BODY[%b]" % section.spelling()
    sets_seen = kind == b"BODY"
    if not parser.accept(b"<"):
        return BodyItem(name, section, sets_seen)
    start = parser.number()
    parser.expect(b".")
    count = parser.nz_number()
    parser.expect(b">")
    return BodyItem(b"%b<%d>" % (name, start), section, sets_seen, start, count)
