"""The reactor's turns."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tempmaild.net.reactor import ShortEPollReactor

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """Something to be read, once; it notes when it is, and when the turn of that ends."""

    def __init__(self, reactor: ShortEPollReactor, happened: list[str], name: str) -> None:
        self._reactor = reactor
        self._happened = happened
        self._name = name
        self._source, self.sink = os.pipe()
        os.write(self.sink, b"x")
        reactor.addReader(self)  # type: ignore[no-untyped-call]

    def fileno(self) -> int:
        return self._source

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        os.read(self._source, 1)
        self._happened.append(f"{self._name} is read")
        self._reactor.at_end_of_turn(self._end)

    def close(self) -> None:
        self._reactor.removeReader(self)  # type: ignore[no-untyped-call]
        os.close(self._source)
        os.close(self.sink)

    def _end(self) -> None:
        self._happened.append(f"the turn of {self._name} ends")
        if self._name == "bad":
            raise RuntimeError("a defect")


@pytest.fixture
def reactor() -> Iterator[ShortEPollReactor]:
    reactor = ShortEPollReactor()
    yield reactor
    reactor.disconnectAll()


def test_a_turn_ends_when_all_that_happened_is_handled(reactor: ShortEPollReactor) -> None:
    happened: list[str] = []
    pipes = [Pipe(reactor, happened, name) for name in ("one", "two")]
    reactor.doPoll(1)
    assert sorted(happened[:2]) == ["one is read", "two is read"]
    assert sorted(happened[2:]) == ["the turn of one ends", "the turn of two ends"]
    for pipe in pipes:
        pipe.close()


def test_a_turn_is_short_however_many_ask(reactor: ShortEPollReactor) -> None:
    happened: list[str] = []
    pipes = [Pipe(reactor, happened, str(number)) for number in range(100)]
    reactor.doPoll(1)
    assert happened[64:] == [f"the turn of {read.split()[0]} ends" for read in happened[:64]]
    reactor.doPoll(1)
    assert len(happened) == 200, "everybody had a turn"
    for pipe in pipes:
        pipe.close()


def test_timed_calls_have_a_turn_of_their_own(reactor: ShortEPollReactor) -> None:
    """What its end brings is known before it is said how long events may be waited for."""
    happened: list[str] = []

    def end() -> None:
        happened.append("the turn ends")
        reactor.callLater(0, happened.append, "what it has brought")

    reactor.callLater(0, reactor.at_end_of_turn, end)
    reactor.runUntilCurrent()
    assert happened == ["the turn ends"]
    assert reactor.timeout() == 0
    reactor.runUntilCurrent()
    assert happened == ["the turn ends", "what it has brought"]


def test_what_the_end_of_a_turn_brings_belongs_to_it(reactor: ShortEPollReactor) -> None:
    happened: list[str] = []
    reactor.at_end_of_turn(lambda: reactor.at_end_of_turn(lambda: happened.append("a second end")))
    reactor.doPoll(0)
    assert happened == ["a second end"]


def test_a_defect_at_the_end_of_a_turn_concerns_nobody_else(reactor: ShortEPollReactor) -> None:
    happened: list[str] = []
    pipes = [Pipe(reactor, happened, name) for name in ("bad", "good")]
    reactor.doPoll(1)
    assert {"the turn of bad ends", "the turn of good ends"} <= set(happened)
    for pipe in pipes:
        pipe.close()
