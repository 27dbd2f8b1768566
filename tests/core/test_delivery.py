from __future__ import annotations

import pytest

from tempmaild.core.delivery import Message


@pytest.mark.parametrize(
    ("content", "unterminated"), [(b"", True), (b"a", True), (b"a\n", True), (b"a\r\n", False), (b"a\r\n\r", True)]
)
def test_a_message_knows_its_size_and_end(content: bytes, unterminated: bool) -> None:
    message = Message(content, b"summary")
    assert (message.size, message.unterminated) == (len(content), unterminated)
