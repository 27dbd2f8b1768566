"""Sections: which octets of a message BODY[...] and BINARY[...] mean (RFC 9051 §6.4.5)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.core.content import decoded_body
from tempmaild.core.mime import Part, section, select_fields
from tempmaild.imap.strings import astring

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message

_FIELD_KINDS: Final = frozenset({b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"})
_MESSAGE_KINDS: Final = _FIELD_KINDS | {b"HEADER", b"TEXT"}
_PART_KINDS: Final = _MESSAGE_KINDS | {b"MIME"}
_ENCODINGS: Final = frozenset({b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable"})


class UnknownEncoding(Exception):
    """Nobody here knows what the octets of a part stand for."""


class Section(Struct, frozen=True):
    """A piece of a message.

    Attributes:
        path: the part's number, such as (2, 1); () is the message itself.
        kind: which piece of the part: b"" for its body (of the message itself: everything), MIME for its own header;
            HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT or TEXT of the message, or of the message that the part holds.
        field_names: header field names as the client spelt them, for the FIELDS kinds.
    """

    path: tuple[int, ...] = ()
    kind: bytes = b""
    field_names: tuple[bytes, ...] = ()

    @property
    def needs_summary(self) -> bool:
        """Whether `text` needs the message's summary besides its content."""
        return bool(self.path or self.kind)

    def spelling(self) -> bytes:
        """Write the section as it stands between the brackets."""
        words = b".".join([b"%d" % number for number in self.path] + [self.kind] * bool(self.kind))
        if self.field_names:
            return b"%b (%b)" % (words, b" ".join([astring(name) for name in self.field_names]))
        return words

    def text(self, message: Message) -> bytes | None:
        """Give the octets of the section; None when the message has no such part."""
        content = message.content
        assert content is not None, "FetchRequest.needs_content was not heeded"
        return self.octets(content, None if message.summary is None else message.summary.structure)

    def octets(self, content: bytes, root: Part | None) -> bytes | None:
        """Give the octets of the section; None when the content, whose structure is `root`, has no such part."""
        if not self.needs_summary:
            return content
        assert root is not None, "FetchRequest.needs_summary was not heeded"
        part = section(root, self.path)
        if part is not None and self.path and self.kind in _MESSAGE_KINDS:
            part = part.children[0] if part.is_message else None
        return None if part is None else self._piece(content, part)

    def _piece(self, content: bytes, part: Part) -> bytes:
        if self.kind in _FIELD_KINDS:
            return select_fields(content, part, self.field_names, exclude=self.kind.endswith(b".NOT"))
        if self.kind in {b"HEADER", b"MIME"}:
            return content[part.header : part.body]
        return content[part.body : part.end]


def decoded_part(content: bytes, root: Part, path: tuple[int, ...]) -> bytes | None:
    """Give what the octets of a part stand for; None when the message has no such part (RFC 3516 §4.2).

    A message, whole or within another, and a multipart are given as they are: they can have no encoding of their own
    (RFC 2045 §6.4), and what is in them is asked for part by part.

    Raises:
        UnknownEncoding: it has an encoding that nobody here knows.
    """
    if not path:
        return content
    part = section(root, path)
    if part is None:
        return None
    if part.is_multipart or part.is_message:
        return content[part.body : part.end]
    if part.encoding not in _ENCODINGS:
        raise UnknownEncoding
    return decoded_body(content, part)


def parse_section(parser: Parser, word: bytes) -> Section:
    """Read a section.

    Args:
        word: the section up to its first space, which the parser has consumed already; in upper case.

    Raises:
        SyntaxProblem: if it is none.
    """
    words = word.split(b".") if word else []
    numbers = list(itertools.takewhile(bytes.isdigit, words))
    rest = words[len(numbers) :]
    path = tuple(_part_number(parser, digits) for digits in numbers)
    kind = b".".join(rest)
    if rest and kind not in (_PART_KINDS if path else _MESSAGE_KINDS):
        parser.fail("Expected a section")
    return Section(path, kind, _field_names(parser) if kind in _FIELD_KINDS else ())


def parse_binary_section(parser: Parser, word: bytes) -> Section:
    """Read a section of BINARY, which is a part and nothing else (RFC 3516 §7, `section-binary`).

    Raises:
        SyntaxProblem: if it is none.
    """
    found = parse_section(parser, word)
    if found.kind:
        parser.fail("Expected the number of a part")
    return found


def _part_number(parser: Parser, digits: bytes) -> int:
    if digits.startswith(b"0") or len(digits) > 10:
        parser.fail("Expected the number of a part")
    return int(digits)


def _field_names(parser: Parser) -> tuple[bytes, ...]:
    parser.space()
    parser.expect(b"(")
    names = [parser.astring()]
    while parser.accept(b" "):
        names.append(parser.astring())
    parser.expect(b")")
    return tuple(names)
