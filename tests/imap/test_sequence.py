from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.grammar import Parser
from tempmaild.imap.sequence import SAVED, SequenceSet, write_set


def read(text: str) -> SequenceSet:
    return Parser([text.encode()]).sequence_set()


@pytest.mark.parametrize(
    ("text", "highest", "ranges"),
    [
        ("3", 9, [(3, 3)]),
        ("*", 9, [(9, 9)]),
        ("*:*", 9, [(9, 9)]),
        ("5:*", 9, [(5, 9)]),
        ("*:5", 9, [(5, 9)]),
        ("12:*", 9, [(9, 12)]),
        ("7:3", 9, [(3, 7)]),
        ("5,1:2,2:4,9", 9, [(1, 5), (9, 9)]),
        ("1,1,1", 9, [(1, 1)]),
        ("2,4", 9, [(2, 2), (4, 4)]),
        ("1:4294967295", 9, [(1, 4294967295)]),
        ("*", 0, []),
        ("1:*", 0, []),
        ("3,*", 0, [(3, 3)]),
    ],
)
def test_resolve(text: str, highest: int, ranges: list[tuple[int, int]]) -> None:
    assert read(text).resolve(highest) == ranges


@pytest.mark.parametrize(
    ("text", "indices"),
    [("1:*", [0, 1, 2]), ("5", [1]), ("4:8", [1]), ("*", [2]), ("77:*", [2]), ("6", []), ("*:1,5", [0, 1, 2])],
)
def test_indices_in_uids(text: str, indices: list[int]) -> None:
    assert read(text).indices([2, 5, 9]) == indices


def test_an_empty_folder_has_no_indices() -> None:
    assert read("1:*,7").indices([]) == []


# RFC 5182 §4: it stands alone.
def test_the_saved_result() -> None:
    assert read("$") is SAVED
    assert SAVED.resolve(9) == []
    parser = Parser([b"$,1"])
    parser.sequence_set()
    assert parser.rest() == b",1"


def test_equal_sets() -> None:
    assert read("1:3,*") == read("1:3,*")
    assert hash(read("1")) == hash(read("1"))
    assert read("1") != read("2")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], b""), ([3], b"3"), ([3, 5, 6, 7], b"3,5:7"), ([1, 2, 4, 6, 7], b"1:2,4,6:7"), ((0, 1), b"0:1")],
)
def test_write(numbers: list[int], text: bytes) -> None:
    assert write_set(numbers) == text


numbers = st.integers(1, 60)
ends = numbers.map(str) | st.just("*")
ranges = ends | st.tuples(ends, ends).map(":".join)


@given(st.lists(ranges, min_size=1, max_size=8).map(",".join), st.sets(numbers, max_size=40).map(sorted))
def test_a_set_means_what_it_says(text: str, uids: list[int]) -> None:
    last = uids[-1] if uids else 0
    expected = set()
    for part in text.split(","):
        first, _, second = part.partition(":")
        low, high = sorted(last if end == "*" else int(end) for end in (first, second or first))
        expected |= {uid for uid in uids if low <= uid <= high}
    wanted = read(text)
    assert [uids[index] for index in wanted.indices(uids)] == sorted(expected)
    if expected:
        assert read(write_set(sorted(expected)).decode()).indices(uids) == wanted.indices(uids)
