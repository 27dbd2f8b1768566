"""Made-up local parts that are easy to say and type: syllables and digits, such as `tavomi482`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempmaild.core.secret import Randomness

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = 4
_DIGITS = 1000


def pronounceable(random: Randomness) -> str:
    """Make one of 24 thousand million local parts."""
    number = int.from_bytes(random(16), "big")
    letters = []
    for _ in range(_SYLLABLES):
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        letters.append(_CONSONANTS[consonant] + _VOWELS[vowel])
    return f"{''.join(letters)}{number % _DIGITS:03d}"
