"""Reads what an IMAP server says, by the grammar and nothing beside it (RFC 9051 §9).

    for response in read_responses(said):
        if response.kind == "FETCH":
            response.items["FLAGS"]

A value is None for NIL, an int for a number, bytes for a string however it was sent, a str for any other word, and a
list for what is in parentheses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Value = Any

_CONDITIONS = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})
_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n|~\{(\d+)\}\r\n")
_NUMBER = re.compile(rb"\d+(?=[ )\r])")
_WORD = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"%]+")
_ITEM = re.compile(rb"[A-Z0-9.]+(?:\[[^\]\r\n]*\])?(?:<\d+>)?")
_CODE = re.compile(rb"\[([A-Z0-9-]+)(?: ([^\]\r\n]*))?\] ")


class NotIMAP(AssertionError):
    """What the server said is no response."""


@dataclass
class Response:
    """One response.

    Attributes:
        tag: of the command that it ends; "*" of one that ends none, "+" of a request to go on.
        kind: OK, EXISTS, FETCH, LIST and so on.
        number: the one before the kind.
        code: the response code in brackets, with `argument`.
        values: what follows the kind.
        items: of FETCH, by name.
    """

    tag: str
    kind: str
    number: int = 0
    code: str = ""
    argument: str = ""
    values: list[Value] = field(default_factory=list)
    items: dict[str, Value] = field(default_factory=dict)


def read_responses(said: bytes) -> list[Response]:
    """Read whole responses.

    Raises:
        NotIMAP: there is anything else in `said`.
    """
    reader = _Reader(said)
    responses = []
    while reader.position < len(said):
        responses.append(reader.response())
    return responses


def numbers_of(text: str) -> list[int]:
    """Give the numbers of a set that the server wrote: ascending ones, without `*`."""
    found: list[int] = []
    for item in text.split(","):
        first, _, last = item.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


class _Reader:
    def __init__(self, said: bytes) -> None:
        self.said = said
        self.position = 0

    def response(self) -> Response:
        if self._accept(b"+ "):
            return Response("+", "", values=[self._text()])
        tag = "*" if self._accept(b"*") else self._match(_TAG)[0].decode()
        self._expect(b" ")
        response = Response(tag, "")
        if tag == "*" and (number := self._accept_match(_NUMBER)):
            response.number = int(number[0])
            self._expect(b" ")
        response.kind = self._word()
        if tag != "*" and response.kind not in {"OK", "NO", "BAD"}:
            self._fail("a tag before something else than the end of a command")
        if response.kind in _CONDITIONS:
            self._expect(b" ")
            if code := self._accept_match(_CODE):
                response.code, response.argument = code[1].decode(), (code[2] or b"").decode()
            response.values = [self._text()]
        elif response.kind == "FETCH":
            self._expect(b" ")
            response.items = self._items()
            self._expect(b"\r\n")
        else:
            response.values = self._values()
        return response

    def _values(self) -> list[Value]:
        values = []
        while not self._accept(b"\r\n"):
            self._expect(b" ")
            # The threads of THREAD follow each other without a space.
            values.append(self.value())
            while self._next() == b"(" and isinstance(values[-1], list):
                values.append(self.value())
        return values

    def _items(self) -> dict[str, Value]:
        self._expect(b"(")
        items: dict[str, Value] = {}
        while True:
            name = self._match(_ITEM)[0].decode()
            self._expect(b" ")
            if name in items:
                self._fail(f"{name} twice")
            items[name] = self.value()
            if self._accept(b")"):
                return items
            self._expect(b" ")

    def value(self) -> Value:
        first = self._next()
        if first == b"(":
            return self._list()
        if first == b'"':
            quoted = self._match(_QUOTED)[1]
            return re.sub(rb"\\(.)", rb"\1", quoted)
        if first in {b"{", b"~"}:
            return self._literal()
        if number := self._accept_match(_NUMBER):
            return int(number[0])
        word = self._word()
        return None if word == "NIL" else word

    def _list(self) -> list[Value]:
        self._expect(b"(")
        values: list[Value] = []
        while not self._accept(b")"):
            # Addresses, the parts of a body and the branches of a thread follow each other without a space.
            if values and not (isinstance(values[-1], list) and self._next() == b"("):
                self._expect(b" ")
            values.append(self.value())
        return values

    def _literal(self) -> bytes:
        head = self._match(_LITERAL)
        end = self.position + int(head[1] or head[2])
        octets = self.said[self.position : end]
        if end > len(self.said):
            self._fail("a literal that is cut off")
        if head[1] and b"\0" in octets:
            self._fail("NUL in a string")
        self.position = end
        return octets

    def _word(self) -> str:
        return self._match(_WORD)[0].decode()

    def _text(self) -> str:
        end = self.said.find(b"\r\n", self.position)
        if end <= self.position:
            self._fail("a text that is not there or does not end")
        text = self.said[self.position : end].decode()
        self.position = end + 2
        return text

    def _next(self) -> bytes:
        return self.said[self.position : self.position + 1]

    def _accept(self, octets: bytes) -> bool:
        if not self.said.startswith(octets, self.position):
            return False
        self.position += len(octets)
        return True

    def _expect(self, octets: bytes) -> None:
        if not self._accept(octets):
            self._fail(f"not {octets!r}")

    def _accept_match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        match = pattern.match(self.said, self.position)
        if match:
            self.position = match.end()
        return match

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        match = self._accept_match(pattern)
        if match is None:
            self._fail(f"nothing like {pattern.pattern!r}")
        assert match
        return match

    def _fail(self, problem: str) -> None:
        here = self.said[max(0, self.position - 60) : self.position], self.said[self.position : self.position + 60]
        raise NotIMAP(f"{problem} between {here[0]!r} and {here[1]!r}")
