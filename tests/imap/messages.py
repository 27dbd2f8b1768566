"""Messages as FETCH and SEARCH get them, and a reader for what FETCH writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempmaild.core.mailbox import Entry
from tempmaild.core.summary import summarise
from tempmaild.imap.grammar import Parser
from tempmaild.imap.message import Message

if TYPE_CHECKING:
    from tempmaild.core.flags import Flags

SAMPLES = sorted((Path(__file__).parent.parent / "messages").glob("*.eml"))


def make_message(
    content: bytes = b"Subject: hello\r\n\r\nHello.\r\n",
    *,
    number: int = 1,
    uid: int = 17,
    flags: Flags = frozenset(),
    internal_date: int = 0,
    recent: bool = False,
) -> Message:
    entry = Entry(
        id=1,
        uid=uid,
        modseq=1,
        flags=flags,
        internal_date=internal_date,
        size=len(content),
        content_id=1,
        unterminated=False,
    )
    return Message(number, entry, recent, summarise(content), content)


def crlf(text: str) -> bytes:
    """Content from a Python text: lines end with CRLF."""
    return text.replace("\n", "\r\n").encode()


Value = Any  # bytes for a quoted string or a word, bytearray for a literal, list for a parenthesised list


def read_value(data: bytes) -> Value:
    """Read one value of a response by its grammar (RFC 3501 §9); raises when there is anything else or more."""
    value, end = _read(data, 0)
    assert end == len(data), f"more than one value: {data[end:]!r}"
    return value


def _read(data: bytes, start: int) -> tuple[Value, int]:
    if data[start : start + 1] == b"(":
        return _read_list(data, start + 1)
    if data[start : start + 1] == b'"':
        return _read_quoted(data, start + 1)
    if data[start : start + 1] == b"{":
        head = data.index(b"}\r\n", start)
        end = head + 3 + int(data[start + 1 : head])
        assert end <= len(data)
        return bytearray(data[head + 3 : end]), end
    word = data[start:].split(b" ")[0].split(b")")[0].split(b"(")[0]
    assert word, f"no value at {data[start : start + 20]!r}"
    return word, start + len(word)


def _read_list(data: bytes, position: int) -> tuple[list[Value], int]:
    values = []
    while data[position : position + 1] != b")":
        value, position = _read(data, position)
        values.append(value)
        if data[position : position + 1] == b" ":
            position += 1
            assert data[position : position + 1] != b")", "a space before the end of a list"
        elif data[position : position + 1] == b"(":  # addresses and body parts follow each other without a space
            assert isinstance(value, list)
        else:
            assert data[position : position + 1] == b")"
    assert values, "an empty list"
    return values, position + 1


def _read_quoted(data: bytes, position: int) -> tuple[bytes, int]:
    text = b""
    while data[position : position + 1] != b'"':
        if data[position : position + 1] == b"\\":
            position += 1
            assert data[position : position + 1] in {b'"', b"\\"}
        octet = data[position : position + 1]
        assert b" " <= octet <= b"~"
        text += octet
        position += 1
    return text, position + 1


def parser(text: bytes) -> Parser:
    return Parser([text])
