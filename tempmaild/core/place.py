"""Where a page of a list ends, as links carry it: a time and what tells rows of the same time apart."""

from __future__ import annotations

import re
from typing import Final

BEFORE_ALL: Final = -(1 << 62)
BEHIND_ALL: Final = 1 << 62
"""Times that no row has; UTC epoch seconds."""
_LARGEST: Final = 2**63 - 1
_PLACE = re.compile(r"(-?\d{1,19})\.(\d{1,19})", re.ASCII)
_HEX_PLACE = re.compile(r"(-?\d{1,19})\.((?:[0-9a-f]{2}){1,64})", re.ASCII)


def text_of(at: int, key: int | bytes) -> str:
    """Write a place: UTC epoch seconds, and the number or the octets of the row."""
    return f"{at}.{key if isinstance(key, int) else key.hex()}"


def place_of(text: str) -> tuple[int, int] | None:
    """Read a place whose rows have numbers; None for the beginning, and for what is no place."""
    found = _PLACE.fullmatch(text)
    numbers = (int(found[1]), int(found[2])) if found else None
    return numbers if numbers and all(-_LARGEST <= number <= _LARGEST for number in numbers) else None


def octets_place_of(text: str) -> tuple[int, bytes] | None:
    """Read a place whose rows have octets; None for the beginning, and for what is no place."""
    found = _HEX_PLACE.fullmatch(text)
    if not found or not -_LARGEST <= int(found[1]) <= _LARGEST:
        return None
    return int(found[1]), bytes.fromhex(found[2])
