"""What is told of a part, and which state is the worst."""

from __future__ import annotations

import msgspec
import pytest

from tempmaild.core.health import Finding, in_order, worst
from tempmaild.core.timespan import span


def test_values_are_put_into_text_and_remedy() -> None:
    finding = Finding(
        "disk", "warning", "%(percent)s %% are free in %(path)s.", "look at %(path)s", {"percent": 5, "path": "/x"}
    )
    assert finding.text == "5 % are free in /x."
    assert finding.remedy == "look at /x"


def test_without_values_a_percent_sign_is_one() -> None:
    assert Finding("disk", "fine", "100 % are free.").text == "100 % are free."
    assert Finding("disk", "fine", "100 % are free.").remedy == ""


def test_it_comes_back_from_json() -> None:
    findings = [
        Finding("a", "problem", "%(n)s of %(m)s", "do it", {"n": 1, "m": "two"}),
        Finding("b", "fine", "well"),
    ]
    assert msgspec.json.decode(msgspec.json.encode(findings), type=list[Finding]) == findings


def test_the_worst_comes_first_and_then_the_name() -> None:
    names = {"b": "fine", "a": "fine", "z": "problem", "y": "warning", "x": "unknown", "c": "problem"}
    findings = [Finding(name, state, "") for name, state in names.items()]  # type: ignore[arg-type]
    assert [finding.name for finding in in_order(findings)] == ["c", "z", "y", "x", "a", "b"]
    assert worst(findings) == "problem"
    assert worst(findings[:2]) == "fine"
    assert worst([]) == "fine"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 seconds"),
        (0.9, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
        (10**9, "11574 days"),
    ],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text
