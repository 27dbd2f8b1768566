"""Several sessions in one mailbox: who is told what, and when (RFC 9051 §5.2 to §5.5)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.mailbox import INBOX
from tempmaild.errors import StoreFailed
from tempmaild.imap.sections import Section
from tempmaild.service.inbox import Inbox
from tests.imap.house import NESTED, OTHER, PLAIN
from tests.support import run

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder
    from tests.imap.house import House

GONE = b"* BYE [UNAVAILABLE] This mailbox no longer exists\r\n"


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, OTHER, NESTED)


# What happens elsewhere


def test_an_idling_session_is_told_at_once(house: House) -> None:
    idling, other = house.select(), house.select()
    assert idling.send(b"a IDLE\r\n") == b"+ Waiting for news\r\n"
    house.deliver(PLAIN)
    assert idling.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    other.send(b"a STORE 2 +FLAGS (\\Deleted)\r\n")
    assert idling.read() == b"* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))\r\n"
    other.send(b"a EXPUNGE\r\n")
    assert idling.read() == b"* 2 EXPUNGE\r\n"
    assert idling.send(b"DONE\r\nb NOOP\r\n") == b"a OK Enough waited\r\nb OK Done\r\n"


def test_what_happened_before_idle_is_told_at_once(house: House) -> None:
    """And after the continuation, which is all that IMAPClient takes for the beginning."""
    idling = house.select()
    house.deliver(PLAIN)
    assert idling.send(b"a IDLE\r\n") == b"+ Waiting for news\r\n* 4 EXISTS\r\n* 4 RECENT\r\n"


def elsewhere(house: House, patch: pytest.MonkeyPatch) -> list[set[int]]:
    """Have what is done from now on done as if by another process; gives what is on its way to ours."""
    touched: list[set[int]] = []
    hub = house.logins.hub

    def committed(folders: set[int]) -> None:
        hub.shared.note(folders)
        touched.append(folders)

    patch.setattr(house.logins.access, "_committed", committed)
    return touched


def test_what_another_process_has_answered_is_told_with_the_next_command(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its notice may come later; who did it may already know that it is done."""
    dialog = house.select()
    touched = elsewhere(house, monkeypatch)
    house.expunge(2)
    house.deliver(PLAIN)
    assert dialog.send(b"a NOOP\r\n") == b"* 2 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\na OK Done\r\n"
    monkeypatch.setattr(Inbox, "changes", None)
    house.logins.hub.hear(set().union(*touched))
    assert dialog.send(b"b NOOP\r\n") == b"b OK Done\r\n", "it was known"


def test_what_happens_while_a_folder_is_opened_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is told nothing of a folder that nobody watches there yet."""
    house.select()
    elsewhere(house, monkeypatch)
    look = Inbox.folder

    async def look_for_long(inbox: Inbox, name: str) -> Folder:
        folder = await look(inbox, name)
        house.deliver(PLAIN)
        run(house.inbox().remove(folder.id, [2]))
        return folder

    dialog = house.log_in()
    monkeypatch.setattr(Inbox, "folder", look_for_long)
    said = dialog.send(b"a SELECT INBOX\r\n")
    assert b"* 3 EXISTS\r\n" in said
    assert said.endswith(b"* 4 EXISTS\r\n* 1 RECENT\r\na OK [READ-WRITE] Opened\r\n")
    assert dialog.send(b"b NOOP\r\n") == b"* 2 EXPUNGE\r\nb OK Done\r\n"


def test_done_may_come_with_idle(house: House) -> None:
    idling = house.select()
    house.deliver(PLAIN)
    assert idling.send(b"a IDLE\r\nDONE\r\n") == (
        b"+ Waiting for news\r\n* 4 EXISTS\r\n* 4 RECENT\r\na OK Enough waited\r\n"
    )


def test_no_expunge_while_nothing_is_going_on(house: House) -> None:
    dialog = house.select()
    house.expunge(1)
    assert dialog.read() == b""
    assert dialog.send(b"a NOOP\r\n") == b"* 1 EXPUNGE\r\na OK Done\r\n"


@pytest.mark.parametrize("command", [b"FETCH 3 UID", b"STORE 3 +FLAGS.SILENT (\\Seen)", b"SEARCH UID 3"])
def test_no_expunge_during_commands_with_sequence_numbers(house: House, command: bytes) -> None:
    dialog = house.select()
    house.expunge(1)
    house.deliver(PLAIN)
    said = dialog.send(b"a %b\r\n" % command)
    assert b" EXPUNGE\r\n" not in said
    assert b"* 4 EXISTS\r\n" in said
    assert b"\r\na OK " in said
    # Pipelined or not, the numbers stay until a command that may tell.
    assert dialog.send(b"b FETCH 4 UID\r\n") == b"* 4 FETCH (UID 4)\r\nb OK Fetched\r\n"
    assert dialog.send(b"c NOOP\r\nd FETCH 3 UID\r\n") == (
        b"* 1 EXPUNGE\r\nc OK Done\r\n* 3 FETCH (UID 4)\r\nd OK Fetched\r\n"
    )


@pytest.mark.parametrize(
    "command", [b"UID FETCH 3 UID", b"UID SEARCH ALL", b"UID STORE 3 +FLAGS (x)", b"CHECK", b"NAMESPACE"]
)
def test_expunge_with_other_commands(house: House, command: bytes) -> None:
    dialog = house.select()
    house.expunge(1, 2)
    said = dialog.send(b"a %b\r\n" % command)
    assert said.index(b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n") < said.index(b"a OK ")


def test_no_news_after_compress_was_answered(house: House) -> None:
    """Its completion goes out before the connection is compressed, and nothing more belongs to it (RFC 4978 §3)."""
    dialog = house.select()
    house.expunge(1)
    house.deliver(PLAIN)
    assert dialog.send(b"a COMPRESS DEFLATE\r\n") == b"a OK Compressed from here on\r\n"
    assert dialog.send(b"b FETCH 3 UID\r\n") == b"* 3 FETCH (UID 3)\r\n* 4 EXISTS\r\n* 4 RECENT\r\nb OK Fetched\r\n"
    assert dialog.send(b"c NOOP\r\n") == b"* 1 EXPUNGE\r\nc OK Done\r\n"


def test_a_command_that_fails_tells_the_news_too(house: House) -> None:
    dialog = house.select()
    house.deliver(PLAIN)
    assert dialog.send(b"a SELECTED\r\n") == b"* 4 EXISTS\r\n* 4 RECENT\r\na BAD Unknown command\r\n"


def test_without_news_the_store_is_not_asked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select()
    dialog.send(b"a FETCH 1 FLAGS\r\n")

    async def fails(*_: object) -> None:
        raise AssertionError

    for query in ("changes", "entries", "folder"):
        monkeypatch.setattr(Inbox, query, fails)
    assert dialog.send(b"a FETCH 1:2 UID\r\nb NOOP\r\nc SEARCH SEEN\r\n") == (
        b"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\na OK Fetched\r\nb OK Done\r\n* SEARCH\r\nc OK Searched\r\n"
    )


def test_news_that_cannot_be_read_come_later(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = house.select()
    house.deliver(PLAIN)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "changes", fails)
        assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"
        assert (
            dialog.send(b"b IDLE\r\n") == b"+ Waiting for news\r\nb NO [UNAVAILABLE] Not possible now, try later\r\n"
        )
    assert "news-failed" in caplog.messages
    assert dialog.send(b"c NOOP\r\n") == b"* 4 EXISTS\r\n* 4 RECENT\r\nc OK Done\r\n"


# Messages that are gone and not yet told of


def test_fetch_answers_what_is_left(house: House) -> None:
    dialog = house.select()
    house.expunge(2)
    assert dialog.send(b"a FETCH 1:3 (UID RFC822.SIZE BODY.PEEK[]<0.4>)\r\n") == (
        b"* 1 FETCH (UID 1 RFC822.SIZE 51 BODY[]<0> {4}\r\nFrom)\r\n"
        b"* 3 FETCH (UID 3 RFC822.SIZE 146 BODY[]<0> {4}\r\nFrom)\r\n"
        b"a OK [EXPUNGEISSUED] Some of the messages are gone\r\n"
    )
    assert dialog.send(b"b FETCH 2 ENVELOPE\r\n") == b"b OK [EXPUNGEISSUED] Some of the messages are gone\r\n"
    assert dialog.send(b"c UID FETCH 1:2 UID\r\n") == b"* 1 FETCH (UID 1)\r\n* 2 EXPUNGE\r\nc OK Fetched\r\n"


def test_store_changes_what_is_left(house: House) -> None:
    dialog = house.select()
    house.expunge(2)
    assert dialog.send(b"a STORE 1:2 +FLAGS (\\Seen)\r\n") == (
        b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\na OK [EXPUNGEISSUED] Some of the messages are gone\r\n"
    )
    assert dialog.send(b"b UID STORE 2:3 +FLAGS (\\Seen)\r\n") == (
        b"* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent))\r\n* 2 EXPUNGE\r\nb OK Stored\r\n"
    )


def test_search_leaves_them_out(house: House) -> None:
    dialog = house.select()
    house.expunge(2)
    assert dialog.send(b"a SEARCH TEXT example\r\n") == b"* SEARCH 1 3\r\na OK [EXPUNGEISSUED] Searched\r\n"
    assert dialog.send(b"b SEARCH ALL\r\n") == b"* SEARCH 1 3\r\nb OK [EXPUNGEISSUED] Searched\r\n"
    assert dialog.send(b"c SORT (SUBJECT) UTF-8 ALL\r\n") == b"* SORT 1 3\r\nc OK [EXPUNGEISSUED] Sorted\r\n"
    assert dialog.send(b"d UID SEARCH ALL\r\n") == b"* SEARCH 1 3\r\n* 2 EXPUNGE\r\nd OK Searched\r\n"
    assert dialog.send(b"e SEARCH ALL\r\n") == b"* SEARCH 1 2\r\ne OK Searched\r\n"


def test_copy_of_what_is_gone(house: House) -> None:
    dialog = house.select()
    house.expunge(2)
    assert dialog.send(b"a COPY 2 Trash\r\n") == (
        b"* 2 EXPUNGE\r\na NO [EXPUNGEISSUED] Some of the messages are gone\r\n"
    )
    house.expunge(1)
    assert dialog.send(b"b UID COPY 1 Trash\r\n") == b"* 1 EXPUNGE\r\nb OK Copied\r\n"
    assert house.entries("Trash") == []


# Flags


def test_reading_sets_seen_and_says_so(house: House) -> None:
    dialog, other = house.select(), house.select()
    assert dialog.send(b"a FETCH 1:2 BODY[TEXT]<0.1>\r\n") == (
        b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {1}\r\nh)\r\n"
        b"* 2 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {1}\r\nb)\r\n"
        b"a OK Fetched\r\n"
    )
    assert dialog.send(b"b FETCH 1 BODY[TEXT]<0.1>\r\n") == b"* 1 FETCH (BODY[TEXT]<0> {1}\r\nh)\r\nb OK Fetched\r\n"
    assert other.send(b"a NOOP\r\n") == (
        b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (UID 2 FLAGS (\\Seen))\r\na OK Done\r\n"
    )


@pytest.mark.parametrize("item", [b"BODY.PEEK[]", b"RFC822.HEADER", b"ENVELOPE"])
def test_peeking_does_not(house: House, item: bytes) -> None:
    dialog = house.select()
    dialog.send(b"a FETCH 1 %b\r\n" % item)
    assert house.entries()[0].flags == frozenset()


def test_examine_changes_nothing(house: House) -> None:
    dialog = house.select(command="EXAMINE")
    assert b"FLAGS" not in dialog.send(b"a FETCH 1 BODY[]\r\n")
    assert house.entries()[0].flags == frozenset()
    # The messages are recent for the session that selects.
    assert b"* 3 RECENT\r\n" in house.log_in().send(b"a SELECT INBOX\r\n")


def test_silent_is_not_silent_about_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog, other = house.select(), house.select()
    monkeypatch.setattr(dialog.session, "notice", lambda: None)
    dialog.send(b"a SELECT INBOX\r\n")
    other.send(b"a STORE 1 +FLAGS (\\Flagged)\r\n")
    # The notice has not come; the answer of the store shows what the client cannot know.
    assert dialog.send(b"b STORE 1 +FLAGS.SILENT (\\Seen)\r\n").startswith(
        b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))\r\n"
    )
    assert dialog.send(b"c STORE 1 +FLAGS.SILENT (\\Answered)\r\n") == b"c OK Stored\r\n"


def test_store_tells_first_what_others_did(house: House) -> None:
    dialog, other = house.select(), house.select()
    other.send(b"a STORE 1 +FLAGS (\\Flagged)\r\n")
    assert dialog.send(b"b STORE 1 +FLAGS.SILENT (\\Seen)\r\n") == (
        b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))\r\nb OK Stored\r\n"
    )


def test_limits_of_flags(house: House) -> None:
    dialog = house.select()
    many = b" ".join(b"k%d" % number for number in range(51))
    too_many = b"a NO [LIMIT] There are too many flags, or too long ones\r\n"
    assert dialog.send(b"a STORE 1 FLAGS (%b)\r\n" % many) == too_many
    assert dialog.send(b"a STORE 1 FLAGS (%b)\r\n" % (b"k" * 101)) == too_many
    assert dialog.send(b"a APPEND INBOX (%b) {9}\r\n" % many) == too_many
    assert dialog.send(b"a STORE 1 FLAGS.SILENT (%b)\r\n" % (b"k" * 100)).endswith(b"a OK Stored\r\n")


def test_a_read_only_login(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.log_in()
    session: Any = dialog.session
    monkeypatch.setattr(session.inbox, "read_only", True)
    assert dialog.send(b"a SELECT INBOX\r\n").endswith(b"a OK [READ-ONLY] Opened\r\n")
    refused = b" NO [NOPERM] This login or mailbox is read-only\r\n"
    assert dialog.send(b"b STORE 1 FLAGS ()\r\nc CREATE a\r\nd COPY 1 Trash\r\n") == (
        b"b" + refused + b"c" + refused + b"d" + refused
    )
    assert dialog.send(b"e CLOSE\r\n") == b"e OK Closed\r\n"


# Recent


def test_messages_are_recent_in_one_session(house: House) -> None:
    first, second = house.select(), house.select()
    assert first.send(b"a SEARCH RECENT\r\n") == b"* SEARCH 1 2 3\r\na OK Searched\r\n"
    assert second.send(b"a SEARCH RECENT\r\n") == b"* SEARCH\r\na OK Searched\r\n"
    house.deliver(PLAIN)
    assert second.send(b"b NOOP\r\n") == b"* 4 EXISTS\r\n* 1 RECENT\r\nb OK Done\r\n"
    assert first.send(b"b NOOP\r\n") == b"* 4 EXISTS\r\n* 3 RECENT\r\nb OK Done\r\n"
    assert second.send(b"c FETCH 3:4 FLAGS\r\n") == (
        b"* 3 FETCH (FLAGS ())\r\n* 4 FETCH (FLAGS (\\Recent))\r\nc OK Fetched\r\n"
    )


# Folders and mailboxes that go


def test_a_deleted_folder_has_become_empty(house: House) -> None:
    inbox = house.inbox()
    run(inbox.create_folder("Work"))
    run(inbox.copy(run(inbox.folder(INBOX)).id, [1, 2], "Work"))
    idling, dialog, closing = house.select("Work"), house.select("Work"), house.select("Work")
    idling.send(b"a IDLE\r\n")
    run(inbox.delete_folder("Work"))
    assert idling.read() == b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n"
    assert dialog.send(b"a FETCH 1 (UID ENVELOPE)\r\n") == b"a OK [EXPUNGEISSUED] Some of the messages are gone\r\n"
    assert dialog.send(b"b NOOP\r\n") == b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\nb OK Done\r\n"
    assert dialog.send(b"c UID FETCH 1:* UID\r\nd EXPUNGE\r\n") == (
        b"c OK Fetched\r\nd NO [NONEXISTENT] There is no such mailbox\r\n"
    )
    assert closing.send(b"a CLOSE\r\n") == b"a OK Closed\r\n"


def test_a_renamed_folder_stays_selected(house: House) -> None:
    run(house.inbox().create_folder("Work"))
    dialog = house.select("Work")
    assert dialog.send(b"a RENAME Work Play\r\nb APPEND Play {4+}\r\na: b\r\n").startswith(
        b"a OK Renamed\r\n* 1 EXISTS\r\n"
    )


def test_an_expired_mailbox_ends_idling_sessions(house: House) -> None:
    idling = house.select()
    idling.send(b"a IDLE\r\n")
    house.clock.now = house.mailbox.expires_at
    house.appliance.appliance.hub.publish(None)
    assert idling.read() == GONE
    assert idling.closed


def test_a_destroyed_mailbox_ends_idling_sessions(house: House) -> None:
    idling, other = house.select(), house.select("Trash")
    idling.send(b"a IDLE\r\n")
    run(house.appliance.mailboxes.destroy(house.mailbox))
    assert idling.read() == GONE
    assert other.send(b"a NOOP\r\n") == GONE
    assert idling.closed
    assert other.closed


@pytest.mark.parametrize("command", [b"FETCH 1 BODY[]", b"SELECT INBOX", b'LIST "" *', b"STATUS INBOX (MESSAGES)"])
def test_an_expired_mailbox_ends_the_session(house: House, command: bytes) -> None:
    dialog = house.select()
    house.clock.now = house.mailbox.expires_at
    assert dialog.send(b"a %b\r\n" % command) == GONE
    assert dialog.closed


def test_nothing_is_watched_after_the_end(house: House) -> None:
    for end in (b"a LOGOUT\r\n", b"a CLOSE\r\n", b"a UNSELECT\r\n", b"a SELECT Nowhere\r\n", b""):
        dialog = house.select()
        assert house.appliance.watched
        dialog.send(end)
        if not end:
            dialog.hang_up()
        assert not house.appliance.watched


def test_what_failed_is_logged_with_its_cause(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    dialog = house.select()
    caplog.set_level(logging.ERROR)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "content", fails)
        assert dialog.send(b"a FETCH 1 BODY[]\r\n").endswith(b"a NO [SERVERBUG] Internal error\r\n")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(record.message, record.exc_info is not None) for record in errors] == [("command-failed", True)]
    assert dialog.send(b"b FETCH 1 BODY.PEEK[]<0.1>\r\n").endswith(b"b OK Fetched\r\n")


def test_a_response_that_fails_half_way_ends_the_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([b"hello"])
    monkeypatch.setattr(Section, "text", lambda *_: next(calls))
    dialog = house.select()
    said = dialog.send(b"a FETCH 1 (UID BODY.PEEK[] BODY.PEEK[TEXT])\r\nb NOOP\r\n")
    assert said == b"* 1 FETCH (UID 1 BODY[] {5}\r\nhelloa NO [SERVERBUG] Internal error\r\n"
    assert dialog.closed


def test_entries_are_read_anew_after_idling(house: House) -> None:
    dialog, other = house.select(), house.select()
    dialog.send(b"a IDLE\r\n")
    other.send(b"a STORE 1 +FLAGS (\\Answered)\r\n")
    house.expunge(2)
    house.deliver(PLAIN)
    dialog.send(b"DONE\r\n")
    assert dialog.send(b"b FETCH 1:* (UID FLAGS)\r\n") == (
        b"* 1 FETCH (UID 1 FLAGS (\\Answered \\Recent))\r\n"
        b"* 2 FETCH (UID 3 FLAGS (\\Recent))\r\n"
        b"* 3 FETCH (UID 4 FLAGS (\\Recent))\r\n"
        b"b OK Fetched\r\n"
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"EXPUNGE", b"* 2 EXPUNGE\r\na OK Expunged\r\n"),
        (b"UID EXPUNGE 2", b"* 2 EXPUNGE\r\na OK Expunged\r\n"),
        (b"MOVE 1 Trash", b"Moved\r\n* 1 EXPUNGE\r\na OK Moved\r\n"),
        (b"UID MOVE 3 INBOX", b"Moved\r\n* 3 EXPUNGE\r\n* 3 EXISTS\r\n* 1 RECENT\r\na OK Moved\r\n"),
        (b"COPY 1 INBOX", b"* 4 EXISTS\r\n* 1 RECENT\r\na OK [COPYUID ${validity} 1 4] Copied\r\n"),
        (b"APPEND inbox {4+}\r\na: b", b"* 4 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID ${validity} 4] Appended\r\n"),
    ],
)
def test_a_command_tells_what_it_did_even_if_the_notice_comes_later(
    house: House, monkeypatch: pytest.MonkeyPatch, command: bytes, said: bytes
) -> None:
    dialog = house.select()
    dialog.send(b"a STORE 2 +FLAGS (\\Deleted)\r\n")
    monkeypatch.setattr(dialog.session, "notice", lambda: None)
    dialog.send(b"a SELECT INBOX\r\n")
    assert dialog.send(b"a %b\r\n" % command).endswith(
        said.replace(b"${validity}", house.values["validity"].encode())
    )


def test_what_came_before_a_command_belongs_to_what_it_finds(house: House) -> None:
    dialog = house.select()
    house.deliver(PLAIN)
    assert (
        dialog.send(b"a UID SEARCH ALL\r\n") == b"* 4 EXISTS\r\n* 4 RECENT\r\n* SEARCH 1 2 3 4\r\na OK Searched\r\n"
    )
    house.deliver(PLAIN)
    assert dialog.send(b"b UID FETCH 5:* UID\r\n").endswith(b"* 5 FETCH (UID 5)\r\nb OK Fetched\r\n")


@pytest.mark.parametrize(
    "command", [b"STORE 1:* +FLAGS.SILENT (\\Deleted)", b"UID STORE 1:* +FLAGS (\\Deleted)", b"MOVE * Trash"]
)
def test_a_command_changes_no_message_that_the_client_has_not_heard_of(house: House, command: bytes) -> None:
    dialog = house.select()
    house.deliver(PLAIN)
    assert b" EXISTS\r\n" in dialog.send(b"a %b\r\n" % command)
    assert (house.entries()[-1].uid, house.entries()[-1].flags) == (4, frozenset())
