"""Tables for spreadsheets: what is read back is what was written, and nothing in them is a formula."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild_admin.csv_export import csv_of

_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001 - the wide ones, too


def written(*row: object) -> str:
    text = "".join(csv_of(["a", "b"], [row]))
    assert text.startswith('\ufeff"a","b"\r\n')
    return text.removeprefix('\ufeff"a","b"\r\n')


def read(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r\n=1", "'  =1"),
        ("\ufeff=1", "'=1"),
        ("\u200b\u202e=1", "'=1"),
        ("\u00a0=1", "' =1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ('"=1', "'\"=1"),
        ("a;=1", "a;'=1"),
        ("a; =1", "a;' =1"),
        ("a\t=1", "a =1"),
        ("a|-1", "a|'-1"),
        ("a\nb", "a b"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ('say "hello"', 'say "hello"'),
        ("a,b", "a,b"),
        ("joe@example.org", "joe@example.org"),
        ("250-wait", "250-wait"),
        ("\ud800=1", "'=1"),
        (-5, "-5"),
        (None, ""),
    ],
)
def test_a_cell(text: object, kept: str) -> None:
    assert read(written(text, "next")) == [[kept, "next"]]


@given(st.text(), st.text())
def test_whatever_is_written(one: str, other: str) -> None:
    line = written(one, other)
    assert line.endswith("\r\n")
    assert line.removesuffix("\r\n").isprintable()
    line.encode()
    ((first, second),) = read(line)
    for cell in (first, second):
        for piece in re.split("[;|\t]", cell):
            assert not piece.lstrip(" \"'").startswith(_FORMULA) or piece.lstrip(' "').startswith("'")


@given(st.text(alphabet="=+-@;|\t\"' ,a\ufeff\r\n"))
def test_with_other_separators(text: str) -> None:
    """Where spreadsheets want a semicolon, or a tab, they cut the line at other places."""
    line = written(text, "end")
    for separator in ";\t|":
        for row in read(line, separator):
            for cell in row:
                assert not cell.strip(' "').startswith(_FORMULA), (separator, row)
