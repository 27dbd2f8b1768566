"""A message as it can be looked at without harm: text, cleaned HTML, what is attached.

Mail is hostile. Nothing here runs any of it, and nothing in it has anything fetched, by this host or by the browser.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_babel import gettext as _
from msgspec import Struct

from tempmaild.core.content import decode_words, decoded_body, decoded_text, part_filename
from tempmaild.core.summary import leaves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tempmaild.core.envelope import Address
    from tempmaild.core.mime import Part
    from tempmaild.service.open_mail import Opened

LONGEST_TEXT: Final = 256 << 10
"""Octets of a text that are shown; the source has all of it."""
LONGEST_HTML: Final = 512 << 10
"""Octets of HTML that are cleaned: newsletters have some 100 KiB."""
DEEPEST: Final = 256
"""Elements within elements; half of what browsers take."""
CLEANING_SECONDS: Final = 3.0
"""For starting a process and cleaning; an ordinary message takes 0.1."""
MOST_ATTACHMENTS: Final = 100
"""Parts that are listed."""
_LONGEST_LINE: Final = 1000
"""Characters of a header field that are shown."""
_MOST_ADDRESSES: Final = 20
_LONGEST_NAME: Final = 150
_CLEANER: Final = Path(__file__).with_name("clean_html.py")

# Cleaned HTML is well-formed: values are in double quotes, and no text has a "<".
_TAG = re.compile(r'<(/?)([a-z0-9]+)(?:[^>"]|"[^"]*")*>')
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "wbr"})
_UNSAFE_IN_NAMES = re.compile(r'[/\\:*?"<>|;]+')


class TooHard(Exception):
    """The HTML is too large, too deep or too slow to be cleaned."""


class Attachment(Struct, frozen=True):
    """A part to download.

    Attributes:
        number: of the part, from 1 on.
        size: octets, as far as that is known without decoding it.
    """

    number: int
    name: str
    media_type: str
    size: int


class Reading(Struct, frozen=True):
    """What of a message is shown.

    Attributes:
        text: its plain text; None without any.
        cut: whether there is more of it.
        has_html: whether there is HTML, too.
        more: how many further attachments there are.
    """

    text: str | None
    cut: bool
    has_html: bool
    attachments: tuple[Attachment, ...]
    more: int


def read(opened: Opened) -> Reading:
    """Give what of a message is shown."""
    leaves = list(leaves_of(opened.summary.structure))
    plain, html = _shown(leaves, b"plain"), _shown(leaves, b"html")
    text = None if plain is None else decoded_text(opened.content, plain, LONGEST_TEXT)
    numbered = [(number, part) for number, part in enumerate(leaves, 1) if part is not plain and part is not html]
    return Reading(
        text,
        plain is not None and plain.end - plain.body > LONGEST_TEXT,
        html is not None,
        tuple(_attachment(number, part) for number, part in numbered[:MOST_ATTACHMENTS]),
        max(0, len(numbered) - MOST_ATTACHMENTS),
    )


def attached(opened: Opened, number: int) -> tuple[str, bytes] | None:
    """Give the file name and the octets of a part; None when there is no such part."""
    part = next(islice(leaves_of(opened.summary.structure), number - 1, None), None) if number > 0 else None
    if part is None:
        return None
    return _attachment(number, part).name, decoded_body(opened.content, part)


def cleaned_html(opened: Opened) -> str | None:
    """Give the message's HTML without what runs or loads; None when it has none.

    Raises:
        TooHard: it cannot be cleaned within the limits.
    """
    part = _shown(leaves_of(opened.summary.structure), b"html")
    if part is None:
        return None
    if part.end - part.body > LONGEST_HTML:
        raise TooHard
    return clean(decoded_text(opened.content, part))


def clean(html: str) -> str:
    """Clean a page in a process that is ended when it takes too long.

    Raises:
        TooHard: it cannot be cleaned within the limits.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own file, and nothing of the message among the arguments
            [sys.executable, "-I", str(_CLEANER)],
            input=html.encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CLEANING_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TooHard from error
    cleaned = done.stdout.decode("utf-8", "replace")
    if _depth(cleaned) > DEEPEST:
        raise TooHard
    return cleaned


def _depth(cleaned: str) -> int:
    """Give how deep the elements of cleaned HTML are within each other."""
    depth = deepest = 0
    for match in _TAG.finditer(cleaned):
        if match[2] not in _VOID:
            depth += -1 if match[1] else 1
            deepest = max(deepest, depth)
    return deepest


def _shown(leaves: Iterable[Part], subtype: bytes) -> Part | None:
    """Give the first text of this kind that is no attachment."""
    for part in leaves:
        if part.media_type == b"text" and part.subtype == subtype and not _is_attached(part):
            return part
    return None


def _is_attached(part: Part) -> bool:
    return part.disposition is not None and part.disposition[0] == b"attachment"


def _attachment(number: int, part: Part) -> Attachment:
    octets = part.end - part.body
    if part.encoding == b"base64":
        # Four characters stand for three octets, and each line has two more.
        octets = max(0, octets - 2 * part.lines) * 3 // 4
    media_type = b"%b/%b" % (part.media_type, part.subtype)
    return Attachment(number, _file_name(number, part), media_type.decode("ascii", "replace")[:_LONGEST_NAME], octets)


def _file_name(number: int, part: Part) -> str:
    """Give a name that is no path, hides nothing, and can be written to every disk."""
    name = _UNSAFE_IN_NAMES.sub("_", part_filename(part) or "").strip(". ")
    if len(name) > _LONGEST_NAME:
        # The end says what kind of file it is.
        name = name[: _LONGEST_NAME // 2] + "…" + name[-_LONGEST_NAME // 2 :]
    return name or f"part-{number}" + (".eml" if part.is_message else "")


def line(value: bytes | None) -> str:
    """Give a header field's value to be shown."""
    text = decode_words((value or b"")[: 8 * _LONGEST_LINE])
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _LONGEST_LINE else shown[:_LONGEST_LINE] + "…"


def people(addresses: Sequence[Address]) -> str:
    """Give the addresses of a header field to be shown: names are what the sender says, so addresses stand beside."""
    # Without a host they are the marks of a group, not somebody (RFC 9051 §7.5.2).
    named = [address for address in addresses if address.host is not None]
    shown = [_person(address) for address in named[:_MOST_ADDRESSES]]
    if len(named) > _MOST_ADDRESSES:
        shown.append(_("and %(count)s more", count=len(named) - _MOST_ADDRESSES))
    return ", ".join(shown)


def _person(address: Address) -> str:
    mailbox = line(address.mailbox) + "@" + line(address.host)
    return f"{line(address.name)} <{mailbox}>" if address.name else mailbox
