"""GETMETADATA and SETMETADATA: what clients keep with folders, and what the server tells in that way (RFC 5464)."""

from __future__ import annotations

import re
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.mailbox import WHOLE_MAILBOX
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.ending import moment
from tempmaild.imap.folders import special_use
from tempmaild.imap.names import decoded, normal, written
from tempmaild.imap.replies import GONE, Refused
from tempmaild.imap.strings import astring, nstring

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tempmaild.core.mailbox import Folder
    from tempmaild.imap.grammar import Parser

EXPIRES: Final = "/private/vendor/tempmaild/expires"
"""When the mailbox ends as things are now: an entry of the server, a time in UTC as RFC 3339 has them."""
DESTROY: Final = "/private/vendor/tempmaild/destroy"
"""Never has a value; to give it the address of the mailbox destroys that at once."""
SPECIAL_USE: Final = "/private/specialuse"
"""An entry of each folder that is one with its special use (RFC 6154 §4)."""

_MOST_NAMES = 100
"""Entries in one command; as many as a mailbox may have."""
_LONGEST_NAME = 200
# RFC 5464 §3.2: printable ASCII without wildcards, and no part of the path is empty.
_NAME = re.compile(r"/(?:private|shared)(?:/[ -$&-)+-.0-~]+)*").fullmatch
_DEPTHS = {b"0": 0.0, b"1": 1.0, b"INFINITY": inf}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_OPTIONS_NEXT = re.compile(rb"\((?:MAXSIZE|DEPTH) ", re.IGNORECASE).match


class Extent(NamedTuple):
    """How much of the metadata a client wants to see.

    Attributes:
        largest: octets of the values.
        depth: how many levels below the named entries.
    """

    largest: float = inf
    depth: float = 0


async def get_metadata(s: Dialogue, parser: Parser) -> bytes:
    """Tell the values of entries."""
    extent = Extent()
    parser.space()
    if parser.peek() == b"(":
        extent = _extent(parser)
        parser.space()
    name = _mailbox(parser)
    parser.space()
    if _OPTIONS_NEXT(parser.rest()):
        # RFC 5464 §4.2.1, §4.2.2: the examples have the options here, against the grammar.
        extent = _extent(parser)
        parser.space()
    entries = _entries(parser)
    parser.end()
    folder = await s.inbox.folder(name) if name else None
    wanted = _wanted(await _values(s, folder), entries, extent.depth)
    lengths = [len(value) for value in wanted.values() if value is not None]
    told = {entry: value for entry, value in wanted.items() if value is None or len(value) <= extent.largest}
    if told:
        pairs = b" ".join([b"%b %b" % (astring(entry.encode()), _written(value)) for entry, value in told.items()])
        await s.send(b"* METADATA %b (%b)\r\n" % (written(folder.name if folder else "", utf8=s.utf8), pairs))
    if len(told) < len(wanted):
        return b"OK [METADATA LONGENTRIES %d] Told, but for what is longer" % max(lengths)
    return b"OK Told"


def _extent(parser: Parser) -> Extent:
    extent = Extent()
    parser.expect(b"(")
    while True:
        if parser.accept(b"MAXSIZE "):
            extent = extent._replace(largest=parser.number())
        else:
            parser.expect(b"DEPTH ")
            depth = _DEPTHS.get(parser.atom().upper())
            if depth is None:
                parser.fail("Expected 0, 1 or infinity before this")
            extent = extent._replace(depth=depth)
        if not parser.accept(b" "):
            break
    parser.expect(b")")
    return extent


def _mailbox(parser: Parser) -> str:
    """Consume the name of a folder, "" for the server."""
    return normal(decoded(parser.astring(), utf8=parser.utf8))


def _entries(parser: Parser) -> list[str]:
    """Consume one name, or several in parentheses."""
    if not parser.accept(b"("):
        return [_entry(parser)]
    names = [_entry(parser)]
    while parser.accept(b" "):
        names.append(_entry(parser))
    parser.expect(b")")
    _check_number(names)
    return names


def _entry(parser: Parser) -> str:
    """Consume the name of an entry; its case means nothing (RFC 5464 §3.2)."""
    name = parser.astring().decode("latin-1").lower()
    if not _NAME(name):
        parser.fail("Expected the name of an entry, which begins with /private or /shared, before this")
    return name


def _check_number(names: Collection[str]) -> None:
    if len(names) > _MOST_NAMES:
        raise Refused(b"LIMIT", b"There are too many entries in the command")


async def _values(s: Dialogue, folder: Folder | None) -> dict[str, bytes]:
    """Give all entries of a folder, or of the server."""
    if folder is None:
        return {**await s.inbox.metadata(), EXPIRES: moment(await s.inbox.ending()).encode()}
    values = await s.inbox.metadata(folder.id)
    if folder.special_use:
        values[SPECIAL_USE] = folder.special_use.encode()
    return values


async def marks(s: Dialogue, folders: Iterable[Folder]) -> dict[tuple[int, str], object]:
    """Give something for each entry of these folders and of the server, which is another when its value is."""
    found: dict[tuple[int, str], object] = {**await s.inbox.metadata_marks()}
    found.update(((folder.id, SPECIAL_USE), folder.special_use) for folder in folders if folder.special_use)
    # With an idle time, the value of this one would be another one with whatever is done.
    found[WHOLE_MAILBOX, EXPIRES] = await s.inbox.final_end()
    return found


def changed_line(name: str, entries: Iterable[str], *, utf8: bool) -> bytes:
    """Write that entries have changed, without their values (RFC 5464 §4.4.2); `name` is "" for the server."""
    names = b" ".join([astring(entry.encode()) for entry in entries])
    return b"* METADATA %b %b\r\n" % (written(name, utf8=utf8), names)


def _wanted(values: Mapping[str, bytes], entries: list[str], depth: float) -> dict[str, bytes | None]:
    """Give the values of entries and of those below; None for one that is asked for alone and is not there."""
    wanted: dict[str, bytes | None] = {}
    for entry in entries:
        if entry in values or not depth:
            wanted[entry] = values.get(entry)
        if depth:
            below = entry + "/"
            found = (name for name in values if name.startswith(below))
            wanted.update((name, values[name]) for name in found if name.count("/", len(below)) < depth)
    return wanted


def _written(value: bytes | None) -> bytes:
    if value is not None and b"\0" in value:
        return b"~{%d}\r\n%b" % (len(value), value)
    return nstring(value)


async def set_metadata(s: Dialogue, parser: Parser) -> bytes:
    """Keep the values of entries, all or none."""
    parser.space()
    name = _mailbox(parser)
    parser.space()
    values = _entry_values(parser)
    parser.end()
    if name:
        await _set_of_folder(s, name, values)
    elif DESTROY in values:
        return await _destroy(s, values)
    else:
        await _set_of_server(s, values)
    return b"OK Set"


def _entry_values(parser: Parser) -> dict[str, bytes | None]:
    values: dict[str, bytes | None] = {}
    parser.expect(b"(")
    while True:
        name = _entry(parser)
        if name.count("/") < 2:
            parser.fail("Expected more of the name of an entry before this")
        parser.space()
        values[name] = parser.binary_nstring()
        if not parser.accept(b" "):
            break
    parser.expect(b")")
    _check_number(values)
    if any(len(name) > _LONGEST_NAME for name in values):
        raise Refused(b"LIMIT", b"The name of an entry is too long")
    return values


async def _set_of_folder(s: Dialogue, name: str, values: dict[str, bytes | None]) -> None:
    folder = await s.inbox.folder(name)
    use = None
    if SPECIAL_USE in values:
        use = special_use((values.pop(SPECIAL_USE) or b"").lower().split())
    await s.inbox.set_metadata(folder.id, values, use)


async def _set_of_server(s: Dialogue, values: dict[str, bytes | None]) -> None:
    if any(name.startswith("/shared/") for name in values):
        raise Refused(b"NOPERM", b"What is said of the server to everybody cannot be changed")
    if EXPIRES not in values:
        await s.inbox.set_metadata(WHOLE_MAILBOX, values)
    elif len(values) > 1:
        # Else one could be done and not the other.
        raise Refused(b"CANNOT", b"The end of the mailbox is to be set alone")
    else:
        await s.inbox.extend(_seconds(values[EXPIRES]))


async def _destroy(s: Dialogue, values: dict[str, bytes | None]) -> bytes:
    """Destroy the mailbox; a client that only copies or removes entries gives another value."""
    if values != {DESTROY: s.inbox.mailbox.address.encode()}:
        raise Refused(b"CANNOT", b"Expected the address of the mailbox, to be sure, and no other entry")
    await s.shared.lifetimes.destroy_own(s.inbox)
    s.close_view()
    s.over = True
    # Clients take a BYE that comes before the completion for a failure.
    s.say(s.tag + b" OK Destroyed\r\n" + GONE)
    return b""


def _seconds(value: bytes | None) -> int:
    """Read a time as RFC 3339 §5.6 has them; gives UTC epoch seconds."""
    text = (value or b"").decode("latin-1").upper()
    try:
        if not _TIME(text):
            raise ValueError
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise Refused(b"CANNOT", b"Expected a time such as 2026-05-28T20:26:40Z") from None


COMMANDS = (
    Command(b"GETMETADATA", LOGGED_IN, get_metadata, "RFC 5464 §4.2", capability=b"METADATA"),
    Command(b"SETMETADATA", LOGGED_IN, set_metadata, "RFC 5464 §4.3"),
)
