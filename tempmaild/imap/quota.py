"""QUOTA: how many messages folders hold, and may hold (RFC 9208).

The limit of a mailbox is one for each of its folders, so each folder is its own quota root, and has its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.folder_name import normalise_new_name
from tempmaild.errors import NoSuchFolder
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.names import folder_name, written
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


async def get_quota(s: Dialogue, parser: Parser) -> bytes:
    """Tell the limit of a quota root."""
    name = folder_name(parser)
    parser.end()
    if not s.inbox.mailbox.lifetime.messages:
        raise Refused(b"NONEXISTENT", b"There is no such quota root, for nothing is limited")
    try:
        folder = await s.inbox.folder(name)
    except NoSuchFolder:
        raise Refused(b"NONEXISTENT", b"There is no such quota root") from None
    s.say(_quota(s, written(folder.name, utf8=s.utf8), folder.messages))
    return b"OK Told"


async def get_quota_root(s: Dialogue, parser: Parser) -> bytes:
    """Tell the quota root of a folder, and its limit; of a folder that is not there, those that it would have."""
    name = folder_name(parser)
    parser.end()
    try:
        folder = await s.inbox.folder(name)
    except NoSuchFolder:
        name, messages = normalise_new_name(name), 0
    else:
        name, messages = folder.name, folder.messages
    wire_name = written(name, utf8=s.utf8)
    if s.inbox.mailbox.lifetime.messages:
        s.say(b"* QUOTAROOT %b %b\r\n%b" % (wire_name, wire_name, _quota(s, wire_name, messages)))
    else:
        s.say(b"* QUOTAROOT %b\r\n" % wire_name)
    return b"OK Told"


def _quota(s: Dialogue, wire_name: bytes, messages: int) -> bytes:
    return b"* QUOTA %b (MESSAGE %d %d)\r\n" % (wire_name, messages, s.inbox.mailbox.lifetime.messages)


async def set_quota(_: Dialogue, parser: Parser) -> bytes:
    """Refuse to change a limit, which is the operator's business."""
    folder_name(parser)
    parser.space()
    parser.expect(b"(")
    while not parser.accept(b")"):
        parser.atom()
        parser.space()
        parser.number(0x7FFFFFFFFFFFFFFF)
        parser.accept(b" ")
    parser.end()
    raise Refused(b"NOPERM", b"Only the operator changes limits")


COMMANDS = (
    Command(b"GETQUOTA", LOGGED_IN, get_quota, "RFC 9208 §4.2.1", capability=b"QUOTA QUOTA=RES-MESSAGE"),
    Command(b"GETQUOTAROOT", LOGGED_IN, get_quota_root, "RFC 9208 §4.2.2"),
    Command(b"SETQUOTA", LOGGED_IN, set_quota, "RFC 9208 §4.2.3"),
)
