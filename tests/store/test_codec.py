from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.store.codec import PLAIN, ZSTD, pack, unpack


@given(st.binary(max_size=5000) | st.binary(max_size=50).map(lambda part: part * 100))
def test_unpack_gives_back_what_was_packed(content: bytes) -> None:
    codec, data = pack(content)
    assert unpack(codec, data) == content
    assert len(data) <= len(content)


def test_only_what_gets_smaller_is_compressed() -> None:
    assert pack(b"Hello. " * 100)[0] == ZSTD
    for content in (b"", b"x", os.urandom(1000)):
        assert pack(content) == (PLAIN, content)


def test_a_codec_of_a_newer_program_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown codec 7"):
        unpack(7, b"")


@pytest.mark.parametrize("data", [b"", b"garbage", pack(b"Hello. " * 100)[1][:-5]])
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(ZSTD, data)
