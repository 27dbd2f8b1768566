from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.imap.house import OTHER, PLAIN, House

if TYPE_CHECKING:
    from tests.dialog import Dialog

SUMMARY = "UPDATE summary SET data = ? WHERE entry_id = (SELECT id FROM entry WHERE uid = 2)"
CONTENT = "UPDATE content SET data = ? WHERE id = (SELECT content_id FROM entry WHERE uid = 2)"


@pytest.fixture
def dialog(house: House) -> Dialog:
    """A folder with three messages."""
    house.deliver(PLAIN, OTHER, PLAIN)
    return house.select()


def damage(house: House, statement: str) -> None:
    assert house.appliance.appliance.handle.run(statement, b"garbage")


@pytest.mark.parametrize(
    ("statement", "items"), [(SUMMARY, "ENVELOPE"), (SUMMARY, "BODYSTRUCTURE"), (CONTENT, "BODY.PEEK[]")]
)
@pytest.mark.parametrize("command", ["FETCH", "UID FETCH"])
def test_fetch_gives_the_other_messages(
    house: House, dialog: Dialog, statement: str, items: str, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(house, statement)
    with caplog.at_level(logging.ERROR):
        answer = dialog.send(f"a {command} 1:3 ({items})\r\n".encode())
    assert b"* 1 FETCH" in answer
    assert b"* 2 FETCH" not in answer
    assert b"* 3 FETCH" in answer
    assert answer.endswith(b"a NO [SERVERBUG] A message cannot be read any more\r\n")
    assert "message-damaged" in caplog.text
    assert "garbage" not in caplog.text
    assert not dialog.closed


def test_what_can_be_read_of_it_is_given(house: House, dialog: Dialog) -> None:
    damage(house, SUMMARY)
    answer = dialog.send(b"a FETCH 1:3 (UID FLAGS RFC822.SIZE)\r\n")
    assert answer.count(b" FETCH ") == 3
    assert answer.endswith(b"a OK Fetched\r\n")


@pytest.mark.parametrize(("statement", "key"), [(SUMMARY, b"SUBJECT one"), (CONTENT, b"BODY hello")])
def test_search_finds_the_other_messages(house: House, dialog: Dialog, statement: str, key: bytes) -> None:
    damage(house, statement)
    assert dialog.send(b"a SEARCH " + key + b"\r\n") == b"* SEARCH 1 3\r\na OK Searched\r\n"
