"""Commands for folders as a whole (RFC 9051 §6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR
from tempmaild.imap import utf7
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.listing import Pattern, list_lines, lsub_lines
from tempmaild.imap.names import decoded, folder_name
from tempmaild.imap.strings import string

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Folder
    from tempmaild.imap.grammar import Parser

_STATUS_ITEMS: dict[bytes, Callable[[Folder], int]] = {
    b"MESSAGES": lambda folder: folder.messages,
    # Who asks from outside is told of none: only selecting a folder shows what is new to all sessions.
    b"RECENT": lambda _: 0,
    b"UIDNEXT": lambda folder: folder.uid_next,
    b"UIDVALIDITY": lambda folder: folder.uid_validity,
    b"UNSEEN": lambda folder: folder.unseen,
    b"SIZE": lambda folder: folder.size,  # RFC 8438 §2
}


async def list_folders(s: Dialogue, parser: Parser) -> bytes:
    """List the folders that match a pattern."""
    pattern = _pattern_argument(parser)
    if pattern is None:
        s.say(b'* LIST (\\Noselect) "/" ""\r\n')
    else:
        s.say(b"".join(list_lines(await s.inbox.folders(), pattern)))
    return b"OK Listed"


async def list_subscribed(s: Dialogue, parser: Parser) -> bytes:
    """List the subscribed folders that match a pattern."""
    pattern = _pattern_argument(parser)
    if pattern is None:
        s.say(b'* LSUB (\\Noselect) "/" ""\r\n')
    else:
        s.say(b"".join(lsub_lines(await s.inbox.folders(), pattern)))
    return b"OK Listed"


async def create(s: Dialogue, parser: Parser) -> bytes:
    """Make a folder; a separator at the end announces folders below it, which need no announcement."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.create_folder(name.removesuffix(FOLDER_SEPARATOR))
    return b"OK Created"


async def delete(s: Dialogue, parser: Parser) -> bytes:
    """Delete a folder with its messages."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.delete_folder(name)
    return b"OK Deleted"


async def rename(s: Dialogue, parser: Parser) -> bytes:
    """Rename a folder and those below it."""
    old = folder_name(parser)
    new = folder_name(parser)
    parser.end()
    await s.inbox.rename_folder(old, new.removesuffix(FOLDER_SEPARATOR))
    return b"OK Renamed"


async def subscribe(s: Dialogue, parser: Parser) -> bytes:
    """Put a folder on the list of LSUB."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.subscribe(name, True)
    return b"OK Subscribed"


async def unsubscribe(s: Dialogue, parser: Parser) -> bytes:
    """Take a folder off the list of LSUB."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.subscribe(name, False)
    return b"OK Unsubscribed"


async def namespace(s: Dialogue, parser: Parser) -> bytes:
    """Tell that all folders are the owner's."""
    parser.end()
    s.say(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return b"OK Told"


async def status(s: Dialogue, parser: Parser) -> bytes:
    """Tell numbers of a folder without selecting it."""
    name = folder_name(parser)
    parser.space()
    parser.expect(b"(")
    items = [_status_item(parser)]
    while parser.accept(b" "):
        items.append(_status_item(parser))
    parser.expect(b")")
    parser.end()
    folder = await s.inbox.folder(name)
    values = b" ".join([b"%b %d" % (item, _STATUS_ITEMS[item](folder)) for item in dict.fromkeys(items)])
    s.say(b"* STATUS %b (%b)\r\n" % (string(utf7.encode(folder.name)), values))
    return b"OK Told"


def _status_item(parser: Parser) -> bytes:
    item = parser.atom().upper()
    if item not in _STATUS_ITEMS:
        parser.fail("Expected an item of STATUS before this")
    return item


def _pattern_argument(parser: Parser) -> Pattern | None:
    """Read reference and pattern of LIST; None when the pattern is empty, which asks for the separator alone."""
    parser.space()
    reference = parser.astring()
    parser.space()
    pattern = parser.list_mailbox()
    parser.end()
    return Pattern(decoded(reference + pattern)) if pattern else None


COMMANDS = (
    Command(b"CREATE", LOGGED_IN, create, "RFC 9051 §6.3.4"),
    Command(b"DELETE", LOGGED_IN, delete, "RFC 9051 §6.3.5"),
    Command(b"RENAME", LOGGED_IN, rename, "RFC 9051 §6.3.6"),
    Command(b"SUBSCRIBE", LOGGED_IN, subscribe, "RFC 9051 §6.3.7"),
    Command(b"UNSUBSCRIBE", LOGGED_IN, unsubscribe, "RFC 9051 §6.3.8"),
    Command(b"LIST", LOGGED_IN, list_folders, "RFC 3501 §6.3.8", capability=b"CHILDREN SPECIAL-USE"),
    Command(b"LSUB", LOGGED_IN, list_subscribed, "RFC 3501 §6.3.9"),
    Command(b"NAMESPACE", LOGGED_IN, namespace, "RFC 2342 §5", capability=b"NAMESPACE"),
    Command(b"STATUS", LOGGED_IN, status, "RFC 9051 §6.3.11", capability=b"STATUS=SIZE"),
)
