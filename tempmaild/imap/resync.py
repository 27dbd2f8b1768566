"""What a client that comes back has missed: QRESYNC of SELECT, and VANISHED (EARLIER) (RFC 7162 §3.2)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.imap.grammar import HIGHEST_MODSEQ
from tempmaild.imap.replies import UID_REQUIRED, Refused
from tempmaild.imap.sequence import LAST, SequenceSet, write_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tempmaild.imap.dialogue import Dialogue
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.view import View

_ALL = SequenceSet(((1, LAST),))


class Known(NamedTuple):
    """What a client remembers of a folder that it had open before (RFC 7162 §3.2.5).

    Attributes:
        modseq: up to which change it knows the folder.
        uids: of the messages that it wants to hear of.
        pairs: some message numbers as they were, and their UIDs, both ascending; None if it tells none.
    """

    uid_validity: int
    modseq: int
    uids: SequenceSet
    pairs: tuple[SequenceSet, SequenceSet] | None


def parse_known(s: Dialogue, parser: Parser) -> Known:
    """Read what follows QRESYNC and an opening parenthesis, the closing one included."""
    uid_validity = parser.nz_number()
    parser.space()
    modseq = parser.number(HIGHEST_MODSEQ)
    uids, pairs = _ALL, None
    more = parser.accept(b" ")
    if more and parser.peek() != b"(":
        uids = _known_set(parser)
        more = parser.accept(b" ")
    if more:
        if b"UIDONLY" in s.enabled:
            # RFC 9586 §3.7
            raise Refused(*UID_REQUIRED)
        pairs = _parse_pairs(parser)
    parser.expect(b")")
    return Known(uid_validity, modseq, uids, pairs)


def _parse_pairs(parser: Parser) -> tuple[SequenceSet, SequenceSet]:
    parser.expect(b"(")
    numbers = _ascending_set(parser)
    parser.space()
    uids = _ascending_set(parser)
    if _size(numbers) != _size(uids):
        parser.fail("Expected as many UIDs as message numbers")
    parser.expect(b")")
    return numbers, uids


def _ascending_set(parser: Parser) -> SequenceSet:
    known = _known_set(parser)
    ranges = known.ranges
    if any(low > high for low, high in ranges) or any(a[1] >= b[0] for a, b in pairwise(ranges)):
        parser.fail("Expected a sequence set in ascending order before this")
    return known


def _known_set(parser: Parser) -> SequenceSet:
    known = parser.sequence_set()
    if not known.ranges or any(LAST in ends for ends in known.ranges):
        parser.fail("Expected a sequence set without * or $ before this")
    return known


def _size(known: SequenceSet) -> int:
    return sum(high - low + 1 for low, high in known.ranges)


async def catch_up(s: Dialogue, known: Known) -> None:
    """Tell what has happened since the client left the folder that is now selected (RFC 7162 §3.2.5.1)."""
    view = s.selected()
    if known.uid_validity != view.folder.uid_validity:
        return
    ranges = _clamped(known.uids, view)
    settled = _last_match(view.uids, *known.pairs) if known.pairs else 0
    unsettled = [(max(low, settled + 1), high) for low, high in ranges if high > settled]
    await _say_vanished(s, unsettled, known.modseq)
    entries = (view.entries[uid] for uid in _present(view.uids, ranges))
    await s.send_lines(view.flags_of(entry) for entry in entries if entry.modseq > known.modseq)


async def say_vanished(s: Dialogue, wanted: SequenceSet, since: int) -> None:
    """Tell which of these UIDs were expunged since a modification sequence (RFC 7162 §3.2.6).

    `*` is the highest UID that any message ever had, so that the last ones are told of too.
    """
    await _say_vanished(s, _clamped(wanted, s.selected()), since)


async def _say_vanished(s: Dialogue, ranges: Sequence[tuple[int, int]], since: int) -> None:
    view = s.selected()
    gone = await s.inbox.gone(view.folder.id, since)
    if gone is None:
        # RFC 7162 §5.3: what is too long ago is told with all that was ever expunged.
        vanished = b",".join(b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in _missing(view.uids, ranges))
    else:
        # Those that this session knows will be told when its message numbers may change.
        known = set(view.uids) if gone else ()
        vanished = write_set(uid for uid in _present(gone, ranges) if uid not in known)
    if vanished:
        await s.send(b"* VANISHED (EARLIER) %b\r\n" % vanished)


def _clamped(wanted: SequenceSet, view: View) -> list[tuple[int, int]]:
    """Give the ranges of UIDs that any message can have had, ascending."""
    last = view.uid_next - 1
    return [(low, min(high, last)) for low, high in wanted.resolve(last) if low <= last]


def _present(uids: Sequence[int], ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Give those of the UIDs, which ascend, that are in the ranges."""
    return chain.from_iterable(uids[bisect_left(uids, low) : bisect_right(uids, high)] for low, high in ranges)


def _missing(uids: Sequence[int], ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give what of the ranges is none of the UIDs, which ascend; as ranges too."""
    for low, high in ranges:
        begin = low
        for uid in _present(uids, [(low, high)]):
            if begin < uid:
                yield begin, uid - 1
            begin = uid + 1
        if begin <= high:
            yield begin, high


def _last_match(uids: Sequence[int], known_numbers: SequenceSet, known_uids: SequenceSet) -> int:
    """Give the last UID that still has the message number that the client knows; 0 if none has.

    Up to there the client knows of everything that was expunged (RFC 7162 §3.2.5.2).
    """
    matched = 0
    for number, uid in zip(_numbers(known_numbers), _numbers(known_uids), strict=True):
        if number > len(uids):
            break
        if uids[number - 1] == uid:
            matched = uid
    return matched


def _numbers(known: SequenceSet) -> Iterator[int]:
    return chain.from_iterable(range(low, high + 1) for low, high in known.ranges)
