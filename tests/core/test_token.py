"""Tokens that stand in cookies and links."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.token import lookup, new_token


def test_a_token_can_stand_in_a_url() -> None:
    token = new_token(lambda count: bytes(range(256 - count, 256)))
    assert re.fullmatch(r"[\w-]{43}", token, re.ASCII)
    assert lookup(token) == hashlib.sha256(token.encode()).digest()
    assert new_token(lambda count: b"\x00" * count) != token


@given(st.text())
def test_whatever_is_sent_as_one_can_be_looked_up(text: str) -> None:
    assert len(lookup(text)) == 32
    assert len(lookup(text + "\ud800")) == 32
