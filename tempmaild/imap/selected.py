"""Commands for the selected folder as a whole: searching, expunging, waiting, leaving (RFC 9051 §6.4, §6.3.13)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tempmaild.errors import NoSuchFolder
from tempmaild.imap.dialogue import IN_FOLDER, LOGGED_IN, Command, Dialogue
from tempmaild.imap.message import Message
from tempmaild.imap.replies import BAD, Refused
from tempmaild.imap.search import Cost
from tempmaild.imap.search_keys import parse_search
from tempmaild.net.conversation import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.search import Key
    from tempmaild.imap.view import View
    from tempmaild.net.conversation import Input

_BATCH = 100
_NEWS: Final = b"\n"
"""No line has this in it."""


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
    for start in range(0, len(undecided), _BATCH):
        found += await _decide(s, key, undecided[start : start + _BATCH])
    found.sort(key=_number)
    return found


async def _decide(s: Dialogue, key: Key, messages: Sequence[Message]) -> list[Message]:
    """Give those that match, with more of the messages at hand."""
    folder_id = s.selected().folder.id
    summaries = await s.inbox.summaries(folder_id, [message.entry.uid for message in messages])
    found = []
    for message in messages:
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

    return bool(await s.inbox.examine(s.selected().folder.id, message.entry.uid, decide))


def _number(message: Message) -> int:
    return message.number


class LineOrNews(Line):
    """A line, or `_NEWS` as soon as there is something to tell of the selected folder."""

    __slots__ = ("_view",)

    def __init__(self, limit: int, patience: float, view: View | None) -> None:
        super().__init__(limit, patience)
        self._view = view

    def take(self, source: Input) -> bytes | None:
        """Take a line; the client's wish to go on comes before any news."""
        line = super().take(source)
        if line is None and self._view is not None and self._view.news:
            return _NEWS
        return line


async def idle(s: Dialogue, parser: Parser) -> bytes:
    """Tell what happens in the folder as it happens, until the client says DONE (RFC 2177)."""
    parser.end()
    if s.view is not None:
        s.view.forget()
        s.inbox.forget()
    s.say(b"+ Waiting for news\r\n")
    while True:
        line = await LineOrNews(s.longest_line, s.patience, s.view)
        if line is not _NEWS:
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
