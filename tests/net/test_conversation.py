from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.errors import MessageTooLarge, OutOfMemory
from tempmaild.net.conversation import (
    FLOOD,
    DotData,
    Drain,
    Flood,
    Input,
    Line,
    LineTooLong,
    Memory,
    Octets,
    Take,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMUGGLED = [
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\n\n.\r\n",
    b"\r\r\n.\r\r\n",
    b"\0\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\r\0\n",
    b"\0.\r\n",
    b"\r\n.\0\n",
    b"\r\n. \r\n",
    b"\r\n..\r\n",
    b"\x85.\x85",
    "\u2028.\u2028".encode(),
]
"""What some server or other has taken for the end of data, or does until today."""


def outcome(effect: Take[Any], data: bytes, cuts: list[int]) -> tuple[object, bytes]:
    """Give what the effect makes of data that arrives in pieces, and what it leaves; an exception by its kind."""
    source = Input()
    result = None
    start = 0
    for cut in [*cuts, len(data)]:
        source.append(data[start : start + cut])
        start += cut
        if result is None:
            try:
                result = effect.take(source)
            except Exception as error:
                result = type(error)
    return result, source.peek()


def every_cut(data: bytes) -> Iterator[list[int]]:
    """All ways to cut data in two, and some in more."""
    yield from ([cut] for cut in range(len(data) + 1))
    yield from ([size] * len(data) for size in (1, 2, 3))


# Input


def test_input_gives_what_was_appended_in_order() -> None:
    source = Input()
    assert not source
    source.append(b"abc")
    assert source.take(2) == b"ab"
    source.append(b"def\r\ngh")
    assert (len(source), source.peek()) == (8, b"cdef\r\ngh")
    assert source.take_line(b"\r\n") == b"cdef"
    assert source.take_line(b"\r\n") is None
    assert source.take_all() == b"gh"
    assert len(source) == 0
    source.append(b"x")
    source.clear()
    assert source.take(5) == b""


# Lines


@pytest.mark.parametrize(
    ("strict", "data", "expected"),
    [
        (True, b"abc\r\nd", (b"abc", b"d")),
        (True, b"a\nb\rc\r\r\nd", (b"a\nb\rc\r", b"d")),
        (True, b"\r\n", (b"", b"")),
        (True, b"0123456789\r\nd", (b"0123456789", b"d")),
        (True, b"0123456789a\r\nd", (LineTooLong, b"d")),
        (True, b"0123456789abcdefghij\r\nd", (LineTooLong, b"d")),
        (True, b"abc\n", (None, b"abc\n")),
        (True, b"abc\r", (None, b"abc\r")),
        (False, b"abc\r\nd", (b"abc", b"d")),
        (False, b"a\rbc\nd", (b"a\rbc", b"d")),
        (False, b"\n", (b"", b"")),
        (False, b"0123456789\r\nd", (b"0123456789", b"d")),
        (False, b"0123456789\nd", (b"0123456789", b"d")),
        (False, b"0123456789a\nd", (LineTooLong, b"d")),
        (False, b"0123456789a\r\nd", (LineTooLong, b"d")),
    ],
)
def test_line(strict: bool, data: bytes, expected: tuple[object, bytes]) -> None:
    for cuts in every_cut(data):
        assert outcome(Line(10, 60, strict=strict), data, cuts) == expected, cuts


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("octets", "expected"), [(FLOOD, LineTooLong), (FLOOD + 1, Flood)])
@pytest.mark.parametrize("piece", [FLOOD * 2, 1 << 16, 65_521, 4093])
def test_an_overlong_line_is_a_flood_however_it_is_cut(
    strict: bool, octets: int, expected: type[Exception], piece: int
) -> None:
    # The octets before the last one of the line's end count, so that a CR that comes alone changes nothing.
    data = b"a" * (octets - strict) + (b"\r\n" if strict else b"\n")
    assert outcome(Line(2048, 60, strict=strict), data, [piece] * (len(data) // piece))[0] is expected


def test_an_overlong_line_takes_little_memory() -> None:
    line, source, most = Line(2048, 60, strict=True), Input(), 0
    for _ in range(FLOOD // 1000):
        source.append(b"a" * 1000)
        assert line.take(source) is None
        most = max(most, len(source))
    assert most <= 2049 + 1000
    source.append(b"a" * 1000)
    with pytest.raises(Flood):
        line.take(source)


# Octets


@pytest.mark.parametrize("keep", [True, False])
def test_octets(keep: bool) -> None:
    data = b"0123\r\n6789rest"
    for cuts in every_cut(data):
        assert outcome(Octets(10, 60, keep=keep), data, cuts) == (data[:10] if keep else b"", b"rest")


# Time


def test_time_for_a_line_does_not_grow_with_its_pieces() -> None:
    line, source = Line(100, 60), Input()
    for _ in range(50):
        source.append(b"a")
        line.take(source)
    assert line.allowance() == 60


@pytest.mark.parametrize(
    ("rate", "at_most", "received", "allowance"),
    [(100, 600, 0, 60), (100, 600, 1000, 70), (100, 600, 10**9, 600), (0, 600, 5000, 600), (0, 0, 5000, 60)],
)
def test_time_for_octets_grows_with_what_arrives(rate: int, at_most: int, received: int, allowance: float) -> None:
    octets, source = Octets(10**10, 60, rate, at_most, keep=False), Input()
    source.append(b"a" * min(received, 10_000))
    octets.take(source)
    octets.received = received
    assert octets.allowance() == allowance


def test_data_and_octets_are_under_way_and_lines_are_not() -> None:
    assert dot_data(1).under_way
    assert Octets(1, 1).under_way
    assert not Line(1, 1).under_way


# The end of data


def dot_data(limit: int = 1 << 20, memory: Memory | None = None) -> DotData:
    return DotData(limit, (memory or Memory(1 << 20)).reserve(), 60, 100, 600)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b".\r\nQUIT\r\n", (b"", b"QUIT\r\n")),
        (b"a\r\n.\r\n", (b"a\r\n", b"")),
        (b"\r\n.\r\n.\r\n", (b"\r\n", b".\r\n")),
        (b"a\r\n..\r\n.\r\nNOOP\r\n", (b"a\r\n..\r\n", b"NOOP\r\n")),
        (b"a\r\n.\r\r\n.\r\n", (b"a\r\n.\r\r\n", b"")),
        (b"\r\r\n.\r\n", (b"\r\r\n", b"")),
        (b"a", (None, b"")),
        (b"a\r\n.\r", (None, b"")),
        (b".", (None, b"")),
        (b".\n", (None, b"")),
    ],
)
def test_data_ends_at_its_end(data: bytes, expected: tuple[object, bytes]) -> None:
    for cuts in every_cut(data):
        assert outcome(dot_data(), data, cuts) == expected, cuts


@pytest.mark.parametrize("end", SMUGGLED)
def test_nothing_else_ends_data(end: bytes) -> None:
    data = b"one" + end + b"MAIL FROM:<>\r\nQUIT"
    for cuts in every_cut(data):
        assert outcome(dot_data(), data, cuts) == (None, b"")
    for cuts in every_cut(data + b"\r\n.\r\n"):
        assert outcome(dot_data(), data + b"\r\n.\r\n", cuts) == (data + b"\r\n", b"")


@given(
    pieces=st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\0"]), max_size=30),
    cuts=st.lists(st.integers(0, 5), max_size=40),
)
def test_data_is_what_a_search_for_its_end_finds(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    content, end, rest = (b"\r\n" + data).partition(b"\r\n.\r\n")
    expected = ((content + b"\r\n")[2:], rest) if end else (None, b"")
    assert outcome(dot_data(), data, cuts) == expected


def test_too_large_a_message_is_refused_after_its_end() -> None:
    memory = Memory(1000)
    for size, expected in ((100, b"a" * 98 + b"\r\n"), (101, MessageTooLarge)):
        data = b"a" * (size - 2) + b"\r\n.\r\nQUIT"
        for cuts in every_cut(data):
            effect = DotData(100, memory.reserve(), 60, 100, 600)
            assert outcome(effect, data, cuts) == (expected, b"QUIT")
            effect._reservation.release()
    assert memory.used == 0


def test_what_is_too_large_takes_no_memory_while_it_goes_on() -> None:
    memory = Memory(10_000)
    effect, source = dot_data(1000, memory), Input()
    for _ in range(100):
        source.append(b"a" * 1000)
        assert effect.take(source) is None
        assert memory.used <= 1004
        assert len(source) == 0
    assert memory.used == 0
    assert not effect._chunks


# Memory


def test_memory_is_shared_by_all_messages() -> None:
    memory = Memory(150)
    first, second = memory.reserve(), memory.reserve()
    assert first.grow(100)
    assert not second.grow(51)
    assert second.octets == 0
    assert second.grow(50)
    assert memory.used == 150
    first.release()
    first.release()
    assert memory.used == 50
    second.release()
    assert memory.used == 0


def test_without_memory_a_message_is_refused_after_its_end() -> None:
    memory = Memory(100)
    other = memory.reserve()
    other.grow(60)
    effect = DotData(1000, memory.reserve(), 60, 100, 600)
    assert outcome(effect, b"a" * 50 + b"\r\n.\r\nQUIT", [20, 20]) == (OutOfMemory, b"QUIT")
    assert memory.used == 60


@pytest.mark.parametrize("end", ["return", "close", "throw"])
def test_a_reservation_is_given_back_whatever_happens(end: str) -> None:
    memory = Memory(100)

    async def converse() -> None:
        reservation = memory.reserve()
        try:
            await DotData(1000, reservation, 60, 100, 600)
        finally:
            reservation.release()

    coroutine = converse()
    effect = coroutine.send(None)
    source = Input()
    source.append(b"a" * 50)
    assert effect.take(source) is None
    assert memory.used > 0
    ends: dict[str, Callable[[], object]] = {
        "return": lambda: coroutine.send(b""),
        "close": coroutine.close,
        "throw": lambda: coroutine.throw(Flood()),
    }
    with suppress(StopIteration, Flood):
        ends[end]()
    assert memory.used == 0


def test_an_effect_is_what_is_awaited() -> None:
    async def converse() -> bytes:
        await Drain()
        return await Line(10, 60)

    coroutine = converse()
    assert isinstance(coroutine.send(None), Drain)
    line = coroutine.send(None)
    assert isinstance(line, Line)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(b"said")
    assert stop.value.value == b"said"
