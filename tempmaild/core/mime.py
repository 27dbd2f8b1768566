"""The part tree of a message, found in one pass over its octets (RFC 2045, RFC 2046).

Every octet is looked at a fixed number of times: a header is searched once for its end, and a body once for the
delimiter lines of all multiparts around it. What goes beyond the limits below is no mail that anybody reads in parts:
such a message is kept whole and has a structure of one part.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from tempmaild.core.envelope import Envelope, make_envelope
from tempmaild.core.headers import first_values, text_of, texts
from tempmaild.core.parameters import (
    PLAIN_TEXT,
    MediaType,
    Parameters,
    parameter_octets,
    parse_disposition,
    parse_media_type,
    parse_token,
    parse_tokens,
)

MAX_DEPTH = 100  # parts within parts
MAX_PARTS = 10_000
MAX_FIELD_SIZE = 256 * 1024  # octets of one header field
MAX_HEADER_SIZE = 1024 * 1024  # octets of all headers in the message


class Part(Struct, frozen=True, array_like=True, gc=False):
    """A node of the part tree; offsets are octets from the start of the message."""

    header: int
    """The first octet of the part's header; of the message's own header for a message."""
    body: int
    """The body's first octet, after the empty line that ends the header."""
    end: int
    """After the body's last octet; the line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1)."""
    lines: int
    """Line ends in the body: a last line without one does not count, as with Dovecot."""
    media_type: bytes
    subtype: bytes
    """Both in lower case; what the part is taken for, if the header names no type or one that cannot be."""
    parameters: Parameters = ()
    encoding: bytes = b"7bit"
    """Content-Transfer-Encoding in lower case (RFC 2045 §6.1)."""
    content_id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    location: bytes | None = None
    disposition: tuple[bytes, Parameters] | None = None
    language: tuple[bytes, ...] = ()
    children: "tuple[Part, ...]" = ()
    """The parts of a multipart, at least one; of an embedded message exactly its root."""
    envelope: Envelope | None = None
    """Of the embedded message."""

    @property
    def is_multipart(self) -> bool:
        """Whether the body is made of parts."""
        return self.media_type == b"multipart"

    @property
    def is_message(self) -> bool:
        """Whether the body is a message, and so the one child its root."""
        return self.envelope is not None


def parse(raw: bytes) -> tuple[Part, Envelope]:
    """The root of the message's part tree, and the message's envelope. Takes any octets; linear in their number."""
    scanner = _Scanner(raw)
    try:
        return scanner.message(0, 0)
    except _TooComplexError:
        return _single_part(raw)


def every_part(root: Part) -> Iterator[Part]:
    """The part and all within it, each before those that it holds."""
    pending = [root]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(reversed(part.children))


def section(root: Part, path: Sequence[int]) -> Part | None:
    """The part with this IMAP number in the message `root`; () is the message itself (RFC 9051 §6.4.5.1)."""
    part = root
    numbered = _numbered_parts(root)
    for number in path:
        if not 1 <= number <= len(numbered):
            return None
        part = numbered[number - 1]
        numbered = _numbered_parts(part.children[0]) if part.is_message else part.children
    return part


def _numbered_parts(message: Part) -> tuple[Part, ...]:
    """The parts of a message; one that is no multipart has itself as its only part."""
    return message.children if message.is_multipart else (message,)


def select_fields(raw: bytes, part: Part, names: Collection[bytes], *, exclude: bool = False) -> bytes:
    """The part's header fields of these names (or with `exclude`: all others) as sent, and an empty line.

    Names match in any case. Gives IMAP's HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 §6.4.5.1).
    """
    wanted = {name.lower() for name in names}
    selected = b"".join(
        [text for text, name in texts(raw, part.header, part.body) if (name.lower() in wanted) is not exclude]
    )
    if selected and not selected.endswith(b"\n"):
        selected += b"\r\n"
    return selected + b"\r\n"


class _TooComplexError(Exception):
    """The message exceeds a limit."""


class _Header(NamedTuple):
    start: int
    end: int  # and the start of the body
    values: dict[bytes, bytes]  # folded, by name in lower case


class _Delimiter(NamedTuple):
    """A delimiter line of an open multipart, or the end of the message."""

    depth: int  # of the multipart; -1 for the end of the message
    closing: bool  # "--boundary--"
    start: int  # with the line end before it
    end: int  # after its own line end


_EMBEDDED_MESSAGE: MediaType = (b"message", b"rfc822", ())  # RFC 2046 §5.1.5
_MESSAGE_SUBTYPES = frozenset({b"rfc822", b"global"})  # RFC 2046 §5.2.1, RFC 6532 §3.7

_BLANK_LINE = re.compile(rb"\n\r?\n|\A\r?\n")
_HEADER_STOP = re.compile(rb"\n(?:\r?\n|(--))")


class _Scanner:
    """Reads a message forwards, part by part.

    `_open` knows the delimiter lines of the multiparts around the current position, so that a line is tested with one
    look-up however many there are; all of them begin with `_prefix`, so that most other lines are not even looked at.
    `_stop` is the delimiter at which the last body ended.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._open: dict[bytes, tuple[int, bool]] = {}
        self._prefix = b""
        self._stop = _Delimiter(-1, True, 0, 0)
        self._parts = 0
        self._header_size = 0
        self._line_end = _line_end(raw)
        self._counted = 0  # how far line ends are counted,
        self._lines = 0  # and how many there are up to there

    def message(self, start: int, depth: int) -> tuple[Part, Envelope]:
        """Read the message, or the embedded message, that begins at `start`."""
        header = self._header(start)
        return self._part(header, depth, PLAIN_TEXT), make_envelope(header.values)

    def _header(self, start: int) -> _Header:
        end = self._header_end(start)
        self._header_size += end - start
        values = first_values(self._raw, start, end)
        if end - start > MAX_FIELD_SIZE and any(len(value) > MAX_FIELD_SIZE for value in values.values()):
            raise _TooComplexError
        return _Header(start, end, values)

    def _header_end(self, start: int) -> int:
        """The offset of the body: after the first empty line, or at a delimiter line that comes before one."""
        if start == 0 and self._raw.startswith((b"\r\n", b"\n")):
            return self._raw.index(b"\n") + 1
        limit = start + MAX_HEADER_SIZE - self._header_size
        for match in _HEADER_STOP.finditer(self._raw, max(start - 1, 0), limit):
            if not match[1]:
                return match.end()
            if self._delimiter_at(match.start()):
                return match.start() + 1
        if limit < len(self._raw):
            raise _TooComplexError
        return len(self._raw)

    def _part(self, header: _Header, depth: int, default: MediaType) -> Part:
        """Read the part whose header this is, to its end; `default` is its type if the header names none."""
        self._parts += 1
        if depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise _TooComplexError
        lines_before = self._lines_up_to(header.end)
        value = header.values.get(b"content-type")
        media_type = default if value is None else parse_media_type(value) or PLAIN_TEXT
        children: tuple[Part, ...] = ()
        envelope = None
        if media_type[0] == b"multipart" and (boundary := _boundary(media_type[2])):
            children = self._children(header.end, depth, boundary, media_type[1])
        elif media_type[0] == b"message" and media_type[1] in _MESSAGE_SUBTYPES:
            root, envelope = self.message(header.end, depth + 1)
            children = (root,)
        else:
            if media_type[0] == b"multipart":  # of no boundary
                media_type = PLAIN_TEXT
            self._stop = self._next_delimiter(header.end)
        end = max(self._stop.start, children[-1].end if children else header.end)
        lines = self._lines_up_to(end) - lines_before
        return _make_part(header, end, lines, media_type, children, envelope)

    def _children(self, start: int, depth: int, boundary: bytes, subtype: bytes) -> tuple[Part, ...]:
        """Read a multipart's body, the preamble and epilogue of which are no part of anything (RFC 2046 §5.1.1)."""
        lines = {boundary: (depth, False), boundary + b"--": (depth, True)}
        around = {line: self._open[line] for line in lines if line in self._open}
        prefix_around = self._prefix
        self._prefix = _common_prefix(prefix_around, boundary) if self._open else boundary
        self._open |= lines
        self._stop = self._next_delimiter(start)
        default = _EMBEDDED_MESSAGE if subtype == b"digest" else PLAIN_TEXT
        children = []
        while self._stop.depth == depth and not self._stop.closing:
            children.append(self._part(self._header(self._stop.end), depth + 1, default))
        for line in lines:
            del self._open[line]
        self._open |= around
        self._prefix = prefix_around
        if self._stop.depth == depth:
            self._stop = self._next_delimiter(self._stop.end)
        return tuple(children) or (_empty_part(max(start, self._stop.start)),)

    def _next_delimiter(self, position: int) -> _Delimiter:
        """The first delimiter line of an open multipart that begins at `position` or later."""
        raw = self._raw
        if self._open:
            common_start = b"\n--" + self._prefix
            candidate = raw.find(common_start, position - 1)
            while candidate >= 0:
                if delimiter := self._delimiter_at(candidate):
                    return delimiter
                candidate = raw.find(common_start, candidate + 1)
        return _Delimiter(-1, True, len(raw), len(raw))

    def _delimiter_at(self, line_end: int) -> _Delimiter | None:
        """The delimiter in the line after the LF at `line_end`, if it is the line of an open multipart.

        The whole line counts but for white space at its end, so that a boundary may begin with another one.
        """
        raw = self._raw
        end = raw.find(b"\n", line_end + 1) + 1 or len(raw)
        known = self._open.get(raw[line_end + 3 : end].rstrip())
        if known is None:
            return None
        start = line_end - 1 if raw[line_end - 1 : line_end] == b"\r" else line_end
        return _Delimiter(*known, start, end)

    def _lines_up_to(self, position: int) -> int:
        """How many line ends there are before `position`; it never lies before that of the call before."""
        self._lines += self._raw.count(self._line_end, self._counted, position)
        self._counted = position
        return self._lines


def _line_end(raw: bytes) -> bytes:
    """Give the kind of line end that the message has, by its first; the store has no messages of both kinds."""
    # Two octets are counted in a third of the time that one takes.
    first = raw.find(b"\n")
    return b"\r\n" if raw[first - 1 : first] == b"\r" else b"\n"


def _boundary(parameters: Parameters) -> bytes:
    """The boundary parameter; empty if there is none. It cannot end with white space (RFC 2046 §5.1.1)."""
    return parameter_octets(parameters, b"boundary")[1].rstrip()


def _common_prefix(one: bytes, other: bytes) -> bytes:
    for length, (octet, other_octet) in enumerate(zip(one, other, strict=False)):
        if octet != other_octet:
            return one[:length]
    return min(one, other, key=len)


def _empty_part(position: int) -> Part:
    """What a multipart without parts has, since IMAP knows no multipart of none."""
    return Part(position, position, position, 0, *PLAIN_TEXT)


def _make_part(
    header: _Header,
    end: int,
    lines: int,
    media_type: MediaType,
    children: tuple[Part, ...],
    envelope: Envelope | None,
) -> Part:
    values = header.values
    encoding = values.get(b"content-transfer-encoding")
    disposition = values.get(b"content-disposition")
    language = values.get(b"content-language")
    return Part(
        header.start,
        header.end,
        end,
        lines,
        *media_type,
        encoding=b"7bit" if encoding is None else parse_token(encoding) or b"7bit",
        content_id=text_of(values, b"content-id"),
        description=text_of(values, b"content-description"),
        md5=text_of(values, b"content-md5"),
        location=text_of(values, b"content-location"),
        disposition=None if disposition is None else parse_disposition(disposition),
        language=() if language is None else parse_tokens(language),
        children=children,
        envelope=envelope,
    )


def _single_part(raw: bytes) -> tuple[Part, Envelope]:
    """The structure of a message beyond the limits: all that follows its header is one text."""
    blank_line = _BLANK_LINE.search(raw)
    body = blank_line.end() if blank_line else len(raw)
    values = first_values(raw, 0, min(body, MAX_HEADER_SIZE))
    envelope = make_envelope({name: value for name, value in values.items() if len(value) <= MAX_FIELD_SIZE})
    return Part(0, body, len(raw), raw.count(_line_end(raw), body), *PLAIN_TEXT), envelope
