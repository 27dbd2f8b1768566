"""RFC 7208 §9.1: the header field Received-SPF."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.received_spf import LONGEST_VALUE, printable, received_spf


def test_the_field() -> None:
    pairs = [
        ("client-ip", "2001:db8::1"),
        ("envelope-from", '"a \\"b"@example.org'),
        ("helo", "mail.example.org"),
        ("problem", ""),
        ("identity", "mailfrom"),
    ]
    assert received_spf("pass", "mx.box.test: (designated)", pairs) == (
        b"Received-SPF: pass (mx.box.test: \\(designated\\))\r\n"
        b'\tclient-ip="2001:db8::1";\r\n'
        b'\tenvelope-from="\\"a \\\\\\"b\\"@example.org";\r\n'
        b"\thelo=mail.example.org;\r\n"
        b"\tidentity=mailfrom\r\n"
    )


def test_a_value_may_end_with_a_semicolon() -> None:
    assert received_spf("none", "", [("helo", "a;")]).endswith(b'\thelo="a;"\r\n')


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "a\x85b", "a\u2028b", "a\u202eb"])
def test_nothing_ends_the_line(value: str) -> None:
    (first, second, rest) = received_spf("fail", value, [("helo", value)]).split(b"\r\n")
    assert rest == b""
    assert b"?" in first
    assert b"?" in second
    assert (first + second).decode().isprintable() is False  # the tab that folds
    assert (first + second[1:]).decode().isprintable()


@given(st.text(), st.text())
def test_any_value_is_a_dot_atom_or_a_quoted_string(comment: str, value: str) -> None:
    lines = received_spf("pass", comment, [("key", value)]).decode().split("\r\n")
    assert re.fullmatch(r"Received-SPF: pass \((?:[^()\\]|\\[()\\])*\)", lines[0])
    if value:
        assert re.fullmatch(r'\tkey=(?:[^"\\ ()<>\[\]:;@,]+|"(?:[^"\\]|\\["\\])*")', lines[1])
    assert all(len(line) <= 2 * LONGEST_VALUE + 50 for line in lines)


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_printable(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= longest
