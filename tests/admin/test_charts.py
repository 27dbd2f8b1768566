"""Charts: what is drawn is what the numbers say, and it is well-formed whatever they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild_admin.charts import Chart, Series, shares, ticks_to

if TYPE_CHECKING:
    from collections.abc import Sequence

EVIL = "<script>\"&'</script>"
STEPS = ("one", "two", "three", "four")
FLOOR, TOP = 206, 14
"""Of the plot, in the picture's own units."""

values = st.lists(st.none() | st.floats(0, 1e15), min_size=4, max_size=4)


def chart(form: Any, *values: Sequence[float | None], **changes: Any) -> Chart:
    """Make a chart of four steps."""
    given = {
        "key": "test",
        "title": "Title",
        "summary": "Summary",
        "form": form,
        "steps": STEPS,
        "marks": ("", "mark", "", ""),
        "series": [Series(f"series {i}", "abcd"[i], each) for i, each in enumerate(values)],
        "write": lambda value: f"{value:g} x",
    }
    return Chart(**given | changes)


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(str(chart.picture()))


def of_class(picture: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in picture.iter() if element.get("class") == name]


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "nan"))


class TestTicks:
    @pytest.mark.parametrize(
        ("highest", "whole", "ticks"),
        [
            (0, False, [0, 1]),
            (0, True, [0, 1]),
            (0.4, True, [0, 1]),
            (1, True, [0, 1]),
            (3, True, [0, 1, 2, 3]),
            (7, True, [0, 2, 4, 6, 8]),
            (10, True, [0, 2, 4, 6, 8, 10]),
            (100, True, [0, 25, 50, 75, 100]),
            (101, True, [0, 25, 50, 75, 100, 125]),
            (0.0034, False, [0, 0.001, 0.002, 0.003, 0.004]),
        ],
    )
    def test_are_round(self, highest: float, whole: bool, ticks: list[float]) -> None:
        assert ticks_to(highest, whole=whole) == pytest.approx(ticks)

    def test_are_round_in_the_unit(self) -> None:
        assert ticks_to(3 << 20, 1 << 20) == [0, 1 << 20, 2 << 20, 3 << 20]
        assert ticks_to(0.0034, 0.001) == pytest.approx([0, 0.001, 0.002, 0.003, 0.004])

    @given(st.floats(1e-9, 1e15), st.sampled_from([0.001, 1.0, 1024.0]), st.booleans())
    def test_reach_the_highest_and_are_few(self, highest: float, unit: float, whole: bool) -> None:
        ticks = ticks_to(highest, unit, whole=whole)
        assert ticks[0] == 0
        assert highest <= ticks[-1] * (1 + 1e-9)
        assert highest >= ticks[-2] * (1 - 1e-9)
        assert 2 <= len(ticks) <= 8
        if whole:
            assert all(math.isclose(tick / unit, round(tick / unit)) for tick in ticks)


class TestBars:
    def test_stand_upon_each_other(self) -> None:
        picture = drawn(chart("bars", [1, 2, 0, 4], [3, None, 0, 0]))
        first, second = of_class(picture, "of-a"), of_class(picture, "of-b")
        assert len(first) == 3, "nothing is no bar"
        assert len(second) == 1
        unit = (FLOOR - TOP) / 4
        assert [number(bar, "height") for bar in first] == [unit, 2 * unit, 4 * unit]
        assert number(first[0], "y") + number(first[0], "height") == FLOOR
        assert number(second[0], "y") + number(second[0], "height") == number(first[0], "y")
        assert number(second[0], "x") == number(first[0], "x")
        assert number(second[0], "y") == TOP, "the highest step reaches the highest line"

    def test_are_seen_however_low_they_are(self) -> None:
        (low, _high) = of_class(drawn(chart("bars", [1, 1_000_000, 0, 0])), "of-a")
        assert number(low, "height") == 1.5


class TestLines:
    def test_end_where_nothing_is_known(self) -> None:
        paths = of_class(drawn(chart("lines", [1, None, 2, 4])), "of-a")
        assert [path.get("d", "").count(" ") for path in paths] == [1, 3]
        point, line = (path.get("d", "") for path in paths)
        assert point.endswith("h0"), "one point alone is seen by its round ends"
        assert line.endswith(f" {TOP}")

    def test_are_not_stacked(self) -> None:
        picture = drawn(chart("lines", [4, 4, 4, 4], [4, 4, 4, 4]))
        assert of_class(picture, "of-a")[0].get("d") == of_class(picture, "of-b")[0].get("d")


class TestPicture:
    def test_says_what_it_shows(self) -> None:
        picture = drawn(chart("bars", [1, 2, 0, 4]))
        assert picture.get("role") == "img"
        assert picture.get("aria-labelledby") == "test-title test-summary"
        told = {element.get("id"): element.text for element in picture if element.get("id")}
        assert told == {"test-title": "Title", "test-summary": "Summary"}

    def test_has_an_axis_to_read_it_by(self) -> None:
        picture = drawn(chart("bars", [1, 2, 0, 4]))
        assert [tick.text for tick in of_class(picture, "tick")] == ["0 x", "1 x", "2 x", "3 x", "4 x"]
        assert len(of_class(picture, "line")) == 5
        assert [mark.text for mark in of_class(picture, "mark")] == ["mark"]

    def test_tells_the_numbers_of_a_step(self) -> None:
        picture = drawn(chart("bars", [1, 2, 0, 4], [None, 5, 0, 0]))
        hints = [group.findtext("title") for group in picture.findall("g")]
        assert hints == ["one\nseries 0 1 x", "two\nseries 0 2 x\nseries 1 5 x", "three", "four\nseries 0 4 x"]

    def test_needs_no_style_of_its_own(self) -> None:
        for element in drawn(chart("lines", [1, 2, None, 4])).iter():
            assert not {"style", "fill", "stroke", "onclick"} & set(element.keys())

    def test_escapes_all_text(self) -> None:
        texts = {"title": EVIL, "summary": EVIL, "steps": (EVIL,) * 4, "marks": (EVIL,) * 4, "write": lambda _: EVIL}
        picture = drawn(chart("bars", [1, 1, 1, 1], **texts))
        assert not list(picture.iter("script"))
        assert picture.findtext("title") == picture.findtext("desc") == EVIL

    @pytest.mark.parametrize("form", ["bars", "lines"])
    @given(values, values)
    def test_stays_in_its_frame(self, form: str, first: list[float | None], second: list[float | None]) -> None:
        picture = drawn(chart(form, first, second))
        for bar in picture.iter("rect"):
            assert 0 <= number(bar, "x") <= number(bar, "x") + number(bar, "width") <= 600
            # What is not nothing has a height, and so may stand out by that.
            assert TOP - 2 <= number(bar, "y") <= number(bar, "y") + number(bar, "height") <= FLOOR + 0.02
        for path in picture.iter("path"):
            if path.get("class") != "line":
                points = path.get("d", "").removeprefix("M").removesuffix("h0").split()
                assert all(TOP - 0.01 <= float(y) <= FLOOR for y in points[1::2])

    @pytest.mark.parametrize("form", ["bars", "lines"])
    def test_of_nothing_is_a_frame(self, form: str) -> None:
        nothing = chart(form, steps=(), marks=(), series=[])
        assert nothing.is_empty
        assert [tick.text for tick in of_class(drawn(nothing), "tick")] == ["0 x", "1 x"]


def test_the_numbers_come_with_the_last_step_first() -> None:
    assert chart("lines", [1, None, 0, 4], [5, 6, 7, 8]).rows == [
        ("four", ["4 x", "8 x"]),
        ("three", ["0 x", "7 x"]),
        ("two", ["", "6 x"]),
        ("one", ["1 x", "5 x"]),
    ]


@pytest.mark.parametrize(
    ("series", "is_empty"), [([[0, None, 0, 0]], True), ([[0, 0, 0, 0], [0, 0, 0, 1]], False), ([], True)]
)
def test_a_chart_knows_whether_there_is_anything_to_be_seen(series: list[list[float | None]], is_empty: bool) -> None:
    assert chart("bars", *series).is_empty == is_empty


class TestShares:
    def test_stand_beside_each_other(self) -> None:
        bar = ET.fromstring(str(shares([("good", 0.25), ("bad", 0), ("warn", 0.5)])))
        parts = [(part.get("class"), number(part, "x"), number(part, "width")) for part in bar]
        assert parts == [("of-good", 0, 25), ("of-warn", 25, 50)]
        assert bar.get("aria-hidden") == "true"

    def test_may_be_none(self) -> None:
        assert len(ET.fromstring(str(shares([])))) == 0
