"""Dates as messages have them (RFC 5322 §3.3, with the obsolete forms of §4.3)."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from tempmaild.core.timespan import DAY, HOUR, MINUTE

EPOCH: Final = date(1970, 1, 1).toordinal()

_FIRST_YEAR: Final = 1900
"""RFC 5322 §3.3 knows none before; programs that have lost the century write "0102"."""
_MONTHS: Final = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_DATE: Final = re.compile(
    rb"(?<!\d)(\d{1,2})[\s-]{1,9}(%b)[a-z]{0,6}[\s-]{1,9}(\d{2,4})(?!\d)"
    rb"(?:[\s,]{1,9}(\d{1,2}):(\d{2})(?::(\d{2}))?(?!\d)(?:\s{0,9}(?:([+-])(\d{2})([0-5]\d)|([a-z]{1,5})))?)?"
    % b"|".join(_MONTHS),
    re.IGNORECASE,
)
_HOURS_OF_ZONES: Final = dict(
    zip(b"edt est cdt cst mdt mst pdt pst".split(), (-4, -5, -5, -6, -6, -7, -7, -8), strict=True)
)


def day_of(value: bytes) -> date | None:
    """Give the day that a Date field names, in whatever zone; None where it names none."""
    match = _DATE.search(value)
    return None if match is None else _day(match)


def moment_of(value: bytes) -> int | None:
    """Give the moment that a Date field names, UTC epoch seconds; None where it names no day.

    A zone that is none counts as UTC, a time that is none as midnight (RFC 5256 §2.2).
    """
    match = _DATE.search(value)
    day = None if match is None else _day(match)
    if match is None or day is None:
        return None
    midnight = (day.toordinal() - EPOCH) * DAY
    if match[4] is None:
        return midnight
    hour, minute, second = int(match[4]), int(match[5]), int(match[6] or 0)
    if hour > 23 or minute > 59 or second > 60:
        return midnight
    return midnight + hour * HOUR + minute * MINUTE + second - _offset(match)


def _day(match: re.Match[bytes]) -> date | None:
    year = int(match[3])
    if len(match[3]) < 4:
        year += 2000 if year < 50 else 1900
    if year < _FIRST_YEAR:
        return None
    try:
        return date(year, _MONTHS.index(match[2].lower()) + 1, int(match[1]))
    except ValueError:
        return None


def _offset(match: re.Match[bytes]) -> int:
    """Give the seconds by which the zone is ahead of UTC."""
    if match[7] is None:
        return _HOURS_OF_ZONES.get((match[10] or b"").lower(), 0) * HOUR
    hours = int(match[8])
    if hours > 23:
        return 0
    seconds = hours * HOUR + int(match[9]) * MINUTE
    return seconds if match[7] == b"+" else -seconds
