"""The times that the overview looks back over, divided as their reader's clock and calendar are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from flask_babel import format_date, format_datetime
from flask_babel import lazy_gettext as _l

from tempmaild.core.timespan import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

PERIODS: Final = {"24h": _l("24 hours"), "7d": _l("7 days"), "30d": _l("30 days")}
"""What there is to choose from."""
_MARK_EVERY_HOURS, _MARK_EVERY_DAYS, _LAST_MARK = 4, 5, 2
"""What is written below steps; of days the last but two, for which there is room."""
_STEPS_A_DAY = 4
"""Of a week: mornings differ from nights."""
_NOON = 12


class Period(NamedTuple):
    """A time up to now, and its steps.

    Attributes:
        edges: where steps begin, and where the last one ends: hours (UTC epoch seconds). Now is within the last step.
        steps: what each is called.
        marks: what is written below each, "" for nothing.
    """

    key: str
    edges: list[int]
    steps: list[str]
    marks: list[str]


def period(key: str, now: float, zone: str) -> Period:
    """Give one of `PERIODS` for a reader of this time zone (IANA)."""
    here = ZoneInfo(zone)
    if key == "24h":
        return _of_hours(now, here)
    return _of_week(now, here) if key == "7d" else _of_month(now, here)


def _of_hours(now: float, zone: ZoneInfo) -> Period:
    end = _hour_of(now) + HOUR
    edges = [end - HOUR * ago for ago in range(24, -1, -1)]
    begins = [datetime.fromtimestamp(edge, zone) for edge in edges[:-1]]
    steps = [str(format_datetime(begin, "EEE HH:mm", rebase=False)) for begin in begins]
    marks = [
        str(format_datetime(begin, "HH:mm", rebase=False)) if begin.hour % _MARK_EVERY_HOURS == 0 else ""
        for begin in begins
    ]
    return Period("24h", edges, steps, marks)


def _of_week(now: float, zone: ZoneInfo) -> Period:
    begins = list(_days(now, zone, 7, _STEPS_A_DAY))
    steps = [str(format_datetime(begin, "EEE d MMM HH:mm", rebase=False)) for begin in begins[:-1]]
    marks = [str(format_date(begin, "EEE", rebase=False)) if begin.hour == _NOON else "" for begin in begins[:-1]]
    return Period("7d", [_hour_of(begin.timestamp()) for begin in begins], steps, marks)


def _of_month(now: float, zone: ZoneInfo) -> Period:
    begins = list(_days(now, zone, 30, 1))
    steps = [str(format_date(begin, "EEE d MMM", rebase=False)) for begin in begins[:-1]]
    last = len(steps) - 1
    marks = [
        str(format_date(begin, "d MMM", rebase=False)) if (last - at) % _MARK_EVERY_DAYS == _LAST_MARK else ""
        for at, begin in enumerate(begins[:-1])
    ]
    return Period("30d", [_hour_of(begin.timestamp()) for begin in begins], steps, marks)


def _days(now: float, zone: ZoneInfo, days: int, steps_a_day: int) -> Iterator[datetime]:
    """Give where the steps of so many days begin, today among them, and where the step ends in which it is now.

    They begin when the reader's clock says so: on two days of the year one of them has an hour more or less.
    """
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = today - timedelta(days=days - 1)
    while True:
        yield begin
        if begin.timestamp() > now:
            return
        begin += timedelta(days=1) / steps_a_day


def _hour_of(at: float) -> int:
    return int(at // HOUR) * HOUR
