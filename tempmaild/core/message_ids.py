"""Message identifiers: how messages name each other (RFC 5322 §3.6.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tempmaild.core.headers import fields, unfold, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REFERENCES: Final = 50
"""Identifiers of a References field that are kept, the last ones: they lead to the same thread as all of them."""

_ID = re.compile(
    rb'<\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s<>@"()]++))\s*+@\s*+(\[[^\[\]\\<>]*+\]|[^\s<>@\[\]()]++)\s*+>',
    re.DOTALL,
)


def message_ids(value: bytes) -> Iterator[bytes]:
    """Give the valid identifiers in a field's value as `left@right`, however they are quoted (RFC 5256 §3).

    What else there is in the field, such as the phrases of old In-Reply-To fields, is passed over.
    """
    for match in _ID.finditer(value):
        quoted, atom, right = match.groups()
        yield b"%b@%b" % (atom if quoted is None else unquote(quoted), right)


def references(raw: bytes, body: int) -> tuple[bytes, ...]:
    """Give the identifiers of a message's References field, the last `MOST_REFERENCES` of them.

    Args:
        raw: the message.
        body: where its header ends.
    """
    value = _references_field(raw, body)
    return tuple(message_ids(unfold(value)))[-MOST_REFERENCES:] if value else ()


def _references_field(raw: bytes, body: int) -> bytes:
    # Most messages have no such field, which shows faster without reading the others.
    start = (b"\n" + raw[:body].lower()).find(b"\nreferences")
    if start >= 0:
        for field in fields(raw, start, body):
            if field.name.lower() == b"references":
                return field.value
    return b""
