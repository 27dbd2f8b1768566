"""Taking parts out of a message, with a note in the place of each; all other octets stay as they are."""

from __future__ import annotations

import binascii
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from tempmaild.core.content import part_filename
from tempmaild.core.headers import texts
from tempmaild.core.mime import Part, parse
from tempmaild.core.verdict import Removal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME_LENGTH = 200  # characters of a file name in a note: a sender must not make it long
_LINE_LENGTH = 998  # RFC 5322 §2.1.1; what has longer lines goes out in base64
_BASE64_LINE = 57  # octets that make a line of 76 characters (RFC 2045 §6.8)


def removal_of(part: Part, why: str) -> Removal:
    """Take a part out; the note says its name, type and size, and `why` as a whole sentence."""
    name = visible(part_filename(part) or "")[:_NAME_LENGTH]
    media_type = visible(f"{part.media_type.decode('latin-1')}/{part.subtype.decode('latin-1')}")[:_NAME_LENGTH]
    lines = [
        "An attachment was removed from this message.",
        *([f"Name: {name}"] if name else []),
        f"Type: {media_type}",
        f"Size: {part.end - part.body} octets, as it was sent",
        f"Reason: {why}",
    ]
    return Removal(part.header, part.end, "\n".join(lines))


def visible(text: str) -> str:
    """The text without characters that show nothing or turn what stands around them, such as U+202E."""
    return "".join(character for character in text if unicodedata.category(character)[0] != "C")


def without_parts(content: bytes, removals: Sequence[Removal]) -> bytes:
    """Give the message with a text of its note in the place of each part that is removed.

    A removal that is no part takes the smallest part around it. Of removals within each other the outer one is made,
    with the notes of all. An empty part stays: nothing is in it.
    """
    notes = _notes_by_part(parse(content)[0], removals)
    pieces: list[bytes] = []
    position = 0
    for (part, is_message), texts_of_part in notes:
        pieces += content[position : part.header], _replacement(content, part, is_message, "\n\n".join(texts_of_part))
        position = part.end
    return b"".join([*pieces, content[position:]])


_Place = tuple[Part, bool]
"""A part, and whether its header is that of a message."""


def _notes_by_part(root: Part, removals: Sequence[Removal]) -> list[tuple[_Place, list[str]]]:
    """The parts to replace, in their order and none within another, with their notes."""
    places = list(_places(root, is_message=True))
    exact = {(place[0].header, place[0].end): place for place in places}
    wanted = [
        (exact.get((removal.start, removal.end)) or _smallest_around(places, removal), removal.note)
        for removal in removals
        if places and removal.start < removal.end
    ]
    found: list[tuple[_Place, list[str]]] = []
    for place, note in sorted(wanted, key=lambda pair: (pair[0][0].header, -pair[0][0].end)):
        if found and place[0].end <= found[-1][0][0].end:
            notes = found[-1][1]
            if note not in notes:
                notes.append(note)
        else:
            found.append((place, [note]))
    return found


def _places(part: Part, *, is_message: bool) -> Iterator[_Place]:
    """The parts with something in them, each before those within it."""
    if part.header < part.end:
        yield part, is_message
    for child in part.children:
        yield from _places(child, is_message=part.is_message)


def _smallest_around(places: Sequence[_Place], removal: Removal) -> _Place:
    around = (place for place in places if place[0].header <= removal.start and removal.end <= place[0].end)
    return min(around, key=lambda place: place[0].end - place[0].header, default=places[0])


def _replacement(content: bytes, part: Part, is_message: bool, note: str) -> bytes:
    """What stands in the place of a part, up to the line end before the delimiter that follows."""
    fields = _fields_to_keep(content, part) if is_message else []
    encoding, body = _encoded(note)
    return b"".join(
        [
            *fields,
            b"Content-Type: text/plain; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: ",
            encoding,
            b"\r\nContent-Disposition: inline\r\n\r\n",
            body,
            b"" if content[part.end : part.end + 1] in {b"\r", b"\n"} else b"\r\n",
        ]
    )


def _fields_to_keep(content: bytes, part: Part) -> list[bytes]:
    """The lines of a message's header that say nothing about its body."""
    kept = [
        text if text.endswith(b"\n") else text + b"\r\n"
        for text, name in texts(content, part.header, part.body)
        if not name.lower().startswith(b"content-")
    ]
    versions = [text for text in kept if text.lower().startswith(b"mime-version")]
    return kept if versions else [*kept, b"MIME-Version: 1.0\r\n"]


def _encoded(note: str) -> tuple[bytes, bytes]:
    """The name of a transfer encoding, and the note in it; no line of it can be taken for a delimiter."""
    lines = [f" {line}" if line.startswith("--") else line for line in note.splitlines()]
    if all(line.isascii() and line.isprintable() and len(line) <= _LINE_LENGTH for line in lines):
        return b"7bit", "\r\n".join(lines).encode()
    octets = "\r\n".join(lines).encode("utf-8", "replace")
    cuts = [*range(0, len(octets), _BASE64_LINE), len(octets)]
    return b"base64", b"\r\n".join(
        binascii.b2a_base64(octets[start:end], newline=False) for start, end in pairwise(cuts)
    )
