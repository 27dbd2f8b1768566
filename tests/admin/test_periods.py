"""The times that the overview looks back over: as their reader's clock and calendar have them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild_admin.periods import PERIODS, period
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild_admin.periods import Period
    from tests.admin.console import Console

HOUR = 3600
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"]


@pytest.fixture(autouse=True)
def _request(console: Console) -> Iterator[None]:
    with console.app.test_request_context(), force_locale("en"):
        yield


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def begins(period: Period, zone: str) -> list[str]:
    return [datetime.fromtimestamp(edge, ZoneInfo(zone)).strftime("%m-%d %H:%M") for edge in period.edges]


def test_a_day_ends_with_this_hour() -> None:
    found = period("24h", at("2026-05-28T20:26:40"), "UTC")
    assert len(found.steps) == 24
    assert begins(found, "UTC")[0] == "05-27 21:00"
    assert begins(found, "UTC")[-2:] == ["05-28 20:00", "05-28 21:00"]
    assert found.steps[-1] == "Thu 20:00"
    assert [mark for mark in found.marks if mark] == ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00"]


def test_hours_are_those_of_the_reader_s_clock() -> None:
    found = period("24h", at("2026-05-28T20:26:40"), "America/New_York")
    assert found.steps[-1] == "Thu 16:00"
    assert dict(zip(found.marks, found.steps, strict=True))["08:00"] == "Thu 08:00"


def test_a_week_has_four_steps_a_day_of_the_reader_s() -> None:
    found = period("7d", at("2026-05-28T20:26:40"), "Europe/Berlin")
    assert begins(found, "Europe/Berlin")[:3] == ["05-22 00:00", "05-22 06:00", "05-22 12:00"]
    assert begins(found, "Europe/Berlin")[-2:] == ["05-28 18:00", "05-29 00:00"]
    assert [mark for mark in found.marks if mark] == ["Fri", "Sat", "Sun", "Mon", "Tue", "Wed", "Thu"]


def test_a_month_has_thirty_days_of_the_reader_s() -> None:
    found = period("30d", at("2026-05-28T23:30:00"), "Europe/Berlin")
    assert len(found.steps) == 30
    assert begins(found, "Europe/Berlin")[0] == "04-30 00:00"
    assert begins(found, "Europe/Berlin")[-2:] == ["05-29 00:00", "05-30 00:00"]
    assert found.steps[-1] == "Fri 29 May"
    assert [mark for mark in found.marks if mark][-1] == "27 May"


def test_a_day_of_23_hours_is_a_day() -> None:
    found = period("30d", at("2026-04-01T12:00:00"), "Europe/Berlin")
    lengths = [(end - begin) // HOUR for begin, end in pairwise(found.edges)]
    assert lengths.count(23) == 1
    assert lengths.count(24) == 29
    assert {text.split()[1] for text in begins(found, "Europe/Berlin")} == {"00:00"}


@pytest.mark.parametrize("key", PERIODS)
@given(now=st.integers(0, 2**32), zone=st.sampled_from(ZONES))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_now_within_the_last_step(key: str, now: int, zone: str) -> None:
    found = period(key, now, zone)
    assert len(found.edges) - 1 == len(found.steps) == len(found.marks)
    assert all(begin < end for begin, end in pairwise(found.edges))
    assert all(edge % HOUR == 0 for edge in found.edges)
    # Where clocks are half an hour off, a step ends up to an hour sooner.
    assert found.edges[-2] <= now < found.edges[-1] + HOUR
    assert now - found.edges[0] > {"24h": 22, "7d": 6 * 24 - 2, "30d": 29 * 24 - 2}[key] * HOUR


def test_it_is_written_in_the_reader_s_language() -> None:
    with force_locale("de"):
        assert period("30d", NOW, "UTC").steps[-1] == "Do. 28 Mai"
    assert datetime.fromtimestamp(NOW, UTC).isoformat() == "2026-05-28T20:26:40+00:00"
