"""REPLACE: a message takes the place of another one (RFC 8508)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.dialogue import IN_FOLDER, Command, Dialogue
from tempmaild.imap.replies import SOME_GONE, Refused
from tempmaild.imap.sequence import LAST, SequenceSet
from tempmaild.imap.uploads import Uploads, appended

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


async def replace(s: Dialogue, parser: Parser) -> bytes:
    """Replace the message with this number."""
    return await _replace(s, parser, by_uid=False)


async def uid_replace(s: Dialogue, parser: Parser) -> bytes:
    """Replace the message with this UID."""
    return await _replace(s, parser, by_uid=True)


async def _replace(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    number = LAST if parser.accept(b"*") else parser.nz_number()
    view = s.selected()
    indices = view.indices(SequenceSet(((number, number),)), by_uid=by_uid)
    with Uploads(s, parser, replaces_in=view.folder.id) as uploads:
        target = await uploads.folder()
        # Refused before the client sends the new one.
        view.check_writable()
        if not indices:
            raise Refused(*SOME_GONE)
        uid = view.uids[indices[0]]
        message = await uploads.message()
        uploads.end()
        placement = await s.inbox.replace(view.folder.id, uid, target.name, message)
    if placement is None:
        raise Refused(*SOME_GONE)
    # RFC 8508 §3.4: where the new one is is told before the old one is gone.
    s.say(b"* OK [%b] The replacement is there\r\n" % appended(placement))
    return await s.removed(True, b"Replaced")


COMMANDS = (
    Command(b"REPLACE", IN_FOLDER, replace, "RFC 8508 §3.1", capability=b"REPLACE", takes_literals=True),
    Command(b"UID REPLACE", IN_FOLDER, uid_replace, "RFC 8508 §3.2", takes_literals=True),
)
