from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild.core.lifetime import Lifetime
from tempmaild.imap.session import MOST_PROBLEMS
from tempmaild.net.conversation import FLOOD, Memory, Octets, ShuttingDown, TimedOut
from tempmaild.service.inbox import Inbox
from tests.imap.house import ADDRESS, NESTED, OTHER, PLAIN, RULES, House
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dialog import Dialog

GREETING = (
    b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID SASL-IR ENABLE IDLE MOVE STARTTLS AUTH=PLAIN]"
    b" tempmaild ready\r\n"
)
TOO_LARGE = b"BAD [TOOBIG] The command is too large\r\n"
TOO_LONG = b"BAD [TOOBIG] The line is too long\r\n"
FLOODED = b"* BYE Too much at once\r\n"


def credentials(house: House, tag: str = "a") -> bytes:
    return f"{tag} LOGIN {ADDRESS} {house.secret}\r\n".encode()


# Before the login


def test_the_login_has_one_time_limit_for_all_commands(house: House) -> None:
    dialog = house.connect()
    assert dialog.awaited
    assert dialog.awaited.patience == 60
    house.clock.now += 50
    dialog.send(b"a NOOP\r\n")
    assert dialog.awaited.patience == 10
    house.clock.now += 50
    dialog.send(b"a AUTHENTICATE PLAIN\r\n")
    assert dialog.awaited.patience == 0
    dialog.send(b"*\r\n" + credentials(house))
    assert dialog.awaited.patience == 1800


def test_literals_have_the_time_of_the_login(house: House) -> None:
    dialog = house.connect()
    for _ in range(5):
        house.clock.now += 11
        dialog.send(b"a LOGIN {1+}\r\n")
        assert dialog.awaited
        assert dialog.awaited.allowance() == RULES.login_seconds - (house.clock.now - NOW)
        dialog.send(b"x\r\n")
    slow = house.log_in()
    slow.send(b"a STATUS {40000+}\r\n" + b"x" * 20480)
    assert slow.awaited
    assert slow.awaited.allowance() == 80


@pytest.mark.parametrize(
    ("plaintext", "on_this_host", "allowed"),
    [("never", True, False), ("local", True, True), ("local", False, False), ("always", False, True)],
)
def test_passwords_without_tls(house: House, plaintext: Any, on_this_host: bool, allowed: bool) -> None:
    dialog = house.connect(replace(RULES, plaintext=plaintext), on_this_host=on_this_host)
    capabilities = dialog.read()
    assert (b" AUTH=PLAIN" in capabilities) == (b" LOGINDISABLED" not in capabilities) == allowed
    assert dialog.send(credentials(house)).startswith(b"a OK" if allowed else b"a NO [PRIVACYREQUIRED]")


def test_commands_injected_before_tls_are_dropped(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"a STARTTLS\r\n" + credentials(house) + b"b NOOP\r\n") == b"a OK Begin TLS now\r\n"
    assert dialog.send(b"c SELECT INBOX\r\n") == b"c BAD Not allowed in this state\r\n"


@pytest.mark.parametrize("verb", [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT"])
@pytest.mark.parametrize("target", [b"/", b"/%20(", b"*"])
def test_http_is_closed_at_once(house: House, verb: bytes, target: bytes) -> None:
    dialog = house.connect()
    assert dialog.send(verb + b" " + target + b" HTTP/1.1\r\n" + credentials(house)) == GREETING
    assert dialog.closed


def test_a_tag_may_be_a_verb_once_logged_in(house: House) -> None:
    assert house.log_in().send(b"GET /\r\nPOST NOOP\r\n") == b"GET BAD Unknown command\r\nPOST OK Done\r\n"


def test_three_failed_logins_of_any_kind_are_all(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    wrong = b" NO [AUTHENTICATIONFAILED] Wrong address or password\r\n"
    assert dialog.send(f"a AUTHENTICATE PLAIN {house.values['plain_as_other']}\r\n".encode()) == b"a" + wrong
    assert dialog.send(b'b LOGIN "" ""\r\n') == b"b" + wrong
    # What is no login at all does not count.
    dialog.send(b"c LOGIN a\r\nd AUTHENTICATE PLAIN ?\r\n")
    assert dialog.send(b"e LOGIN a b\r\n") == b"e" + wrong + b"* BYE Too many failed logins\r\n"
    assert dialog.closed


def test_a_client_that_says_no_command_is_given_up(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    dialog.send(b"\r\n" * MOST_PROBLEMS + b"a NOOP\r\n")
    assert not dialog.closed
    assert dialog.send(b"\r\n" * 1000).endswith(b"\r\n" + FLOODED)
    assert dialog.closed


def test_no_secret_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.deliver(PLAIN)
    dialog = house.connect()
    dialog.send(f"a LOGIN {ADDRESS} wrong-{house.secret}\r\n".encode() + credentials(house))
    dialog.send(b"b SELECT INBOX\r\nc FETCH 1 BODY[]\r\nd LOGOUT\r\n")
    lines = [(record.message, getattr(record, "fields", {})) for record in caplog.records]
    assert lines == [
        ("login-failed", {"session": "1", "address": ADDRESS}),
        ("login", {"session": "1", "address": ADDRESS}),
        ("session-end", {"session": "1", "fetched": 1}),
    ]


# Lines and literals that are too much


def test_long_lines_before_the_login(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"a NOOP ".ljust(32_768) + b"\r\n").startswith(b"a BAD Expected the end")
    assert dialog.send(b"a NOOP ".ljust(32_769) + b"\r\n") == b"* " + TOO_LONG
    assert dialog.send(b"b AUTHENTICATE PLAIN\r\n") == b"+ \r\n"
    assert dialog.send(b"A" * 33_000 + b"\r\n") == b"b " + TOO_LONG
    assert dialog.send(credentials(house)).startswith(b"a OK")


def test_the_largest_id_comes_before_the_login(house: House) -> None:
    # RFC 2971 §3.3
    dialog = house.connect()
    dialog.read()
    pairs = b" ".join(b'"%030d" "%01024d"' % (number, number) for number in range(30))
    assert dialog.send(b"a ID (%b)\r\n" % pairs).endswith(b"\r\na OK Glad to know you\r\n")


def test_long_lines_after_the_login(house: House) -> None:
    dialog = house.select()
    numbers = b",".join(b"%d" % number for number in range(1, 12500))
    assert 60_000 < len(numbers) < 65_000
    assert dialog.send(b"a UID FETCH %b FLAGS\r\n" % numbers) == b"a OK Fetched\r\n"
    assert dialog.send(b"a NOOP ".ljust(65537) + b"\r\n") == b"* " + TOO_LONG
    dialog.send(b"b IDLE\r\n")
    assert dialog.send(b"D".ljust(65537) + b"\r\n") == b"b " + TOO_LONG
    assert dialog.send(b"c NOOP\r\n") == b"c OK Done\r\n"


@pytest.mark.parametrize("octet", [b"(", b"\x00", b"\xff", b"{"])
def test_a_line_without_end_is_given_up(house: House, octet: bytes) -> None:
    dialog = house.connect()
    assert dialog.send(octet * (10 * FLOOD), 1 << 16) == GREETING + FLOODED
    assert dialog.closed


@pytest.mark.parametrize("size", [65537, 4294967296, 10**19])
def test_a_large_literal_is_refused_before_it_is_sent(house: House, size: int) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"a LOGIN {%d}\r\n" % size) == b"a " + TOO_LARGE
    assert dialog.send(credentials(house)).startswith(b"a OK")


def test_a_large_literal_that_comes_anyway_is_read_past(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    inner = (b"b LOGOUT\r\n" * 10_000)[:70_000]
    said = dialog.send(b"a LOGIN {70000+}\r\n" + inner + b" {4+}\r\nabc\n {3}\r\nc NOOP\r\n", 5000)
    assert said == b"a " + TOO_LARGE + b"c OK Done\r\n"


def test_a_long_line_ends_what_is_read_past(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    said = dialog.send(b"a LOGIN {70000+}\r\n" + b"x" * 70_000 + b" " * 33_000 + b"{3+}\r\nb NOOP\r\n", 5000)
    assert said == b"a " + TOO_LARGE + b"b OK Done\r\n"
    said = dialog.send(b"c LOGIN {3+}\r\nabc" + b" " * 33_000 + b"{3+}\r\nd NOOP\r\n")
    assert said == b"c " + TOO_LONG + b"d OK Done\r\n"


@pytest.mark.parametrize("size", [FLOOD + 1, 4294967296, 10**19])
def test_what_is_too_much_to_read_past_ends_the_session(house: House, size: int) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"a LOGIN {%d+}\r\nb LOGOUT\r\n" % size) == b"a " + TOO_LARGE + FLOODED
    assert dialog.closed


def test_many_small_literals_are_as_much_as_a_large_one(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    said = dialog.send(b"a LOGIN {0+}\r\n" + b" {0+}\r\n" * 600 + b"\r\nb NOOP\r\n")
    assert said == b"a " + TOO_LARGE + b"b OK Done\r\n"


def test_little_is_kept_of_a_command_before_the_login(house: House) -> None:
    dialog = house.connect()
    dialog.send(b"a LOGIN {65000+}\r\n" + b"x" * 65000 + b" {3+}\r\n")
    session: Any = dialog.session
    assert sum(map(len, session.incoming.fragments)) < 65_536 + 8_192


def test_nesting_is_bounded(house: House) -> None:
    dialog = house.select()
    for opening in (b"(", b"NOT ", b"OR ALL "):
        said = dialog.send(b"a SEARCH " + opening * (60_000 // len(opening)) + b"\r\n")
        assert said.startswith(b"a BAD Nested too deeply (octet ")
    assert dialog.send(b"a FETCH 1 " + b"(" * 60_000 + b"\r\n").startswith(b"a BAD ")


def test_a_million_parentheses(house: House) -> None:
    dialog = house.connect()
    said = dialog.send(b"(" * 1_000_000 + b"\r\na NOOP\r\n", 4096)
    assert said == GREETING + b"* " + TOO_LONG + b"a OK Done\r\n"


# APPEND


def test_append_of_the_largest_message(house: House) -> None:
    dialog = house.select()
    session: Any = dialog.session
    session.inbox.longest_message = 1000
    message = b"a: b\r\n\r\n".ljust(1000, b"x")
    assert dialog.send(b"a APPEND INBOX {1001}\r\n") == b"a NO [TOOBIG] The message is too large\r\n"
    assert dialog.send(b"a APPEND INBOX {1000}\r\n" + message + b"\r\n", 7).endswith(b" 1] Appended\r\n")
    said = dialog.send(b"b APPEND INBOX {1001+}\r\n" + message + b"x\r\nc NOOP\r\n")
    assert said == b"b NO [TOOBIG] The message is too large\r\nc OK Done\r\n"
    assert [entry.size for entry in house.entries()] == [1000]


def test_messages_on_their_way_in_share_the_memory(house: House) -> None:
    house.memory = Memory(1000)
    first, second = house.log_in(), house.log_in()
    assert first.send(b"a APPEND INBOX {600}\r\na: b\r\n") == b"+ Go on\r\n"
    assert isinstance(first.awaited, Octets)
    assert second.send(b"a APPEND INBOX {600}\r\n") == b"a NO [UNAVAILABLE] Not possible now, try later\r\n"
    assert first.send(b"\r\n".ljust(594) + b"\r\n").endswith(b"Appended\r\n")
    assert second.send(b"b APPEND INBOX {600}\r\n") == b"+ Go on\r\n"
    second.hang_up()
    assert house.memory.used == 0


def test_all_messages_of_one_append_count(house: House) -> None:
    house.memory = Memory(1000)
    dialog = house.log_in()
    first = b"a: b".ljust(600)
    more = b" {401+}\r\n" + bytes(401) + b" {3+}\r\nabc\r\n"
    said = dialog.send(b"a APPEND INBOX {600}\r\n" + first + more + b"b NOOP\r\n")
    assert said == b"+ Go on\r\na NO [UNAVAILABLE] Not possible now, try later\r\nb OK Done\r\n"
    assert house.memory.used == 0
    said = dialog.send(b"a APPEND INBOX {600+}\r\n" + first + b" {400+}\r\n" + bytes(400) + b"\r\n")
    assert said.endswith(b" 1:2] Appended\r\n")
    assert house.memory.used == 0


def test_parts_from_the_server_count(house: House) -> None:
    house.deliver(b"a: b\r\n\r\n".ljust(600, b"x"))
    house.memory = Memory(1300)
    dialog = house.log_in()
    session: Any = dialog.session
    catenate = b'a APPEND INBOX CATENATE (URL "/INBOX/;UID=1"%b)\r\n'
    assert b" 2] Appended" in dialog.send(catenate % b' URL "/INBOX/;UID=1"')
    assert b"[UNAVAILABLE]" in dialog.send(catenate % (b' URL "/INBOX/;UID=1"' * 2))
    session.inbox.longest_message = 1201
    too_large = (catenate % b' URL "/INBOX/;UID=1" TEXT {2}').replace(b"})", b"}")
    assert dialog.send(too_large) == b"a NO [TOOBIG] The message is too large\r\n"
    assert house.memory.used == 0


def test_the_pieces_of_one_append_are_bounded(house: House) -> None:
    dialog = house.log_in()
    said = dialog.send(b"a APPEND INBOX {4+}\r\n" + b"a: b {4+}\r\n" * 999 + b"a: b\r\n")
    assert said.endswith(b" 1:1000] Appended\r\n")
    said = dialog.send(b"b APPEND INBOX {4+}\r\n" + b"a: b {4+}\r\n" * 1000 + b"a: b\r\nc NOOP\r\n")
    assert said == b"b NO [LIMIT] There are too many messages in one command\r\nc OK Done\r\n"
    said = dialog.send(b"d APPEND INBOX CATENATE (" + b'URL "/INBOX/;UID=1" ' * 1001 + b")\r\n")
    assert said == b"d NO [LIMIT] There are too many messages in one command\r\n"


def test_little_is_kept_of_the_lines_between_messages(house: House) -> None:
    dialog = house.log_in()
    session: Any = dialog.session
    dialog.send(b"a APPEND INBOX {4+}\r\n")
    for _ in range(5):
        dialog.send(b"a: b (%b) {4+}\r\n" % b" ".join([b"$Flag"] * 10_000))
        assert sum(map(len, session.incoming.fragments)) < 65_536


def test_what_is_full_takes_no_literal(house: House) -> None:
    account = house.appliance.create("other@box.test", Lifetime(1000, messages=1))
    dialog = house.connect()
    dialog.send(f"a LOGIN other@box.test {account.secret}\r\n".encode())
    assert b"Appended" in dialog.send(b"b APPEND INBOX {4+}\r\na: b\r\n")
    assert dialog.send(b"c APPEND INBOX {4}\r\n") == b"c NO [OVERQUOTA] The mailbox is full\r\n"
    dialog.send(b"d SELECT INBOX\r\n")
    assert dialog.send(b"e REPLACE 1 INBOX {4}\r\n") == b"+ Go on\r\n"
    assert dialog.send(b"c: d\r\n").endswith(b"e OK Replaced\r\n")
    assert dialog.send(b"f UID FETCH 2 BODY[]\r\n").endswith(b"{4}\r\nc: d)\r\nf OK Fetched\r\n")


@pytest.mark.parametrize("interruption", [TimedOut(), ShuttingDown()])
def test_an_interrupted_append_stores_nothing(house: House, interruption: TimedOut | ShuttingDown) -> None:
    dialog = house.log_in()
    dialog.send(b"a APPEND INBOX {600}\r\na: b\r\n")
    assert dialog.interrupt(interruption).startswith(b"* BYE ")
    assert dialog.closed
    assert house.memory.used == 0
    assert house.entries() == []


# Much output


def test_a_large_message_is_sent_in_slices(house: House) -> None:
    content = b"Subject: x\r\n\r\n" + b"0123456789abcd\r\n" * 200_000
    house.deliver(content)
    dialog = house.select()
    said = dialog.send(b"a FETCH 1 (BODY.PEEK[] UID BODY.PEEK[TEXT]<16.16>)\r\n")
    assert said == (
        b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b BODY[TEXT]<16> {16}\r\n0123456789abcd\r\n)\r\na OK Fetched\r\n"
        % (len(content), content)
    )
    assert dialog.largest_output < 1 << 19


def test_many_messages_are_sent_as_the_client_takes_them(house: House) -> None:
    house.deliver(*[b"Subject: x\r\n\r\n" + b"x" * 20_000] * 30)
    dialog = house.select()
    said = dialog.send(b"a FETCH 1:* BODY[]\r\n" * 10)
    assert said.count(b"a OK Fetched\r\n") == 10
    assert len(said) > 6_000_000
    assert dialog.largest_output < 1 << 19
    assert dialog.drains >= 10


def test_short_answers_to_many_commands_wait_for_the_client_too(house: House) -> None:
    dialog = house.log_in()
    said = dialog.send(b'a LIST "" *\r\n' * 5000)
    assert len(said) > 1 << 20
    assert dialog.largest_output < 1 << 19


def test_summaries_are_asked_for_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deliver(*[PLAIN] * 250)
    sizes: list[int] = []
    summaries = Inbox.summaries

    async def counting(inbox: Inbox, folder_id: int, uids: list[int]) -> Any:
        sizes.append(len(uids))
        return await summaries(inbox, folder_id, uids)

    monkeypatch.setattr(Inbox, "summaries", counting)
    dialog = house.select()
    assert dialog.send(b"a FETCH 1:* ENVELOPE\r\n").count(b" FETCH (ENVELOPE") == 250
    assert dialog.send(b"b SEARCH SUBJECT one\r\n").count(b" ") == 250 + 1 + 2
    assert sizes == [100, 100, 50] * 2


# Interruptions


@pytest.mark.parametrize(
    ("interruption", "said"),
    [(TimedOut(), b"* BYE Waited too long\r\n"), (ShuttingDown(), b"* BYE Shutting down\r\n")],
)
@pytest.mark.parametrize("command", [b"", b"a IDLE\r\n", b"a SEARCH TEXT {3}\r\n", b"a LOGIN {3+}\r\n"])
def test_interruptions(house: House, interruption: TimedOut | ShuttingDown, said: bytes, command: bytes) -> None:
    dialog = house.select()
    dialog.send(command)
    assert dialog.interrupt(interruption).endswith(said)
    assert dialog.closed
    assert not house.appliance.watched


# Whatever arrives

COMMANDS = st.sampled_from(
    [
        b"a NOOP",
        b"a CAPABILITY",
        b"a SELECT INBOX",
        b"a EXAMINE Trash",
        b"a FETCH 1:* (UID FLAGS ENVELOPE)",
        b"a UID FETCH 2 BODY[]",
        b"a FETCH 3 BODYSTRUCTURE",
        b"a STORE 1 +FLAGS (\\Flagged)",
        b"a STORE 1 -FLAGS.SILENT (\\Flagged)",
        b"a COPY 1 Nowhere",
        b"a SEARCH TEXT {5+}",
        b"hello",
        b'a LIST "" {1}',
        b"*",
        b"a IDLE",
        b"DONE",
        b"a STATUS INBOX (MESSAGES)",
        b"a APPEND Nowhere {3+}",
        b"a APPEND Sent (\\Seen {3+}",
        b"abc",
        b"a CLOSE",
        b"a AUTHENTICATE PLAIN",
        b"a {5+}",
        b"",
        b"\x00",
        b"a FETCH 1 (((",
        b'a LOGIN "',
        b"a UNSELECT",
    ]
)
GARBAGE = st.one_of(COMMANDS, st.binary(max_size=300)).map(lambda line: line + b"\r\n")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("shared"))
    house.deliver(PLAIN, OTHER, NESTED)
    # Whatever was once \Recent is so no longer, and all is read: every dialogue finds the same mailbox.
    house.select().send(b"a STORE 1:* FLAGS (\\Seen)\r\n")
    yield house
    house.appliance.close()


def _said(dialog: Dialog, data: bytes, cuts: list[int]) -> bytes:
    said, position = b"", 0
    for cut in cuts:
        said += dialog.send(data[position : position + cut])
        position += cut
    said += dialog.send(data[position:])
    dialog.hang_up()
    # What was done before counts on.
    return re.sub(rb"MODSEQ [0-9]+", b"MODSEQ n", said)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(GARBAGE, max_size=12), cuts=st.lists(st.integers(0, 9), max_size=40), late=st.booleans())
def test_cutting_changes_nothing(shared: House, lines: list[bytes], cuts: list[int], late: bool) -> None:
    reset = b"z SELECT INBOX\r\nz STORE 1:* FLAGS (\\Seen)\r\n"
    data = b"".join([*lines, credentials(shared), reset] if late else [credentials(shared), *lines])
    whole = _said(shared.connect(), data, [])
    _said(shared.connect(), credentials(shared) + reset, [])
    assert _said(shared.connect(), data, cuts) == whole
    _said(shared.connect(), credentials(shared) + reset, [])
    assert whole.startswith(GREETING)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000).filter(lambda data: b"{" not in data))
def test_garbage_is_refused_line_by_line(shared: House, data: bytes) -> None:
    dialog = shared.connect()
    said = dialog.read() + dialog.send(data)
    assert said.count(b"\r\n") == 1 + min(data.count(b"\n"), MOST_PROBLEMS + 1) + dialog.closed
    assert said.count(b" BAD ") == min(data.count(b"\n"), MOST_PROBLEMS + 1)
    dialog.hang_up()


WORDS = b"1 * : , ( ) < ] . % UID FLAGS BODY[ 0.1> TEXT HEADER FIELDS NOT OR INBOX NIL \\Seen +FLAGS".split()
TOKENS = st.sampled_from([*WORDS, b" ", b'"', b"\xff", b"\\", b"{3+}\r\nabc", b"{2}\r\n"])
NAMES = st.sampled_from(b"FETCH,UID FETCH,STORE 1,SEARCH,UID SEARCH,LIST,STATUS,APPEND,COPY,ID".split(b","))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, tokens=st.lists(TOKENS, max_size=15))
def test_no_argument_is_our_fault(shared: House, name: bytes, tokens: list[bytes]) -> None:
    dialog = shared.select(command="EXAMINE")
    said = dialog.send(b"t " + name + b" " + b"".join(tokens) + b"\r\n") + dialog.send(b"\r\nu NOOP\r\n")
    assert b"SERVERBUG" not in said
    assert said.endswith(b"u OK Done\r\n")
    dialog.hang_up()
