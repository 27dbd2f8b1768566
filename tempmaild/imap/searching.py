"""SEARCH, SORT and THREAD: which messages of the selected folder match, and how they belong together.

RFC 9051 §6.4.4, RFC 5256. What they ask of a message is in `search`; `results`, `sort_order` and `thread_tree` make
of the messages that are found what the client wants.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from tempmaild.core.message_ids import message_ids, references
from tempmaild.core.subject import base_subject
from tempmaild.errors import MessageDamaged
from tempmaild.imap import contexts
from tempmaild.imap.dialogue import IN_FOLDER, Command, Dialogue
from tempmaild.imap.finding import Turns, find
from tempmaild.imap.grammar import SyntaxProblem
from tempmaild.imap.replies import BAD, Refusal, Refused
from tempmaild.imap.results import DEFAULT, Results, parse_options
from tempmaild.imap.search import Cost
from tempmaild.imap.search_keys import Scope, parse_search, parse_search_in_charset
from tempmaild.imap.sort_order import Order, collation_key, parse_order, sent_date
from tempmaild.imap.thread_tree import Letter, Links, by_references, by_subject, write_threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.core.summary import Summary
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message
    from tempmaild.imap.results import Options
    from tempmaild.imap.search_keys import Criteria

_MOST_NAMES: Final = 500_000
"""Message identifiers that one THREAD may have in memory, tens of megabytes."""

_TOO_MANY = Refusal(b"LIMIT", b"The messages refer to too many others, thread fewer of them")  # RFC 5530 §3


# -- SEARCH


async def search(s: Dialogue, parser: Parser) -> bytes:
    """Give the numbers of the messages that match."""
    return await _search(s, parser, by_uid=False)


async def uid_search(s: Dialogue, parser: Parser) -> bytes:
    """Give the UIDs of the messages that match."""
    return await _search(s, parser, by_uid=True)


async def _search(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    options = parse_options(parser)
    if options is None and b"IMAP4REV2" in s.enabled:
        options = DEFAULT
    contexts.check(s, options)

    async def look() -> Results:
        criteria = await _criteria(s, parser, parse_search)
        found = await find(s, criteria, Turns(s))
        contexts.keep(s, options, criteria, found, by_uid=by_uid)
        return Results(found, by_uid, criteria.with_modseq)

    await _tell(s, b"SEARCH", options, look)
    return _ending(s, b"Searched", by_uid=by_uid)


async def _tell(s: Dialogue, name: bytes, options: Options | None, look: Callable[[], Awaitable[Results]]) -> None:
    """Find messages, and tell and keep what the options say; None for a plain list of numbers."""
    if options is None:
        await s.send((await look()).plain(name))
        return
    try:
        results = await look()
    except SyntaxProblem:
        raise
    except Exception as error:
        # RFC 5182 §2.1: a search that ends with NO leaves nothing saved, one that ends with BAD what was there.
        if options.saves and not (isinstance(error, Refused) and error.refusal.condition is BAD):
            s.selected().saved = array("I")
        raise
    if options.saves:
        s.selected().saved = results.saved(options)
    await s.send(results.extended(s.tag, options))


def _ending(s: Dialogue, text: bytes, *, by_uid: bool) -> bytes:
    """Give the completion; it warns who still counts messages that cannot be found any more (RFC 5530 §3).

    With UIDs there is no need to: EXPUNGE is told before the completion.
    """
    unaware = s.selected().has_expunged and not by_uid
    return (b"OK [EXPUNGEISSUED] " if unaware else b"OK ") + text


async def _criteria(s: Dialogue, parser: Parser, parse: Callable[[Parser, Scope], Criteria]) -> Criteria:
    await s.catch_up()
    view = s.selected()
    enabled = s.enabled
    scope = Scope(view.uids, int(s.shared.clock()), view.saved, b"UIDONLY" in enabled, b"UTF8=ACCEPT" in enabled)
    criteria = parse(parser, scope)
    if criteria.with_modseq:
        s.enable_condstore()
    return criteria


# -- SORT


async def sort(s: Dialogue, parser: Parser) -> bytes:
    """Give the numbers of the messages that match, in some order."""
    return await _sort(s, parser, by_uid=False)


async def uid_sort(s: Dialogue, parser: Parser) -> bytes:
    """Give the UIDs of the messages that match, in some order."""
    return await _sort(s, parser, by_uid=True)


async def _sort(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    options = parse_options(parser)
    contexts.check(s, options)

    async def look() -> Results:
        order = Order(parse_order(parser))
        parser.space()
        criteria = await _criteria(s, parser, parse_search_in_charset)
        turns = Turns(s)
        found = await _find_for(s, criteria, turns, order)
        contexts.keep(s, options, criteria, found, order, by_uid=by_uid)
        places = await turns.finish(order.places())
        return Results([found[place] for place in places], by_uid, criteria.with_modseq)

    await _tell(s, b"SORT", options, look)
    return _ending(s, b"Sorted", by_uid=by_uid)


async def _find_for(s: Dialogue, criteria: Criteria, turns: Turns, order: Order) -> list[Message]:
    """Give the messages that match, by sequence number, and have them put in order."""

    async def add(message: Message) -> None:
        order.add(message)

    if order.cost > Cost.ENTRY:
        return await find(s, criteria, turns, add)
    found = await find(s, criteria, turns)
    for message in found:
        await turns.spend(1)
        order.add(message)
    return found


# -- THREAD


async def thread(s: Dialogue, parser: Parser) -> bytes:
    """Give the numbers of the messages that match, as threads."""
    return await _thread(s, parser, by_uid=False)


async def uid_thread(s: Dialogue, parser: Parser) -> bytes:
    """Give the UIDs of the messages that match, as threads."""
    return await _thread(s, parser, by_uid=True)


async def _thread(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    algorithm = parser.atom().upper()
    if algorithm not in (b"ORDEREDSUBJECT", b"REFERENCES"):
        parser.fail("Expected ORDEREDSUBJECT or REFERENCES before this")
    parser.space()
    criteria = await _criteria(s, parser, parse_search_in_charset)
    turns = Turns(s)
    letters: list[Letter] = []
    links = Links() if algorithm == b"REFERENCES" else None

    async def add(message: Message) -> None:
        letters.append(_letter(message))
        if links is not None:
            await _add_links(s, links, message)

    found = await find(s, criteria, turns, add)
    forest = await turns.finish(by_subject(letters) if links is None else by_references(letters, links))
    numbers = Results(found, by_uid, with_modseq=False).numbers()
    pieces = await turns.finish(write_threads(forest, numbers))
    await s.send(b"* THREAD%b%b\r\n" % (b" " if pieces else b"", b"".join(pieces)))
    return _ending(s, b"Threaded", by_uid=by_uid)


def _letter(message: Message) -> Letter:
    assert message.summary is not None, "it was found with its summary"
    subject = base_subject(message.summary.envelope.subject or b"")
    return Letter(sent_date(message), collation_key(subject.text), subject.is_reply)


async def _add_links(s: Dialogue, links: Links, message: Message) -> None:
    summary = message.summary
    assert summary is not None, "it was found with its summary"
    envelope = summary.envelope
    name = next(message_ids(envelope.message_id or b""), None)
    # RFC 5256 §3: In-Reply-To counts where References says nothing.
    names = await _references(s, message, summary) or tuple(message_ids(envelope.in_reply_to or b""))[:1]
    links.add(name, names)
    if links.names > _MOST_NAMES:
        raise Refused(*_TOO_MANY)


async def _references(s: Dialogue, message: Message, summary: Summary) -> tuple[bytes, ...]:
    if summary.references is not None:
        return summary.references

    def look(content: bytes) -> tuple[bytes, ...]:
        return references(content, summary.structure.body)

    try:
        return await s.inbox.examine(s.selected().folder.id, message.entry.uid, look) or ()
    except MessageDamaged:
        return ()


COMMANDS = (
    Command(b"SEARCH", IN_FOLDER, search, "RFC 9051 §6.4.4", capability=b"ESEARCH SEARCHRES WITHIN", expunges=False),
    Command(b"UID SEARCH", IN_FOLDER, uid_search, "RFC 9051 §6.4.9", capability=b"PARTIAL"),
    Command(b"SORT", IN_FOLDER, sort, "RFC 5256 §3", capability=b"SORT SORT=DISPLAY ESORT", expunges=False),
    Command(b"UID SORT", IN_FOLDER, uid_sort, "RFC 5256 §3"),
    Command(
        b"THREAD",
        IN_FOLDER,
        thread,
        "RFC 5256 §3",
        capability=b"THREAD=ORDEREDSUBJECT THREAD=REFERENCES",
        expunges=False,
    ),
    Command(b"UID THREAD", IN_FOLDER, uid_thread, "RFC 5256 §3"),
)
