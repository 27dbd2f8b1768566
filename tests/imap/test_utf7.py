from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap import utf7


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("", b""),
        ("INBOX", b"INBOX"),
        ("A & B", b"A &- B"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
        ("Entwürfe", b"Entw&APw-rfe"),
        ("\U0001f600", b"&2D3eAA-"),
        ("a\tb", b"a&AAk-b"),
        ("&&", b"&-&-"),
    ],
)
def test_names(name: str, encoded: bytes) -> None:
    assert utf7.encode(name) == encoded
    assert utf7.decode(encoded) == name


@pytest.mark.parametrize(
    "encoded",
    [
        b"a&b",  # never ended
        b"&Jjo",
        b"&Jjo!-",
        b"&AGE-",  # could be written plainly
        b"&U,BTFw-&ZeVnLIqe-",  # RFC 3501 §5.1.3: superfluous shift
        b"&2D0-",  # half a surrogate pair
        b"&AAA",
        b"&A-",
        b"&ZeVnLIqf-x&",
        b"\xc3\xbc",
        b"a\tb",
        b"\x00",
    ],
)
def test_what_is_no_name(encoded: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        utf7.decode(encoded)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_can_be_a_name(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@given(st.binary(max_size=30) | st.text("&-AZa,+/ ").map(str.encode))
def test_a_name_has_one_form(encoded: bytes) -> None:
    try:
        name = utf7.decode(encoded)
    except ValueError:
        return
    assert utf7.encode(name) == encoded
