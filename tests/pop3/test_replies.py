from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild import errors
from tempmaild.errors import TempmaildError
from tempmaild.pop3 import replies

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TempmaildError) and kind is not TempmaildError
]
SINGLE_LINE = re.compile(rb"-ERR (\[(AUTH|IN-USE|SYS/TEMP|SYS/PERM)\] )?[ -Z^-~]+\r\n")  # RFC 2449 §3


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_its_reply(kind: type[TempmaildError]) -> None:
    assert kind in replies.REFUSALS
    said = replies.refusal(kind("/var/lib/tempmaild is full"))
    assert SINGLE_LINE.fullmatch(said)
    assert len(said) <= 512
    assert b"/var" not in said


def test_an_error_from_the_future_is_our_fault() -> None:
    class Unheard(TempmaildError):
        pass

    assert replies.refusal(Unheard()) == replies.OUR_FAULT


def test_the_reason_of_a_failed_login_is_not_told() -> None:
    kinds = (errors.WrongCredentials, errors.NoSuchMailbox, errors.NoSuchDomain, errors.InvalidAddress)
    assert len({replies.refusal(kind()) for kind in kinds}) == 1


def test_lines() -> None:
    assert replies.lines(b"+OK", []) == b"+OK\r\n.\r\n"
    assert replies.lines(b"+OK", [b"a", b"b"]) == b"+OK\r\na\r\nb\r\n.\r\n"


@pytest.mark.parametrize(
    ("content", "stuffed"),
    [
        (b"", b"\r\n"),
        (b".", b"..\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n"),
        (b"a.\r\n..\r\n.b", b"a.\r\n...\r\n..b\r\n"),
        (b"\r\n\r\n.", b"\r\n\r\n..\r\n"),
    ],
)
def test_stuffed(content: bytes, stuffed: bytes) -> None:
    assert replies.stuffed(content) == stuffed


@given(st.lists(st.sampled_from([b"", b".", b"..", b".a", b"a."]), min_size=1))
def test_stuffing_can_be_undone(lines: list[bytes]) -> None:
    said = replies.stuffed(b"\r\n".join(lines)).removesuffix(b"\r\n").split(b"\r\n")
    assert b"." not in said
    # An empty last line is the end of the line before it.
    expected = lines[:-1] if lines[-1] == b"" and len(lines) > 1 else lines
    assert [line[1:] if line.startswith(b".") else line for line in said] == expected
