"""Every parser takes damaged input: shortly what `make fuzz` does at length."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target, TooSlow, check_growth, check_in_time
from tests.fuzz.targets import TARGETS

_names = pytest.mark.parametrize("name", TARGETS)


def _damaged(target: Target) -> st.SearchStrategy[bytes]:
    """Input of the target with words and octets put in, cut, copied, and put in the place of others."""
    seeds, words = st.sampled_from(target.seeds), st.sampled_from(target.words) | st.binary(max_size=4)

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        data = draw(seeds)
        for _ in range(draw(st.integers(0, 6))):
            start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
            piece = draw(words | st.just(data[start:end] * 2) | seeds)
            data = draw(
                st.sampled_from(
                    (data[:start] + piece + data[end:], data[:end] + piece + data[end:], data[:start] + data[end:])
                )
            )
        return data

    return damaged()


@_names
def test_damaged_input(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=15)
    @given(_damaged(target))
    def check(data: bytes) -> None:
        check_in_time(target, data)

    check()


@_names
def test_seeds_and_words(name: str) -> None:
    target = TARGETS[name]
    for data in (*target.seeds, *target.words, b""):
        target.check(data)


@_names
def test_what_is_repeated_takes_linear_time(name: str) -> None:
    target = TARGETS[name]
    for word in target.words:
        check_growth(target, b"", word)
        check_growth(target, target.seeds[0][:200], word, b"\r\n")


def test_what_takes_quadratic_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(data: bytes) -> None:
        assert data.upper()

    def search(data: bytes) -> None:
        assert not re.search(rb"a*b", data)

    check_growth(Target("fast", once, (b"",)), b"", b"a")
    monkeypatch.setattr("tests.fuzz.target._SIZES", ((2 * 1024, 16 * 1024),))
    with pytest.raises(TooSlow):
        check_growth(Target("slow", search, (b"",)), b"", b"a")


def test_what_takes_long_is_found() -> None:
    def count(data: bytes) -> None:
        assert sum(range(1_000_000)) > len(data)

    check_in_time(Target("slow", count, (b"",), seconds=30), b"a")
    with pytest.raises(TooSlow):
        check_in_time(Target("slow", count, (b"",), seconds=0.001), b"a")
