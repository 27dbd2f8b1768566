"""Header fields of a message or a body part: where they stand and what they say (RFC 5322 §2.2).

A line ends with LF, and a CR before it is part of the line end; a CR anywhere else is text. The header ends at the
first empty line. A line in it that is neither a field nor the continuation of one ends nothing and is passed over, as
Dovecot does: a stray mbox "From " line must not turn the rest of the header into text.

The patterns here and in the modules beside it use possessive quantifiers: they never try a text twice, so that their
time is linear in its length. Debian's Python 3.11.2 does not always give up a group that is repeated so where it has
to (python/cpython#106052): only groups that cannot fail behind their first repetition are.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_NAME = rb"(?:([!-9;-~]++)[ \t]*+:)?"  # white space before the colon is RFC 5322 §4.5
FIELD_VALUE = rb"[^\n]*+(?:\n[ \t][^\n]*+)*+"
"""The form of a field's value with its continuation lines, RFC 5322 §2.2.3."""
_FIELD = re.compile(rb"%b(%b)\n?" % (_NAME, FIELD_VALUE))
_TEXT = re.compile(rb"(%b%b\n?)" % (_NAME, FIELD_VALUE))
_EMPTY_LINES = frozenset({b"", b"\n", b"\r\n", b"\r"})
QUOTED_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""RFC 5322 §3.2.4; one that is left open takes the rest."""
_QUOTE_OR_COMMENT = re.compile(QUOTED_STRING.pattern + rb"|\(", re.DOTALL)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)

_NO_TEXT = b"\0\r\n"  # IMAP strings cannot carry NUL (RFC 9051 §9), and line ends fall to unfolding


class Field(NamedTuple):
    """One header field; `start` and `end` are offsets of the field with its line end."""

    name: bytes  # as sent; empty for a line that is no field
    value: bytes  # as sent, still folded, after the colon; see `unfold`
    start: int
    end: int


def fields(raw: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields, and the lines that are none, of the header that begins at `start` and ends by `end`."""
    for match in _FIELD.finditer(raw, start, end):
        name, value = match.group(1, 2)
        if name is None and value in {b"", b"\r"}:
            return
        yield Field(name or b"", value, match.start(), match.end())


def texts(raw: bytes, start: int, end: int) -> list[tuple[bytes, bytes]]:
    """What `fields` gives as pairs of text and name, in a quarter of the time: for headers of very many fields.

    The text is as sent, with its line end. No empty line is within the header, only at its end.
    """
    pairs: list[tuple[bytes, bytes]] = _TEXT.findall(raw, start, end)
    while pairs and pairs[-1][0] in _EMPTY_LINES:
        pairs.pop()
    return pairs


def first_values(raw: bytes, start: int, end: int) -> dict[bytes, bytes]:
    """The folded value of every field by its name in lower case; of several fields of one name the first counts.

    Lines that are no fields are under the empty name.
    """
    return {name.lower(): value for name, value in reversed(_FIELD.findall(raw, start, end))}


def first_field(lines: bytes, name: bytes) -> bytes:
    """Give the first field whose name begins so, with its continuation lines; b"" without one.

    Args:
        lines: a header in lower case, behind a line end.
        name: in lower case.
    """
    start = end = lines.find(b"\n" + name)
    if start < 0:
        return b""
    while (end := lines.find(b"\n", end + 1)) >= 0:
        if lines[end + 1 : end + 2] not in {b" ", b"\t"}:
            return lines[start:end]
    return lines[start:]


def unfold(value: bytes) -> bytes:
    """A field's value as one line, without white space around it (RFC 5322 §2.2.3); 8-bit octets stay."""
    return value.translate(None, _NO_TEXT).strip()


def text_of(values: Mapping[bytes, bytes], name: bytes) -> bytes | None:
    """The unfolded value of this lower-case name among `first_values`; None if the header has no such field."""
    value = values.get(name)
    return None if value is None else unfold(value)


def unquote(text: bytes) -> bytes:
    r"""The content of a quoted string or comment with its quoted pairs (`\"`) undone (RFC 5322 §3.2.1)."""
    return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text


def comment_end(value: bytes, start: int) -> int:
    """The offset after the comment that opens at `start`; comments nest, and one left open takes the rest."""
    depth = 0
    for match in _PARENTHESIS.finditer(value, start):
        if match[0] == b"(":
            depth += 1
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                return match.end()
    return len(value)


def without_comments(value: bytes) -> bytes:
    """The value with each comment outside quoted strings replaced by a space (RFC 5322 §3.2.2)."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    position = 0
    while match := _QUOTE_OR_COMMENT.search(value, position):
        if match[0] == b"(":
            kept += value[position : match.start()], b" "
            position = comment_end(value, match.start())
        else:
            kept.append(value[position : match.end()])
            position = match.end()
    kept.append(value[position:])
    return b"".join(kept)
