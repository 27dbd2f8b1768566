"""Where a page of a list ends, as links carry it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.place import octets_place_of, place_of, text_of

TIMES = st.integers(-(2**63) + 1, 2**63 - 1)


@given(TIMES, st.integers(0, 2**63 - 1))
def test_a_place_with_a_number_comes_back(at: int, number: int) -> None:
    assert place_of(text_of(at, number)) == (at, number)


@given(TIMES, st.binary(min_size=1, max_size=64))
def test_a_place_with_octets_comes_back(at: int, octets: bytes) -> None:
    assert octets_place_of(text_of(at, octets)) == (at, octets)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1",
        "1.",
        ".1",
        "1.2.3",
        "1.-2",
        " 1.2",
        "1.2\n",
        "1.x",
        "9" * 19 + ".1",
        "1." + "9" * 19,
        "٣.1",
        "1.٣",
    ],
)
def test_what_is_no_place_is_the_beginning(text: str) -> None:
    assert place_of(text) is None


@pytest.mark.parametrize("text", ["", "1.", "1.0", "1.XY", "1.AB", "9" * 19 + ".ab", "1." + "ab" * 65, "1.ab\n"])
def test_what_is_no_place_with_octets_is_the_beginning(text: str) -> None:
    assert octets_place_of(text) is None


@given(st.text())
def test_whatever_stands_in_a_link_is_read(text: str) -> None:
    assert place_of(text) is None or "." in text
    assert octets_place_of(text) is None or "." in text
