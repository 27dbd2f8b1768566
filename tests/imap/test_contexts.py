"""Searches of which the client is told when their result changes (RFC 5267 §4.3): when, what, and when no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.errors import StoreFailed
from tempmaild.imap import contexts as module
from tempmaild.imap.contexts import MOST
from tempmaild.service.inbox import Inbox
from tests.imap.house import NESTED, OTHER, PLAIN, RULES

if TYPE_CHECKING:
    from tests.dialog import Dialog
    from tests.imap.house import House

NOTIFY = b"n NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))\r\n"


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, OTHER, NESTED)


def keep(dialog: Dialog, search: bytes, tag: bytes = b"x") -> None:
    """Begin a context, which is granted."""
    said = dialog.send(b"%b %b\r\n" % (tag, search))
    assert said.count(b"\r\n") == 2, said
    assert b"\r\n%b OK " % tag in said


# -- what is told, and when


def test_other_sessions_and_new_mail(house: House) -> None:
    dialog, other = house.select(), house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) UNSEEN")
    other.send(b"a STORE 1:2 +FLAGS (\\Seen)\r\n")
    house.deliver(PLAIN)
    assert dialog.read() == b""
    assert dialog.send(b"a NOOP\r\n") == (
        b"* 4 EXISTS\r\n"
        b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\n"
        b"* 4 RECENT\r\n"
        b'* ESEARCH (TAG "x") REMOVEFROM (0 1:2) ADDTO (0 4)\r\n'
        b"a OK Done\r\n"
    )


# §A.3
def test_what_is_gone_is_told_before_its_number_may_be(house: House) -> None:
    dialog = house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) ALL")
    house.expunge(2)
    assert dialog.send(b"a FETCH 3 UID\r\n") == (
        b'* 3 FETCH (UID 3)\r\n* ESEARCH (TAG "x") REMOVEFROM (0 2)\r\na OK Fetched\r\n'
    )
    # The others still have the numbers that they had.
    house.expunge(3)
    assert dialog.send(b"b NOOP\r\n") == (
        b'* ESEARCH (TAG "x") REMOVEFROM (0 3)\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK Done\r\n'
    )


def test_who_idles_is_told_at_once(house: House) -> None:
    dialog = house.select()
    keep(dialog, b"UID SORT RETURN (UPDATE) (REVERSE ARRIVAL SUBJECT) UTF-8 UNDELETED")
    dialog.send(b"a IDLE\r\n")
    house.expunge(1)
    house.deliver(OTHER)
    assert dialog.read() == (
        b'* ESEARCH (TAG "x") UID REMOVEFROM (1 1)\r\n* 1 EXPUNGE\r\n'
        b'* 3 EXISTS\r\n* 3 RECENT\r\n* ESEARCH (TAG "x") UID ADDTO (3 4)\r\n'
    )


def test_a_folder_that_is_deleted_has_no_results(house: House) -> None:
    dialog, other = house.log_in(), house.log_in()
    dialog.send(b"a CREATE Work\r\na SELECT INBOX\r\na COPY 1:3 Work\r\na SELECT Work\r\n")
    keep(dialog, b"SORT RETURN (UPDATE) (SUBJECT) UTF-8 ALL")
    other.send(b"a DELETE Work\r\n")
    assert dialog.send(b"a NOOP\r\n").startswith(b'* ESEARCH (TAG "x") REMOVEFROM (1 1,3,2)\r\n* 3 EXPUNGE\r\n')


def test_numbers_are_those_of_the_command(house: House) -> None:
    """Numbers in the criteria stay what they were, and an open range of UIDs stays open."""
    dialog = house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) 2:* UNSEEN", b"numbers")
    keep(dialog, b"UID SEARCH RETURN (UPDATE) UID 2:* UNSEEN", b"uids")
    house.deliver(PLAIN)
    house.expunge(1)
    assert b'* ESEARCH (TAG "uids") UID ADDTO (0 4)\r\n' in dialog.send(b"a NOOP\r\n")
    assert dialog.send(b"a STORE 1:3 +FLAGS.SILENT (\\Seen)\r\n") == (
        b'* ESEARCH (TAG "numbers") REMOVEFROM (0 1:2)\r\n'
        b'* ESEARCH (TAG "uids") UID REMOVEFROM (0 2:4)\r\n'
        b"a OK Stored\r\n"
    )


def test_only_what_has_changed_is_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) BODY hello")
    keep(dialog, b"SORT RETURN (UPDATE) (SUBJECT) UTF-8 BODY bye", b"y")
    examined, examine = [], Inbox.examine

    async def noting(self: Inbox, folder_id: int, uid: int, look: Any) -> Any:
        examined.append(uid)
        return await examine(self, folder_id, uid, look)

    monkeypatch.setattr(Inbox, "examine", noting)
    house.deliver(OTHER)
    assert b'* ESEARCH (TAG "y") ADDTO (2 4)\r\n' in dialog.send(b"a NOOP\r\n")
    dialog.send(b"a STORE 1 +FLAGS (x)\r\nb NOOP\r\n")
    assert examined == [4, 4, 1, 1]


# RFC 5465 §7
def test_new_messages_are_described(house: House) -> None:
    dialog = house.select()
    keep(dialog, b"UID SEARCH RETURN (UPDATE (UID PREVIEW)) UNSEEN")
    house.deliver(PLAIN)
    said = dialog.send(b"a NOOP\r\n")
    assert said == (
        b"* 4 EXISTS\r\n* 4 RECENT\r\n"
        b'* 4 FETCH (UID 4 PREVIEW "hello world")\r\n'
        b'* ESEARCH (TAG "x") UID ADDTO (0 4)\r\na OK Done\r\n'
    )
    # Not when they come by their flags.
    dialog.send(b"a STORE 4 +FLAGS.SILENT (\\Seen)\r\n")
    assert dialog.send(b"a STORE 4 -FLAGS.SILENT (\\Seen)\r\n") == (
        b'* ESEARCH (TAG "x") UID ADDTO (0 4)\r\na OK Stored\r\n'
    )


def test_describing_with_uids_only(house: House) -> None:
    dialog = house.log_in()
    dialog.send(b"a ENABLE UIDONLY\r\na SELECT INBOX\r\n")
    keep(dialog, b"UID SORT RETURN (UPDATE (FLAGS)) (ARRIVAL) UTF-8 ALL")
    house.deliver(PLAIN)
    said = dialog.send(b"a NOOP\r\n")
    assert b'* 4 UIDFETCH (FLAGS (\\Recent))\r\n* ESEARCH (TAG "x") UID ADDTO (4 4)\r\n' in said


# -- together with NOTIFY


def test_with_notify_everything_is_told_at_once(house: House) -> None:
    dialog, other = house.select(), house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) UNSEEN")
    dialog.send(NOTIFY)
    other.send(b"a STORE 1 +FLAGS (\\Seen)\r\n")
    assert dialog.read().endswith(b'* ESEARCH (TAG "x") REMOVEFROM (0 1)\r\n')


def test_who_wants_to_be_told_nothing_is_told_later(house: House) -> None:
    dialog, other = house.select(), house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) UNSEEN")
    dialog.send(b"a NOTIFY NONE\r\n")
    other.send(b"a STORE 1 +FLAGS (\\Seen)\r\n")
    house.expunge(2)
    house.deliver(PLAIN)
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"
    said = dialog.send(NOTIFY)
    assert said.index(b'* ESEARCH (TAG "x") REMOVEFROM (0 2)\r\n') < said.index(b"* 2 EXPUNGE\r\n")
    assert b'* ESEARCH (TAG "x") REMOVEFROM (0 1) ADDTO (0 3)\r\n' in said


# -- what is not kept (§4.3.1)


def refused(dialog: Dialog, search: bytes, text: bytes) -> None:
    """See that a context is refused, and everything else done."""
    said = dialog.send(b"y %b\r\n" % search)
    assert said.startswith(b'* NO [NOUPDATE "y"] %b\r\n* ESEARCH (TAG "y")' % text)
    assert said.endswith(b"ed\r\n")
    assert dialog.send(b'z CANCELUPDATE "y"\r\n') == b"z NO There is no such context\r\n"


def test_a_session_has_only_so_many(house: House) -> None:
    dialog = house.select()
    for number in range(MOST):
        keep(dialog, b"SEARCH RETURN (UPDATE) SEEN", b"c%d" % number)
    refused(dialog, b"SEARCH RETURN (UPDATE COUNT) ALL", b"There are too many contexts")
    # The others are still kept.
    assert dialog.send(b"a STORE 1 +FLAGS.SILENT (\\Seen)\r\n").count(b" ADDTO (0 1)\r\n") == MOST
    dialog.send(b'a CANCELUPDATE "c3"\r\n')
    keep(dialog, b"SEARCH RETURN (UPDATE) ALL")


@pytest.mark.parametrize(
    "search", [b"SEARCH RETURN (UPDATE ALL) ALL", b"SORT RETURN (UPDATE COUNT) (SUBJECT FROM) UTF-8 ALL"]
)
def test_results_take_only_so_much(house: House, monkeypatch: pytest.MonkeyPatch, search: bytes) -> None:
    monkeypatch.setattr(module, "_MOST_OCTETS", 8)
    dialog = house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) SEEN")
    refused(dialog, search, b"The contexts take too much memory")
    assert b" ADDTO (0 1:2)\r\n" in dialog.send(b"a STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n")
    # What grows too large is given up.
    assert dialog.send(b"a STORE 3 +FLAGS.SILENT (\\Seen)\r\n") == (
        b'* NO [NOUPDATE "x"] The contexts take too much memory\r\na OK Stored\r\n'
    )
    assert dialog.send(b"a STORE 3 -FLAGS.SILENT (\\Seen)\r\n") == b"a OK Stored\r\n"


def test_many_messages_are_not_kept_in_order(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SORTED", 2)
    dialog = house.select()
    refused(dialog, b"SORT RETURN (UPDATE) (DATE) UTF-8 ALL", b"The contexts take too much memory")
    keep(dialog, b"SORT RETURN (UPDATE) (DATE) UTF-8 1:2")
    keep(dialog, b"SEARCH RETURN (UPDATE) ALL", b"y")


@pytest.mark.parametrize("uids", [b"*", b"9:*", b"1,*", b"*:9"])
def test_which_is_the_last_message_is_not_followed(house: House, uids: bytes) -> None:
    text = b"Which message is the last one may change"
    refused(house.select(), b"UID SEARCH RETURN (UPDATE) UID %b" % uids, text)


def test_an_empty_folder_has_an_open_range(house: House) -> None:
    dialog = house.select("Trash")
    keep(dialog, b"UID SEARCH RETURN (UPDATE) UID 1:*")
    assert b'* ESEARCH (TAG "x") UID ADDTO (0 1)\r\n' in dialog.send(b"a APPEND Trash {3+}\r\n\r\nx\r\n")


def test_what_takes_too_long_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select(rules=replace(RULES, search_seconds=7))
    keep(dialog, b"SEARCH RETURN (UPDATE) SEEN", b"cheap")
    keep(dialog, b"SEARCH RETURN (UPDATE) BODY hello", b"dear")
    examine = Inbox.examine

    async def slowly(self: Inbox, folder_id: int, uid: int, look: Any) -> Any:
        house.clock.now += 8
        return await examine(self, folder_id, uid, look)

    monkeypatch.setattr(Inbox, "examine", slowly)
    assert dialog.send(b"a STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n") == (
        b'* ESEARCH (TAG "cheap") ADDTO (0 1:2)\r\n'
        b'* NO [NOUPDATE "dear"] The search takes too long, look into fewer messages\r\n'
        b"a OK Stored\r\n"
    )


def test_a_store_that_fails_ends_contexts_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select()
    keep(dialog, b"SEARCH RETURN (UPDATE) SEEN", b"flags")
    keep(dialog, b"SEARCH RETURN (UPDATE) SUBJECT one", b"subject")

    async def fails(*_: object) -> None:
        raise StoreFailed

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "summaries", fails)
        assert dialog.send(b"a STORE 1 +FLAGS.SILENT (\\Seen)\r\n") == (
            b'* ESEARCH (TAG "flags") ADDTO (0 1)\r\n* NO [NOUPDATE "subject"] Internal error\r\na OK Stored\r\n'
        )
    assert dialog.send(b"a STORE 1 -FLAGS.SILENT (\\Seen)\r\n") == (
        b'* ESEARCH (TAG "flags") REMOVEFROM (0 1)\r\na OK Stored\r\n'
    )


@pytest.mark.parametrize(
    "search",
    [
        *(b"SEARCH RETURN (UPDATE COUNT) CHARSET X-NONE ALL", b"SORT RETURN (UPDATE) (DATE) X-NONE ALL"),
        *(b"SEARCH RETURN (UPDATE) NOTHING", b"SORT RETURN (UPDATE) (COLOUR) UTF-8 ALL"),
    ],
)
def test_a_search_that_fails_begins_nothing(house: House, search: bytes) -> None:
    dialog = house.select()
    assert not dialog.send(b"x %b\r\n" % search).startswith(b"*")
    assert dialog.send(b'a CANCELUPDATE "x"\r\n') == b"a NO There is no such context\r\n"


# -- no others wait


def test_others_have_their_turn_while_many_messages_change(house: House) -> None:
    house.deliver(*[PLAIN] * 2000)
    dialog = house.select()
    for number in range(MOST):
        keep(dialog, b"UID SEARCH RETURN (UPDATE) SEEN", b"c%d" % number)
    before = dialog.drains
    said = dialog.send(b"a STORE 1:* +FLAGS.SILENT (\\Seen)\r\n")
    assert said.count(b" ADDTO (0 1:500)\r\n") == said.count(b" ADDTO (0 2001:2003)\r\n") == MOST
    assert dialog.drains - before >= MOST * 2000 * 10 // 8000
