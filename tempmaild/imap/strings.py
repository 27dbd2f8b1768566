"""Strings as the server sends them (RFC 3501 §4.3)."""

from __future__ import annotations

from typing import Final

NIL: Final = b"NIL"

_PLAIN: Final = bytes(range(0x20, 0x7F)).translate(None, b'"\\')
_QUOTABLE: Final = bytes(range(0x20, 0x7F))
_WORD: Final = _PLAIN.translate(None, b" (){%*")


def string(text: bytes) -> bytes:
    """Write a string: in quotes where these can hold it, else as a literal."""
    if not text.translate(None, _PLAIN):
        return b'"%b"' % text
    if not text.translate(None, _QUOTABLE):
        return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b"{%d}\r\n%b" % (len(text), without_nul(text))


def nstring(text: bytes | None) -> bytes:
    """Write a string, or NIL for None."""
    return NIL if text is None else string(text)


def astring(text: bytes) -> bytes:
    """Write a word, without quotes if it can do without."""
    return text if text and not text.translate(None, _WORD) else string(text)


def without_nul(text: bytes) -> bytes:
    """Replace NUL, which no string can hold, by 0x80 as Dovecot does, so that sizes and offsets stay true."""
    return text.replace(b"\0", b"\x80") if b"\0" in text else text
