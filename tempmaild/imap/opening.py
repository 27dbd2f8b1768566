"""SELECT and EXAMINE: a folder is opened (RFC 9051 §6.3.2, §6.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap import resync
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.ending import alert
from tempmaild.imap.listing import list_line
from tempmaild.imap.names import given_name, normal
from tempmaild.imap.view import View

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tempmaild.core.mailbox import Folder
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.resync import Known


def select(s: Dialogue, parser: Parser) -> Awaitable[bytes]:
    """Select a folder to read and change it."""
    return _open(s, parser, read_only=False)


def examine(s: Dialogue, parser: Parser) -> Awaitable[bytes]:
    """Select a folder only to read it."""
    return _open(s, parser, read_only=True)


async def _open(s: Dialogue, parser: Parser, *, read_only: bool) -> bytes:
    name = given_name(parser)
    condstore, known = _parameters(s, parser)
    if s.view is not None:
        # RFC 9051 §6.3.2: what was selected is so no longer, even if this fails.
        s.close_view()
        s.say(b"* OK [CLOSED] The mailbox that was selected is left\r\n")
    happened = s.inbox.watcher.happened()
    folder = await s.inbox.folder(normal(name))
    if condstore:
        s.enable_condstore()
    s.inbox.watcher.watch(folder.id, s.notice)
    read_only = read_only or s.inbox.read_only
    try:
        listing = await s.inbox.listing(folder)
        view = View(folder, listing, told_keywords=s.shared.keywords, read_only=read_only, enabled=s.enabled)
        s.view = view
        # Since the folder was looked up and before it was watched, it may have been this one.
        view.news = s.inbox.watcher.happened() != happened
        s.claim_recent(view)
        s.say(view.opening())
        if b"IMAP4REV2" in s.enabled:
            s.say(_listed(s, folder, name))
        if known is not None:
            await resync.catch_up(s, known)
    except BaseException:
        s.close_view()
        s.inbox.watcher.watch(0, s.notice)
        raise
    s.say(alert(s))
    return b"OK [READ-ONLY] Opened" if read_only else b"OK [READ-WRITE] Opened"


def _parameters(s: Dialogue, parser: Parser) -> tuple[bool, Known | None]:
    """Read to the end: whether the client uses CONDSTORE, and what it remembers of the folder (RFC 4466 §2.1)."""
    condstore, known = False, None
    if parser.accept(b" ("):
        while True:
            if parser.accept(b"CONDSTORE"):
                condstore = True
            elif known is None and b"QRESYNC" in s.enabled and parser.accept(b"QRESYNC ("):
                known = resync.parse_known(s, parser)
            else:
                parser.fail("Expected CONDSTORE, or QRESYNC that was enabled")
            if not parser.accept(b" "):
                break
        parser.expect(b")")
    parser.end()
    return condstore, known


def _listed(s: Dialogue, folder: Folder, given: str) -> bytes:
    """Write the name of the folder, and as which name the client has it if that is another."""
    attributes = [folder.special_use] if folder.special_use else []
    old_name = [("OLDNAME", [given])] if given != folder.name else []
    return list_line(attributes, folder.name, old_name, utf8=s.utf8)


COMMANDS = (
    # Nobody expects that of the messages just counted some are gone; with QRESYNC, only those that went before.
    Command(b"SELECT", LOGGED_IN, select, "RFC 9051 §6.3.2", expunges=False),
    Command(b"EXAMINE", LOGGED_IN, examine, "RFC 9051 §6.3.3", expunges=False),
)
