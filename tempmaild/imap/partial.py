"""Some of many results, as PARTIAL asks for them (RFC 5267 §4.4, RFC 9394)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.imap.grammar import Parser

T = TypeVar("T")


class Range(NamedTuple):
    """From which to which result, counted from 1.

    Attributes:
        first: not greater than `last`.
        from_end: whether 1 is the last result.
    """

    first: int
    last: int
    from_end: bool = False

    def of(self, results: Sequence[T]) -> Sequence[T]:
        """Give those of the results that are in the range, in their order."""
        if not self.from_end:
            return results[self.first - 1 : self.last]
        count = len(results)
        return results[max(0, count - self.last) : max(0, count - self.first + 1)]

    def written(self) -> bytes:
        """Write the range as the client may have done."""
        return (b"-%d:-%d" if self.from_end else b"%d:%d") % (self.first, self.last)


def parse_range(parser: Parser) -> Range:
    """Read the argument of PARTIAL (RFC 9394 §4, `partial-range`)."""
    from_end = parser.accept(b"-")
    ends = [parser.nz_number()]
    parser.expect(b":-" if from_end else b":")
    ends.append(parser.nz_number())
    return Range(min(ends), max(ends), from_end)
