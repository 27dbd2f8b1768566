"""What is scanned by itself: everything that could be read in two ways, within bounds."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.core.mime import parse
from tempmaild.core.scanning import MAX_PIECES, all_pieces, hidden_pieces, whole

HEAD = b"From: a@example.org\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nHello, Bob.\r\n"


def hidden(raw: bytes) -> list[bytes]:
    return [piece.data for piece in hidden_pieces(raw, parse(raw)[0])]


def two_parts(second: bytes, kind: bytes = b'multipart/mixed; boundary="b"') -> bytes:
    return HEAD + b"Content-Type: " + kind + b"\r\n\r\n--b\r\n" + TEXT + b"--b\r\n" + second + b"\r\n--b--\r\n"


ORDINARY = [
    HEAD + b"\r\nHello, Bob.\r\n-- \r\nAlice\r\n",
    HEAD + TEXT,
    HEAD + b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=\r\n",
    two_parts(b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\nREU="),
    two_parts(b'Content-Type: image/png;\r\n\tname="x y.png"\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQUJD'),
    two_parts(b"Content-Disposition: attachment; filename*=utf-8''%C3%A4.txt\r\n\r\nHello, you."),
    two_parts(b"Content-Type: text/html\r\n\r\n<p>--b</p>", b"multipart/alternative;\r\n boundary=b"),
]


@pytest.mark.parametrize("raw", ORDINARY)
def test_nothing_is_hidden_in_ordinary_mail(raw: bytes) -> None:
    assert hidden(raw) == []


@pytest.mark.parametrize("raw", ORDINARY)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.replace(b"From: ", b"\r\n", 1),
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\n \r\n\r\n", 1),
        lambda raw: raw + b"\0",
        lambda raw: raw + b"x" * 1000,
        lambda raw: raw + b"--B\r\n",
        lambda raw: raw + b"(a comment)--b\r\n",
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\n\r\nContent-Id: x\r\n", 1).replace(b"--b--", b""),
        lambda raw: raw + b"begin 644 x\r\n",
        lambda raw: raw + b"Content-Type: text/plain\r\n",
        lambda raw: raw.replace(b"From:", b"Content-Type: text/plain (x)\r\nFrom:", 1),
        lambda raw: raw.replace(b"From:", b"Content-Disposition: attachment;\r\nFrom:", 1),
        lambda raw: raw.replace(b"From:", b'Content-Disposition: attachment; x="\r\nFrom:', 1),
        lambda raw: raw.replace(b"From:", b"no field\r\nFrom:", 1),
    ],
)
def test_all_parts_are_given_of_mail_that_could_be_read_in_two_ways(raw: bytes, spoil: object) -> None:
    assert callable(spoil)
    spoiled = spoil(raw)
    root = parse(spoiled)[0]
    leaves = root.children or (root,)
    assert {spoiled[leaf.body : leaf.end] for leaf in leaves} - {b""} <= set(hidden(spoiled))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (b"Content-Transfer-Encoding: base64\r\n\r\nQUJD====", [b"QUJD====", b"ABC"]),
        (b"Content-Transfer-Encoding: base64\r\n\r\nQ U J D", [b"Q U J D", b"ABC"]),
        (b"Content-Transfer-Encoding: x\r\n\r\nQUJD", [b"QUJD", b"ABC"]),
        (b"Content-Transfer-Encoding: x\r\n\r\n=41", [b"=41", b"A"]),
        (b"Content-Transfer-Encoding: binary\r\n\r\nx", [b"x"]),
        (b"Content-Type: a/b\r\n\r\n" + base64.b64encode(b"x" * 30), [base64.b64encode(b"x" * 30), b"x" * 30]),
    ],
)
def test_readings_of_a_part(part: bytes, expected: list[bytes]) -> None:
    assert set(expected) <= set(hidden(two_parts(part)))
    assert b"Hello, Bob." not in hidden(two_parts(part))


def test_the_parts_of_multiparts_that_clamav_passes_over_are_given() -> None:
    second = b"Content-Type: text/plain\r\n\r\nHello, you."
    assert hidden(two_parts(second, b"multipart/signed; boundary=b")) == [b"Hello, Bob.", b"Hello, you."]


def test_old_encodings_are_given_as_mail() -> None:
    assert whole(b"\r\nbegin 644 x\r\n") in hidden(HEAD + b"Content-Type: text/plain\r\n\r\nbegin 644 x\r\n")


def test_encoded_messages_are_taken_apart_down_to_a_depth() -> None:
    message = HEAD + b"Content-Transfer-Encoding: x\r\n\r\ninnermost"
    for _ in range(3):
        message = (
            HEAD
            + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + (base64.encodebytes(message))
        )
    assert b"innermost" in hidden(message)
    for _ in range(4):
        message = (
            HEAD
            + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + (base64.encodebytes(message))
        )
    assert b"" in hidden(message)


def test_more_parts_than_can_be_scanned_are_told() -> None:
    raw = HEAD + b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\n\r\nx\r\n" * 2000
    pieces = hidden(raw)
    assert len(pieces) == MAX_PIECES + 1
    assert pieces[-1] == b""
    assert b"" not in pieces[:-1]


FRAGMENTS = [
    b"\r\n",
    b"\r\n\r\n",
    b"--b",
    b"--b--",
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"message/rfc822",
    b"text/plain",
    b"Content-Transfer-Encoding: ",
    b"base64",
    b"quoted-printable",
    b"x-uuencode",
    b"QUJDREVGR0hJSktMTU5PUFFS",
    b"=41",
    b"begin 644 x\r\n",
    b"\0",
    b" ",
    b";",
    b'"',
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=8), max_size=60).map(b"".join))
@settings(max_examples=400)
def test_anything_is_taken_apart_within_bounds(raw: bytes) -> None:
    root = parse(raw)[0]
    everything = list(all_pieces(raw, root))
    assert len(everything) <= MAX_PIECES + 1
    assert sum(len(piece.data) for piece in everything) <= 8 * len(raw) + 64 * 1024
    assert set(hidden_pieces(raw, root)) <= set(everything)
    assert all(piece.part.header <= piece.part.end <= len(raw) for piece in everything)
