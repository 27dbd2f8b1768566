"""The Date field as a moment (RFC 5322 §3.3, §4.3; RFC 5256 §2.2)."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.dates import day_of, moment_of


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Mon, 2 Feb 2026 10:00:00 +0000", "2026-02-02T10:00:00"),
        ("Mon, 2 Feb 2026 10:00:00 +0130", "2026-02-02T08:30:00"),
        ("Mon, 2 Feb 2026 23:59:59 -1200", "2026-02-03T11:59:59"),
        ("2 Feb 2026 00:00 +1400", "2026-02-01T10:00:00"),
        ("2 Feb 2026 10:00:00 GMT", "2026-02-02T10:00:00"),
        ("2 Feb 2026 10:00:00 EST", "2026-02-02T15:00:00"),
        ("2 Feb 2026 10:00:00 pdt", "2026-02-02T17:00:00"),
        ("2 Feb 2026 10:00:00 Q", "2026-02-02T10:00:00"),
        ("2 Feb 2026 10:00:00 +2500", "2026-02-02T10:00:00"),
        ("2 Feb 2026 10:00:00 +0175", "2026-02-02T10:00:00"),
        ("2 Feb 2026 10:00:00", "2026-02-02T10:00:00"),
        ("2 Feb 2026 25:00:00 +0100", "2026-02-02T00:00:00"),
        ("2 Feb 2026 10:61 +0100", "2026-02-02T00:00:00"),
        ("2 Feb 2026", "2026-02-02T00:00:00"),
        ("2 Feb 2026 noon", "2026-02-02T00:00:00"),
        ("31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00"),
        ("Fri, 2 Feb 96 10:00:00 +0000", "1996-02-02T10:00:00"),
        ("Sat, 2 Feb 102 10:00:00 +0000", "2002-02-02T10:00:00"),
        ("1 Jan 1900 00:00:00 +0000", "1900-01-01T00:00:00"),
    ],
)
def test_moment(value: str, moment: str) -> None:
    expected = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC)
    assert moment_of(value.encode()) == expected.timestamp()


@pytest.mark.parametrize(
    "value", ["", "yesterday", "30 Feb 2026 10:00:00", "10:00:00", "2 Feb 0102 10:00:00", "31 Dec 1899"]
)
def test_no_moment(value: str) -> None:
    assert moment_of(value.encode()) is None
    assert day_of(value.encode()) is None


@given(st.binary(max_size=40) | st.from_regex(rb"\d+ Feb \d+ \d+:\d\d(:\d\d)? [+-]\d{4}", fullmatch=True))
def test_any_octets(value: bytes) -> None:
    assert (moment_of(value) is None) == (day_of(value) is None)
