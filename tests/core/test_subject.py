"""RFC 5256 §2.1: what subjects of one conversation have in common."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.subject import LONGEST, base_subject


@pytest.mark.parametrize(
    ("value", "text", "is_reply"),
    [
        ("hello", "hello", False),
        ("", "", False),
        ("   ", "", False),
        ("Re: hello", "hello", True),
        ("RE : hello", "hello", True),
        ("fw: hello", "hello", True),
        ("FWD: hello", "hello", True),
        ("Fwd:hello", "hello", True),
        ("fwdd: hello", "fwdd: hello", False),
        ("Regards: hello", "Regards: hello", False),
        ("Re hello", "Re hello", False),
        ("Re: Fw: re:Re: hello", "hello", True),
        ("Re[4]: hello", "hello", True),
        ("Re [4] : hello", "hello", True),
        ("Re[4][5]: hello", "Re[4][5]: hello", False),
        ("[list] hello", "hello", False),
        ("[list] Re: hello", "hello", True),
        ("[list] [other] Re: [third] hello", "hello", True),
        ("Re: [list] Re: hello", "hello", True),
        ("[list]", "[list]", False),
        ("[one] [two]", "[two]", False),
        ("Re: [list]", "[list]", True),
        ("Re: ", "", True),
        ("[list] Re:", "", True),
        ("[unclosed hello", "[unclosed hello", False),
        ("[a[b] hello", "[a[b] hello", False),
        ("hello (fwd)", "hello", True),
        ("hello (FWD) (fwd)  ", "hello", True),
        ("(fwd)", "", True),
        ("hello (fwd) there", "hello (fwd) there", False),
        ("[fwd: hello]", "hello", True),
        ("[Fwd: Re: hello (fwd)] (fwd)", "hello", True),
        ("[fwd: [fwd: hello]]", "hello", True),
        ("[fwd: [list] hello]", "hello", True),
        ("[fwd:]", "", True),
        ("[fwd: hello", "[fwd: hello", False),
        ("Re: [fwd: hello] more", "more", True),
        ("a\t b   c", "a b c", False),
        ("=?utf-8?q?Re=3A_caf=C3=A9?=", "café", True),
        ("=?utf-8?q?Re?=: x", "x", True),
        ("re:re", "re", True),
        ("\u00a0Re: x", "\u00a0Re: x", False),
    ],
)
def test_base_subject(value: str, text: str, is_reply: bool) -> None:
    assert base_subject(value.encode()) == (text, is_reply)


def test_only_the_beginning_of_a_very_long_subject_counts() -> None:
    assert base_subject(b"Re: " + b"x" * 100_000 + b" (fwd)") == ("x" * (LONGEST - 4), True)


@pytest.mark.parametrize("part", ["[a]", "[fwd:", "re:", "(fwd)", " ", "re[", "[", "[]re:", "=?"])
def test_no_subject_takes_long(part: str) -> None:
    value = (part * LONGEST).encode() + b"]" * 10
    start = time.perf_counter()
    for _ in range(10):
        base_subject(value)
    assert time.perf_counter() - start < 1


PIECES = st.sampled_from(["re:", "Fwd: ", "[x] ", "[fwd:", "]", "(fwd)", " ", "hello", "[", "re [1]:", "\t"])


@given(st.lists(PIECES, max_size=12).map("".join) | st.text())
def test_a_base_subject_is_its_own_base_subject(value: str) -> None:
    text, is_reply = base_subject(value.encode("utf-8", "replace"))
    assert text == text.strip(" \t")
    if text.isascii() and "=?" not in text:
        assert base_subject(text.encode()) == (text, False)
    assert base_subject(f"Re: {text}".encode("utf-8", "replace")).is_reply or is_reply
