"""Commands for the selected folder as a whole: expunging, waiting, leaving (RFC 9051 §6.4, §6.3.13)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tempmaild.errors import NoSuchFolder
from tempmaild.imap.dialogue import IN_FOLDER, LOGGED_IN, NEWS, Command, Dialogue
from tempmaild.imap.replies import BAD, Refused

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.view import View


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
    return await s.removed(bool(await s.inbox.expunge(view.folder.id, None)), b"Expunged")


async def uid_expunge(s: Dialogue, parser: Parser) -> bytes:
    r"""Remove those of some messages that are \Deleted."""
    parser.space()
    wanted = parser.sequence_set()
    parser.end()
    view = _writable_view(s)
    uids = [view.uids[index] for index in view.indices(wanted, by_uid=True)]
    return await s.removed(bool(await s.inbox.expunge(view.folder.id, uids)), b"Expunged")


def _writable_view(s: Dialogue) -> View:
    view = s.selected()
    view.check_writable()
    return view


async def idle(s: Dialogue, parser: Parser) -> bytes:
    """Tell what happens in the folder as it happens, until the client says DONE (RFC 2177)."""
    parser.end()
    if s.view is not None:
        s.view.forget()
        s.inbox.forget()
        if s.notifying is not None:
            # RFC 5465 §6.1.2: what was held back between commands may be told now.
            s.notifying.pending = True
    s.unasked = True
    try:
        line = await _tell_until_line(s)
    finally:
        s.unasked = False
    if line.upper() != b"DONE":
        raise Refused(b"", b"Expected DONE", BAD)
    return b"OK Enough waited"


async def _tell_until_line(s: Dialogue) -> bytes:
    """Tell the news until the client has said something."""
    # Before any news: IMAPClient takes nothing else for the beginning.
    s.say(b"+ Waiting for news\r\n")
    while (line := await s.next_line(or_news=True)) is NEWS:
        await _tell(s)
    return line


async def _tell(s: Dialogue) -> None:
    if s.notifying is None:
        await s.tell_news(expunges=True)
    else:
        await s.notifying.tell(expunges=True)


COMMANDS = (
    Command(b"CHECK", IN_FOLDER, check, "RFC 3501 §6.4.1"),
    Command(b"CLOSE", IN_FOLDER, close, "RFC 9051 §6.4.1"),
    Command(b"UNSELECT", IN_FOLDER, unselect, "RFC 9051 §6.4.2", capability=b"UNSELECT"),
    Command(b"EXPUNGE", IN_FOLDER, expunge, "RFC 9051 §6.4.3"),
    Command(b"UID EXPUNGE", IN_FOLDER, uid_expunge, "RFC 9051 §6.4.9", capability=b"UIDPLUS"),
    Command(b"IDLE", LOGGED_IN, idle, "RFC 9051 §6.3.13", capability=b"IDLE"),
)
