"""What FETCH can ask of a message, and how the answer is written (RFC 9051 §6.4.5, §7.5.2).

`parse_fetch` reads the request; the session gets what `FetchRequest.needs_summary`, `needs_content` and `decodes`
tell for each message and sends the pieces of `FetchRequest.response`. A data item that is added is a row of `_ITEMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from tempmaild.core.flags import to_text
from tempmaild.imap.bodystructure import write_body, write_envelope
from tempmaild.imap.message import Message
from tempmaild.imap.object_ids import email_id
from tempmaild.imap.sections import Section, decoded_part, parse_binary_section, parse_section
from tempmaild.imap.strings import nstring, without_nul

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


class BinaryItem(BodyItem, frozen=True):
    """A data item with what a part stands for, without its transfer encoding (RFC 3516 §4.2)."""

    def write(self, message: Message) -> tuple[bytes, bytes]:
        """Write the item as `BodyItem.write` does; what has NUL in it is a literal8."""
        octets = message.decoded[self.section.path]
        if octets is None:
            return self.name + b" NIL", b""
        if self.count is not None:
            octets = octets[self.start : self.start + self.count]
        if not octets:
            return self.name + b' ""', b""
        return b"%b %b{%d}\r\n" % (self.name, b"~" if b"\0" in octets else b"", len(octets)), octets


class BinarySize(BodyItem, frozen=True):
    """A data item that tells how many octets `BinaryItem` would give, 0 for a part that is not there."""

    def write(self, message: Message) -> tuple[bytes, bytes]:
        """Write the item; there is no literal."""
        return b"%b %d" % (self.name, len(message.decoded[self.section.path] or b"")), b""


class FetchRequest(Struct, frozen=True, dict=True):
    """The data items that a FETCH asks for, each once.

    Attributes:
        uid_only: whether the responses begin with the UID in place of the number (RFC 9586 §3.3).
    """

    attributes: tuple[Attribute, ...]
    body_items: tuple[BodyItem, ...]
    uid_only: bool = False

    @cached_property
    def needs_summary(self) -> bool:
        """Whether a `Message` must have its summary for `response`."""
        return any(item.needs_summary for item in self.attributes) or any(
            item.section.needs_summary for item in self.body_items
        )

    @cached_property
    def needs_content(self) -> bool:
        """Whether a `Message` must have its content for `response`."""
        return bool(self.body_items)

    @cached_property
    def decodes(self) -> bool:
        """Whether `decode` must have been called for `response`."""
        return any(isinstance(item, BinaryItem | BinarySize) for item in self.body_items)

    def decode(self, message: Message, content: bytes) -> None:
        """Give the message its content, and what the parts of it stand for that are asked for; may take long.

        Raises:
            UnknownEncoding: nobody knows what one of them stands for.
        """
        message.content = content
        message.decoded = {}
        for item in self.body_items:
            path = item.section.path
            if isinstance(item, BinaryItem | BinarySize) and path not in message.decoded:
                message.decoded[path] = decoded_part(content, _summary(message).structure, path) if path else content

    @cached_property
    def sets_seen(self) -> bool:
        r"""Whether the fetched messages become \Seen."""
        return any(item.sets_seen for item in self.body_items)

    @cached_property
    def shows_modseq(self) -> bool:
        """Whether the responses tell modification sequences."""
        return _MODSEQ in self.attributes

    def adding(self, *names: bytes) -> FetchRequest:
        """Give the request whose responses tell these attributes too."""
        attributes = dict.fromkeys((*self.attributes, *(_ATTRIBUTES[name] for name in names)))
        return replace(self, attributes=tuple(attributes))

    def response(self, message: Message) -> Iterator[bytes]:
        r"""Write the FETCH response for one message, piece by piece, CRLF included.

        Only a body item that is wanted makes a piece of more than a few KiB, and it is made when its turn comes: let
        the connection drain between the pieces.
        """
        heading = b"* %d UIDFETCH (" % message.entry.uid if self.uid_only else b"* %d FETCH (" % message.number
        begun = heading + b" ".join([item.write(message) for item in self.attributes])
        space = b" " if self.attributes else b""
        for item in self.body_items:
            head, text = item.write(message)
            yield begun + space + head
            if text:
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
    return b"INTERNALDATE " + _date_time(message.entry.internal_date)


def _write_save_date(message: Message) -> bytes:
    return b"SAVEDATE " + _date_time(message.entry.save_date)


def _date_time(seconds: int) -> bytes:
    # The client that appended the message chose the date, and with its zone it may not fit into four digits.
    moment = min(max(seconds, _FIRST_MOMENT), _LAST_MOMENT)
    when = datetime.fromtimestamp(moment, UTC)
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        when.day,
        _MONTHS[when.month - 1],
        when.year,
        when.hour,
        when.minute,
        when.second,
    )


def _write_modseq(message: Message) -> bytes:
    return b"MODSEQ (%d)" % message.entry.modseq  # RFC 7162 §3.1.4.2


def _write_size(message: Message) -> bytes:
    return b"RFC822.SIZE %d" % message.entry.size


def _write_email_id(message: Message) -> bytes:
    return b"EMAILID (%b)" % email_id(message.entry)


def _write_thread_id(_: Message) -> bytes:
    # RFC 8474 §5.2: what is not put into threads has none.
    return b"THREADID NIL"


def _write_preview(message: Message) -> bytes:
    return b"PREVIEW " + nstring(_summary(message).preview.encode())


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
_MODSEQ: Final = Attribute(b"MODSEQ", _write_modseq)
_PREVIEW: Final = Attribute(b"PREVIEW", _write_preview, needs_summary=True)

_ITEMS: Final[dict[bytes, Attribute | BodyItem]] = {
    item.name: item
    for item in (
        _UID,
        _FLAGS,
        _ENVELOPE,
        _BODY,
        _INTERNALDATE,
        _SIZE,
        _MODSEQ,
        Attribute(b"BODYSTRUCTURE", _write_bodystructure, needs_summary=True),
        Attribute(b"SAVEDATE", _write_save_date),
        Attribute(b"EMAILID", _write_email_id),
        Attribute(b"THREADID", _write_thread_id),
        BodyItem(b"RFC822", Section(), sets_seen=True),
        BodyItem(b"RFC822.HEADER", Section(kind=b"HEADER"), sets_seen=False),
        BodyItem(b"RFC822.TEXT", Section(kind=b"TEXT"), sets_seen=True),
    )
}
_ATTRIBUTES: Final = {item.name: item for item in _ITEMS.values() if isinstance(item, Attribute)}
_BODY_ITEMS: Final[dict[bytes, tuple[type[BodyItem], bytes, bool]]] = {
    b"BODY": (BodyItem, b"BODY", True),
    b"BODY.PEEK": (BodyItem, b"BODY", False),
    b"BINARY": (BinaryItem, b"BINARY", True),
    b"BINARY.PEEK": (BinaryItem, b"BINARY", False),
    b"BINARY.SIZE": (BinarySize, b"BINARY.SIZE", False),
}
"""What a data item with a section is, how its response names it, and whether to fetch it means to read."""
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
    if word == b"PREVIEW":
        _parse_preview_modifiers(parser)
        return _PREVIEW
    return _ITEMS.get(word) or _parse_body_item(parser, word)


def _parse_preview_modifiers(parser: Parser) -> None:
    """Read the modifiers of PREVIEW; LAZY is no matter, for previews are made when mail arrives (RFC 8970 §3.1)."""
    if parser.accept(b" ("):
        parser.expect(b"LAZY")
        parser.expect(b")")


def _parse_body_item(parser: Parser, word: bytes) -> BodyItem:
    # The bracket belongs to the octets of an atom, so that the word holds the section up to its first space.
    kind, bracket, section_word = word.partition(b"[")
    found = _BODY_ITEMS.get(kind) if bracket else None
    if found is None:
        parser.fail("Expected a data item of FETCH")
    make, name, sets_seen = found
    section = (parse_section if make is BodyItem else parse_binary_section)(parser, section_word)
    parser.expect(b"]")
    name = b"%b[%b]" % (name, section.spelling())
    if make is BinarySize or not parser.accept(b"<"):
        return make(name, section, sets_seen)
    start = parser.number()
    parser.expect(b".")
    count = parser.nz_number()
    parser.expect(b">")
    return make(b"%b<%d>" % (name, start), section, sets_seen, start, count)
