"""A message as signatures see it: its fields and its body in the forms that are hashed (RFC 6376 §3.4).

Everything here takes linear time, most of it in C, and a long body leaves others their turn in between.
"""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.headers import texts
from tempmaild.core.mime import MAX_HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SLICE: Final = 256 * 1024
"""Octets of a body that are hashed at once: they take less than a millisecond."""
_MOST_LINES: Final = 20_000
"""Of a header; those of mail have less than 1,000, and each takes time as if it were a field."""
_END: Final = b"\r\n"
_SPACES: Final = re.compile(rb"[ \t]++")


class BodyHash(NamedTuple):
    """The SHA-256 of a body in its canonical form, and how many octets that has."""

    digest: bytes
    length: int


class SignedMessage:
    """The header and the body of a message, all lines of which end with CRLF.

    Attributes:
        oversized: whether the header is longer than any that is read; there are no fields then.
        fields: whole fields as sent, with their line ends, by their names in lower case and from top to bottom.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        header_end = 0 if content.startswith(_END) else content.find(_END * 2, 0, MAX_HEADER_SIZE) + 2
        if header_end == 1:  # no empty line
            header_end = len(content)
        self.oversized = header_end > MAX_HEADER_SIZE or content.count(b"\n", 0, header_end) > _MOST_LINES
        self.fields: dict[bytes, list[bytes]] = {}
        if not self.oversized:
            for text, name in texts(content, 0, header_end):
                self.fields.setdefault(name.lower(), []).append(text)
        self._body = header_end + 2
        self._body_hashes: dict[bool, BodyHash] = {}
        self._relaxed: dict[bytes, bytes] = {}

    def select(self, names: Iterable[bytes], own: bytes, *, relaxed: bool) -> list[bytes]:
        """Give the canonical fields of these lower-case names, those of one name from the bottom up.

        A name for which there is no field, or none any more, stands for nothing (RFC 6376 §5.4.2).

        Args:
            own: the field of the signature, which does not sign itself (RFC 6376 §3.5).
        """
        left: dict[bytes, int] = {}
        selected = []
        for name in names:
            of_name = self.fields.get(name, ())
            number = left.get(name, len(of_name))
            if number and of_name[number - 1] is own:
                number -= 1
            if number:
                left[name] = number - 1
                selected.append(of_name[number - 1])
        return [self.relax(text) for text in selected] if relaxed else selected

    def relax(self, text: bytes) -> bytes:
        """Give a field of this message in the "relaxed" form; each is made once, however often it is signed."""
        relaxed = self._relaxed.get(text)
        if relaxed is None:
            relaxed = self._relaxed[text] = relaxed_field(text)
        return relaxed

    async def body_hash(self, *, relaxed: bool) -> BodyHash:
        """Hash the body in its "relaxed" or its "simple" form; each is made once."""
        known = self._body_hashes.get(relaxed)
        if known is None:
            known = self._body_hashes[relaxed] = await self._hash_body(relaxed=relaxed)
        return known

    async def _hash_body(self, *, relaxed: bool) -> BodyHash:
        hasher, length = sha256(), 0
        end = self._end_of_text(b" \t\r\n" if relaxed else _END)
        for piece in self._pieces(end):
            canonical = _relaxed_lines(piece) if relaxed else piece
            hasher.update(canonical)
            length += len(canonical)
            if end - self._body > _SLICE:
                await asyncio.sleep(0)
        if end > self._body or not relaxed:  # only the relaxed form of an empty body is empty (RFC 6376 §3.4.4)
            hasher.update(_END)
            length += len(_END)
        return BodyHash(hasher.digest(), length)

    def _end_of_text(self, ignored: bytes) -> int:
        """Where the body ends without its last line end, the empty lines behind it, and what else is ignored."""
        end = len(self._content)
        while end > self._body:
            start = max(self._body, end - _SLICE)
            end = start + len(self._content[start:end].rstrip(ignored))
            if end > start:
                return end
        return self._body

    def _pieces(self, end: int) -> Iterator[bytes]:
        """The body up to `end` in pieces of whole lines; a line that is longer than a slice stays in one piece."""
        start = self._body
        while end - start > _SLICE:
            cut = self._content.rfind(b"\n", start, start + _SLICE) + 1
            cut = cut or self._content.find(b"\n", start + _SLICE, end) + 1 or end
            yield self._content[start:cut]
            start = cut
        if start < end:
            yield self._content[start:end]


def relaxed_field(text: bytes) -> bytes:
    """Give a header field in its "relaxed" form, with a line end (RFC 6376 §3.4.2)."""
    name, _, value = text.partition(b":")
    value = value.translate(None, _END)
    if b"  " in value or b"\t" in value:
        value = _SPACES.sub(b" ", value)
    # Which takes a quarter less time than formatting does.
    return b"".join((name.lower().rstrip(b" \t"), b":", value.strip(b" "), _END))


def _relaxed_lines(lines: bytes) -> bytes:
    """Give lines of a body in their "relaxed" form (RFC 6376 §3.4.4)."""
    lines = lines.replace(b"\t", b" ")
    # Runs are halved until there is none: a regular expression takes several times as long for common text.
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", _END)
