"""Made-up local parts: words that are easy to say and type (`tavomifu482`), or short ones (`9f3c01ab`)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tempmaild.core.secret import Randomness

Style = Literal["words", "short"]
"""words: syllables and digits. short: the first 8 digits of a random UUID."""

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = 4
_DIGITS = 1000
_SHORT = 8


def make_up(style: Style, random: Randomness) -> str:
    """Make a local part."""
    return pronounceable(random) if style == "words" else short(random)


def pronounceable(random: Randomness) -> str:
    """Make one of 24 thousand million local parts."""
    number = int.from_bytes(random(16), "big")
    letters = []
    for _ in range(_SYLLABLES):
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        letters.append(_CONSONANTS[consonant] + _VOWELS[vowel])
    return f"{''.join(letters)}{number % _DIGITS:03d}"


def short(random: Randomness) -> str:
    """Make one of 4 thousand million local parts: the first 8 digits of a UUID of version 4 (RFC 9562 §5.4)."""
    return uuid.UUID(bytes=random(16), version=4).hex[:_SHORT]
