from __future__ import annotations

from base64 import b64encode

import pytest

from tempmaild.pop3 import grammar
from tempmaild.pop3.grammar import Malformed


@pytest.mark.parametrize(
    ("line", "split"),
    [
        (b"quit", (b"QUIT", b"")),
        (b"List 1", (b"LIST", b"1")),
        (b"PASS  two  spaces ", (b"PASS", b" two  spaces ")),
        (b"", (b"", b"")),
        (b" STAT", (b"", b"STAT")),
    ],
)
def test_split_command(line: bytes, split: tuple[bytes, bytes]) -> None:
    assert grammar.split_command(line) == split


def test_nothing() -> None:
    grammar.nothing(b"")
    grammar.nothing(b"  ")
    for argument in (b"x", b"\x00", b"\t"):
        with pytest.raises(Malformed):
            grammar.nothing(argument)


@pytest.mark.parametrize(
    ("argument", "number"), [(b"1", 1), (b"0", 0), (b"007", 7), (b" 4 ", 4), (b"4294967295", 2**32 - 1)]
)
def test_number(argument: bytes, number: int) -> None:
    assert grammar.number(argument) == number


@pytest.mark.parametrize(
    "argument", [b"", b"1 2", b"-1", b"+1", b"1.0", b"1_0", b"0x1", b"one", b"\xd9\xa1", b"9" * 11]
)
def test_no_number(argument: bytes) -> None:
    with pytest.raises(Malformed):
        grammar.number(argument)


def test_number_and_lines() -> None:
    assert grammar.number_and_lines(b"3 10") == (3, 10)
    for argument in (b"", b"3", b"3 10 1", b"3 -1"):
        with pytest.raises(Malformed):
            grammar.number_and_lines(argument)


def test_text() -> None:
    assert grammar.text("grün und  blau ".encode()) == "grün und  blau "
    for argument in (b"", b"\xff", b"a\x00", b"a\x7f", b"\xed\xa0\x80", b"a\tb"):
        with pytest.raises(Malformed):
            grammar.text(argument)


def test_mechanism() -> None:
    assert grammar.mechanism(b"plain") == (b"PLAIN", None)
    assert grammar.mechanism(b"PLAIN =") == (b"PLAIN", b"=")
    with pytest.raises(Malformed):
        grammar.mechanism(b"PLAIN a b")


def test_plain() -> None:
    assert grammar.plain(b64encode(b"\0name\0pass word")) == ("", "name", "pass word")
    assert grammar.plain(b64encode("ich\0ich\0geheimÜ".encode())) == ("ich", "ich", "geheimÜ")


@pytest.mark.parametrize(
    "message", [b"", b"name", b"\0name", b"\0name\0", b"\0\0secret", b"\0a\0b\0c", b"\0a\0\xff", b"\0a\nb\0c"]
)
def test_not_plain(message: bytes) -> None:
    with pytest.raises(Malformed):
        grammar.plain(b64encode(message))


@pytest.mark.parametrize("response", [b"AG5hbWUAcGFzcw", b"AG5hbWUAcGFzcw==\n", b"AG5h bWUAcGFzcw==", b"\xff", b"="])
def test_not_base64(response: bytes) -> None:
    with pytest.raises(Malformed):
        grammar.plain(response)
