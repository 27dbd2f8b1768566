"""APPEND: a message is put into a folder (RFC 9051 §6.3.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.errors import NoSuchFolder, OutOfMemory
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.names import folder_name
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from tempmaild.core.flags import Flags
    from tempmaild.core.mailbox import Folder
    from tempmaild.imap.grammar import Parser

_MOST_FLAGS = 50
_LONGEST_FLAG = 100


async def append(s: Dialogue, parser: Parser) -> bytes:
    """Put a message into a folder; everything is checked before the client sends it."""
    incoming = s.incoming
    if incoming is None:
        parser.space()
        parser.astring()
        parser.fail("Expected a message as a literal")
    if parser.rest() == b" ":
        # The name of the folder is a literal.
        await incoming.read_literal()
    name = folder_name(parser)
    flags, internal_date = _append_arguments(parser)
    if incoming.size < 0:
        parser.fail("Expected a message as a literal")
    if incoming.size == 0:
        parser.fail("Expected a message that is not empty")
    check_flags(flags)
    target = await target_folder(s, name)
    if incoming.size > s.shared.rules.longest_message:
        raise Refused(b"TOOBIG", b"The message is too large")
    reservation = s.shared.memory.reserve()
    try:
        if not reservation.grow(incoming.size):
            raise OutOfMemory
        content = await incoming.octets()
        await incoming.end()
        placement = await s.inbox.append(name, content, flags, internal_date)
    finally:
        reservation.release()
    if s.view is not None and s.view.folder.id == target.id:
        s.view.news = True
    return b"OK [APPENDUID %d %d] Appended" % (placement.uid_validity, placement.uids[0][1])


def _append_arguments(parser: Parser) -> tuple[Flags, int | None]:
    flags: Flags = frozenset()
    internal_date = None
    parser.space()
    if parser.peek() == b"(":
        flags = parser.flag_list()
        parser.space()
    if parser.peek() == b'"':
        internal_date = parser.date_time()
        parser.space()
    parser.end()
    return flags, internal_date


async def target_folder(s: Dialogue, name: str) -> Folder:
    """Give the folder that messages are to be put into.

    Raises:
        Refused: there is none.
    """
    try:
        return await s.inbox.folder(name)
    except NoSuchFolder:
        # RFC 9051 §6.3.12, §6.4.7
        raise Refused(b"TRYCREATE", b"There is no such mailbox; create it first") from None


def check_flags(flags: Flags) -> None:
    """See whether a message can have so many flags, and so long ones.

    Raises:
        Refused: it cannot.
    """
    if len(flags) > _MOST_FLAGS or any(len(flag) > _LONGEST_FLAG for flag in flags):
        raise Refused(b"LIMIT", b"There are too many flags, or too long ones")


COMMANDS = (Command(b"APPEND", LOGGED_IN, append, "RFC 9051 §6.3.12", takes_literals=True),)
