"""SELECT and EXAMINE: a folder is opened (RFC 9051 §6.3.2, §6.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.names import folder_name
from tempmaild.imap.view import View

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


async def select(s: Dialogue, parser: Parser) -> bytes:
    """Select a folder to read and change it."""
    return await _open(s, parser, read_only=False)


async def examine(s: Dialogue, parser: Parser) -> bytes:
    """Select a folder only to read it."""
    return await _open(s, parser, read_only=True)


async def _open(s: Dialogue, parser: Parser, *, read_only: bool) -> bytes:
    name = folder_name(parser)
    parser.end()
    # RFC 9051 §6.3.2: what was selected is so no longer, even if this fails.
    s.close_view()
    folder = await s.inbox.folder(name)
    s.inbox.watch(folder.id, s.notice)
    read_only = read_only or s.inbox.read_only
    try:
        view = View(folder, await s.inbox.entries(folder), read_only=read_only)
    except BaseException:
        s.inbox.watch(0, s.notice)
        raise
    s.open_view(view)
    s.claim_recent(view)
    s.say(view.opening())
    return b"OK [READ-ONLY] Opened" if read_only else b"OK [READ-WRITE] Opened"


COMMANDS = (
    Command(b"SELECT", LOGGED_IN, select, "RFC 9051 §6.3.2"),
    Command(b"EXAMINE", LOGGED_IN, examine, "RFC 9051 §6.3.3"),
)
