"""The end of mailboxes and of messages, as IMAP clients see it (RFC 9051 §7.1.5, §7.5.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.net.conversation import TimedOut
from tempmaild.store.transaction import LIFETIMES
from tests.imap.house import LIFETIME, NESTED, OTHER, PLAIN, RULES
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.dialog import Dialog
    from tests.imap.house import House

GONE = b"* BYE [UNAVAILABLE] This mailbox no longer exists\r\n"
IDLING = b"+ Waiting for news\r\n"
SOME_GONE = b"OK [EXPUNGEISSUED] Some of the messages are gone\r\n"


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, OTHER, NESTED)


def patience(dialog: Dialog) -> float:
    assert dialog.awaited
    return dialog.awaited.patience


def sweep(house: House) -> None:
    """Remove messages whose time is over, as the sweep does."""
    expired = house.logins.queries.expired_entries(int(house.clock()), 100)
    assert expired
    ((folder_id, uids),) = ((folder, [uid for _, uid in expired]) for folder in {folder for folder, _ in expired})
    run(house.inbox().remove(folder_id, uids))


# The end of the mailbox


@pytest.mark.parametrize(
    "command",
    [
        b"NOOP",
        b"CAPABILITY",
        b"CHECK",
        b"CLOSE",
        b"UNSELECT",
        b"EXPUNGE",
        b"FETCH 1 FLAGS",
        b"UID FETCH 9 FLAGS",
        b"STORE 1 FLAGS ()",
        b"COPY 1 Trash",
        b"MOVE 1 Trash",
        b"SEARCH ALL",
        b'LIST "" ""',
        b"NAMESPACE",
        b"IDLE",
        b"ID NIL",
        b"APPEND INBOX {4+}\r\na: b",
        b"APPEND INBOX {4}",
    ],
)
@pytest.mark.parametrize("end", ["time", "shortened", "revoked"])
def test_every_command_learns_of_the_end(house: House, command: bytes, end: str) -> None:
    dialog = house.select()
    house.clock.now = house.mailbox.expires_at - 0.001
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"
    if end == "time":
        house.clock.now += 0.001
    else:
        handle, hub = house.appliance.appliance.handle, house.appliance.appliance.hub
        handle.run("DELETE FROM credential" if end == "revoked" else "UPDATE mailbox SET expires_at = expires_at - 1")
        hub.publish({LIFETIMES})
    assert dialog.send(b"a %b\r\n" % command) == GONE
    assert dialog.closed


def test_logout_is_answered_after_the_end(house: House) -> None:
    # RFC 9051 §6.1.3
    dialog = house.select()
    house.clock.now = house.mailbox.expires_at
    assert dialog.send(b"a LOGOUT\r\n") == b"* BYE Logging out\r\na OK Logged out\r\n"


@pytest.mark.parametrize("command", [b"a SELECT INBOX\r\nb IDLE\r\n", b"b IDLE\r\n", b"a SELECT INBOX\r\n", b""])
def test_a_client_that_waits_is_told_when_the_time_comes(house: House, command: bytes) -> None:
    dialog = house.log_in()
    dialog.send(command)
    house.clock.now = house.mailbox.expires_at - 10.5
    # What wakes it up is the driver's own clock.
    dialog.send(b"DONE\r\n" if b"IDLE" in command else b"c NOOP\r\n")
    dialog.send(command)
    assert patience(dialog) == 10.5
    house.clock.now += 10.5
    assert dialog.interrupt(TimedOut()) == GONE
    assert dialog.closed


@pytest.mark.parametrize("command", [b"b IDLE\r\n", b""])
def test_a_client_that_waits_is_not_cut_off_early(house: House, command: bytes) -> None:
    dialog = house.select()
    house.clock.now = house.mailbox.expires_at - 10
    dialog.send(b"a NOOP\r\n" + command)
    run(house.appliance.appliance.lifetimes.extend(house.mailbox.address, by=100))
    house.clock.now += 10
    assert dialog.interrupt(TimedOut()) == b""
    assert patience(dialog) == 100
    house.clock.now += 100
    assert dialog.interrupt(TimedOut()) == GONE


@pytest.mark.parametrize("command", [b"b IDLE\r\n", b""])
def test_a_client_that_is_silent_too_long_is_told_that(house: House, command: bytes) -> None:
    dialog = house.select()
    dialog.send(command)
    assert patience(dialog) == RULES.idle_seconds
    assert dialog.interrupt(TimedOut()) == b"* BYE Waited too long\r\n"


def test_an_idling_client_is_told_of_a_time_that_was_shortened(house: House) -> None:
    dialog = house.select()
    assert dialog.send(b"a IDLE\r\n") == IDLING
    house.appliance.appliance.handle.run("UPDATE mailbox SET expires_at = ?", NOW + 30)
    folder_id = run(house.inbox().folder(INBOX)).id
    house.appliance.appliance.hub.publish({LIFETIMES, folder_id})
    assert (dialog.read(), patience(dialog)) == (b"", 30)


class TestIdleTime:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(LIFETIME, idle=100)

    def left(self, house: House) -> int:
        return run(house.appliance.mailboxes.find(house.mailbox.address)).expires_at - NOW

    @pytest.mark.parametrize("command", [b"NOOP", b"FETCH 1 FLAGS", b"STATUS Trash (MESSAGES)", b"IDLE"])
    def test_begins_anew_with_each_command(self, house: House, command: bytes) -> None:
        dialog = house.select()
        house.clock.now = NOW + 70
        dialog.send(b"a %b\r\n" % command)
        assert self.left(house) == 170
        assert patience(dialog) == 100

    @pytest.mark.parametrize("command", [b"NOSUCH", b"FETCH", b"LOGOUT"])
    def test_does_not_begin_anew_with_what_is_no_use(self, house: House, command: bytes) -> None:
        dialog = house.select()
        house.clock.now = NOW + 70
        dialog.send(b"a %b\r\n" % command)
        assert self.left(house) == (170 if command == b"FETCH" else 100)

    def test_waiting_is_no_use(self, house: House) -> None:
        dialog = house.select()
        dialog.send(b"a IDLE\r\n")
        house.clock.now = NOW + 90
        house.deliver(PLAIN)
        assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
        assert (self.left(house), patience(dialog)) == (100, 10)
        house.clock.now = NOW + 100
        assert dialog.interrupt(TimedOut()) == GONE


# The end of messages


class TestRetention:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(LIFETIME, retention=50)

    def test_what_has_ended_is_as_good_as_expunged(self, house: House) -> None:
        house.clock.now = NOW + 20
        house.deliver(PLAIN)
        dialog = house.select()
        assert dialog.send(b"a FETCH 1:* UID\r\n").count(b"FETCH (UID") == 4
        house.clock.now = NOW + 50
        assert dialog.send(b"a FETCH 1 (UID FLAGS)\r\n") == b"a " + SOME_GONE
        assert dialog.send(b"a FETCH 2 BODY[]\r\n") == b"a " + SOME_GONE
        assert dialog.send(b"a FETCH 3:4 UID\r\n") == b"* 4 FETCH (UID 4)\r\na " + SOME_GONE
        assert dialog.send(b"a UID FETCH 1:* UID\r\n") == b"* 4 FETCH (UID 4)\r\na OK Fetched\r\n"
        assert dialog.send(b"a STORE 1 +FLAGS (\\Flagged)\r\n") == b"a " + SOME_GONE
        assert dialog.send(b"a COPY 1:3 Trash\r\n") == b"a " + SOME_GONE.replace(b"OK", b"NO")
        for key in (b"ALL", b"SUBJECT one", b"BODY hello"):
            assert dialog.send(b"a SEARCH %b\r\n" % key) == b"* SEARCH 4\r\na OK Searched\r\n"
        sweep(house)
        assert dialog.send(b"a NOOP\r\n") == b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Done\r\n"
        assert dialog.send(b"a FETCH 1 UID\r\n") == b"* 1 FETCH (UID 4)\r\na OK Fetched\r\n"

    def test_it_is_not_there_for_who_comes_later(self, house: House) -> None:
        house.clock.now = NOW + 49.999
        assert b"MESSAGES 3 UNSEEN 3" in house.log_in().send(b"a STATUS INBOX (MESSAGES UNSEEN)\r\n")
        house.clock.now = NOW + 50
        house.deliver(PLAIN)
        assert b"MESSAGES 1 UNSEEN 1" in house.log_in().send(b"a STATUS INBOX (MESSAGES UNSEEN)\r\n")
        dialog = house.log_in()
        assert b"* 1 EXISTS\r\n" in dialog.send(b"a SELECT INBOX\r\n")
        # Nothing was told of them, and nothing is told of their going.
        sweep(house)
        assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"

    def test_an_idling_client_is_told_when_it_is_removed(self, house: House) -> None:
        dialog = house.select()
        dialog.send(b"a IDLE\r\n")
        house.clock.now = NOW + 50
        sweep(house)
        assert dialog.read() == b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n"


class TestDeleteAfterReading:
    @pytest.fixture(params=[0, 30])
    def after(self, request: pytest.FixtureRequest) -> int:
        seconds: int = request.param
        return seconds

    @pytest.fixture
    def lifetime(self, after: int) -> Lifetime:
        return Lifetime(LIFETIME, after_reading=after)

    def uids(self, house: House) -> list[int]:
        return [entry.uid for entry in house.entries()]

    @pytest.mark.parametrize(
        "command",
        [
            b"FETCH 2 BODY[]",
            b"FETCH 2 RFC822",
            b"FETCH 2 RFC822.TEXT",
            b"FETCH 2 BODY[TEXT]<0.5>",
            b"FETCH 2 BODY[HEADER]",
            b"UID FETCH 2 (FLAGS BODY[1])",
            b"STORE 2 +FLAGS (\\Seen)\r\nb FETCH 2 BODY[]",
        ],
    )
    def test_what_reads(self, house: House, after: int, command: bytes) -> None:
        dialog = house.select()
        said = dialog.send(b"a %b\r\n" % command)
        # It is sent whole before it ends.
        assert b"BODY[" in said or b"RFC822" in said
        assert b" OK Fetched\r\n" in said
        fetched = said.count(b" FETCH (")
        house.clock.now = NOW + after - 0.001
        if after:
            assert self.uids(house) == [1, 2, 3]
        house.clock.now = NOW + after
        assert self.uids(house) == [1, 3]
        said += dialog.send(b"c UID FETCH 2 (UID FLAGS)\r\n")
        if after:
            sweep(house)
        # What has ended with its reading is told without the sweep.
        said += dialog.send(b"d NOOP\r\n")
        assert (said.count(b" FETCH ("), said.count(b"EXPUNGE"), said.count(b"* 2 EXPUNGE\r\n")) == (fetched, 1, 1)

    @pytest.mark.parametrize(
        "command",
        [
            b"FETCH 2 BODY.PEEK[]",
            b"FETCH 2 RFC822.HEADER",
            b"FETCH 2 (ENVELOPE BODYSTRUCTURE FLAGS)",
            b"STORE 2 +FLAGS (\\Seen)",
            b"SEARCH BODY bye",
            b"COPY 2 Trash",
            b"EXAMINE INBOX\r\nb FETCH 2 BODY[]",
        ],
    )
    def test_what_does_not_read(self, house: House, command: bytes) -> None:
        dialog = house.select()
        assert b" OK " in dialog.send(b"a %b\r\n" % command)
        house.clock.now = NOW + LIFETIME - 1
        assert self.uids(house) == [1, 2, 3]

    def test_a_login_that_only_looks_does_not_read(self, house: House) -> None:
        house.appliance.appliance.handle.run("UPDATE credential SET read_only = ?", True)
        house.select().send(b"a FETCH 2 BODY[]\r\n")
        house.clock.now = NOW + LIFETIME - 1
        assert self.uids(house) == [1, 2, 3]

    def test_the_first_reading_counts(self, house: House, after: int) -> None:
        dialog = house.select()
        dialog.send(b"a FETCH 1:2 BODY[]\r\n")
        house.clock.now = NOW + max(after - 1, 0)
        dialog.send(b"a FETCH 2 BODY[]\r\n")
        house.clock.now = NOW + after
        assert self.uids(house) == [3]

    def test_many_messages_are_read_together(self, house: House, after: int) -> None:
        house.deliver(*[PLAIN] * 150)
        dialog = house.select()
        said = dialog.send(b"a FETCH 1:* BODY[]\r\n")
        assert said.count(b"BODY[] {") == 153
        assert said.endswith(b"a OK Fetched\r\n")
        house.clock.now = NOW + after
        assert self.uids(house) == []

    def test_another_session_goes_by_the_new_time(self, house: House, after: int) -> None:
        dialog, other = house.select(), house.select()
        assert other.send(b"a FETCH 2 UID\r\n").endswith(b"a OK Fetched\r\n")
        dialog.send(b"a FETCH 2 BODY[]\r\n")
        house.clock.now = NOW + after
        other.send(b"b FETCH 1 UID\r\n")
        assert other.send(b"c FETCH 2 (UID FLAGS)\r\n") == b"c " + SOME_GONE


# Full folders


class TestRoom:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(LIFETIME, messages=3)

    def test_the_oldest_goes_when_mail_arrives(self, house: House) -> None:
        dialog, idling = house.select(), house.select()
        idling.send(b"a IDLE\r\n")
        house.deliver(PLAIN)
        assert idling.read() == b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 1 RECENT\r\n"
        assert dialog.send(b"a NOOP\r\n").startswith(b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n")
        assert [entry.uid for entry in house.entries()] == [2, 3, 4]

    @pytest.mark.parametrize(
        "command", [b"APPEND INBOX {4+}\r\na: b", b"COPY 1 INBOX", b"UID COPY 1:* INBOX", b"MOVE 1 INBOX"]
    )
    def test_nobody_puts_more_into_a_folder(self, house: House, command: bytes) -> None:
        dialog = house.select()
        assert dialog.send(b"a %b\r\n" % command) == b"a NO [OVERQUOTA] The mailbox is full\r\n"
        assert [entry.uid for entry in house.entries()] == [1, 2, 3]

    def test_each_folder_has_room_of_its_own(self, house: House) -> None:
        dialog = house.select()
        assert b"OK [COPYUID" in dialog.send(b"a COPY 1:3 Trash\r\n")
        assert dialog.send(b"b MOVE 1 Trash\r\n") == b"b NO [OVERQUOTA] The mailbox is full\r\n"


# SEARCH has its time (RFC 5530 §3: LIMIT)


@pytest.mark.parametrize(
    ("key", "each", "ends"), [(b"BODY x", 4.0, True), (b"BODY x", 3.0, False), (b"ALL", 99.0, False)]
)
def test_a_search_ends_in_time(
    house: House, monkeypatch: pytest.MonkeyPatch, key: bytes, each: float, ends: bool
) -> None:
    inbox_type = type(house.inbox())
    examine = inbox_type.examine

    async def slowly(*args: object) -> object:
        house.clock.now += each
        return await examine(*args)  # type: ignore[arg-type] # whatever it is called with

    monkeypatch.setattr(inbox_type, "examine", slowly)
    dialog = house.select(rules=replace(RULES, search_seconds=7))
    said = dialog.send(b"a SEARCH OR %b BODY hello\r\n" % key)
    if ends:
        assert said == b"a NO [LIMIT] The search takes too long, look into fewer messages\r\n"
    else:
        assert said.startswith(b"* SEARCH 1")
    assert dialog.send(b"b NOOP\r\n").endswith(b"b OK Done\r\n")


def test_others_have_their_turn_during_a_search(house: House) -> None:
    house.deliver(*[PLAIN] * 250)
    dialog = house.select()
    before = dialog.drains
    assert dialog.send(b"a SEARCH SUBJECT two\r\n") == b"* SEARCH 2\r\na OK Searched\r\n"
    assert dialog.drains - before == 2
