"""The Authentication-Results field: ours is written here, and those that others wrote in our name are taken out.

Who reads the field believes what it says under our name (authserv-id), so that no such field may come in with a
message (RFC 8601 §5). Names are compared as somebody might who reads the field carelessly.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tempmaild.core.address import normalise_domain
from tempmaild.core.content import decode_words
from tempmaild.core.headers import unfold, without_comments
from tempmaild.errors import InvalidAddress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tempmaild.core.verdict import Finding

FIELD: Final = "Authentication-Results"
MOST_FIELDS: Final = 1000
"""Fields of that name that are read; where there are more, no message is honest, and all go."""
LONGEST_HEAD: Final = 1024
"""Octets of a field that are read for the name in it; only comments come before it."""
LONGEST_VALUE: Final = 512
"""Octets of a value as it is written, which cannot be folded: a line has at most 998 (RFC 5322 §2.1.1)."""
LONGEST_REASON: Final = 200
"""Characters, which take at most four octets each."""
_LINE: Final = 78
"""Octets of a line without its end (RFC 5322 §2.1.1)."""

# RFC 8601 §2.2 with RFC 6532 §3.2: a token of RFC 2045 §5.1, or a domain name with or without a local part.
_WORD = r"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
_ATOM = r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+"
_LETTER = r"0-9A-Za-z\x80-\U0010ffff"
_LABEL = rf"[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?"
_UNQUOTED = re.compile(rf"{_WORD}|(?:{_ATOM}(?:\.{_ATOM})*)?@{_LABEL}(?:\.{_LABEL})*")
_TO_ESCAPE = re.compile(r'(["\\])')

_REST_OF_FIELD = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+\n?")
# What is left of a name are its characters and the spaces between its pieces.
_NO_NAME = dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x7F, ord('"'), ord("\\")])


def field(authserv_id: str, findings: Sequence[Finding], *, utf8: bool = False) -> bytes:
    """Write the field, with its CRLF (RFC 8601 §2.2).

    A property whose value cannot be told as it is (empty, too long, with control characters, beyond ASCII where the
    message is not) is left out, as half of it would be another value.

    Args:
        authserv_id: who we are.
        utf8: whether the message may have UTF-8 in its header (RFC 6532).
    """
    lines = [f"{FIELD}: {_value(authserv_id, utf8=utf8) or _quoted('')}"]
    if not findings:
        lines[0] += "; none"
    for finding in findings:
        lines[-1] += ";"
        lines += _lines(finding, utf8)
    return ("\r\n".join(lines) + "\r\n").encode()


@lru_cache(maxsize=1024)
def _lines(finding: Finding, utf8: bool) -> tuple[str, ...]:
    """Write what one method has found; of most mail it is the same as of the mail before."""
    return tuple(_folded(_words(finding, utf8=utf8)))


def _words(finding: Finding, *, utf8: bool) -> Iterator[str]:
    """Give what may stand on a line of its own."""
    yield f"{finding.method}={finding.result}"
    reason = _text(finding.reason, utf8=utf8)
    if reason:
        # Within quotes a line may be folded at a space, too, which stays then.
        yield from f"reason={_quoted(reason)}".split(" ")
    for name, value in finding.properties:
        told = _value(value, utf8=utf8)
        if told:
            yield f"{name}={told}"


def _text(reason: str, *, utf8: bool) -> str:
    """Give words for people on one line, without what cannot be printed."""
    printable = reason[:LONGEST_REASON]
    if not printable.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in printable)
    if not utf8:
        printable = printable.encode("ascii", "replace").decode()
    return " ".join(printable.split())


def _value(value: str, *, utf8: bool) -> str | None:
    """Write a value; None if it cannot be told, or is none."""
    if not (utf8 or value.isascii()):
        value = _in_ascii(value)
        if not value.isascii():
            return None
    if not value or len(value) > LONGEST_VALUE or not value.isprintable():
        return None
    written = value if _UNQUOTED.fullmatch(value) else _quoted(value)
    return written if len(written.encode()) <= LONGEST_VALUE else None


def _in_ascii(value: str) -> str:
    """Give a domain, or an address, with A-labels (RFC 8616 §2); what is none stays as it is."""
    local_part, at, domain = value.rpartition("@")
    try:
        return local_part + at + normalise_domain(domain)
    except InvalidAddress:
        return value


def _quoted(value: str) -> str:
    return '"' + _TO_ESCAPE.sub(r"\\\1", value) + '"'


def _folded(words: Iterable[str]) -> Iterator[str]:
    line = ""
    free = 0
    for word in words:
        octets = len(word.encode()) + 1  # with the white space before it
        if octets <= free:
            line += f" {word}"
        else:
            if line:
                yield line
            line = f" {word}" if line else f"\t{word}"
            free = _LINE - 1  # for a semicolon
        free -= octets
    yield line


def without_forged(content: bytes, authserv_id: str, names: Collection[str] = ()) -> bytes:
    """Take out of a message's header what others have written in our name.

    A field without an authserv-id is taken out, too: it does not say that it is somebody else's. Received-SPF fields
    stay, as only those above the Received field of a host of ours are ours (RFC 7208 §9.1).

    Args:
        authserv_id: who we are.
        names: of fields that nobody but us may write, taken out whatever they say.

    Returns:
        The very same object if there are none.
    """
    # An octet is put before, so that the first line begins like all others.
    header = b"\n" + content[: _header_end(content)].lower()
    sought, pattern = _field_names(tuple(names))
    if not any(map(header.__contains__, sought)):  # which is seen in a tenth of the time
        return content
    matches = list(pattern.finditer(header))
    if not matches:
        return content
    kept: list[bytes] = []
    position = 0
    for match in matches:
        start = match.start()
        value, end = _rest_of_field(content, match.end() - 1)
        if match[1] is None or len(matches) > MOST_FIELDS or claims(value, authserv_id):
            kept.append(content[position:start])
            position = end
    return b"".join([*kept, content[position:]]) if kept else content


def _header_end(content: bytes) -> int:
    """Give the offset of the empty line after the header."""
    if content.startswith((b"\r\n", b"\n")):
        return 0
    end = content.find(b"\n\r\n") + 1 or len(content)
    return content.find(b"\n\n", 0, end) + 1 or end


def _rest_of_field(content: bytes, start: int) -> tuple[bytes, int]:
    match = _REST_OF_FIELD.match(content, start)
    assert match is not None  # it matches nothing, too
    return match[0], match.end()


@lru_cache(maxsize=8)
def _field_names(names: tuple[str, ...]) -> tuple[list[bytes], re.Pattern[bytes]]:
    """Give our field and those of these names in lower case, and what finds them: ours as group 1."""
    ours, *others = [name.lower() for name in (FIELD, *names)]
    alternatives = "".join(f"|{re.escape(name)}" for name in others)
    pattern = re.compile(rf"\n(?:({ours}){alternatives})[ \t]*+:".encode())
    return [name.encode() for name in (ours, *others)], pattern


def claims(value: bytes, authserv_id: str) -> bool:
    """Tell whether an Authentication-Results field of this value could be taken for one of this name, or nobody's."""
    value = value[:LONGEST_HEAD]
    values = [value]
    if b"=?" in value:
        # Encoded words mean nothing here, but some programs decode a whole header before they look into it.
        values.append(decode_words(value).encode())
    ours = _normalised(authserv_id)
    return any(name in {"", ours} for each in values for name in _names(each))


def _names(value: bytes) -> Iterator[str]:
    """Give the authserv-ids that may be read in a value: quoted or not, in pieces, with a version (RFC 8601 §2.2)."""
    head = without_comments(unfold(value)).partition(b";")[0]
    words = head.decode("utf-8", "replace").translate(_NO_NAME).split()
    if not words or words[0].isdigit() or b"=" in head:  # it begins with a version, or with a result
        yield ""
        return
    yield _normalised(words[0])
    if len(words) > 1:
        yield _normalised("".join(words))
        yield _normalised("".join(words[:-1]))


def _normalised(name: str) -> str:
    name = name.rstrip(".")
    try:
        return normalise_domain(name)
    except InvalidAddress:
        return name.casefold()
