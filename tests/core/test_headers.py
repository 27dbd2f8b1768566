"""RFC 5322 §2.2: header fields, folding, comments."""

from itertools import pairwise

import pytest

from tempmaild.core.headers import (
    Field,
    comment_end,
    fields,
    first_field,
    first_values,
    unfold,
    unquote,
    without_comments,
)

HEADER = b"From: a@b\r\nSubject:  one\r\n two\r\n\tthree\r\nX-Empty:\r\n\r\nBody: no\r\n"


def test_fields_give_names_values_and_offsets() -> None:
    assert list(fields(HEADER, 0, len(HEADER))) == [
        Field(b"From", b" a@b\r", 0, 11),
        Field(b"Subject", b"  one\r\n two\r\n\tthree\r", 11, 40),
        Field(b"X-Empty", b"\r", 40, 50),
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"", []),
        (b"\r\n", []),
        (b"\nA: 1\n", []),
        (b"A: 1", [b"A"]),
        (b"A: 1\nB: 2\n\nC: 3\n", [b"A", b"B"]),
        (b"A : 1\r\nB\t:2\r\n", [b"A", b"B"]),  # RFC 5322 §4.5
        (b"From a@b Fri Nov 20 10:00:00 2026\r\nA: 1\r\n", [b"", b"A"]),
        (b" continues nothing\r\nA: 1\r\n", [b"", b"A"]),
        (b"no colon\r\n but more\r\nA: 1\r\n", [b"", b"A"]),
        (b": no name\r\nA: 1\r\n", [b"", b"A"]),
        (b"A\xe9: 8 bit\r\nA\0: NUL\r\nB: 1\r\n", [b"", b"", b"B"]),
        (b"A: 1\r\n \r\n 2\r\nB: 3\r\n", [b"A", b"B"]),  # RFC 5322 §4.2: a line of blanks goes on
        (b"A: 1\rB: 2\r\n", [b"A"]),
    ],
)
def test_every_line_of_the_header_belongs_to_one_field(header: bytes, names: list[bytes]) -> None:
    found = list(fields(header, 0, len(header)))
    assert [field.name for field in found] == names
    assert all(one.end == other.start for one, other in pairwise(found))


def test_first_of_several_fields_counts() -> None:
    header = b"SUBJECT: one\r\nSubject: two\r\nfrom: a@b\r\n\r\n"
    values = first_values(header, 0, len(header))
    assert (values[b"subject"], values[b"from"]) == (b" one\r", b" a@b\r")


def test_offsets_limit_the_header() -> None:
    raw = b"A: 1\r\nB: 2\r\nC: 3\r\n"
    assert [field.name for field in fields(raw, 6, 12)] == [b"B"]
    assert first_values(raw, 6, 12)[b"b"] == b" 2\r"


@pytest.mark.parametrize(
    ("value", "unfolded"),
    [
        (b" text\r", b"text"),
        (b" a\r\n b\r\n\tc\r", b"a b\tc"),  # RFC 5322 §2.2.3: only the line end goes
        (b" caf\xc3\xa9 caf\xe9", b"caf\xc3\xa9 caf\xe9"),
        (b"a\0b\rc", b"abc"),
        (b"", b""),
    ],
)
def test_unfold(value: bytes, unfolded: bytes) -> None:
    assert unfold(value) == unfolded


@pytest.mark.parametrize(
    ("text", "content"),
    [(b"plain", b"plain"), (rb"a \"b\" \\ c", rb'a "b" \ c'), (b"ends in \\", b"ends in \\"), (b"\\\n", b"\n")],
)
def test_unquote(text: bytes, content: bytes) -> None:
    assert unquote(text) == content


@pytest.mark.parametrize(
    ("value", "end"),
    [(b"(a) b", 3), (b"((a)(b)) c", 8), (rb"(a \) b) c", 8), (b"(never", 6), (b"((one of two)", 13), (b"(\\", 2)],
)
def test_comment_end(value: bytes, end: int) -> None:
    assert comment_end(value, 0) == end


@pytest.mark.parametrize(
    ("value", "without"),
    [
        (b"none", b"none"),
        (b"7bit (really)", b"7bit  "),
        (b'a="(not)" (this (and this)) b', b'a="(not)"   b'),
        (rb'"\"(" (x)', rb'"\"("  '),
        (b"a (open", b"a  "),
        (b'"open (no comment)', b'"open (no comment)'),
        (b'(a "quote) b" (c)', b'  b" (c)'),
    ],
)
def test_without_comments(value: bytes, without: bytes) -> None:
    assert without_comments(value) == without


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (b"\na: 1\nb: 2\n\n", b""),
        (b"\nc: 3", b"\nc: 3"),
        (b"\na: c: 1\nc: 3\n 4\n\t5\nb: 6\nc: 7\n\n", b"\nc: 3\n 4\n\t5"),
        (b"\ncc: 3\n ", b"\ncc: 3\n "),
    ],
)
def test_the_first_field_that_begins_so(lines: bytes, field: bytes) -> None:
    assert first_field(lines, b"c") == field
