"""Commands for the selected folder as a whole: searching, expunging, waiting, leaving (RFC 9051 §6.4, §6.3.13)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tempmaild.errors import MessageDamaged, NoSuchFolder
from tempmaild.imap.dialogue import IN_FOLDER, LOGGED_IN, NEWS, Command, Dialogue
from tempmaild.imap.message import Message
from tempmaild.imap.replies import BAD, Refusal, Refused
from tempmaild.imap.search import Cost
from tempmaild.imap.search_keys import parse_search
from tempmaild.net.conversation import Pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.search import Key
    from tempmaild.imap.view import View

_BATCH = 100
"""Messages whose summaries are looked at before others have their turn: a few milliseconds."""
_TOO_LONG = Refusal(b"LIMIT", b"The search takes too long, look into fewer messages")  # RFC 5530 §3


async def check(_: Dialogue, parser: Parser) -> bytes:
    """Do nothing: everything is kept as soon as it is answered."""
    parser.end()
    return b"OK Checked"


async def close(s: Dialogue, parser: Parser) -> bytes:
    r"""Expunge what is \Deleted without a word, and leave the folder."""
    parser.end()
    view = s.selected()
    s.close_view()
    if not view.read_only:
        with suppress(NoSuchFolder):
            await s.inbox.expunge(view.folder.id, None)
    return b"OK Closed"


async def unselect(s: Dialogue, parser: Parser) -> bytes:
    """Leave the folder as it is."""
    parser.end()
    s.close_view()
    return b"OK Left"


async def expunge(s: Dialogue, parser: Parser) -> bytes:
    r"""Remove the messages that are \Deleted."""
    parser.end()
    view = _writable_view(s)
    await s.inbox.expunge(view.folder.id, None)
    view.news = True
    return b"OK Expunged"


async def uid_expunge(s: Dialogue, parser: Parser) -> bytes:
    r"""Remove those of some messages that are \Deleted."""
    parser.space()
    wanted = parser.sequence_set()
    parser.end()
    view = _writable_view(s)
    uids = [view.uids[index] for index in view.indices(wanted, by_uid=True)]
    await s.inbox.expunge(view.folder.id, uids)
    view.news = True
    return b"OK Expunged"


def _writable_view(s: Dialogue) -> View:
    view = s.selected()
    view.check_writable()
    return view


async def search(s: Dialogue, parser: Parser) -> bytes:
    """Give the numbers of the messages that match."""
    found = await _search(s, parser)
    s.say(b"* SEARCH%b\r\n" % b"".join([b" %d" % message.number for message in found]))
    return b"OK Searched"


async def uid_search(s: Dialogue, parser: Parser) -> bytes:
    """Give the UIDs of the messages that match."""
    found = await _search(s, parser)
    s.say(b"* SEARCH%b\r\n" % b"".join([b" %d" % message.entry.uid for message in found]))
    return b"OK Searched"


async def _search(s: Dialogue, parser: Parser) -> list[Message]:
    parser.space()
    await s.catch_up()
    view = s.selected()
    key = parse_search(parser, view.uids, int(s.shared.clock()))
    entries = await s.entries(view.uids)
    messages = [view.message(index, entries[uid]) for index, uid in enumerate(view.uids) if uid in entries]
    verdicts = [key.decide(message) for message in messages]
    undecided = [message for message, verdict in zip(messages, verdicts, strict=True) if verdict is None]
    found = [message for message, verdict in zip(messages, verdicts, strict=True) if verdict]
    deadline = s.shared.clock() + s.shared.rules.search_seconds
    for start in range(0, len(undecided), _BATCH):
        if start:
            await Pause(0)
        found += await _decide(s, key, undecided[start : start + _BATCH], deadline)
    found.sort(key=_number)
    return found


async def _decide(s: Dialogue, key: Key, messages: Sequence[Message], deadline: float) -> list[Message]:
    """Give those that match, with more of the messages at hand.

    Raises:
        Refused: it is not done by the deadline, UTC epoch seconds.
    """
    folder_id = s.selected().folder.id
    summaries = await s.inbox.summaries(folder_id, [message.entry.uid for message in messages])
    found = []
    for message in messages:
        if s.shared.clock() > deadline:
            raise Refused(*_TOO_LONG)
        message.summary = summaries.get(message.entry.uid)
        if message.summary is None:
            continue
        verdict = key.decide(message)
        if verdict is None and key.cost is Cost.CONTENT:
            verdict = await _decide_by_content(s, key, message)
        if verdict:
            found.append(message)
    return found


async def _decide_by_content(s: Dialogue, key: Key, message: Message) -> bool:
    def decide(content: bytes) -> bool | None:
        # Another object, so that the content is not kept for as long as the message.
        return key.decide(Message(message.number, message.entry, message.recent, message.summary, content))

    try:
        return bool(await s.inbox.examine(s.selected().folder.id, message.entry.uid, decide))
    except MessageDamaged:
        # Nobody knows what it said; the others are found.
        return False


def _number(message: Message) -> int:
    return message.number


async def idle(s: Dialogue, parser: Parser) -> bytes:
    """Tell what happens in the folder as it happens, until the client says DONE (RFC 2177)."""
    parser.end()
    if s.view is not None:
        s.view.forget()
        s.inbox.forget()
    s.say(b"+ Waiting for news\r\n")
    while True:
        line = await s.next_line(or_news=True)
        if line is not NEWS:
            break
        await s.tell_news(expunges=True)
    if line.upper() != b"DONE":
        raise Refused(b"", b"Expected DONE", BAD)
    return b"OK Enough waited"


COMMANDS = (
    Command(b"CHECK", IN_FOLDER, check, "RFC 3501 §6.4.1"),
    Command(b"CLOSE", IN_FOLDER, close, "RFC 9051 §6.4.1"),
    Command(b"UNSELECT", IN_FOLDER, unselect, "RFC 9051 §6.4.2", capability=b"UNSELECT"),
    Command(b"EXPUNGE", IN_FOLDER, expunge, "RFC 9051 §6.4.3"),
    Command(b"UID EXPUNGE", IN_FOLDER, uid_expunge, "RFC 9051 §6.4.9", capability=b"UIDPLUS"),
    Command(b"SEARCH", IN_FOLDER, search, "RFC 9051 §6.4.4", capability=b"WITHIN", expunges=False),
    Command(b"UID SEARCH", IN_FOLDER, uid_search, "RFC 9051 §6.4.9"),
    Command(b"IDLE", LOGGED_IN, idle, "RFC 9051 §6.3.13", capability=b"IDLE"),
)
