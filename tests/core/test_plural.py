"""One thing is one thing."""

from __future__ import annotations

import pytest

from tempmaild.core.plural import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 mailboxes"), (1, "1 mailbox"), (2, "2 mailboxes"), (101, "101 mailboxes")]
)
def test_what_is_counted(number: int, text: str) -> None:
    assert counted(number, "mailbox", "mailboxes") == text
