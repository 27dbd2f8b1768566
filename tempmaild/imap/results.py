"""What SEARCH and SORT give: result options, the ESEARCH response, what `$` stands for.

RFC 4731, RFC 5182; for SORT RFC 5267 §3, where the first and the last in order count, not the least and the greatest.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.imap.sequence import write_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message

SAVE: Final = b"SAVE"
DEFAULT: Final = frozenset({b"ALL"})
_OPTIONS: Final = frozenset({b"MIN", b"MAX", b"ALL", b"COUNT", SAVE})
_ENDS: Final = frozenset({b"MIN", b"MAX"})

Options = frozenset[bytes]


def parse_options(parser: Parser) -> Options | None:
    """Read `RETURN (...)` and the space after it; None when it is not there (RFC 9051 §9, `search-return-opts`)."""
    if not parser.accept(b"RETURN "):
        return None
    parser.expect(b"(")
    options = set()
    if not parser.accept(b")"):
        options.add(_option(parser))
        while parser.accept(b" "):
            options.add(_option(parser))
        parser.expect(b")")
    parser.space()
    return frozenset(options) or DEFAULT


def _option(parser: Parser) -> bytes:
    option = parser.atom().upper()
    if option not in _OPTIONS:
        parser.fail("Expected MIN, MAX, ALL, COUNT or SAVE before this")
    return option


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
        if options == {SAVE}:
            return b""
        numbers = self.numbers()
        said = [b'* ESEARCH (TAG "%b")' % tag]
        if self.by_uid:
            said.append(b"UID")
        if numbers and b"MIN" in options:
            said.append(b"MIN %d" % numbers[0])
        if numbers and b"MAX" in options:
            said.append(b"MAX %d" % numbers[-1])
        if numbers and b"ALL" in options:
            said.append(b"ALL " + write_set(numbers))
        if b"COUNT" in options:
            said.append(b"COUNT %d" % len(numbers))
        if numbers and self.with_modseq:
            said.append(b"MODSEQ %d" % _highest(self._told(options)))
        return b" ".join(said) + b"\r\n"

    def saved(self, options: Options) -> array[int]:
        """Give the UIDs that `$` stands for from now on (RFC 5182 §2.4)."""
        return array("I", sorted({message.entry.uid for message in self._told(options)}))

    def _told(self, options: Options) -> Sequence[Message]:
        """Give those messages that the result is about: where only ends are asked for, only these."""
        told = options - {SAVE}
        if not self.messages or not told or not told <= _ENDS:
            return self.messages
        return [self.messages[end] for end, name in ((0, b"MIN"), (-1, b"MAX")) if name in told]


def _highest(messages: Sequence[Message]) -> int:
    return max(message.entry.modseq for message in messages)
