"""Commands for folders as a whole (RFC 9051 §6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, SPECIAL_USES
from tempmaild.errors import NoSuchFolder
from tempmaild.imap import status
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.list_arguments import list_request, lsub_pattern
from tempmaild.imap.listing import Listing, list_line
from tempmaild.imap.names import folder_name, given_name, normal
from tempmaild.imap.object_ids import mailbox_id
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser

_SPECIAL_USES = {use.lower().encode(): use for use in SPECIAL_USES}


async def list_folders(s: Dialogue, parser: Parser) -> bytes:
    """List the folders that match patterns, with their STATUS if that is asked for."""
    request = list_request(parser)
    if request is None:
        s.say(b'* LIST (\\Noselect) "/" ""\r\n')
        return b"OK Listed"
    for line, folder in (await _listing(s)).responses(request):
        # RFC 5819 §2
        told = await status.status_line(s, folder, request.status) if folder and request.status else b""
        s.say(line + told)
    return b"OK Listed"


async def list_subscribed(s: Dialogue, parser: Parser) -> bytes:
    """List the subscribed folders that match a pattern."""
    asks_separator, pattern = lsub_pattern(parser)
    if asks_separator:
        s.say(b'* LSUB (\\Noselect) "/" ""\r\n')
    elif pattern is not None:
        s.say(b"".join((await _listing(s)).lsub_responses(pattern)))
    return b"OK Listed"


async def _listing(s: Dialogue) -> Listing:
    return Listing(await s.inbox.folders(), await s.inbox.lost_subscriptions(), utf8=s.utf8)


async def create(s: Dialogue, parser: Parser) -> bytes:
    """Make a folder; a separator at the end announces folders below it, which need no announcement."""
    given = given_name(parser)
    special_use = _create_parameters(parser) if parser.accept(b" ") else ""
    parser.end()
    folder = await s.inbox.create_folder(normal(given).removesuffix(FOLDER_SEPARATOR), special_use)
    await _tell_name(s, folder.name, given.removesuffix(FOLDER_SEPARATOR))
    return b"OK [MAILBOXID (%b)] Created" % mailbox_id(folder)  # RFC 8474 §4.1


def _create_parameters(parser: Parser) -> str:
    """Consume the parameters of CREATE; gives the special use (RFC 6154 §3)."""
    parser.expect(b"(USE (")
    uses: list[bytes] = []
    while not parser.accept(b")"):
        if uses:
            parser.space()
        parser.expect(b"\\")
        uses.append(b"\\" + parser.atom().lower())
    parser.expect(b")")
    return special_use(uses)


def special_use(uses: list[bytes]) -> str:
    r"""Give the special use that a folder gets, in the form in which it is kept; "" for none.

    Args:
        uses: such as \trash, in lower case.

    Raises:
        Refused: no folder can have it.
    """
    known = {_SPECIAL_USES.get(use) for use in uses}
    if None in known or len(known) > 1:
        raise Refused(b"USEATTR", b"No mailbox can have this special use")
    return known.pop() or "" if known else ""


async def delete(s: Dialogue, parser: Parser) -> bytes:
    """Delete a folder with its messages."""
    given = given_name(parser)
    parser.end()
    name = normal(given)
    try:
        await s.inbox.delete_folder(name)
    except NoSuchFolder:
        below = name + FOLDER_SEPARATOR
        if any(folder.name.startswith(below) for folder in await s.inbox.folders()):
            raise Refused(b"HASCHILDREN", b"There is no such mailbox, only mailboxes below it") from None
        raise
    if b"IMAP4REV2" in s.enabled and given != name:
        s.say(list_line(["\\NonExistent"], name, [("OLDNAME", [given])], utf8=True))
    return b"OK Deleted"


async def rename(s: Dialogue, parser: Parser) -> bytes:
    """Rename a folder and those below it."""
    given = given_name(parser)
    new = folder_name(parser).removesuffix(FOLDER_SEPARATOR)
    parser.end()
    old = normal(given)
    await s.inbox.rename_folder(old, new)
    if old != INBOX:
        await _tell_name(s, new, given)
    return b"OK Renamed"


async def _tell_name(s: Dialogue, name: str, old_name: str) -> None:
    """Tell a client that knows of it which name a folder has got in place of another (RFC 9051 §6.3.9.7).

    Others take it for no answer of the language: Thunderbird, with UTF8=ACCEPT alone, logs out.
    """
    if b"IMAP4REV2" in s.enabled and name != old_name:
        s.say((await _listing(s)).renamed(name, old_name))


async def subscribe(s: Dialogue, parser: Parser) -> bytes:
    """Put a folder on the list of LSUB."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.subscribe(name, True)
    return b"OK Subscribed"


async def unsubscribe(s: Dialogue, parser: Parser) -> bytes:
    """Take a name off the list of LSUB."""
    name = folder_name(parser)
    parser.end()
    await s.inbox.subscribe(name, False)
    return b"OK Unsubscribed"


async def namespace(s: Dialogue, parser: Parser) -> bytes:
    """Tell that all folders are the owner's."""
    parser.end()
    s.say(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return b"OK Told"


async def tell_status(s: Dialogue, parser: Parser) -> bytes:
    """Tell numbers of a folder without selecting it."""
    name = folder_name(parser)
    parser.space()
    items = status.last_items(parser)
    s.say(await status.status_line(s, await s.inbox.folder(name), items))
    return b"OK Told"


COMMANDS = (
    Command(b"CREATE", LOGGED_IN, create, "RFC 9051 §6.3.4", capability=b"CREATE-SPECIAL-USE OBJECTID"),
    Command(b"DELETE", LOGGED_IN, delete, "RFC 9051 §6.3.5"),
    Command(b"RENAME", LOGGED_IN, rename, "RFC 9051 §6.3.6"),
    Command(b"SUBSCRIBE", LOGGED_IN, subscribe, "RFC 9051 §6.3.7"),
    Command(b"UNSUBSCRIBE", LOGGED_IN, unsubscribe, "RFC 9051 §6.3.8"),
    Command(
        b"LIST",
        LOGGED_IN,
        list_folders,
        "RFC 9051 §6.3.9",
        capability=b"CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE",
    ),
    Command(b"LSUB", LOGGED_IN, list_subscribed, "RFC 3501 §6.3.9"),
    Command(b"NAMESPACE", LOGGED_IN, namespace, "RFC 2342 §5", capability=b"NAMESPACE"),
    Command(b"STATUS", LOGGED_IN, tell_status, "RFC 9051 §6.3.11", capability=b"STATUS=SIZE"),
)
