"""Attachments that are not wanted: by their names, by what they are, and by the names within archives."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.checks.archives import is_archive, list_archive
from tempmaild.core.archive import Budget
from tempmaild.core.attachment_names import TooManyNames, extensions, part_names
from tempmaild.core.checking import STERNNESS
from tempmaild.core.content import ENCODINGS, decode_charset, decoded_body
from tempmaild.core.file_types import file_types
from tempmaild.core.headers import first_values
from tempmaild.core.mime import every_part
from tempmaild.core.other_readings import TooManyReadings, other_readings
from tempmaild.core.parameters import parse_media_type, parse_token
from tempmaild.core.removal import removal_of
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.checks.mail import Examined
    from tempmaild.core.checking import AttachmentsRule
    from tempmaild.core.mime import Part
    from tempmaild.core.other_readings import Reading
    from tempmaild.core.verdict import Removal

_METHOD: Final = "x-attachments"
_LARGE: Final = 64 * 1024
"""Octets of a part from which on it is looked at in a thread: what is smaller takes under a millisecond."""
_LARGE_HEADER: Final = 8 * 1024
_STRETCH: Final = 32
"""Small parts that are looked at before others get their turn: at the most 64 KiB each, so 10 ms."""
_MAX_NESTING: Final = 4
"""Messages within messages that are looked into, where the tree shows neither: encoded ones, and other readings."""
_MAX_DECODED: Final = 64 * 2**20
"""Octets of such messages: as each is looked into both decoded and not, they can be far more than the message has."""
_DECODED_COST: Final = 16 * 1024
"""Octets that each of them counts as beside its own."""
_MAX_UUENCODED: Final = 1000
"""Lines of one text that look like the beginning of a file."""
_UUENCODED: Final = re.compile(rb"begin(?:-base64)?[ \t]++[0-7]{3,4}[ \t]++([^\r\n]{1,1024})")
_UNREADABLE: Final = "Attachments that are encrypted or cannot be read are not accepted here"


class _Wanted(NamedTuple):
    """What is not wanted."""

    extensions: frozenset[str]
    types: frozenset[str]

    def kind(self, names: frozenset[str], types: frozenset[str]) -> str:
        """What of these is not wanted: ".exe", or a MIME type; "" if nothing is."""
        for extension in sorted(names & self.extensions):
            return f".{extension}"
        return min(types & self.types, default="")


class _Look(NamedTuple):
    """What a first look at a part shows."""

    extensions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()  # that it shows or that its header claims
    data: bytes = b""
    problem: str = ""  # why it cannot be looked into
    is_attachment: bool = False


class _Outcome:
    """What has been found in a message."""

    def __init__(self) -> None:
        self.has_attachments = False
        self.blocked: dict[str, None] = {}
        self.problems: dict[str, None] = {}
        self.bad: list[Removal] = []
        self.unscannable: list[Removal] = []

    def add_blocked(self, part: Part, kind: str) -> None:
        """Take down that a part is not wanted, or has something in it that is not."""
        self.blocked[kind] = None
        self.bad.append(removal_of(part, f"{_not_accepted(kind)}."))

    def add_problem(self, part: Part, problem: str) -> None:
        """Take down that a part cannot be looked into."""
        self.problems[problem] = None
        self.unscannable.append(removal_of(part, f"{_UNREADABLE}."))

    def report(self, rule: AttachmentsRule) -> Report:
        """Say what is due; of two things, the one for which the rule is sterner, or else what is not wanted."""
        unscannable_first = STERNNESS.index(rule.encrypted) > STERNNESS.index(rule.action)
        if self.problems and (unscannable_first or not self.blocked):
            findings = (Finding(_METHOD, "unscannable", reason=next(iter(self.problems))),)
            refusal = Refusal("5.7.1", _UNREADABLE)
            return Report("unscannable", findings, refusal=refusal, removals=tuple(self.unscannable))
        if self.blocked:
            kind = next(iter(self.blocked))
            findings = (Finding(_METHOD, "fail", (("policy.type", kind),), reason="not accepted here"),)
            removals = [*self.bad, *(self.unscannable if rule.encrypted == "strip" else ())]
            return Report("bad", findings, refusal=Refusal("5.7.1", _not_accepted(kind)), removals=tuple(removals))
        return Report("fine", (Finding(_METHOD, "pass" if self.has_attachments else "none"),))


class Attachments:
    """The check of attachments."""

    async def examine(self, examined: Examined) -> Report:
        """Look at every part of a message, and into archives one level deep."""
        rule = examined.mail.checking.attachments
        outcome = _Outcome()
        walk = _Walk(_wanted(rule.extensions, rule.types), outcome)
        await walk.through(examined.mail.content, examined.root)
        return outcome.report(rule)


class _Walk:
    """Goes through the parts of one message, and of messages that are encoded within it."""

    def __init__(self, wanted: _Wanted, outcome: _Outcome) -> None:
        self._wanted = wanted
        self._outcome = outcome
        self._budget = Budget()
        self._small = 0
        self._decoded = 0

    async def through(self, content: bytes, root: Part, owner: Part | None = None, nesting: int = 0) -> None:
        """Look at a part and all within it; `owner` is the part of the whole message that they are removed with."""
        if _shows_too_little(content, root):
            self._outcome.add_problem(owner or root, "the message has too many parts, or too long a header")
        for part in every_part(root):
            await self._look_at(content, part, owner or part)
            for reading in await self._other_readings(content, part, owner or part):
                self._decoded += part.end - part.header + _DECODED_COST
                if nesting == _MAX_NESTING or self._decoded > _MAX_DECODED:
                    self._outcome.add_problem(owner or part, "messages are encoded within each other")
                    return
                inner, inner_root = await asyncio.to_thread(reading.parse, content, part)
                await self.through(inner, inner_root, owner or part, nesting + 1)

    async def _other_readings(self, content: bytes, part: Part, owner: Part) -> tuple[Reading, ...]:
        try:
            if part.body - part.header > _LARGE_HEADER:
                return await asyncio.to_thread(other_readings, content, part)
            return other_readings(content, part)
        except TooManyReadings:
            self._outcome.add_problem(owner, "a part has too many types")
            return ()

    async def _look_at(self, content: bytes, part: Part, owner: Part) -> None:
        leaf_size = 0 if part.children else part.end - part.body
        if leaf_size > _LARGE or part.body - part.header > _LARGE_HEADER:
            look = await asyncio.to_thread(_look, content, part)
        else:
            look = _look(content, part)
            self._small += 1
            if self._small % _STRETCH == 0:
                await asyncio.sleep(0)
        self._outcome.has_attachments = self._outcome.has_attachments or look.is_attachment
        if look.problem:
            self._outcome.add_problem(owner, look.problem)
        if kind := self._wanted.kind(look.extensions, look.types):
            self._outcome.add_blocked(owner, kind)
        elif is_archive(look.types, look.extensions):
            kind, problem = await asyncio.to_thread(self._look_into, look)
            if kind:
                self._outcome.add_blocked(owner, kind)
            if problem:
                self._outcome.add_problem(owner, problem)

    def _look_into(self, look: _Look) -> tuple[str, str]:
        """What is not wanted in an archive, and why not all of it can be told; both can be ""."""
        listing = list_archive(look.data, file_types(look.data), look.extensions, self._budget)
        problem = listing.problem or ("it is encrypted" if listing.encrypted else "")
        problem = f"an archive cannot be listed: {problem}" if problem else ""
        if kind := self._wanted.kind(frozenset(), listing.types):
            return kind, problem
        for name in listing.names:
            if kind := self._wanted.kind(extensions(name), frozenset()):
                return kind, problem
        return "", problem


def _look(content: bytes, part: Part) -> _Look:
    """Look at the header of a part and, if it is made of no others, at its content."""
    problem = ""
    names: tuple[str, ...] = ()
    try:
        names = part_names(content, part)
    except TooManyNames:
        problem = "a part has too many names"
    if (part.media_type, part.subtype) == (b"message", b"partial"):
        problem = "a part is a piece of another message"
    named = frozenset(extension for name in names for extension in extensions(name))
    claimed = {(part.media_type + b"/" + part.subtype).decode("latin-1")}
    if part.children:
        return _Look(named, frozenset(claimed), problem=problem)
    data = decoded_body(content, part)
    if (part.media_type == b"text" or b"uu" in part.encoding) and b"begin" in data:
        uuencoded = list(islice(_uuencoded(data), _MAX_UUENCODED + 1))
        if len(uuencoded) > _MAX_UUENCODED:
            problem = "a text has too many files in it"
        named |= {extension for name in uuencoded for extension in extensions(name)}
    is_attachment = bool(names) or part.media_type != b"text" or (part.disposition or (b"",))[0] == b"attachment"
    return _Look(named, file_types(data) | claimed, data, problem, is_attachment)


def _uuencoded(text: bytes) -> Iterator[str]:
    """The names of files that stand in a text as such; "" for what only looks as if one began there."""
    # No pattern searches the whole text: while it did, in a thread or not, no other thread could do anything.
    position = 0 if text.startswith(b"begin") else text.find(b"\nbegin") + 1 or -1
    while position >= 0:
        match = _UUENCODED.match(text, position)
        yield decode_charset(match[1], b"") if match else ""
        position = text.find(b"\nbegin", position) + 1 or -1


def _shows_too_little(content: bytes, root: Part) -> bool:
    """Whether the header tells of parts or an encoding, and the tree shows none.

    There is too much of it for `parse`, or the boundary stands where it does not look and others do.
    """
    if root.children:
        return False
    header = content[: root.body].lower()
    is_encoded = root.encoding == b"7bit" and any(encoding in header for encoding in ENCODINGS)
    if not (is_encoded or b"boundary" in header):
        return False
    values = first_values(content, root.header, root.body)
    media_type = parse_media_type(values.get(b"content-type", b""))
    encoding = parse_token(values.get(b"content-transfer-encoding", b"7bit"))
    return (media_type is not None and media_type[0] in {b"multipart", b"message"}) or (
        encoding in ENCODINGS and encoding != root.encoding
    )


@lru_cache(maxsize=256)  # domains that have rules of their own
def _wanted(names: tuple[str, ...], types: tuple[str, ...]) -> _Wanted:
    return _Wanted(frozenset(name.removeprefix(".").lower() for name in names), frozenset(map(str.lower, types)))


def _not_accepted(kind: str) -> str:
    return f"Attachments of the type {kind} are not accepted here".encode("ascii", "replace").decode()
