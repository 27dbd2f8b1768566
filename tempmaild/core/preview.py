"""The first words of a message, for listings (RFC 8970)."""

import html
import re
from collections.abc import Iterable

from tempmaild.core.content import decoded_text
from tempmaild.core.mime import Part

MAX_PREVIEW = 200  # characters, RFC 8970 §3

# What is looked at in turn, until there are words: a text and how many octets of it. HTML has a second try, as it
# often begins with kilobytes of style sheets.
_TRIES = ((b"plain", 2 * 1024), (b"html", 8 * 1024), (b"html", 64 * 1024))

_MAX_WORDS = MAX_PREVIEW // 2  # more cannot fit
_BEGINNING = MAX_PREVIEW * 3 // 2  # characters, of which nearly always as many are left as are shown
_JOINERS = "\u200c\u200d"  # not printable for Python, but part of Persian words and of emoji

_MARKUP = re.compile(
    r"<(?:(!--)|(style|script|title)\b|/?([a-z][a-z0-9]*+)[^>]*+>?|[/!?][^>]*+>?)", re.IGNORECASE | re.ASCII
)
_END_OF = {
    "!--": re.compile("-->"),
    "style": re.compile(r"</style[^>]*+>?", re.IGNORECASE),
    "script": re.compile(r"</script[^>]*+>?", re.IGNORECASE),
    "title": re.compile(r"</title[^>]*+>?", re.IGNORECASE),
}
_INLINE = frozenset({"a", "abbr", "b", "big", "bdo", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "label"})
_INLINE |= {"mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"}
_ENTITY = re.compile(r"&#?\w{1,32};")


def make_preview(raw: bytes, leaves: Iterable[Part]) -> str:
    """At most MAX_PREVIEW characters on one line from the first plain text, or else from the first HTML."""
    texts: dict[bytes, Part] = {}
    for part in leaves:
        if part.media_type == b"text" and (part.disposition is None or part.disposition[0] != b"attachment"):
            texts.setdefault(part.subtype, part)
    for subtype, window in _TRIES:
        if (leaf := texts.get(subtype)) and (line := one_line(_shown_text(raw, leaf, window))):
            return line
    return ""


def _shown_text(raw: bytes, leaf: Part, window: int) -> str:
    text = decoded_text(raw, leaf, window)
    return html_text(text) if leaf.subtype == b"html" else text


def one_line(text: str) -> str:
    """The first MAX_PREVIEW characters of the text on one line, without what cannot be seen."""
    line = _shown_words(text[:_BEGINNING])
    if len(line) < MAX_PREVIEW and len(text) > _BEGINNING:
        line = _shown_words(text)
    return line[:MAX_PREVIEW].rstrip()


def _shown_words(text: str) -> str:
    """The first words of the text on one line; that of a text's beginning is how the text's own line begins."""
    words = text.split(None, _MAX_WORDS)[:_MAX_WORDS]
    line = " ".join(words)
    return line if line.isprintable() else " ".join(filter(None, map(_visible, words)))


def _visible(word: str) -> str:
    """The word without control characters, direction overrides and the invisible ones that pad newsletters."""
    kept = "".join(character for character in word if character.isprintable() or character in _JOINERS)
    return kept.strip(_JOINERS)


def html_text(page: str) -> str:
    """The text of an HTML page, or of the beginning of one, without its tags, comments, style sheets and scripts.

    Good for showing words, never for cleaning a page.
    """
    kept = []
    position = 0
    while match := _MARKUP.search(page, position):
        kept.append(page[position : match.start()])
        position = match.end()
        comment, hidden, tag = match.groups()
        if unseen := comment or hidden:
            end = _END_OF[unseen.lower()].search(page, position)
            position = end.end() if end else len(page)
        if tag is None or tag.lower() not in _INLINE:
            kept.append(" ")
    kept.append(page[position:])
    text = "".join(kept)
    # Not all of it at once: `html.unescape` raises for a number of thousands of digits.
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
