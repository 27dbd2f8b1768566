"""What a message says, in the form in which SEARCH compares: decoded and without case (RFC 3501 §6.4.4)."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING

from tempmaild.core.content import decode_words, decoded_text
from tempmaild.core.headers import fields, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.mime import Part


def folded(text: str) -> str:
    """Give the text in the form in which equal texts are equal, whatever their case and way of composing characters.

    This compares as RFC 5051 (i;unicode-casemap) does, but for an accent: that is never left out of account.
    """
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


class Texts:
    """The folded texts of one message; each is made when first asked for, and kept for the next search key.

    Args:
        content: the message.
        root: its structure.
    """

    def __init__(self, content: bytes, root: Part) -> None:
        self._content = content
        self._root = root

    @cached_property
    def header(self) -> str:
        """All header fields, one a line: the message's own, those of its parts and of embedded messages."""
        # RFC 9051 §6.4.4: TEXT looks at "MIME header fields" too, and BODY at no fields at all.
        return "\n".join(_headers(self._content, self._root))

    @cached_property
    def body(self) -> list[str]:
        """The text parts, those of embedded messages too, and what machines say of messages."""
        return list(_body(self._content, self._root))


def _header(content: bytes, part: Part) -> str:
    return folded(
        "\n".join(
            f"{field.name.decode()}: {decode_words(unfold(field.value))}"
            for field in fields(content, part.header, part.body)
        )
    )


def _headers(content: bytes, part: Part) -> Iterator[str]:
    yield _header(content, part)
    for child in part.children:
        yield from _headers(content, child)


def _body(content: bytes, part: Part) -> Iterator[str]:
    # Such as message/delivery-status, which is text too.
    if part.media_type == b"text" or (part.media_type == b"message" and not part.is_message):
        yield folded(decoded_text(content, part))
    for child in part.children:
        yield from _body(content, child)
