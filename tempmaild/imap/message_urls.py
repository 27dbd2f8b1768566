"""URLs of messages on this very server, from which CATENATE takes parts (RFC 4469 §3, RFC 5092 §7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from tempmaild.errors import NoSuchFolder
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.names import normal
from tempmaild.imap.replies import Refused
from tempmaild.imap.sections import Section, parse_section

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder
    from tempmaild.core.mime import Part
    from tempmaild.imap.dialogue import Dialogue

_LONGEST = 2000
_URL = re.compile(
    rb"(?:/([^;?#]+?)(?:;UIDVALIDITY=([0-9]{1,10}))?/)?;UID=([0-9]{1,10})"
    rb"(?:/;SECTION=([^;?#]+))?(?:/;PARTIAL=([0-9]{1,10})(?:\.([0-9]{1,10}))?)?",
    re.IGNORECASE,
).fullmatch
_UNSHOWN = re.compile(rb"[^!-Z^-~]")


class _BadUrl(Exception):
    """There is nothing that a URL names."""


class MessageUrl(Struct, frozen=True):
    """What a URL says.

    Attributes:
        folder: "" for the one that is selected.
        uid_validity: None where it does not matter.
        start: first octet that is wanted.
        count: how many are wanted at most, None for all.
    """

    folder: str
    uid_validity: int | None
    uid: int
    section: Section
    start: int
    count: int | None

    def cut(self, content: bytes, root: Part | None) -> bytes | None:
        """Give what is wanted of a message; None when it has no such part."""
        text = self.section.octets(content, root)
        if text is None:
            return None
        return text[self.start :] if self.count is None else text[self.start : self.start + self.count]


async def read_url(s: Dialogue, url: bytes) -> bytes:
    """Give the octets that a URL stands for.

    Raises:
        Refused: there is no such message or part, or the URL is none of this server's.
    """
    try:
        return await _read(s, _parse(url))
    except (_BadUrl, NoSuchFolder):
        shown = _UNSHOWN.sub(lambda octet: b"%%%02X" % octet[0][0], url[:_LONGEST])
        raise Refused(b"BADURL " + (shown or b'""'), b"There is nothing that this URL stands for") from None


def _parse(url: bytes) -> MessageUrl:
    match = _URL(url) if len(url) <= _LONGEST else None
    if match is None:
        raise _BadUrl
    name, uid_validity, uid, section, start, count = match.groups()
    try:
        folder = normal(unquote_to_bytes(name).decode()) if name else ""
    except UnicodeDecodeError:
        raise _BadUrl from None
    return MessageUrl(
        folder,
        None if uid_validity is None else int(uid_validity),
        int(uid),
        _section(section),
        int(start or 0),
        None if count is None else int(count),
    )


def _section(text: bytes | None) -> Section:
    if text is None:
        return Section()
    parser = Parser((unquote_to_bytes(text),))
    try:
        section = parse_section(parser, parser.atom().upper())
        parser.end()
    except SyntaxProblem:
        raise _BadUrl from None
    return section


async def _read(s: Dialogue, url: MessageUrl) -> bytes:
    folder = await _folder(s, url)
    root = None
    if url.section.needs_summary:
        summary = (await s.inbox.summaries(folder.id, [url.uid])).get(url.uid)
        if summary is None:
            raise _BadUrl
        root = summary.structure
    text = await s.inbox.examine(folder.id, url.uid, lambda content: url.cut(content, root))
    if text is None:
        raise _BadUrl
    return text


async def _folder(s: Dialogue, url: MessageUrl) -> Folder:
    if url.folder:
        folder = await s.inbox.folder(url.folder)
    elif s.view is not None:
        folder = s.view.folder
    else:
        raise _BadUrl
    if url.uid_validity not in (None, folder.uid_validity):
        raise _BadUrl
    return folder
