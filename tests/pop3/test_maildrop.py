from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.flags import NO_FLAGS
from tempmaild.core.mailbox import INBOX, Entry, Folder
from tempmaild.pop3 import maildrop as maildrop_module
from tempmaild.pop3.maildrop import Maildrop, NoSuchMessage, octets, top

LINES = st.lists(st.binary(max_size=5).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")), max_size=30)


def folder(uid_validity: int = 7) -> Folder:
    return Folder(1, 1, INBOX, uid_validity, 100, 1, "", subscribed=True, messages=3, unseen=3, size=0)


def entry(uid: int, size: int, *, unterminated: bool = False) -> Entry:
    return Entry(uid, uid, 1, NO_FLAGS, 0, size, uid, unterminated)


@pytest.fixture
def maildrop() -> Maildrop:
    return Maildrop(folder(), [entry(3, 10), entry(5, 20, unterminated=True), entry(9, 30)])


def test_an_end_that_is_missing_counts() -> None:
    assert octets(entry(1, 10)) == 10
    assert octets(entry(1, 10, unterminated=True)) == 12


def test_everything_has_its_number(maildrop: Maildrop) -> None:
    assert (maildrop.count, maildrop.octets) == (3, 62)
    assert [maildrop.uid(number) for number in (1, 2, 3)] == [3, 5, 9]
    assert maildrop.size(2) == 22
    assert maildrop.unique_id(3) == b"7.9"
    assert maildrop.sizes() == [b"1 10", b"2 22", b"3 30"]
    assert maildrop.unique_ids() == [b"1 7.3", b"2 7.5", b"3 7.9"]


@pytest.mark.parametrize("number", [-1, 0, 4, 10**9])
def test_other_numbers_are_nobody(maildrop: Maildrop, number: int) -> None:
    for method in (maildrop.uid, maildrop.size, maildrop.unique_id, maildrop.delete):
        with pytest.raises(NoSuchMessage):
            method(number)


def test_marks(maildrop: Maildrop) -> None:
    maildrop.delete(2)
    with pytest.raises(NoSuchMessage):
        maildrop.delete(2)
    assert (maildrop.count, maildrop.octets) == (2, 40)
    assert maildrop.sizes() == [b"1 10", b"3 30"]
    maildrop.delete(1)
    assert maildrop.deleted_uids() == [3, 5]
    maildrop.reset()
    assert (maildrop.count, maildrop.octets) == (3, 62)
    assert maildrop.deleted_uids() == []


def test_deleted_uids_ascend() -> None:
    maildrop = Maildrop(folder(), [entry(uid, 1) for uid in range(1, 20)])
    for number in (16, 8, 1):
        maildrop.delete(number)
    assert maildrop.deleted_uids() == [1, 8, 16]


@given(validity=st.integers(1, 2**63 - 1), uid=st.integers(1, 2**63 - 1))
def test_unique_ids_have_the_form_of_rfc_1939(validity: int, uid: int) -> None:
    assert re.fullmatch(rb"[!-~]{1,70}", Maildrop(folder(validity), [entry(uid, 1)]).unique_id(1))


@pytest.mark.parametrize(
    ("content", "lines", "beginning"),
    [
        (b"", 5, b""),
        (b"a: b\r\n", 5, b"a: b\r\n"),
        (b"a: b\r\n\r\n", 0, b"a: b\r\n\r\n"),
        (b"\r\nbody\r\nmore", 1, b"\r\nbody\r\n"),
        (b"\r\n\r\nbody", 1, b"\r\n\r\n"),
        (b"a: b\r\n\r\none\r\ntwo", 1, b"a: b\r\n\r\none\r\n"),
        (b"a: b\r\n\r\none\r\ntwo", 2, b"a: b\r\n\r\none\r\ntwo"),
    ],
)
def test_top(content: bytes, lines: int, beginning: bytes) -> None:
    assert top(content, lines) == beginning


@pytest.mark.parametrize("step", [1, 4, 1 << 16])
@given(body=LINES, wanted=st.integers(0, 35))
def test_top_counts_lines(step: int, body: list[bytes], wanted: int) -> None:
    content = b"a: b\r\n\r\n" + b"".join(line + b"\r\n" for line in body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maildrop_module, "_STEP", step)
        expected = b"a: b\r\n\r\n" + b"".join(line + b"\r\n" for line in body[:wanted])
        assert top(content, wanted) == expected
