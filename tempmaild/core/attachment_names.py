"""The names of attachments, read in every way in which some mail client may read them.

What counts is not what a name most probably is, but which extensions it can come to have on the recipient's disk. A
name that is read in many ways has many extensions.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tempmaild.core.content import decode_charset, decode_words_whole
from tempmaild.core.headers import FIELD_VALUE, first_field, unfold
from tempmaild.core.parameters import (
    PLAIN_TEXT,
    comment_readings,
    parameter_octets,
    parameters_of_type,
    parse_disposition,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tempmaild.core.mime import Part
    from tempmaild.core.parameters import Parameters

MAX_FIELDS = 8
"""Fields of one part that are read for names; of Content-Type and Content-Disposition there ought to be one."""
MAX_PARAMETERS = 128
"""Parameters that make up the names of one part: RFC 2231 cuts a name of 255 octets into a few segments."""
_CUTS = (255, 259)
"""Characters after which file systems (octets with some) and Windows (MAX_PATH) cut a name that is too long."""
_TAIL = 1024
"""Characters at the end of a longer name that are looked at; no extension that works is farther from it."""
_ROUNDS = 2
"""Times that percent-encoding is undone: a name may be encoded for a URL, and the URL for a header."""

_NUL = b"\x01"  # stands for NUL, which unfolding would take away
_ENDS = " .\t\"'`;,<>/\\"
"""What may follow an extension: dots and spaces, which Windows drops, and the crumbs of broken quoting."""
_DOTS = dict.fromkeys(map(ord, "。·․᠂⸱܁܂ꓸ꘎𐩐𝅭٠۰۔"), ".")  # noqa: RUF001 - they look alike on purpose
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800") | {
    *map(chr, range(0x180B, 0x180F + 1)),
    *map(chr, range(0xFE00, 0xFE0F + 1)),
    *map(chr, range(0xE0100, 0xE01EF + 1)),
}
"""Default_Ignorable_Code_Point and blanks of Unicode that are of no category of their own."""
_ORDINARY = re.compile(r"[ -$&-.0-9;-\[\]-~]*+")  # ASCII without % / : \ and controls
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CLASS_ID = re.compile(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?")
_NAMING_FIELD = re.compile(  # what `headers.fields` gives of these two, in a fraction of the time
    rb"^content-(?:type|(disposition))[ \t]*+:(%b)" % FIELD_VALUE, re.IGNORECASE | re.MULTILINE
)
_BROKEN_QUOTES = re.compile(
    rb'name[*0-9]*+\s*+=\s*+("[^"\\]*+"\s*+(?<!\n)[^;(\s][^;]*+)'
    rb'|(?<![^\s;])(?:file)?name[*0-9]*+\s*+=\s*+([^\s;"]++"[^;]*+)'
)
"""A name with something behind or before a quoted piece, in lower case; the next field is not behind it."""
_DESCRIBING = (b"content-description", b"content-name", b"x-sun-data-name")
_DESCRIBING_FIELD = re.compile(
    rb"^(?:%b)[ \t]*+:(%b)" % (b"|".join(_DESCRIBING), FIELD_VALUE), re.IGNORECASE | re.MULTILINE
)
_COMPRESSED = frozenset({"gz", "gzip", "bz2", "bzip2", "xz", "z", "zst", "lz", "lz4", "lzma", "br", "001"})
"""Extensions of one compressed file, or of the first volume of it, which is unpacked under the name before it."""


class TooManyNames(Exception):
    """A part has more names than anybody could have meant."""


def part_names(content: bytes, part: Part) -> tuple[str, ...]:
    """Every name that the header of a part can be read to give it, with whatever is hidden in it.

    Raises:
        TooManyNames: the header has more fields or parameters for names than are read.
    """
    header = content[part.header : part.body]
    lines = b"\n" + header.lower()
    names = _named(header, lines, part) if b"name" in lines else ()
    if not any(names) and not _is_text_of_message(part) and any(name in lines for name in _DESCRIBING):
        return (*names, *_described(header))
    return names


def _named(header: bytes, lines: bytes, part: Part) -> tuple[str, ...]:
    types, dispositions = lines.count(b"\ncontent-type"), lines.count(b"\ncontent-disposition")
    if (
        max(types, dispositions) > 1
        or (types and (part.media_type, part.subtype, part.parameters) == PLAIN_TEXT)
        or (dispositions and part.disposition is None)
        or b"\0" in lines
        or b"(" in first_field(lines, b"content-type")
        or b"(" in first_field(lines, b"content-disposition")
        or _BROKEN_QUOTES.search(lines)
    ):
        return tuple(dict.fromkeys(_all_names(header)))
    return tuple(dict.fromkeys(_names((*part.parameters, *(part.disposition[1] if part.disposition else ())))))


def _is_text_of_message(part: Part) -> bool:
    """Whether a part is shown and not saved, or is made of others."""
    is_attachment = part.disposition is not None and part.disposition[0] == b"attachment"
    is_shown = part.media_type == b"text" and part.subtype in {b"plain", b"html"} and not is_attachment
    return is_shown or part.media_type in {b"multipart", b"message"}


def _described(header: bytes) -> Iterator[str]:
    """What serves as the name of a part without one: to Outlook its description ([MS-OXCMAIL] §2.2.3.4.1.1)."""
    for match in _few(_DESCRIBING_FIELD, header):
        yield from _texts(b"", unfold(match[1]))


def extensions(name: str) -> frozenset[str]:
    """The extensions that a name can come to have, in lower case and without the dot; "clsid" is a class id.

    A name without a dot has none. Alternate data streams (`a.txt:b.exe`, `a.exe::$DATA`) and the names of compressed
    files (`a.exe.gz`) have several.
    """
    if len(name) <= _CUTS[0] and _ORDINARY.fullmatch(name):
        return frozenset(_extensions(name))
    return frozenset(extension for reading in _readings(name) for extension in _extensions(reading))


def _few(field: re.Pattern[bytes], header: bytes) -> list[re.Match[bytes]]:
    found = list(islice(field.finditer(header), MAX_FIELDS + 1))
    if len(found) > MAX_FIELDS:
        raise TooManyNames
    return found


def _all_names(header: bytes) -> Iterator[str]:
    """The names in all fields, also in those that a client may take instead of the first of their name."""
    found = _few(_NAMING_FIELD, header.replace(b"\0", _NUL))
    parameters: list[tuple[bytes, bytes]] = []
    broken: list[bytes] = []
    for is_disposition, value in (field.groups() for field in found):
        for readable in comment_readings(value):
            if is_disposition:
                parameters += (parse_disposition(readable) or (b"", ()))[1]
            else:
                parameters += parameters_of_type(readable)
        text = unfold(value)
        matches = islice(_BROKEN_QUOTES.finditer(text.lower()), MAX_PARAMETERS + 1)
        broken += [text[slice(*match.span(match.lastindex or 0))] for match in matches]
    if len(broken) > MAX_PARAMETERS:
        raise TooManyNames
    yield from _names(tuple(parameters))
    # With what stands around the quotes, as programs read them that take all quotes away.
    for name in broken:
        yield from _texts(b"", name)


def _names(parameters: Parameters) -> Iterator[str]:
    """The names in `name` and `filename` (RFC 2183 §2.3), in whatever form, each of several that there are."""
    named = [pair for pair in parameters if pair[0].partition(b"*")[0] in {b"name", b"filename"}]
    if len(named) > MAX_PARAMETERS:
        raise TooManyNames
    for base in (b"filename", b"name"):
        own = [pair for pair in named if pair[0].partition(b"*")[0] == base]
        for key, value in own:
            if key == base:
                yield from _texts(b"", value)
        segments = tuple(pair for pair in own if pair[0] != base)
        if segments:
            # Where a segment is there twice, some take the first and some the last; where the beginning is missing,
            # some begin with what there is.
            for order in (segments, segments[::-1], _renumbered(segments)):
                yield from _texts(*parameter_octets(order, base))


def _renumbered(segments: Iterable[tuple[bytes, bytes]]) -> Parameters:
    """All segments of a name one after the other, by their numbers as far as they are numbers."""

    def number(key: bytes) -> int:
        digits = key.split(b"*")[1][:9]
        return int(digits) if digits.isdigit() else 0

    ordered = sorted(segments, key=lambda pair: number(pair[0]))
    return tuple(
        (b"%b*%d%b" % (key.partition(b"*")[0], index, b"*" * key.endswith(b"*")), value)
        for index, (key, value) in enumerate(ordered)
    )


def _texts(charset: bytes, octets: bytes) -> Iterator[str]:
    """What the octets of a name are as text; encoded words are decoded even where they are not allowed."""
    if charset:
        yield decode_charset(octets, charset)
    text = decode_words_whole(octets)
    yield text
    if b"utf-7" in (charset + octets).lower():  # which we do not decode for people, but Outlook does
        yield text.encode("ascii", "replace").decode("utf-7", "replace")


def _readings(name: str) -> Iterator[str]:
    """The name as one system or another may write it to the disk."""
    for cut in _CUTS:
        if len(name) > cut:
            yield from _readings_of_short(name[:cut])
    octets = name.encode("utf-8", "replace")
    if len(octets) > max(_CUTS[0], len(name)):
        yield from _readings_of_short(octets[: _CUTS[0]].decode("utf-8", "ignore"))
    yield from _readings_of_short(name[-_TAIL:])


def _readings_of_short(name: str) -> Iterator[str]:
    for decoded in _percent_decoded(name):
        whole = _plain(_CONTROL.sub("", decoded))
        cut = _plain(_CONTROL.split(decoded, maxsplit=1)[0])  # as C does at a NUL
        for reading in {whole, cut}:
            # Windows opens `a.exe:b` and `a:b.exe` as streams of files; others make a folder or nothing of the colon.
            for piece in {reading, *reading.split(":")}:
                yield re.split(r"[/\\]", piece.rstrip(_ENDS))[-1]


def _percent_decoded(name: str) -> Iterator[str]:
    yield name
    for _ in range(_ROUNDS):
        if "%" not in name:
            return
        name = unquote(name)
        yield name


def _plain(name: str) -> str:
    """The name with its characters in their plainest form, and without those that nobody sees."""
    if name.isascii():
        return name
    visible = (c for c in name.translate(_DOTS) if unicodedata.category(c) != "Cf" and c not in _INVISIBLE)
    return unicodedata.normalize("NFKC", "".join(visible)).translate(_DOTS)


def _extensions(name: str) -> Iterator[str]:
    """The last extension; where that is of a compressed file, the one before it, too."""
    for _ in range(_ROUNDS):
        stem, dot, extension = name.rstrip(_ENDS).rpartition(".")
        if not dot:
            return
        extension = extension.partition(";")[0].strip().lower()  # `a.exe;1` is a version of a file
        yield "clsid" if _CLASS_ID.fullmatch(extension) else extension
        if extension not in _COMPRESSED:
            return
        name = stem
