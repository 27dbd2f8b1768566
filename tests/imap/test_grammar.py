from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.grammar import DEEPEST, Parser, SyntaxProblem, remembered

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
        (DATE_TIME, b'"1-Jan-1970 00:00:00 +0000"', 0, b""),
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
        (DATE_TIME, b'"  1-Jul-1996 02:44:25 -0700"'),
        (DATE_TIME, b'"-Jul-1996 02:44:25 -0700"'),
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


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        (b" NOOP", b"NOOP", b""),
        (b" fetch 1 (UID)", b"FETCH", b" 1 (UID)"),
        (b" Uid Fetch 1", b"UID FETCH", b" 1"),
        (b" uidx fetch", b"UIDX", b" fetch"),
    ],
)
def test_the_name_of_a_command(text: bytes, name: bytes, rest: bytes) -> None:
    parser = Parser([text])
    assert parser.command() == name
    assert parser.rest() == rest


@pytest.mark.parametrize(
    ("text", "expected", "position"),
    [
        (b"", "Expected a space", 0),
        (b"NOOP", "Expected a space", 0),
        (b"  NOOP", "Expected an atom", 1),
        (b" (", "Expected an atom", 1),
        (b" UID", "Expected a space", 4),
        (b" uid  FETCH", "Expected an atom", 5),
        (b" UID ", "Expected an atom", 5),
    ],
)
def test_what_is_no_name_of_a_command(text: bytes, expected: str, position: int) -> None:
    with pytest.raises(SyntaxProblem, match=expected) as problem:
        Parser([text]).command()
    assert problem.value.position == position


def test_what_is_remembered_is_read_once_and_its_problems_have_their_place() -> None:
    read = []

    @remembered
    def atom(parser: Parser, suffix: bytes) -> bytes:
        read.append(suffix)
        found = parser.atom()
        parser.end()
        return found + suffix

    assert [atom(Parser([b"FOO"]), suffix) for suffix in (b"1", b"2", b"1")] == [b"FOO1", b"FOO2", b"FOO1"]
    assert read == [b"1", b"2"]
    parser = Parser([b"a ("])
    parser.atom()
    parser.space()
    for wrong in (parser, Parser([b"(", b"literal", b""], before=2)):
        with pytest.raises(SyntaxProblem) as problem:
            atom(wrong, b"")
        assert problem.value.position == 2
    with pytest.raises(SyntaxProblem):
        atom(Parser([b"FOO", b"literal", b""]), b"1")
    assert atom(Parser([b"x" * 200]), b"") == atom(Parser([b"x" * 200]), b"") == b"x" * 200


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
