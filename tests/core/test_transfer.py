"""RFC 2045 §6: parts in binary become base64, octet for octet."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.content import decoded_body
from tempmaild.core.lines import has_bare_ends
from tempmaild.core.mime import parse, section
from tempmaild.core.transfer import without_binary

from .messages import message

BINARY = b"Content-Transfer-Encoding: binary"
OCTETS = b"\0\r\xff\n\r\n" * 40


@given(st.binary())
def test_what_is_decoded_are_the_very_octets(body: bytes) -> None:
    raw = b"Subject: x\r\n" + BINARY + b"\r\nX-After: y\r\n\r\n" + body
    kept = without_binary(raw)
    assert decoded_body(kept, parse(kept)[0]) == body
    assert b"\0" not in kept
    assert not has_bare_ends(kept)
    assert kept.startswith(b"Subject: x\r\nContent-Transfer-Encoding: b")
    assert b"\r\nX-After: y\r\n\r\n" in kept


def test_parts_within_parts() -> None:
    inner = BINARY + b"\r\nContent-Type: image/x\r\n\r\n" + OCTETS
    forwarded = (
        b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"\r\n--b--\r\n"
    )
    raw = message(
        b"Content-Type: multipart/mixed; boundary=a",
        b"",
        b"preamble",
        b"--a",
        inner,
        b"--a",
        b"",
        b"text",
        b"--a",
        b"Content-Type: message/rfc822",
        b"",
        forwarded + b"--a--",
        b"epilogue",
    )
    kept = without_binary(raw)
    encoded = base64.encodebytes(OCTETS).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    instead = inner.replace(OCTETS, encoded).replace(b": binary", b": base64")
    assert kept == raw.replace(inner, instead)
    root = parse(kept)[0]
    for path in ((1,), (3, 1)):
        part = section(root, path)
        assert part
        assert decoded_body(kept, part) == OCTETS


@pytest.mark.parametrize(
    "raw",
    [
        BINARY + b"\r\n\r\nplain text\r\n",
        b"Content-Transfer-Encoding: 8bit\r\n\r\n\0\n",
        b"\r\n\0",
        b"",
    ],
)
def test_what_needs_nothing_stays(raw: bytes) -> None:
    assert without_binary(raw) is raw
