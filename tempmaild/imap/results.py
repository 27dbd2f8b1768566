"""What SEARCH and SORT give: result options, the ESEARCH response, what `$` stands for.

RFC 4731, RFC 5182, RFC 9394 §3; for SORT RFC 5267 §3, where the first and the last in order count, not the least and
the greatest.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.partial import parse_range
from tempmaild.imap.sequence import write_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message
    from tempmaild.imap.partial import Range

_SAVE: Final = frozenset({b"SAVE"})
_TOLD: Final = frozenset({b"MIN", b"MAX", b"ALL", b"COUNT", b"PARTIAL"})
_ALL_MEANT: Final = frozenset({b"ALL", b"COUNT"})
_OPTIONS: Final = _TOLD | {b"SAVE", b"CONTEXT", b"UPDATE"}


class Options(NamedTuple):
    """What is to be done with the messages that are found.

    Attributes:
        names: of the options, in upper case.
        partial: which of them PARTIAL asks for.
        request: what UPDATE wants to be told of messages that come later.
    """

    names: frozenset[bytes]
    partial: Range | None = None
    request: FetchRequest | None = None

    @property
    def saves(self) -> bool:
        """Whether `$` is to stand for the messages."""
        return b"SAVE" in self.names

    @property
    def updates(self) -> bool:
        """Whether the client is to be told when the result changes."""
        return b"UPDATE" in self.names


DEFAULT: Final = Options(frozenset({b"ALL"}))


def parse_options(parser: Parser) -> Options | None:
    """Read `RETURN (...)` and the space after it; None when it is not there (RFC 9051 §9, `search-return-opts`)."""
    if not parser.accept(b"RETURN "):
        return None
    parser.expect(b"(")
    options = DEFAULT
    if not parser.accept(b")"):
        options = _options(parser)
        parser.expect(b")")
    parser.space()
    return options


def _options(parser: Parser) -> Options:
    names = set[bytes]()
    partial = request = None
    while True:
        option = parser.atom().upper()
        if option not in _OPTIONS:
            parser.fail("Expected MIN, MAX, ALL, COUNT, PARTIAL, SAVE, CONTEXT or UPDATE before this")
        if option == b"PARTIAL":
            parser.space()
            partial = parse_range(parser)
        if option in {b"ALL", b"PARTIAL"} and not names.isdisjoint({b"ALL", b"PARTIAL"}):
            # RFC 9394 §3.1
            parser.fail("Expected ALL or PARTIAL only once before this")
        names.add(option)
        goes_on = parser.accept(b" ")
        if goes_on and option == b"UPDATE" and parser.peek() == b"(":
            # RFC 5465 §7
            request = parse_fetch(parser)
            goes_on = parser.accept(b" ")
        if not goes_on:
            return Options(frozenset(names), partial, request)


class Results(NamedTuple):
    """Which messages were found.

    Attributes:
        messages: in the order that was asked for.
        by_uid: whether the client wants UIDs, not sequence numbers.
        with_modseq: whether the search was about modification sequences, so that the highest is told.
    """

    messages: Sequence[Message]
    by_uid: bool
    with_modseq: bool

    def numbers(self) -> list[int]:
        """Give what the client calls the messages."""
        if self.by_uid:
            return [message.entry.uid for message in self.messages]
        return [message.number for message in self.messages]

    def plain(self, name: bytes) -> bytes:
        """Write the response that is a list of numbers: SEARCH, SORT."""
        said = b" ".join([b"* " + name, *[b"%d" % number for number in self.numbers()]])
        if self.with_modseq and self.messages:
            said += b" (MODSEQ %d)" % _highest(self.messages)
        return said + b"\r\n"

    def extended(self, tag: bytes, options: Options) -> bytes:
        """Write the ESEARCH response; b"" when the result is only to be saved."""
        names = options.names
        if names == _SAVE:
            return b""
        numbers = self.numbers()
        said = [correlated(tag, by_uid=self.by_uid)]
        if numbers and b"MIN" in names:
            said.append(b"MIN %d" % numbers[0])
        if numbers and b"MAX" in names:
            said.append(b"MAX %d" % numbers[-1])
        if numbers and b"ALL" in names:
            said.append(b"ALL " + write_set(numbers))
        if b"COUNT" in names:
            said.append(b"COUNT %d" % len(numbers))
        if options.partial is not None:
            some = options.partial.of(numbers)
            said.append(b"PARTIAL (%b %b)" % (options.partial.written(), write_set(some) or b"NIL"))
        told = self._told(options) if self.with_modseq else ()
        if told:
            said.append(b"MODSEQ %d" % _highest(told))
        return b" ".join(said) + b"\r\n"

    def saved(self, options: Options) -> array[int]:
        """Give the UIDs that `$` stands for from now on (RFC 5182 §2.4, RFC 9394 §3.2)."""
        return array("I", sorted({message.entry.uid for message in self._told(options)}))

    def _told(self, options: Options) -> Sequence[Message]:
        """Give those messages that the result is about: where only some are asked for, only these."""
        told = options.names & _TOLD
        if not told or told & _ALL_MEANT or not self.messages:
            return self.messages
        some = [self.messages[end] for end, name in ((0, b"MIN"), (-1, b"MAX")) if name in told]
        return [*some, *options.partial.of(self.messages)] if options.partial is not None else some


def correlated(tag: bytes, *, by_uid: bool) -> bytes:
    """Write how an ESEARCH response begins (RFC 9051 §7.3.4)."""
    return b'* ESEARCH (TAG "%b")%b' % (tag, b" UID" if by_uid else b"")


def _highest(messages: Sequence[Message]) -> int:
    return max(message.entry.modseq for message in messages)
