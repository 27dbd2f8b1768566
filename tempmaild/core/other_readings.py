"""Parts that other programs read as made of parts where `mime.parse` does not, or with another boundary.

Of two Content-Type fields GMime takes the last, of two forms of a boundary Python the plain one, and Python decodes
encoded words in it; many need no subtype to see a multipart, nor know the comments of RFC 5322 §3.2.2. Each of them
shows attachments that nobody else sees.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.content import ENCODINGS, decode_words_whole, decoded_body
from tempmaild.core.headers import FIELD_VALUE, first_field, texts, unfold
from tempmaild.core.mime import parse
from tempmaild.core.parameters import (
    PLAIN_TEXT,
    comment_readings,
    parameter_octets,
    parameters_of_type,
    parse_media_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.mime import Part

MAX_TYPES = 8
"""Content-Type fields of one part that are read; there ought to be one."""
MAX_BOUNDARIES = 16
"""Boundaries that one part can be read to have."""
_TYPE_FIELD = re.compile(rb"^content-type[ \t]*+:(%b)" % FIELD_VALUE, re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(rb'["\\]')


class TooManyReadings(Exception):
    """A part has more types or boundaries than anybody could have meant."""


class Reading(NamedTuple):
    """A message that stands for a part.

    Attributes:
        header: of the message, with the empty line behind it; none where the body begins with the header.
        is_decoded: whether the part's encoding is undone, which RFC 2045 §6.4 forbids of multiparts.
    """

    header: bytes
    is_decoded: bool

    def parse(self, content: bytes, part: Part) -> tuple[bytes, Part]:
        """Give the message and its root."""
        body = decoded_body(content, part) if self.is_decoded else content[part.body : part.end]
        message = self.header + body
        return message, parse(message)[0]


def other_readings(content: bytes, part: Part) -> tuple[Reading, ...]:
    """Every way to read a part that has parts then which the tree does not show.

    Raises:
        TooManyReadings: the header has more types or boundaries than are read.
    """
    return tuple(dict.fromkeys(_readings(content, part)))


def _readings(content: bytes, part: Part) -> Iterator[Reading]:
    is_encoded = part.encoding in ENCODINGS
    if part.children and is_encoded:
        # RFC 2045 §6.4 forbids it, but RFC 6532 §3.5 does not.
        yield Reading(_without_encoding(content, part) if part.is_multipart else b"", is_decoded=True)
    header = content[part.header : part.body]
    if _is_plain(b"\n" + header.lower(), part):
        return
    values = [unfold(match[1]) for match in islice(_TYPE_FIELD.finditer(header), MAX_TYPES + 1)]
    if len(values) > MAX_TYPES:
        raise TooManyReadings
    if not part.children and any(map(_may_be_message, values)):
        yield Reading(b"", is_decoded=is_encoded)
    boundaries: set[bytes] = set()
    for boundary in _boundaries(values):
        boundaries.add(boundary)
        if len(boundaries) > MAX_BOUNDARIES:
            raise TooManyReadings
    if part.is_multipart:
        boundaries.discard(parameter_octets(part.parameters, b"boundary")[1].rstrip())
    for boundary in sorted(boundaries):
        type_field = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % _QUOTED.sub(rb"\\\g<0>", boundary)
        yield Reading(type_field, is_decoded=False)
        if is_encoded:
            yield Reading(type_field, is_decoded=True)


def _is_plain(lines: bytes, part: Part) -> bool:
    """Tell whether a header, in lower case and behind a line end, has one type, which everybody reads alike."""
    types = lines.count(b"\ncontent-type")
    if types != 1:
        return types == 0
    field = first_field(lines, b"content-type")
    if part.is_multipart:
        return field.count(b"boundary") == 1 and b"=?" not in field and b"(" not in field
    return not (
        b"boundary" in field
        or part.media_type == b"message"
        or (part.media_type, part.subtype, part.parameters) == PLAIN_TEXT
    )


def _without_encoding(content: bytes, part: Part) -> bytes:
    fields = texts(content, part.header, part.body)
    return b"".join([text for text, name in fields if name.lower() != b"content-transfer-encoding"]) + b"\r\n"


def _may_be_message(value: bytes) -> bool:
    """Tell whether a type may be that of a message: any but one of pieces, or in a digest one that is none."""
    media_type = parse_media_type(value)
    return media_type is None or (media_type[0] == b"message" and media_type[1] != b"partial")


def _boundaries(values: list[bytes]) -> Iterator[bytes]:
    """The boundaries in these values of Content-Type, each in every form that it can be taken in."""
    for value in values:
        for text in comment_readings(value):
            if b"multipart" not in text.lower():
                continue
            parameters = parameters_of_type(text)
            plain = tuple(pair for pair in parameters if pair[0] == b"boundary")
            segments = tuple(pair for pair in parameters if pair[0].startswith(b"boundary*"))
            for found in (*(octets for _, octets in plain), parameter_octets(segments, b"boundary")[1]):
                for boundary in (found, decode_words_whole(found).encode("utf-8", "replace")):
                    if boundary.strip():
                        yield boundary.rstrip()
