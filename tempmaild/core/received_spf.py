"""The header field Received-SPF (RFC 7208 §9.1), and texts of others that go into headers and replies."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_VALUE: Final = 320
"""Characters of one value. An address has at most 254; with it, no line comes near to the 998 octets it may have."""

_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SPECIAL_IN_QUOTES: Final = re.compile(r'(["\\])')
_SPECIAL_IN_COMMENT: Final = re.compile(r"([()\\])")
_QUOTED: Final = r"\\\1"
_NOT_PRINTABLE_ASCII: Final = re.compile(r"[^ -~]+")


def received_spf(result: str, comment: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write the field with its CRLF, each pair on a line of its own.

    Args:
        result: such as "pass".
        comment: for people.
        pairs: keys and values, such as ("client-ip", "192.0.2.1"); those without a value are left out.
    """
    lines = [f"Received-SPF: {result} ({_SPECIAL_IN_COMMENT.sub(_QUOTED, _cleaned(comment))})"]
    lines += [f"\t{key}={_word(value)};" for key, value in pairs if value]
    return ("\r\n".join(lines).removesuffix(";") + "\r\n").encode(errors="replace")


@lru_cache(maxsize=1024)
def _word(value: str) -> str:
    """Write a value as a dot-atom or a quoted string."""
    value = _cleaned(value)
    if _DOT_ATOM.fullmatch(value):
        return value
    return f'"{_SPECIAL_IN_QUOTES.sub(_QUOTED, value)}"'


def _cleaned(text: str) -> str:
    # Addresses may have characters beyond ASCII (RFC 6532); none of them may end the line.
    text = text[:LONGEST_VALUE]
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def printable(text: str, longest: int) -> str:
    """Give a text of somebody else as one line of printable ASCII, without what is beyond that."""
    return _NOT_PRINTABLE_ASCII.sub("?", text[:longest]).strip()
