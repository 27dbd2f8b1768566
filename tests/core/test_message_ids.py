"""Message identifiers in header fields (RFC 5322 §3.6.4, RFC 5256 §3)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.message_ids import MOST_REFERENCES, message_ids, references


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<1@x>", [b"1@x"]),
        (b"<1@x><2@y> , <3@z>", [b"1@x", b"2@y", b"3@z"]),
        (b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (rb'<"a\"b c"@x>', [b'a"b c@x']),
        (b"<a.b$c@[192.0.2.1]>", [b"a.b$c@[192.0.2.1]"]),
        (b"< 1 @ x >", [b"1@x"]),
        (b'Your message of "today" <1@x>', [b"1@x"]),
        (b"a@b", []),
        (b"<a>", []),
        (b"<a@>", []),
        (b"<@b>", []),
        (b"<a b@x>", []),
        (b"<a@b@c> <1@x>", [b"1@x"]),
        (b"<<1@x>", [b"1@x"]),
        (b"", []),
    ],
)
def test_ids(value: bytes, ids: list[bytes]) -> None:
    assert list(message_ids(value)) == ids


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        (b"References: <1@x>\r\n <2@x>\r\n\r\n", (b"1@x", b"2@x")),
        (b"Subject: a\r\nREFERENCES : <1@x>\r\n\r\n", (b"1@x",)),
        (b"References-To: <0@x>\r\nreferences: <1@x>\nreferences: <2@x>\n\n", (b"1@x",)),
        (b"Subject: a\r\n\r\nReferences: <1@x>\r\n", ()),
        (b"Subject: References: <1@x>\r\n\r\n", ()),
        (b"Subject: a\r\n References: <1@x>\r\n\r\n", ()),
        (b"References:\r\n\r\n", ()),
        (b"", ()),
    ],
)
def test_references(header: bytes, ids: tuple[bytes, ...]) -> None:
    body = header.find(b"\n\r\n") + 3 if b"\n\r\n" in header else len(header)
    assert references(header, body) == ids


def test_the_last_of_many_references_are_kept() -> None:
    value = b" ".join(b"<%d@x>" % number for number in range(1000))
    found = references(b"References: %b\r\n" % value, 10_000)
    assert found == tuple(b"%d@x" % number for number in range(1000 - MOST_REFERENCES, 1000))


@pytest.mark.parametrize("part", [b"<", b"<a", b'<"', b'<"a', b"<a@", b"<a@[", b"< ", b"<a @ b"])
def test_no_value_takes_long(part: bytes) -> None:
    start = time.perf_counter()
    list(message_ids(part * 20_000))
    assert time.perf_counter() - start < 2


@given(st.binary())
def test_any_octets(value: bytes) -> None:
    for name in message_ids(value):
        assert list(message_ids(b"<%b>" % name)) in ([name], []) or b'"' in value
