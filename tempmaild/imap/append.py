"""APPEND: messages are put into a folder, all or none (RFC 9051 §6.3.12, RFC 3502)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.uploads import Uploads, appended

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


async def append(s: Dialogue, parser: Parser) -> bytes:
    """Put messages into a folder."""
    with Uploads(s, parser) as uploads:
        target = await uploads.folder()
        messages = [await uploads.message()]
        while not uploads.at_end():
            messages.append(await uploads.message())
        placement = await s.inbox.append_all(target.name, messages)
    if s.view is not None and s.view.folder.id == target.id:
        s.view.news = True
    return b"OK [%b] Appended" % appended(placement)


COMMANDS = (
    Command(
        b"APPEND",
        LOGGED_IN,
        append,
        "RFC 9051 §6.3.12",
        capability=b"MULTIAPPEND CATENATE",
        takes_literals=True,
    ),
)
