"""The orders of SORT (RFC 5256 §3, RFC 5957)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.search import Cost
from tempmaild.imap.sort_order import Order, collation_key, octets_of, parse_order, sorted_in_turns
from tests.imap.messages import crlf, make_message
from tests.imap.turns import finish, timed

ORDERS = [b"(SIZE)", b"(REVERSE SIZE ARRIVAL)", b"(ARRIVAL REVERSE SUBJECT SIZE)", b"(REVERSE FROM)"]


def order(text: bytes) -> Order:
    parser = Parser([text])
    order = Order(parse_order(parser))
    parser.end()
    return order


def places(text: bytes, *contents: str, dates: tuple[int, ...] = ()) -> list[int]:
    wanted = order(text)
    for place, content in enumerate(contents):
        wanted.add(make_message(crlf(content), internal_date=dates[place] if dates else 0))
    return finish(wanted.places())


@pytest.mark.parametrize(
    ("text", "contents", "expected"),
    [
        (b"(SUBJECT)", ["Subject: Re: b\n\n", "Subject: A\n\n", "\n", "Subject: [x] c\n\n"], [2, 1, 0, 3]),
        (b"(SUBJECT)", ["Subject: re: A\n\n", "Subject: a\n\n"], [0, 1]),
        (b"(REVERSE SUBJECT)", ["Subject: a\n\n", "Subject: b\n\n", "Subject: A\n\n"], [1, 0, 2]),
        (b"(SIZE)", ["A: 1\n\nlonger\n", "A: 1\n\n", "A: 1\n\nlong\n"], [1, 2, 0]),
        (b"(reverse size)", ["A: 1\n\nlonger\n", "A: 1\n\n", "A: 1\n\nlong\n"], [0, 2, 1]),
        (b"(FROM)", ["From: A <z@a>\n\n", "From: Z <a@z>, b@b\n\n", "\n"], [2, 1, 0]),
        (b"(FROM)", ["From: a@z\n\n", "From: a@a\n\n"], [0, 1]),
        (b"(TO)", ["To: b@x\n\n", "To: =?utf-8?q?=C3=84?= <a@x>\n\n"], [1, 0]),
        (b"(CC)", ["Cc: b@x\n\n", "Cc: A@x\n\n", "To: 1@x\n\n"], [2, 1, 0]),
        (
            b"(DISPLAYFROM)",
            ["From: Bob <a@x>\n\n", "From: alice@x\n\n", "From: =?utf-8?q?Ada?= <z@x>\n\n"],
            [2, 1, 0],
        ),
        (b"(DISPLAYFROM)", ["From: a@z\n\n", "From: a@a\n\n"], [1, 0]),
        (b"(DISPLAYTO)", ["To: Friends: a@x;\n\n", "To: Enemies: z@x;\n\n", "\n"], [2, 1, 0]),
        (b"(DISPLAYTO)", ['To: "" <b@x>\n\n', "To: a@x\n\n"], [1, 0]),
    ],
)
def test_orders(text: bytes, contents: list[str], expected: list[int]) -> None:
    assert places(text, *contents) == expected


# RFC 5256 §2.2: the sent date is compared in UTC, and the internal date stands in for one that is none.
def test_date() -> None:
    contents = (
        "Date: Thu, 01 Jan 1970 03:00:00 +0200\n\n",
        "Date: Thu, 01 Jan 1970 00:30:00 +0000\n\n",
        "Date: never\n\n",
        "Date: Thu, 01 Jan 1970 00:00:00 -0045\n\n",
    )
    assert places(b"(DATE)", *contents, dates=(0, 0, 2000, 0)) == [1, 2, 3, 0]
    assert places(b"(ARRIVAL)", *contents, dates=(5, 3, 2, 4)) == [2, 1, 3, 0]
    assert places(b"(REVERSE ARRIVAL)", *contents, dates=(5, 3, 3, 4)) == [0, 3, 1, 2]


# RFC 5256 §3: REVERSE is for the next criterion only, and what is equal stays as it was.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"(SUBJECT FROM)", [3, 0, 2, 1]),
        (b"(SUBJECT REVERSE FROM)", [0, 2, 3, 1]),
        (b"(REVERSE SUBJECT FROM)", [1, 3, 0, 2]),
        (b"(REVERSE SUBJECT REVERSE FROM)", [1, 0, 2, 3]),
        (b"(SUBJECT SUBJECT REVERSE SUBJECT)", [0, 2, 3, 1]),
    ],
)
def test_several_criteria(text: bytes, expected: list[int]) -> None:
    letters = (("a", "b"), ("b", "a"), ("a", "b"), ("a", "a"))
    contents = [f"Subject: {subject}\nFrom: {sender}@x\n\n" for subject, sender in letters]
    assert places(text, *contents) == expected


def test_cost() -> None:
    assert order(b"(ARRIVAL SIZE)").cost is Cost.ENTRY
    assert order(b"(ARRIVAL DATE)").cost is Cost.SUMMARY


@pytest.mark.parametrize(
    "text",
    [b"", b"DATE", b"()", b"(REVERSE)", b"(REVERSE REVERSE DATE)", b"(DATE", b"(DATE )", b"(COLOUR)", b"(DATE,TO)"],
)
def test_what_are_no_criteria(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        order(text)


# RFC 5051 §2
@pytest.mark.parametrize(
    ("one", "other"), [("abc", "ABC"), ("é", "É"), ("e\u0301", "É"), ("ǆ", "ǅ"), ("Ω", "\u2126")]
)
def test_equal_texts(one: str, other: str) -> None:
    assert collation_key(one) == collation_key(other)


def test_one_character_becomes_no_two_before_it_is_decomposed() -> None:
    assert collation_key("ß") == "ß"
    assert collation_key("ﬁ") == "fi"


def test_texts_in_their_order() -> None:
    texts = ["", " ", "1", "_a", "A", "b", "Z", "é", "ß", "я", "中"]
    keys = [collation_key(text) for text in ("", " ", "1", "A", "b", "E", "é", "f", "Z", "_a", "я", "中")]
    assert keys == sorted(keys)
    assert len({collation_key(text) for text in texts}) == len(texts)


def test_long_texts_are_told_apart() -> None:
    assert collation_key("x" * 100_000) == collation_key("X" * 100_000)
    assert collation_key("x" * 100_000) != collation_key("x" * 100_000 + "y")
    assert len(collation_key("x" * 100_000)) < 300


def test_many_are_sorted_in_turns() -> None:
    keys = [random.Random(number).choice("abcdefgh") for number in range(20_000)]
    for is_reverse in (False, True):
        found, turns = timed(sorted_in_turns(range(len(keys)), keys, is_reverse=is_reverse))
        assert found == sorted(range(len(keys)), key=keys.__getitem__, reverse=is_reverse)
        assert turns.taken > 5


def test_few_are_sorted_in_one_turn() -> None:
    assert timed(sorted_in_turns(range(100), list(range(100, 0, -1))))[1].taken == 1
    assert finish(sorted_in_turns([], [])) == []


@given(st.text())
def test_any_text_has_a_key(text: str) -> None:
    assert collation_key(collation_key(text)) == collation_key(collation_key(collation_key(text)))
    assert len(collation_key(text * 100)) < 300


@pytest.mark.parametrize("text", ORDERS)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b", "\u00e4"]), st.integers(0, 2)), max_size=9))
def test_ranks_are_in_the_order_of_the_messages(text: bytes, mails: list[tuple[int, str, int]]) -> None:
    wanted = order(text)
    for size, subject, date in mails:
        content = crlf(f"From: {subject}@x\nSubject: {subject}\n\n{'x' * size}")
        wanted.add(make_message(content, internal_date=date))
    ranks = sorted(wanted.rank(place, place + 7) for place in range(len(mails)))
    assert [rank[-1] - 7 for rank in ranks] == finish(wanted.places())


def test_long_keys_count_for_what_a_rank_takes() -> None:
    wanted = order(b"(REVERSE SUBJECT)")
    wanted.add(make_message(b"Subject: x\r\n\r\n"))
    wanted.add(make_message(b"Subject: %b\r\n\r\n" % (b"x" * 250)))
    assert octets_of(wanted.rank(1, 1)) - octets_of(wanted.rank(0, 1)) == 249
