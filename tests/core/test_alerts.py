"""When people are told what is not well, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.alerts import (
    HOLD,
    MOST_NEWS,
    REPEAT,
    Alert,
    News,
    body,
    plan,
    subject,
    told,
)
from tempmaild.core.health import STATES, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tempmaild.core.health import State

NOW = 1_780_000_000


class Watcher:
    """Looks again and again, and tells; whether it is told can be refused."""

    def __init__(self, least: State = "problem") -> None:
        self.now = NOW
        self.least = least
        self.alerts: list[Alert] = []

    def look(self, state: State | None, seconds: int = 0, *, delivered: bool = True) -> list[str]:
        """Look after so many seconds at one part; the kinds of what is told."""
        self.now += seconds
        findings = [] if state is None else [Finding("clamd", state, f"it is {state}")]
        planned = plan(findings, self.alerts, self.now, self.least)
        self.alerts = told(planned.alerts, planned.news, self.now) if delivered else planned.alerts
        return [news.kind for news in planned.news]


def test_what_passes_is_not_told() -> None:
    watcher = Watcher()
    assert watcher.look("problem") == []
    assert watcher.look("problem", HOLD - 1) == []
    assert watcher.look("fine", 1) == []
    assert watcher.alerts == []
    assert watcher.look("problem", 1) == []


def test_a_problem_is_told_once_when_it_has_held() -> None:
    watcher = Watcher()
    watcher.look("problem")
    assert watcher.look("problem", HOLD) == ["new"]
    assert watcher.look("problem", 60) == []


def test_it_is_told_again_after_twelve_hours() -> None:
    watcher = Watcher()
    watcher.look("problem")
    watcher.look("problem", HOLD)
    assert watcher.look("problem", REPEAT - 1) == []
    assert watcher.look("problem", 1) == ["still"]
    assert watcher.look("problem", 1) == []
    assert watcher.look("problem", REPEAT) == ["still"]


def test_it_is_told_once_that_it_is_over() -> None:
    watcher = Watcher()
    watcher.look("problem")
    watcher.look("problem", HOLD)
    assert watcher.look("fine", 60) == []
    assert watcher.look("fine", HOLD) == ["over"]
    assert watcher.look("fine", 60) == []
    assert watcher.alerts == []


def test_what_comes_and_goes_is_one_alert() -> None:
    watcher = Watcher()
    watcher.look("problem")
    kinds = watcher.look("problem", HOLD)
    for _ in range(50):
        kinds += watcher.look("fine", 60)
        kinds += watcher.look("problem", 60)
    assert kinds == ["new"]


def test_nobody_knows_is_neither_good_nor_bad() -> None:
    watcher = Watcher()
    watcher.look("problem")
    watcher.look("problem", HOLD)
    assert watcher.look("unknown", 10 * HOLD) == []
    assert watcher.look("problem", 60) == []
    assert Watcher().look("unknown") == []


def test_a_part_that_is_no_longer_there_is_over() -> None:
    watcher = Watcher()
    watcher.look("problem")
    watcher.look("problem", HOLD)
    assert watcher.look(None, 60) == []
    assert watcher.look(None, HOLD) == ["over"]


def test_what_was_not_delivered_is_told_again() -> None:
    watcher = Watcher()
    watcher.look("problem")
    assert watcher.look("problem", HOLD, delivered=False) == ["new"]
    assert watcher.look("problem", 60) == ["new"]
    watcher.look("fine", 60)
    assert watcher.look("fine", HOLD, delivered=False) == ["over"]
    assert watcher.look("fine", 60) == ["over"]
    assert watcher.look("fine", 60) == []


@pytest.mark.parametrize(
    ("least", "kinds"), [("problem", []), ("warning", ["new"])], ids=["problems alone", "warnings too"]
)
def test_warnings_are_told_to_who_wants_them(least: State, kinds: list[str]) -> None:
    watcher = Watcher(least)
    watcher.look("warning")
    assert watcher.look("warning", HOLD) == kinds


def test_what_gets_worse_is_told_when_that_has_held() -> None:
    watcher = Watcher("warning")
    watcher.look("warning")
    watcher.look("warning", HOLD)
    assert watcher.look("problem", 60) == []
    assert watcher.look("problem", HOLD) == ["new"]
    # Better, but not well: nothing is told, and then it has been told long ago.
    assert watcher.look("warning", 60) == []
    assert watcher.look("warning", HOLD) == []
    assert watcher.look("warning", REPEAT) == ["still"]


def test_a_clock_that_is_set_back_delays_by_no_more_than_usual() -> None:
    watcher = Watcher()
    watcher.look("problem")
    watcher.look("problem", HOLD)
    watcher.now -= 10 * 86_400
    assert watcher.look("problem") == []
    assert watcher.look("problem", REPEAT) == ["still"]
    watcher.look("fine", 60)
    watcher.now -= 10 * 86_400
    assert watcher.look("fine") == []
    assert watcher.look("fine", HOLD) == ["over"]


@given(
    st.lists(
        st.tuples(st.sampled_from([*STATES, None]), st.integers(0, 3 * REPEAT // 2), st.booleans()), max_size=60
    ),
    st.sampled_from(["warning", "problem"]),
)
def test_whatever_happens_people_can_follow(looks: list[tuple[State | None, int, bool]], least: State) -> None:
    watcher = Watcher(least)
    open_, last = False, NOW
    for state, seconds, delivered in looks:
        for kind in watcher.look(state, seconds, delivered=delivered):
            bad = state in STATES and STATES.index(state) >= STATES.index(least)
            assert bad == (kind != "over")
            assert kind == "new" or open_, "who was told nothing is not told that it is over, or still so"
            if delivered:
                assert kind != "still" or watcher.now - last >= REPEAT
                open_, last = kind != "over", watcher.now
        assert len(watcher.alerts) <= 1
        assert bool(open_) <= bool(watcher.alerts)


def news(kind: str, state: State, name: str = "clamd") -> News:
    return News(kind, Finding(name, state, "It does not answer.", "start it"), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told_of", "text"),
    [
        ([news("new", "problem")], "tempmaild on mx: 1 problem"),
        ([news("new", "problem"), news("still", "problem")], "tempmaild on mx: 2 problems"),
        (
            [news("new", "warning"), news("over", "fine"), news("over", "problem")],
            "tempmaild on mx: 1 warning, 2 over",
        ),
    ],
)
def test_the_subject_counts(told_of: list[News], text: str) -> None:
    assert subject(told_of, "mx") == text


def test_the_body_says_what_to_do() -> None:
    text = body([news("new", "problem"), news("still", "warning", "disk"), news("over", "fine", "DNS")])
    assert text.split("\n\n") == [
        "Problem: clamd: It does not answer.\nSince 2026-05-28T20:26:40Z.\nWhat to do: start it",
        "Still: Warning: disk: It does not answer.\nSince 2026-05-28T20:26:40Z.\nWhat to do: start it",
        "Over: DNS: It does not answer.\nIt was not well since 2026-05-28T20:26:40Z.",
    ]


def test_the_body_has_a_bound() -> None:
    many: Iterable[News] = [news("new", "problem", f"part {number}") for number in range(MOST_NEWS + 3)]
    text = body(list(many))
    assert text.count("What to do") == MOST_NEWS
    assert text.endswith("… and 3 more; see the console.")
