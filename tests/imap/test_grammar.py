from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.grammar import DEEPEST, Parser, SyntaxProblem

Read = Callable[[Parser], object]

ATOM: Read = Parser.atom
ASTRING: Read = Parser.astring
STRING: Read = Parser.string
TAG: Read = Parser.tag
NUMBER: Read = Parser.number
DATE_TIME: Read = Parser.date_time


@pytest.mark.parametrize(
    ("read", "text", "value", "rest"),
    [
        (TAG, b"a1 NOOP", b"a1", b" NOOP"),
        (TAG, b"a.]+b", b"a.]", b"+b"),
        (ATOM, b"FETCH 1", b"FETCH", b" 1"),
        (ATOM, b"BODY[TEXT]", b"BODY[TEXT", b"]"),
        (ATOM, b"a(b", b"a", b"(b"),
        (ASTRING, b"a]b c", b"a]b", b" c"),
        (ASTRING, b'"a b"', b"a b", b""),
        (ASTRING, b'"a\\"\\\\b" c', b'a"\\b', b" c"),
        (ASTRING, b'""', b"", b""),
        (ASTRING, b'"\xc3\xbc"', b"\xc3\xbc", b""),
        (Parser.nstring, b"nil)", None, b")"),
        (Parser.nstring, b'"NIL"', b"NIL", b""),
        (Parser.list_mailbox, b"Wo%/*]", b"Wo%/*]", b""),
        (Parser.list_mailbox, b'"a *"', b"a *", b""),
        (NUMBER, b"0012 ", 12, b" "),
        (NUMBER, b"4294967295", 4294967295, b""),
        (Parser.nz_number, b"7.", 7, b"."),
        (Parser.date, b"1-Feb-1994", date(1994, 2, 1), b""),
        (Parser.date, b'"29-FEB-2024")', date(2024, 2, 29), b")"),
        (DATE_TIME, b'"17-Jul-1996 02:44:25 -0700"', 837596665, b""),
        (DATE_TIME, b'" 1-jan-1970 00:00:00 +0000"', 0, b""),
        (Parser.flag_list, b"()", frozenset(), b""),
        (Parser.flag_list, b"(\\SEEN $Junk \\seen)", frozenset({"\\Seen", "$Junk"}), b""),
        (Parser.flag_list, b"(a A b)", frozenset({"a", "b"}), b""),
        (Parser.flags, b"\\Deleted x", frozenset({"\\Deleted", "x"}), b""),
        (Parser.flags, b"(x)", frozenset({"x"}), b""),
    ],
)
def test_productions(read: Read, text: bytes, value: object, rest: bytes) -> None:
    parser = Parser([text])
    assert read(parser) == value
    assert parser.rest() == rest
    assert parser.at_end() == (rest == b"")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (TAG, b""),
        (TAG, b"+"),
        (TAG, b"\xff"),
        (ATOM, b"\x00"),
        (ATOM, b"\\Seen"),
        (ASTRING, b""),
        (ASTRING, b'"a'),
        (ASTRING, b'"a\\b"'),
        (ASTRING, b'"a\x00b"'),
        (ASTRING, b"(a)"),
        (ASTRING, b"%"),
        (ASTRING, b"{3}"),
        (STRING, b"atom"),
        (Parser.nstring, b"atom"),
        (NUMBER, b"-1"),
        (NUMBER, b"4294967296"),
        (NUMBER, b"9" * 40),
        (Parser.nz_number, b"0"),
        (Parser.nz_number, b"01"),
        (Parser.sequence_set, b""),
        (Parser.sequence_set, b"0"),
        (Parser.sequence_set, b"1,,2"),
        (Parser.sequence_set, b"1:2:3"),
        (Parser.sequence_set, b"1:"),
        (Parser.sequence_set, b"*1"),
        (Parser.sequence_set, b"4294967296"),
        (Parser.sequence_set, b"9" * 50),
        (Parser.date, b"30-Feb-1994"),
        (Parser.date, b'"1-Feb-1994'),
        (Parser.date, b"1-Fob-1994"),
        (Parser.date, b"1-Feb-94"),
        (DATE_TIME, b"17-Jul-1996 02:44:25 -0700"),
        (DATE_TIME, b'"17-Jul-1996 02:44:25 -0760"'),
        (DATE_TIME, b'"17-Jul-1996 24:44:25 -0700"'),
        (DATE_TIME, b'"17-Jul-1996 02:44:25 +9900"'),
        (DATE_TIME, b'"31-Jun-1996 02:44:25 -0700"'),
        (DATE_TIME, b'"17-Jul-0000 02:44:25 -0700"'),
        (Parser.flag_list, b"(\\Recent)"),
        (Parser.flag_list, b"(\\Foo)"),
        (Parser.flag_list, b"(a "),
        (Parser.flag_list, b"(a )"),
        (Parser.flag_list, b"a"),
        (Parser.flags, b""),
    ],
)
def test_what_is_no_production_is_told_and_not_consumed_beyond(read: Read, text: bytes) -> None:
    with pytest.raises(SyntaxProblem) as problem:
        read(Parser([text]))
    assert problem.value.text.startswith("Expected ")
    assert 0 <= problem.value.position <= len(text)


def test_literals() -> None:
    parser = Parser([b"a1 LOGIN ", b"abc", b" ", b"x\r\ny", b""])
    assert parser.tag() == b"a1"
    parser.space()
    assert parser.atom() == b"LOGIN"
    parser.space()
    assert parser.peek() == b"{"
    assert parser.astring() == b"abc"
    assert not parser.at_end()
    parser.space()
    assert parser.string() == b"x\r\ny"
    assert parser.peek() == b""
    parser.end()


def test_the_position_counts_literals() -> None:
    parser = Parser([b"ab ", b"12345", b" x(", b"6", b""])
    parser.atom()
    parser.space()
    parser.astring()
    parser.space()
    parser.atom()
    with pytest.raises(SyntaxProblem) as problem:
        parser.end()
    assert (problem.value.text, problem.value.position) == ("Expected the end of the command", 10)


def test_a_literal_has_to_be_where_a_string_may_be() -> None:
    parser = Parser([b"a", b"b", b""])
    assert parser.atom() == b"a"
    for read in (Parser.space, Parser.atom, Parser.number, Parser.end):
        with pytest.raises(SyntaxProblem):
            read(parser)
    with pytest.raises(SyntaxProblem, match="without NUL"):
        Parser([b"", b"\x00", b""]).string()


def test_tokens_are_accepted_in_any_case() -> None:
    parser = Parser([b"Charset x)"])
    assert not parser.accept(b"CHARSETS ")
    assert parser.accept(b"CHARSET ")
    parser.expect(b"X")
    assert not parser.accept(b"))")
    with pytest.raises(SyntaxProblem, match="Expected \\("):
        parser.expect(b"(")


def test_nesting_is_bounded() -> None:
    parser = Parser([b""])
    for _ in range(3):
        for _ in range(DEEPEST):
            parser.enter()
        for _ in range(DEEPEST):
            parser.leave()
    for _ in range(DEEPEST):
        parser.enter()
    with pytest.raises(SyntaxProblem, match="Nested"):
        parser.enter()


@given(
    st.binary(max_size=40),
    st.sampled_from([TAG, ATOM, ASTRING, NUMBER, DATE_TIME, Parser.sequence_set, Parser.flags]),
)
def test_garbage_is_a_syntax_problem_or_consumed(text: bytes, read: Read) -> None:
    parser = Parser([text])
    try:
        read(parser)
    except SyntaxProblem:
        return
    assert text.endswith(parser.rest())
    assert len(parser.rest()) < len(text)
