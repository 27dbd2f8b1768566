"""Line ends: CRLF and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.lines import has_bare_ends, has_line_over, with_crlf

_TEXTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"."]), max_size=12).map(b"".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b""),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\nb\rc", b"a\r\nb\r\nc"),
        (b"\r\r\n\n", b"\r\n\r\n\r\n"),
        (b"\n\r", b"\r\n\r\n"),
        (b"end\r", b"end\r\n"),
    ],
)
def test_with_crlf(text: bytes, expected: bytes) -> None:
    assert with_crlf(text) == expected


@given(_TEXTS)
def test_nothing_but_line_ends_changes(text: bytes) -> None:
    fixed = with_crlf(text)
    assert not has_bare_ends(fixed)
    assert fixed.replace(b"\r\n", b"") == text.replace(b"\r", b"").replace(b"\n", b"")
    assert (fixed == text) == (not has_bare_ends(text))


@given(_TEXTS)
def test_bare_ends_are_what_is_left_without_pairs(text: bytes) -> None:
    rest = text.replace(b"\r\n", b" ")
    assert has_bare_ends(text) == (b"\r" in rest or b"\n" in rest)


@given(st.lists(st.integers(0, 12), max_size=8), st.booleans(), st.integers(1, 10))
def test_has_line_over(lengths: list[int], ended: bool, limit: int) -> None:
    text = b"\r\n".join(b"x" * length for length in lengths) + (b"\r\n" if ended else b"")
    assert has_line_over(text, limit) == any(length > limit for length in lengths)


def test_a_line_at_the_limit() -> None:
    assert not has_line_over(b"x" * 1000 + b"\r\n", 1000)
    assert has_line_over(b"x" * 1001 + b"\r\n", 1000)
    assert has_line_over(b"x" * 1001, 1000)
