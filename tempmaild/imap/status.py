"""STATUS: numbers of a folder, without selecting it (RFC 9051 §6.3.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.grammar import remembered
from tempmaild.imap.names import written
from tempmaild.imap.object_ids import mailbox_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.core.mailbox import Folder
    from tempmaild.imap.dialogue import Dialogue
    from tempmaild.imap.grammar import Parser

_OF_FOLDER: dict[bytes, Callable[[Folder], int]] = {
    b"MESSAGES": lambda folder: folder.messages,
    b"UIDNEXT": lambda folder: folder.uid_next,
    b"UIDVALIDITY": lambda folder: folder.uid_validity,
    b"UNSEEN": lambda folder: folder.unseen,
    b"SIZE": lambda folder: folder.size,  # RFC 8438 §2
    b"HIGHESTMODSEQ": lambda folder: folder.highest_modseq,  # RFC 7162 §3.1.7
}
_OF_DELETED = frozenset({b"DELETED", b"DELETED-STORAGE"})
_OTHERS = (b"MAILBOXID", b"APPENDLIMIT", b"RECENT")
_KNOWN = frozenset((*_OF_FOLDER, *_OF_DELETED, *_OTHERS))


def items(parser: Parser) -> list[bytes]:
    """Consume items in parentheses."""
    parser.expect(b"(")
    found = [_item(parser)]
    while parser.accept(b" "):
        found.append(_item(parser))
    parser.expect(b")")
    return list(dict.fromkeys(found))


@remembered
def last_items(parser: Parser) -> tuple[bytes, ...]:
    """Consume items in parentheses, with which the command ends."""
    found = tuple(items(parser))
    parser.end()
    return found


def _item(parser: Parser) -> bytes:
    item = parser.atom().upper()
    if item not in _KNOWN:
        parser.fail("Expected an item of STATUS before this")
    return item


async def status_line(s: Dialogue, folder: Folder, asked: Sequence[bytes]) -> bytes:
    """Write the STATUS response of a folder."""
    if b"HIGHESTMODSEQ" in asked:
        s.enable_condstore()
    values = {item: b"%d" % _OF_FOLDER[item](folder) for item in asked if item in _OF_FOLDER}
    if b"MAILBOXID" in asked:
        # RFC 8474 §4.3
        values[b"MAILBOXID"] = b"(%b)" % mailbox_id(folder)
    if b"APPENDLIMIT" in asked:
        # RFC 7889 §3
        values[b"APPENDLIMIT"] = b"%d" % s.inbox.longest_message
    if not _OF_DELETED.isdisjoint(asked):
        deleted, size = await s.inbox.deleted(folder.id)
        # RFC 9208 §5.1: storage is counted in units of 1,024 octets.
        values |= {b"DELETED": b"%d" % deleted, b"DELETED-STORAGE": b"%d" % -(-size // 1024)}
    if b"RECENT" in asked:
        # RFC 3501 §6.3.10
        values[b"RECENT"] = b"%d" % await s.inbox.count_recent(folder)
    told = b" ".join([b"%b %b" % (item, values[item]) for item in asked])
    return b"* STATUS %b (%b)\r\n" % (written(folder.name, utf8=s.utf8), told)
