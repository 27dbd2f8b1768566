"""However often programs ask, figures are gathered once a second, by one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tempmaild.core.metrics import Sample
from tempmaild.errors import StoreFailed
from tempmaild.jobs.watching import Answers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEW = "application/openmetrics-text"


class Metrics:
    """Metrics that are slow to come.

    Attributes:
        asked: for the newer format or the older, each time that something was gathered.
    """

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.waiting: list[Deferred[Any]] = []
        self.more: Sequence[Sample] = ()

    async def begin(self) -> None:
        self.waiting.append(Deferred())
        await self.waiting[-1]

    async def text(self, more: Sequence[Sample], *, openmetrics: bool) -> tuple[bytes, str]:
        self.asked.append(openmetrics)
        self.more = more
        self.waiting.append(Deferred())
        await self.waiting[-1]
        return f"{len(self.asked)}".encode(), "text/plain"

    def come(self) -> None:
        self.waiting.pop().callback(None)


class Health:
    """A job that is ready."""

    is_ready = True


class House:
    def __init__(self, folder: Path) -> None:
        self.metrics = Metrics()
        self.clock = Clock()
        self.answers = Answers(cast("Any", self.metrics), cast("Any", Health()), folder, self.clock.seconds)

    def ask(self, accept: str = "") -> Deferred[tuple[bytes, str]]:
        return Deferred.fromCoroutine(self.answers.metrics(accept))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def said(deferred: Deferred[tuple[bytes, str]]) -> bytes:
    assert deferred.called
    result: tuple[bytes, str] = cast("Any", deferred).result
    return result[0]


def test_those_who_ask_at_once_share_an_answer(house: House) -> None:
    asked = [house.ask() for _ in range(5)]
    house.metrics.come()
    assert [said(one) for one in asked] == [b"1"] * 5
    assert house.metrics.asked == [False]


def test_after_a_second_it_is_gathered_anew(house: House) -> None:
    house.ask()
    house.metrics.come()
    house.clock.advance(0.9)
    assert said(house.ask()) == b"1"
    house.clock.advance(0.1)
    again = house.ask()
    house.metrics.come()
    assert said(again) == b"2"


def test_the_two_formats_are_two_answers_one_after_the_other(house: House) -> None:
    old, new = house.ask("text/plain"), house.ask(NEW)
    assert house.metrics.asked == [False]
    house.metrics.come()
    assert house.metrics.asked == [False, True]
    house.metrics.come()
    assert (said(old), said(new)) == (b"1", b"2")


def test_what_fails_is_told_and_tried_again(house: House) -> None:
    failed, waiting = house.ask(), house.ask()
    house.metrics.waiting.pop().errback(StoreFailed("no disk"))
    cast("Any", failed).addErrback(lambda failure: failure.trap(StoreFailed))
    house.metrics.come()
    assert said(waiting) == b"2"


def test_the_beginning_is_counted_from_and_may_fail(house: House) -> None:
    house.answers.begin()
    later = house.ask()
    assert house.metrics.asked == [], "one at a time"
    house.metrics.waiting.pop().errback(StoreFailed("no disk"))
    house.metrics.come()
    assert said(later) == b"1"


def test_the_disk_and_whether_it_is_ready_are_of_now(house: House) -> None:
    house.ask()
    free, all_, ready = house.metrics.more
    assert 0 < free.value <= all_.value
    assert ready == Sample("tempmaild_ready", (), 1)
