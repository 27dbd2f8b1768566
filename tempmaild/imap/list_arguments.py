"""What a client can ask LIST, in the basic and the extended syntax (RFC 9051 §6.3.9, RFC 5258 §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap import status
from tempmaild.imap.listing import MOST_WILDCARDS, Pattern, Request
from tempmaild.imap.names import decoded, normal
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser

_SELECTION = frozenset({b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"})
_RETURN = frozenset({b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"STATUS"})
_MOST_PATTERNS = 100


def list_request(parser: Parser) -> Request | None:
    """Read the arguments of LIST; None when these ask for the separator alone."""
    parser.space()
    selection: set[bytes] = set()
    extended = parser.peek() == b"("
    if extended:
        selection = _selection(parser)
        parser.space()
    reference = parser.astring()
    parser.space()
    several = parser.peek() == b"("
    names = _several(parser) if several else [parser.list_mailbox()]
    returned: set[bytes] = set()
    items: list[bytes] = []
    has_options = parser.accept(b" ")
    if has_options:
        parser.expect(b"RETURN ")
        returned, items = _return_options(parser)
    parser.end()
    extended = extended or several or has_options
    if not extended and not names[0]:
        return None
    return Request(
        _patterns(reference, names, utf8=parser.utf8),
        subscribed=b"SUBSCRIBED" in selection,
        special_use=b"SPECIAL-USE" in selection,
        recursive=b"RECURSIVEMATCH" in selection,
        tells_subscribed=b"SUBSCRIBED" in selection | returned,
        status=items,
        extended=extended,
    )


def lsub_pattern(parser: Parser) -> tuple[bool, Pattern | None]:
    """Read the arguments of LSUB: whether these ask for the separator alone, and the pattern if it is a good one."""
    parser.space()
    reference = parser.astring()
    parser.space()
    name = parser.list_mailbox()
    parser.end()
    patterns = _patterns(reference, [name], utf8=parser.utf8)
    return not name, patterns[0] if patterns else None


def _selection(parser: Parser) -> set[bytes]:
    """Consume selection options; what they ask for is the same in any order, and said once or twice."""
    parser.expect(b"(")
    options: set[bytes] = set()
    while not parser.accept(b")"):
        if options:
            parser.space()
        options.add(_option(parser, _SELECTION))
    if b"RECURSIVEMATCH" in options and not options & {b"SUBSCRIBED", b"SPECIAL-USE"}:
        parser.fail("Expected more than RECURSIVEMATCH before this")
    return options


def _option(parser: Parser, known: frozenset[bytes]) -> bytes:
    option = parser.atom().upper()
    if option not in known:
        parser.fail("Expected an option of LIST before this")
    return option


def _several(parser: Parser) -> list[bytes]:
    parser.expect(b"(")
    names = [parser.list_mailbox()]
    while parser.accept(b" "):
        names.append(parser.list_mailbox())
    parser.expect(b")")
    return names


def _return_options(parser: Parser) -> tuple[set[bytes], list[bytes]]:
    """Consume return options: their names, and the items of STATUS."""
    parser.expect(b"(")
    options: set[bytes] = set()
    items: list[bytes] = []
    while not parser.accept(b")"):
        if options:
            parser.space()
        option = _option(parser, _RETURN)
        options.add(option)
        if option == b"STATUS":
            parser.space()
            items = status.items(parser)
    return options, items


def _patterns(reference: bytes, names: list[bytes], *, utf8: bool) -> list[Pattern]:
    """Make patterns; those that nothing could match, or that would take long, are left out (RFC 9051 §6.3.9)."""
    patterns: list[Pattern] = []
    wildcards = 0
    for name in names[:_MOST_PATTERNS]:
        try:
            pattern = Pattern(normal(decoded(reference + name, utf8=utf8)))
        except Refused:
            continue
        wildcards += pattern.wildcards
        if name and wildcards <= MOST_WILDCARDS:
            patterns.append(pattern)
    return patterns
