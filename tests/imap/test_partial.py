"""PARTIAL (RFC 5267 §4.4, RFC 9394)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.grammar import HIGHEST, Parser, SyntaxProblem
from tempmaild.imap.partial import Range, parse_range


@pytest.mark.parametrize(
    ("text", "read", "written"),
    [
        (b"1:1", Range(1, 1), b"1:1"),
        (b"400:500", Range(400, 500), b"400:500"),
        (b"500:400", Range(400, 500), b"400:500"),
        (b"-1:-100", Range(1, 100, from_end=True), b"-1:-100"),
        (b"-100:-1", Range(1, 100, from_end=True), b"-1:-100"),
        (b"4294967295:1", Range(1, HIGHEST), b"1:4294967295"),
    ],
)
def test_ranges(text: bytes, read: Range, written: bytes) -> None:
    parser = Parser([text])
    assert parse_range(parser) == read
    assert parser.at_end()
    assert read.written() == written


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"1", b"1:", b":1", b"1:*", b"*:1", b"*", b"0:1", b"1:0", b"-0:-1", b"1:-1", b"-1:1", b"--1:-2"),
        *(b"1,2", b"x:y", b"4294967296:1", b"1 :2", b"1: 2", b"+1:+2", b"-", b"-1"),
    ],
)
def test_what_are_no_ranges(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        parse_range(Parser([text]))


@given(st.lists(st.integers(), max_size=30), st.integers(1, 40), st.integers(1, 40))
def test_results_in_a_range(results: list[int], one: int, other: int) -> None:
    first, last = sorted((one, other))
    wanted = set(range(first, last + 1))
    count = len(results)
    assert Range(first, last).of(results) == [r for place, r in enumerate(results, 1) if place in wanted]
    from_end = [r for place, r in enumerate(results) if count - place in wanted]
    assert Range(first, last, from_end=True).of(results) == from_end
