"""What a virus scanner is given of a message, so that it sees whatever a mail client may make of it.

The scanner takes messages apart by itself, but not always as mail clients do: a boundary that it misreads, or an
encoding that is written oddly, hides a part from it. So a message that could be read in two ways is given to it piece
by piece as well. An ordinary one, of which every reader makes the same, is not: that would be the same work twice.
"""

from __future__ import annotations

import re
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from tempmaild.core.content import ENCODINGS, decoded_body
from tempmaild.core.headers import fields, texts
from tempmaild.core.lines import has_line_over
from tempmaild.core.mime import every_part, parse, select_fields
from tempmaild.core.parameters import parameter_octets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tempmaild.core.mime import Part

MAX_PIECES: Final = 1000
"""Pieces of one message at most; ClamAV looks at no more than 1,024 parts of one, either."""
_TIMES: Final = 8
_ADDED: Final = 64 * 1024
"""All pieces together have at most so many times the octets of the message, and so many more: no part of mail that
anybody sends is read in more than four ways, but parts within encoded parts would be scanned again at each level."""
PREFIX: Final = b"Received: by tempmaild\r\n"
"""What goes before a message. ClamAV knows mail by its first line, and by some fields without which it is none."""

_LEVELS: Final = 5
"""Encoded messages within each other."""
_LINE: Final = 990
"""Octets of a line. ClamAV cuts longer ones than 1,000 in two, the second of which may look like a boundary."""
_PARTS: Final = 100
_MULTIPARTS: Final = 5
"""Multiparts of a message, and so how deep they can be; ClamAV counts that depth against its MaxRecursion."""
_SPECIAL: Final = frozenset({b"content-type", b"content-transfer-encoding", b"content-disposition"})
# A value as everybody writes it: no comments, no backslashes, nothing in several pieces, no odd quotation marks.
_PLAIN_VALUE = re.compile(
    rb"""\s*+[\w.+-]++(?:/[\w.+-]++)?(?:\s*+;\s*+[\w*-]++=(?:"[^"\\()\r\n]*+"|[^\s"\\();]++)){0,100}\s*+"""
)
_BOUNDARY = re.compile(rb"[\w'+,./:=?-]++(?<!-)")
_ANY_BOUNDARY = re.compile(rb"""boundary[*0]*+\s*+=\s*+(?:"([^"\\\r\n]++)|([^\s;"]++))""", re.IGNORECASE)
_MAX_BOUNDARIES: Final = 4
_AFTER_LINES_OF_BASE64 = re.compile(rb"\n(?![A-Za-z0-9+/]{4,76}+\r\n)")
_LAST_BASE64 = re.compile(rb"\n[A-Za-z0-9+/]{0,76}+={0,2}+(?:\r\n)*+")
# Blanks within a line are between words.
_UNLIKE_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|[A-Za-z0-9+/][ \t]++[A-Za-z0-9+/]|=\s*+(?:[^=\s]|=\s*+\S)")
_LEAST_BASE64: Final = 24
"""Octets that are more than a word of a text."""
# Beginnings of lines that mean something to ClamAV wherever they are: delimiters (also after a comment), MIME fields,
# and parts that are encoded in the old ways. A signature's "-- " means nothing.
_MEANINGFUL = re.compile(rb"\n(?=[-(bB=cCfF])(?:--(?! \r\n)|\(|(?i:begin[ -]|=ybegin|content|filename=))")
_BLANK = re.compile(rb"\n[ \t]++\r?\n")  # which some take for the end of the header
_OLD_ENCODING = re.compile(rb"(?:\A|\n)(?:begin[ -]|=ybegin |\(This file must be)", re.IGNORECASE)
_UNENCODED = frozenset({b"7bit", b"8bit", b"binary"})
_SEEN_ENCODINGS = frozenset({b"7bit", b"8bit", b"quoted-printable"})
_SEEN_MULTIPARTS = frozenset({b"mixed", b"alternative", b"related", b"report"})
"""Those of which ClamAV looks at every part: of multipart/signed, for one, it sees only the text."""


class Piece(NamedTuple):
    """Something of a part that is to be scanned by itself; no data stand for more than can be scanned."""

    part: Part
    data: bytes


def whole(raw: bytes) -> bytes:
    """Give a message in such a way that it is recognised as one."""
    return PREFIX + raw


def hidden_pieces(raw: bytes, root: Part) -> Iterator[Piece]:
    """Give the pieces that may not be seen by who is given the whole message."""
    ordinary = _is_ordinary(raw, root)
    return _limited(raw, _pieces(raw, (part for part in every_part(root) if not (ordinary and _is_seen(raw, part)))))


def all_pieces(raw: bytes, root: Part) -> Iterator[Piece]:
    """Give everything that can be scanned by itself."""
    return _limited(raw, _pieces(raw, every_part(root)))


def _limited(raw: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    size = 0
    for number, piece in enumerate(pieces):
        size += len(piece.data)
        if number == MAX_PIECES or size > _TIMES * len(raw) + _ADDED:
            yield Piece(piece.part, b"")
            return
        yield piece


def _pieces(raw: bytes, parts: Iterable[Part], levels: int = _LEVELS) -> Iterator[Piece]:
    for part in parts:
        for message in chain(_with_shorter_header(raw, part), _with_other_boundaries(raw, part)):
            yield from _pieces_of_message(message, part, levels)
        if part.children:
            yield from _pieces_of_container(raw, part, levels)
        else:
            for data in _readings(raw, part):
                if data:
                    yield Piece(part, data)


def _pieces_of_container(raw: bytes, part: Part, levels: int) -> Iterator[Piece]:
    """Give what is in a message or a multipart that is encoded as a whole, which RFC 2045 §6.4 forbids."""
    if part.encoding in _UNENCODED:
        return
    header = b"" if part.is_message else select_fields(raw, part, [b"content-transfer-encoding"], exclude=True)
    for encoding in [part.encoding] if part.encoding in ENCODINGS else ENCODINGS:
        yield from _pieces_of_message(header + _decoded(raw, part, encoding), part, levels)


def _pieces_of_message(message: bytes, part: Part, levels: int) -> Iterator[Piece]:
    """Give what is in a message that somebody may make of a part."""
    if not levels:
        yield Piece(part, b"")
        return
    yield Piece(part, whole(message))
    for inner in _pieces(message, every_part(parse(message)[0]), levels - 1):
        yield Piece(part, inner.data)


def _with_shorter_header(raw: bytes, part: Part) -> Iterator[bytes]:
    """Give a part as it is for who takes a line that is no field, or a blank one, for the end of the header."""
    odd = next((field.start for field in fields(raw, part.header, part.body) if not field.name), part.body)
    if odd < part.body:
        yield raw[part.header : odd] + b"\r\n" + raw[odd : part.end]
    if blank := _BLANK.search(raw, part.header, part.body):
        yield raw[part.header : blank.start()] + b"\r\n\r\n" + raw[blank.end() : part.end]


def _with_other_boundaries(raw: bytes, part: Part) -> Iterator[bytes]:
    """Give a part as it is for who finds a boundary in its header where by the rules is none, or not this one."""
    used = parameter_octets(part.parameters, b"boundary")[1] if part.children else b""
    found = {quoted or bare for quoted, bare in _ANY_BOUNDARY.findall(raw, part.header, part.body)}
    for boundary in sorted(found - {used, b""})[:_MAX_BOUNDARIES]:
        yield b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary + raw[part.body : part.end]


def _readings(raw: bytes, part: Part) -> Iterator[bytes]:
    """What clients can make of a part without parts: those that do as the header says, and those that guess."""
    body = raw[part.body : part.end]
    yield body
    known = part.encoding in _UNENCODED
    if part.encoding != b"quoted-printable" and (not known or _is_like_base64(raw, part)):
        yield _decoded(raw, part, b"base64")
        if b"=" in body.rstrip(b"=\r\n"):
            # Some take padding in the middle for padding, as we do, and some for nothing.
            bare = body.replace(b"=", b"")
            yield _decoded(bare, replace(part, body=0, end=len(bare)), b"base64")
    if part.encoding != b"base64" and not known:
        yield _decoded(raw, part, b"quoted-printable")
    decoded = body if known else decoded_body(raw, part)
    if _OLD_ENCODING.search(decoded):
        # The scanner knows these as well, but looks for them in mail only.
        yield whole(b"\r\n" + decoded)


def _decoded(raw: bytes, part: Part, encoding: bytes) -> bytes:
    return decoded_body(raw, replace(part, encoding=encoding))


def _is_ordinary(raw: bytes, root: Part) -> bool:
    """Whether every reader takes this message apart in the same way.

    All its MIME headers are as everybody writes them, and no line but these and the delimiters can be taken for one.
    """
    mime_fields = delimiters = 0
    boundaries = []
    for number, part in enumerate(every_part(root)):
        in_header = _mime_fields(raw, part)
        if in_header is None or number == _PARTS or part.is_message:
            return False
        mime_fields += in_header
        if part.children:
            boundary = _boundary(part)
            if boundary is None or part.subtype not in _SEEN_MULTIPARTS:
                return False
            boundaries.append(boundary)
            delimiters += len(part.children) + 1
    lines = b"\n" + raw
    # One more than there should be is too many, however many there are.
    meaningful = list(islice(_MEANINGFUL.finditer(lines), delimiters + mime_fields + 1))
    dashes = [match.start() for match in meaningful if match[0] == b"\n--"]
    return (
        len(boundaries) <= _MULTIPARTS
        and b"\0" not in raw
        and _have_no_common_start(boundaries)
        and not has_line_over(raw, _LINE)
        and len(dashes) == delimiters
        and all(
            [lines.startswith(b"\n--%s--" % each, start) for start in dashes].count(True) == 1 for each in boundaries
        )
        and len(meaningful) == delimiters + mime_fields
    )


def _mime_fields(raw: bytes, part: Part) -> int | None:
    """How many MIME fields are in a header; None for one that could be read in two ways."""
    seen: set[bytes] = set()
    count = 0
    if (
        part.header == part.body
        or raw.startswith((b"\r", b"\n"), part.header)
        or _BLANK.search(raw, part.header, part.body)
    ):
        return None
    for field, name in texts(raw, part.header, part.body):
        lower = name.lower()
        if not lower:
            return None
        if lower.startswith(b"content"):
            count += 1
            if lower in _SPECIAL:
                if lower in seen or not _PLAIN_VALUE.fullmatch(field.partition(b":")[2]):
                    return None
                seen.add(lower)
    return count


def _boundary(part: Part) -> bytes | None:
    values = [value for name, value in part.parameters if name.lower().startswith(b"boundary")]
    return values[0] if len(values) == 1 and _BOUNDARY.fullmatch(values[0]) else None


def _have_no_common_start(boundaries: list[bytes]) -> bool:
    ordered = sorted(boundary.lower() for boundary in boundaries)
    return not any(after.startswith(before) for before, after in pairwise(ordered))


def _is_seen(raw: bytes, part: Part) -> bool:
    """Whether a part of an ordinary message is scanned by itself by who is given the whole message."""
    if part.children:
        return part.encoding in _UNENCODED
    if part.encoding == b"base64":
        return _is_base64(raw, part)
    if part.encoding not in _SEEN_ENCODINGS or part.media_type == b"message":
        return False
    return part.encoding == b"quoted-printable" or not _is_like_base64(raw, part)


def _is_base64(raw: bytes, part: Part) -> bool:
    # The line end before it is that of the header.
    behind = _AFTER_LINES_OF_BASE64.search(raw, part.body - 1, part.end) if part.body else None
    return behind is not None and _LAST_BASE64.fullmatch(raw, behind.start(), part.end) is not None


def _is_like_base64(raw: bytes, part: Part) -> bool:
    """Whether clients may take it for base64 that is not announced."""
    long_enough = part.end - part.body >= _LEAST_BASE64
    return long_enough and _UNLIKE_BASE64.search(raw, part.body, part.end) is None
