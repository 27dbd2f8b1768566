"""The grammar of commands: what clients send, as values.

A command arrives as fragments: text, then a literal, then text again. The `Parser` walks over them; each of its
methods consumes one production of RFC 9051 §9 and returns its value, or raises `SyntaxProblem`. Work is done by
compiled patterns on bytes, never octet by octet.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, TypeVarTuple

from tempmaild.core.flags import SYSTEM_FLAGS, Flags
from tempmaild.imap.sequence import LAST, SAVED, SequenceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DEEPEST: Final = 100
"""Levels of nesting in one command: parentheses, NOT and OR in SEARCH."""

HIGHEST: Final = 0xFFFFFFFF
"""The largest number and UID (RFC 9051 §4.2)."""

HIGHEST_MODSEQ: Final = 0x7FFFFFFFFFFFFFFF
"""The largest modification sequence (RFC 7162 §7)."""

_SHORT = 100
"""Octets; longer texts would fill the memory."""

_ATOM_OCTET = rb"!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~"
_ATOM = re.compile(rb"[%b]+" % _ATOM_OCTET).match
_ASTRING = re.compile(rb"[%b\]]+" % _ATOM_OCTET).match
_LIST_MAILBOX = re.compile(rb"[%b\]%%*]+" % _ATOM_OCTET).match
_TAG = re.compile(rb"[%b\]]+" % _ATOM_OCTET.replace(b"+", b"")).match
# Octets above 127 are UTF-8, which RFC 9051 allows here; whoever uses the string checks it.
_QUOTED = re.compile(rb'"([^"\\\r\n\0]*)"').match
_ESCAPED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"').match
_UNESCAPE = re.compile(rb'\\(["\\])').sub
_NUMBER = re.compile(rb"[0-9]{1,20}").match
_SEQUENCE_SET = re.compile(rb"[0-9*:,]+").match
_FLAG = re.compile(rb"\\?[%b]+" % _ATOM_OCTET).match
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1').match
# RFC 9051 §9 wants a day of one figure to have a space before it; not all clients write it.
_DATE_TIME = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-5][0-9])"'
).match
_MONTHS = (b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC")
_FLAG_NAMES = {name.lower().encode(): name for name in SYSTEM_FLAGS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SyntaxProblem(Exception):
    """The command is not one of the language.

    Attributes:
        text: what was expected, for the client to read.
        position: octets of the command before the problem; literals count, their announcements do not.
    """

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text, position)
        self.text = text
        self.position = position


class Parser:
    """Reads one command.

    Args:
        fragments: text and literals in turn, text first and last: `a1 LOGIN {3}` CRLF `abc {2}` CRLF `xy` is
            [b"a1 LOGIN ", b"abc", b" ", b"xy", b""].
        before: octets of the command that came before them.

    Attributes:
        utf8: whether names of folders are UTF-8, not modified UTF-7.
    """

    __slots__ = ("_before", "_depth", "_fragments", "_index", "_position", "_text", "utf8")

    def __init__(self, fragments: Sequence[bytes], before: int = 0) -> None:
        self._fragments = fragments
        self._before = before
        self._index = 0
        self._text = fragments[0]
        self._position = 0
        self._depth = 0
        self.utf8 = False

    def fail(self, text: str) -> NoReturn:
        """Raise a `SyntaxProblem` at the present position."""
        before = self._before + sum(len(fragment) for fragment in self._fragments[: self._index])
        raise SyntaxProblem(text, before + self._position)

    # -- looking and skipping

    def peek(self) -> bytes:
        """Give the next octet without consuming it; b"{" when a literal is next, b"" at the end."""
        if self._position < len(self._text):
            return self._text[self._position : self._position + 1]
        return b"{" if self._index + 1 < len(self._fragments) else b""

    def rest(self) -> bytes:
        """Give what is left of the command, as far as the next literal, without consuming it."""
        return self._text[self._position :]

    def last_text(self) -> bytes | None:
        """Give what is left of the command without consuming it; None when there is a literal in it."""
        return self._text[self._position :] if self._index + 1 == len(self._fragments) else None

    def at_end(self) -> bool:
        """Tell whether everything is consumed."""
        return self._position == len(self._text) and self._index + 1 == len(self._fragments)

    def end(self) -> None:
        """Consume nothing: the command ends here."""
        if not self.at_end():
            self.fail("Expected the end of the command")

    def accept(self, token: bytes) -> bool:
        """Consume `token`, given in upper case, in whatever case the client wrote it; False when it is not next."""
        end = self._position + len(token)
        if self._text[self._position : end].upper() != token:
            return False
        self._position = end
        return True

    def expect(self, token: bytes) -> None:
        """Consume `token`, given in upper case, in whatever case the client wrote it."""
        if not self.accept(token):
            self.fail(f"Expected {token.decode()}")

    def space(self) -> None:
        """Consume the one space between two arguments."""
        if not self._text.startswith(b" ", self._position):
            self.fail("Expected a space")
        self._position += 1

    def enter(self) -> None:
        """Note that what follows is nested one level deeper; to be undone by `leave`."""
        self._depth += 1
        if self._depth > DEEPEST:
            self.fail("Nested too deeply")

    def leave(self) -> None:
        """Note that one level of nesting is over."""
        self._depth -= 1

    # -- words

    def tag(self) -> bytes:
        """Consume the name that the client gives to a command."""
        match = _TAG(self._text, self._position)
        if match is None:
            self.fail("Expected a tag")
        self._position = match.end()
        return match[0]

    def command(self) -> bytes:
        """Consume a space and the name of a command, UID and the word after it together; gives it in upper case."""
        self.space()
        name = self.atom().upper()
        if name == b"UID":
            self.space()
            name += b" " + self.atom().upper()
        return name

    def atom(self) -> bytes:
        """Consume a word without special characters."""
        match = _ATOM(self._text, self._position)
        if match is None:
            self.fail("Expected an atom")
        self._position = match.end()
        return match[0]

    def astring(self) -> bytes:
        """Consume a word or a string."""
        match = _ASTRING(self._text, self._position)
        if match is None:
            return self.string()
        self._position = match.end()
        return match[0]

    def list_mailbox(self) -> bytes:
        """Consume a pattern of LIST: as `astring`, with the wildcards."""
        match = _LIST_MAILBOX(self._text, self._position)
        if match is None:
            return self.string()
        self._position = match.end()
        return match[0]

    def string(self) -> bytes:
        """Consume a quoted string or a literal."""
        if self._position == len(self._text):
            return self._literal()
        match = _QUOTED(self._text, self._position)
        if match is not None:
            self._position = match.end()
            return match[1]
        match = _ESCAPED(self._text, self._position)
        if match is None:
            self.fail("Expected a string")
        self._position = match.end()
        return _UNESCAPE(rb"\1", match[1])

    def nstring(self) -> bytes | None:
        """Consume a string, or NIL for None."""
        return None if self.accept(b"NIL") else self.string()

    def binary_nstring(self) -> bytes | None:
        """Consume a string of any octets (`literal8`), or NIL for None."""
        if self._position == len(self._text):
            return self._literal(with_nul=True)
        return self.nstring()

    def _literal(self, *, with_nul: bool = False) -> bytes:
        if self._index + 1 >= len(self._fragments):
            self.fail("Expected a string")
        literal = self._fragments[self._index + 1]
        if b"\0" in literal and not with_nul:
            self.fail("Expected a string without NUL")
        self._index += 2
        self._text = self._fragments[self._index]
        self._position = 0
        return literal

    # -- numbers and sets of them

    def number(self, at_most: int = HIGHEST) -> int:
        """Consume a number from 0 to `at_most`."""
        match = _NUMBER(self._text, self._position)
        if match is None:
            self.fail("Expected a number")
        number = int(match[0])
        if number > at_most:
            self.fail(f"Expected a number up to {at_most}")
        self._position = match.end()
        return number

    def nz_number(self) -> int:
        """Consume a number from 1 to `HIGHEST`."""
        if self._text.startswith(b"0", self._position):
            self.fail("Expected a number that does not start with 0")
        return self.number()

    def sequence_set(self) -> SequenceSet:
        """Consume a sequence set (RFC 9051 §9, `sequence-set`), `SAVED` for `$`."""
        match = _SEQUENCE_SET(self._text, self._position)
        if match is None:
            if self.accept(b"$"):
                return SAVED
            self.fail("Expected a sequence set")
        found = _known_set(match[0])
        if found is None:
            self.fail("Expected a valid sequence set")
        self._position = match.end()
        return found

    # -- times

    def date(self) -> date:
        """Consume a date such as 1-Feb-1994, which may be in quotes."""
        match = _DATE(self._text, self._position)
        try:
            if match is None or match[3].upper() not in _MONTHS:
                raise ValueError
            day = date(int(match[4]), _MONTHS.index(match[3].upper()) + 1, int(match[2]))
        except ValueError:
            self.fail("Expected a date such as 1-Feb-1994")
        self._position = match.end()
        return day

    def date_time(self) -> int:
        """Consume a moment such as "17-Jul-1996 02:44:25 -0700"; gives UTC epoch seconds."""
        match = _DATE_TIME(self._text, self._position)
        try:
            if match is None:
                raise ValueError
            seconds = _epoch_seconds(*match.groups())
        except (ValueError, OverflowError):
            self.fail('Expected a date and time such as "17-Jul-1996 02:44:25 -0700"')
        self._position = match.end()
        return seconds

    # -- flags

    def flag_list(self) -> Flags:
        r"""Consume flags in parentheses; system flags get the case of RFC 9051 §2.3.2, `\Recent` is refused."""
        self.expect(b"(")
        return self._flags(b")")

    def flags(self) -> Flags:
        """Consume flags, in parentheses or bare, as STORE has them."""
        if self.peek() == b"(":
            return self.flag_list()
        return self._flags(b"")

    def _flags(self, last: bytes) -> Flags:
        if last and self.accept(last):
            return frozenset()
        found: dict[str, str] = {}
        while True:
            flag = self._flag()
            found.setdefault(flag.lower(), flag)
            if not self.accept(b" "):
                break
        self.expect(last)
        return frozenset(found.values())

    def _flag(self) -> str:
        match = _FLAG(self._text, self._position)
        if match is None:
            self.fail("Expected a flag")
        word = match[0]
        if word.startswith(b"\\"):
            flag = _FLAG_NAMES.get(word.lower())
            if flag is None:
                self.fail("Expected a flag that can be set")
        else:
            flag = word.decode("ascii")
        self._position = match.end()
        return flag


def remembered(read: Callable[[Parser, *Ts], T]) -> Callable[[Parser, *Ts], T]:
    """Have what reads the rest of a command, to its end, do so once for each text: clients write the same all day."""

    @lru_cache(maxsize=512)
    def read_text(text: bytes, *args: *Ts) -> T:
        return read(Parser((text,)), *args)

    @wraps(read)
    def read_or_remember(parser: Parser, *args: *Ts) -> T:
        text = parser.last_text()
        if text is None or len(text) > _SHORT:
            return read(parser, *args)
        try:
            return read_text(text, *args)
        except SyntaxProblem:
            # To be raised once more with its place in this command.
            return read(parser, *args)

    return read_or_remember


def _epoch_seconds(*parts: bytes) -> int:
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = parts
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    moment = datetime(
        int(year),
        _MONTHS.index(month.upper()) + 1,
        int(day),
        int(hour),
        int(minute),
        int(second),
        tzinfo=timezone(offset if sign == b"+" else -offset),
    )
    return (moment - _EPOCH) // timedelta(seconds=1)


@lru_cache(maxsize=1024)
def _short_set(text: bytes) -> SequenceSet | None:
    return _read_set(text)


def _known_set(text: bytes) -> SequenceSet | None:
    # The same few short sets come all the time; the long ones would fill the memory.
    return _short_set(text) if len(text) < 32 else _read_set(text)


def _read_set(text: bytes) -> SequenceSet | None:
    ranges = []
    for part in text.split(b","):
        first, colon, last = part.partition(b":")
        low = _set_number(first)
        high = _set_number(last) if colon else low
        if low is None or high is None:
            return None
        ranges.append((low, high))
    return SequenceSet(tuple(ranges))


def _set_number(text: bytes) -> int | None:
    if text == b"*":
        return LAST
    if not text.isdigit() or text.startswith(b"0") or len(text) > 10:
        return None
    number = int(text)
    return number if number <= HIGHEST else None
