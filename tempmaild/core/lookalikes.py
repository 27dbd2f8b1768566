"""Texts that look alike: the skeletons and script sets of Unicode Technical Standard #39.

The data is that of the package confusable-homoglyphs. Its own functions do not fit: they say which characters
resemble which, but make no skeleton by which a database could find one text among many.
"""

from __future__ import annotations

import json
import unicodedata
from functools import lru_cache
from importlib import resources

_ANY_SCRIPT = frozenset({"COMMON", "INHERITED"})
# UTS #39 §5.2, "Highly Restrictive": one script, or what is written together in Japan, Taiwan and Korea.
_WRITTEN_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_DIRECTION_MARK = "\u200e"
"""The data has it around what is written from right to left."""
_ROUNDS = 2
"""Prototypes can be upper case, and a folded prototype can have a prototype; after so many nothing changes."""


def skeleton(text: str) -> str:
    """Give what a text has in common with all those that look like it (UTS #39 §4), here without letter case."""
    # Some prototypes are those of letters with their accents; the letters alone, without them, have others.
    for form in ("NFC", "NFC", "NFD") * _ROUNDS:
        text = unicodedata.normalize(form, text).translate(_prototypes()).lower()
    return unicodedata.normalize("NFD", text)


def mixes_scripts(text: str) -> bool:
    """Tell whether a text has letters of scripts that nobody writes together."""
    from confusable_homoglyphs.categories import alias  # noqa: PLC0415 - reads a file, and few texts need it

    scripts = {alias(character) for character in text} - _ANY_SCRIPT
    return len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER)


@lru_cache(maxsize=1)
def _prototypes() -> dict[int, str]:
    """Give for each character the one, or the several, that all which look like it are replaced by.

    The data has for each character and each prototype all that they are directly confused with: a star around each
    prototype. Where there are but two, either may stand for both.
    """
    text = (resources.files("confusable_homoglyphs") / "confusables.json").read_text("utf-8")
    likes = {
        glyph.strip(_DIRECTION_MARK): [other["c"].strip(_DIRECTION_MARK) for other in others]
        for glyph, others in json.loads(text).items()
    }
    table = {}
    for glyph, others in likes.items():
        if len(glyph) == 1 and len(others) == 1:
            (other,) = others
            table[ord(glyph)] = other if len(likes[other]) > 1 else max(glyph, other, key=_rank)
    return table


def _rank(glyph: str) -> tuple[int, str]:
    return len(glyph), glyph
