"""Keywords that clients have been told of, and may still keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.mailbox import Folder
from tempmaild.imap import keywords as module
from tempmaild.imap.keywords import MOST_KEYWORDS, ToldKeywords
from tests.imap.house import PLAIN, House

if TYPE_CHECKING:
    import pytest


def folder(folder_id: int, uid_validity: int = 77) -> Folder:
    return Folder(folder_id, 1, "INBOX", uid_validity, 1, 1, "", subscribed=True)


def told(*keywords: str) -> frozenset[str]:
    return frozenset(keywords)


def test_what_was_told_is_told_again() -> None:
    keywords = ToldKeywords()
    assert keywords.add(folder(1), told()) == told()
    assert keywords.add(folder(1), told("a")) == told("a")
    assert keywords.add(folder(1), told("b")) == told("a", "b")
    assert keywords.add(folder(1), told()) == told("a", "b")


def test_other_folders_have_their_own() -> None:
    keywords = ToldKeywords()
    keywords.add(folder(1), told("a"))
    assert keywords.add(folder(2), told()) == told()
    # The name of a folder that is made anew after it was deleted, and its number, may be the same.
    assert keywords.add(folder(1, 78), told()) == told()


def test_the_case_of_a_keyword_means_nothing() -> None:
    keywords = ToldKeywords()
    keywords.add(folder(1), told("$Work", "a"))
    assert keywords.add(folder(1), told("$WORK")) == told("$WORK", "a")
    assert keywords.add(folder(1), told()) == told("$WORK", "a")


def test_folders_that_were_told_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FOLDERS", 2)
    keywords = ToldKeywords()
    keywords.add(folder(1), told("a"))
    keywords.add(folder(2), told("b"))
    keywords.add(folder(1), told())
    keywords.add(folder(3), told("c"))
    assert keywords.add(folder(1), told()) == told("a")
    assert keywords.add(folder(2), told()) == told()


def test_no_folder_has_very_many() -> None:
    keywords = ToldKeywords()
    used = [f"k{number:03}" for number in range(MOST_KEYWORDS + 1)]
    assert keywords.add(folder(1), told(*used[:-1])) == told(*used[:-1])
    # What messages have is told in any case.
    assert keywords.add(folder(1), told(*used)) == told(*used)
    assert keywords.add(folder(1), told("a")) == told("a", *used[: MOST_KEYWORDS - 1])
    assert len(keywords.add(folder(1), told())) == MOST_KEYWORDS


def test_sessions_share_them(house: House) -> None:
    house.deliver(PLAIN)
    dialog, other = house.select(), house.select()
    dialog.send(b"a STORE 1 +FLAGS ($Label1)\r\n")
    dialog.send(b"a STORE 1 -FLAGS ($Label1)\r\n")
    # This one learns of no message that has it, but names it as soon as it names any.
    assert other.send(b"a NOOP\r\n") == b"* 1 FETCH (UID 1 FLAGS ())\r\na OK Done\r\n"
    assert b"$Label1 $Label2)" in other.send(b"a STORE 1 +FLAGS ($Label2)\r\n")
    said = house.log_in().send(b"a SELECT INBOX\r\n")
    assert said.startswith(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label1 $Label2)\r\n")
    assert b"$Label" not in house.log_in().send(b"a SELECT Trash\r\n")
