"""RFC 6376 §3.4: canonical forms, held against those of dkimpy."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest
from dkim import rfc822_parse, select_headers
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.checks.signed_message import BodyHash, SignedMessage, relaxed_field

LINE = st.lists(st.sampled_from([b" ", b"\t", b"a", b"bc", b"\xff", b":", b"\x0b", b"="]), max_size=8).map(b"".join)
LINES = st.lists(LINE, max_size=8).map(b"\r\n".join)
TEXT = st.one_of(st.just(b""), LINES.map(lambda lines: lines + b"\r\n"))  # dkimpy keeps blanks where no line ends
FORMS = {False: Simple, True: Relaxed}


def body_hash(body: bytes, *, relaxed: bool) -> BodyHash:
    return asyncio.run(SignedMessage(b"From: a\r\n\r\n" + body).body_hash(relaxed=relaxed))


@given(TEXT)
def test_any_body(body: bytes) -> None:
    for relaxed, form in FORMS.items():
        canonical = form.canonicalize_body(body)
        assert body_hash(body, relaxed=relaxed) == (sha256(canonical).digest(), len(canonical))


@settings(max_examples=20)
@given(LINES, TEXT, st.integers(250_000, 270_000))
def test_any_long_body(lines: bytes, end: bytes, filling: int) -> None:
    body = b"x" * (filling % 997) + (lines + b"\r\nabc\r\n") * (filling // (len(lines) + 7)) + end
    for relaxed, form in FORMS.items():
        canonical = form.canonicalize_body(body)
        assert body_hash(body, relaxed=relaxed) == (sha256(canonical).digest(), len(canonical))


@given(st.sampled_from([b"Name", b"name", b"NAME "]), LINES)
def test_any_field(name: bytes, value: bytes) -> None:
    folded = value.replace(b"\r\n", b"\r\n\t")
    canonical = relaxed_field(b"%b:%b\r\n" % (name, folded))
    if b"\x0b" not in value:  # of which dkimpy takes some for white space
        ((expected_name, expected),) = Relaxed.canonicalize_headers([(name, folded + b"\r\n")])
        assert canonical == expected_name + b":" + expected
    assert relaxed_field(canonical) == canonical


@given(
    st.lists(st.sampled_from([b"a: 1\r\n", b"A: 2\r\n", b"b: 3\r\n 4\r\n", b"c:5\r\n"]), max_size=8),
    st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=8),
)
def test_fields_are_taken_from_the_bottom_up(fields: list[bytes], names: list[bytes]) -> None:
    content = b"".join(fields) + b"\r\nbody\r\n"
    expected = select_headers(rfc822_parse(content)[0], names)
    for relaxed in (False, True):
        selected = SignedMessage(content).select(names, b"", relaxed=relaxed)
        written = [b"%b:%b" % tuple(field) for field in expected]
        assert selected == ([relaxed_field(field) for field in written] if relaxed else written)


@pytest.mark.parametrize(
    ("content", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\n", [], b""),
        (b"\r\nbody\r\n", [], b"body\r\n"),
        (b"\r\n\r\nbody\r\n", [], b"\r\nbody\r\n"),
        (b"a: 1", [b"a"], b""),
        (b"a: 1\r\n", [b"a"], b""),
        (b"a: 1\r\n\r\n", [b"a"], b""),
        (b"a: 1\r\n\r\nb: 2\r\n\r\nc", [b"a"], b"b: 2\r\n\r\nc"),
        (b"From a line of mbox\r\na : 1\r\n", [b"", b"a"], b""),
        (b" folded\r\na: 1\r\n", [b"", b"a"], b""),
        (b"a: 1\r\n \r\nb: 2\r\n\r\n", [b"a", b"b"], b""),
    ],
)
def test_where_the_header_ends(content: bytes, names: list[bytes], body: bytes) -> None:
    message = SignedMessage(content)
    assert list(message.fields) == names
    assert asyncio.run(message.body_hash(relaxed=False))[0] == sha256(Simple.canonicalize_body(body)).digest()
