from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild.core.mailbox import INBOX
from tempmaild.errors import StoreFailed
from tempmaild.net.conversation import FLOOD, ShuttingDown, TimedOut
from tempmaild.service.inbox import Inbox
from tests.pop3.house import ADDRESS, DAY, DOTS, GREETING, PLAIN, RULES, UNTERMINATED, House
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dialog import Dialog

NO_SUCH_MESSAGE = b"-ERR no such message\r\n"
WRONG = b"-ERR [AUTH] wrong address or password\r\n"
IN_USE = b"-ERR [IN-USE] another POP3 session has this mailbox open\r\n"


def credentials(house: House) -> bytes:
    return f"AUTH PLAIN {house.values['plain']}\r\n".encode()


# Damaged messages


def test_a_message_that_cannot_be_read_hides_no_other(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.deliver(PLAIN, PLAIN)
    dialog = house.log_in()
    statement = "UPDATE content SET data = ? WHERE id = (SELECT content_id FROM entry WHERE uid = 1)"
    assert house.appliance.appliance.handle.run(statement, b"garbage")
    with caplog.at_level(logging.ERROR):
        assert dialog.send(b"RETR 1\r\n") == b"-ERR [SYS/PERM] this message cannot be read any more\r\n"
    assert "message-damaged" in caplog.text
    assert dialog.send(b"LIST 1\r\n").startswith(b"+OK 1 ")
    assert dialog.send(b"RETR 2\r\n").startswith(b"+OK ")


# The maildrop


def test_only_one_session_has_the_maildrop(house: House) -> None:
    first = house.log_in()
    second = house.connect()
    second.read()
    assert second.send(credentials(house)) == IN_USE
    assert not second.closed
    first.send(b"QUIT\r\n")
    assert second.send(credentials(house)) == b"+OK 0 messages\r\n"


def test_a_lost_connection_gives_the_maildrop_back_and_removes_nothing(house: House) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    dialog.send(b"DELE 1\r\n")
    dialog.hang_up()
    assert house.log_in().send(b"STAT\r\n") == b"+OK 1 30\r\n"


@pytest.mark.parametrize("interruption", [TimedOut(), ShuttingDown()])
def test_an_interruption_gives_the_maildrop_back_and_removes_nothing(
    house: House, interruption: TimedOut | ShuttingDown
) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    dialog.send(b"DELE 1\r\n")
    assert dialog.interrupt(interruption) == b""
    assert dialog.closed
    assert house.log_in().send(b"STAT\r\n") == b"+OK 1 30\r\n"


def test_a_failed_login_holds_no_maildrop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = house.connect()
    dialog.read()
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "entries", fails)
        assert dialog.send(credentials(house)) == b"-ERR [SYS/TEMP] not possible now, try later\r\n"
    assert dialog.send(credentials(house)) == b"+OK 0 messages\r\n"


def test_quit_removes_exactly_what_is_marked(house: House) -> None:
    house.deliver(PLAIN, DOTS, UNTERMINATED, PLAIN)
    dialog = house.log_in()
    dialog.send(b"DELE 1\r\nDELE 3\r\nDELE 4\r\n")
    assert dialog.send(b"QUIT\r\n") == b"+OK bye\r\n"
    assert dialog.closed
    assert [entry.uid for entry in house.entries()] == [2]


def test_quit_keeps_what_came_meanwhile(house: House) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    house.deliver(DOTS)
    assert dialog.send(b"DELE 1\r\nDELE 2\r\nQUIT\r\n") == b"+OK deleted\r\n" + NO_SUCH_MESSAGE + b"+OK bye\r\n"
    assert [entry.uid for entry in house.entries()] == [2]


def test_numbers_stay_while_others_expunge(house: House) -> None:
    house.deliver(PLAIN, DOTS, UNTERMINATED)
    dialog = house.log_in()
    house.expunge(1, 2)
    assert dialog.send(b"STAT\r\n") == b"+OK 3 83\r\n"
    assert dialog.send(b"RETR 1\r\n") == NO_SUCH_MESSAGE
    assert dialog.send(b"TOP 2 0\r\n") == NO_SUCH_MESSAGE
    assert dialog.send(b"RETR 3\r\n") == b"+OK 25 octets\r\nSubject: three\r\n\r\n..last\r\n.\r\n"
    # That somebody else was faster is no failure.
    assert dialog.send(b"DELE 1\r\nDELE 3\r\nQUIT\r\n").endswith(b"+OK bye\r\n")
    assert house.entries() == []


def test_unique_ids_stay_over_sessions(house: House) -> None:
    house.deliver(PLAIN, DOTS)
    dialog = house.log_in()
    first = dialog.send(b"UIDL 2\r\n")
    dialog.send(b"DELE 1\r\nQUIT\r\n")
    house.deliver(PLAIN)
    again = house.log_in()
    assert again.send(b"UIDL 1\r\n") == first.replace(b"+OK 2", b"+OK 1")
    assert again.send(b"UIDL\r\n").count(b".2\r\n") == 1


def test_a_failed_removal_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("disk")

    house.deliver(PLAIN)
    dialog = house.log_in()
    dialog.send(b"DELE 1\r\n")
    monkeypatch.setattr(Inbox, "remove", fails)
    assert dialog.send(b"QUIT\r\n") == b"-ERR [SYS/TEMP] some deleted messages not removed\r\n"
    assert dialog.closed
    assert len(house.entries()) == 1


def test_a_read_only_login_deletes_nothing(house: House) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    inbox: Any = dialog.session
    inbox._inbox.read_only = True
    assert dialog.send(b"DELE 1\r\nSTAT\r\n") == b"-ERR this login may not remove messages\r\n+OK 1 30\r\n"


def test_our_fault_ends_a_command_and_not_the_session(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    house.deliver(PLAIN)
    dialog = house.log_in()
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "content", fails)
        assert dialog.send(b"RETR 1\r\n") == b"-ERR [SYS/TEMP] internal error\r\n"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert dialog.send(b"RETR 1\r\n").startswith(b"+OK 30 octets\r\n")


def test_only_the_inbox_is_shown(house: House) -> None:
    house.deliver(PLAIN)
    inbox = house.inbox()
    folder = run(inbox.folder(INBOX))
    run(inbox.copy(folder.id, [1], "Trash"))
    assert house.log_in().send(b"STAT\r\n") == b"+OK 1 30\r\n"


# The mailbox's time


@pytest.mark.parametrize("command", [b"RETR 1\r\n", b"TOP 1 0\r\n", b"DELE 1\r\nQUIT\r\n"])
def test_an_expired_mailbox_ends_the_session(house: House, command: bytes) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    house.clock.now = house.mailbox.expires_at
    assert dialog.send(command).endswith(b"-ERR [SYS/PERM] this mailbox no longer exists\r\n")
    assert dialog.closed


@pytest.mark.parametrize(("left", "days"), [(2 * DAY, 2), (2 * DAY - 1, 1), (DAY, 1), (60, 0), (1, 0)])
def test_expire_announces_whole_days(house: House, left: int, days: int) -> None:
    dialog = house.log_in()
    house.clock.now = house.mailbox.expires_at - left
    assert f"\r\nEXPIRE {days}\r\n".encode() in dialog.send(b"CAPA\r\n")


# Before the login


def test_the_login_has_one_time_limit_for_all_commands(house: House) -> None:
    dialog = house.connect()
    assert dialog.awaited
    assert dialog.awaited.patience == 60
    house.clock.now += 50
    dialog.send(b"CAPA\r\n")
    assert dialog.awaited.patience == 10
    house.clock.now += 50
    dialog.send(b"AUTH PLAIN\r\n")
    assert dialog.awaited.patience == 0
    dialog.send(b"*\r\n" + credentials(house))
    assert dialog.awaited.patience == 600


@pytest.mark.parametrize(
    ("plaintext", "on_this_host", "allowed"),
    [
        ("never", True, False),
        ("local", True, True),
        ("local", False, False),
        ("always", False, True),
    ],
)
def test_passwords_without_tls(house: House, plaintext: Any, on_this_host: bool, allowed: bool) -> None:
    dialog = house.connect(replace(RULES, plaintext=plaintext), on_this_host=on_this_host)
    dialog.read()
    capabilities = dialog.send(b"CAPA\r\n")
    assert (b"\r\nUSER\r\n" in capabilities) == (b"\r\nSASL PLAIN\r\n" in capabilities) == allowed
    assert dialog.send(credentials(house)).startswith(b"+OK" if allowed else b"-ERR no password")


def test_names_may_have_more_than_ascii(house: House) -> None:
    account = house.appliance.create("grün@box.test")
    dialog = house.connect()
    assert b"\r\nUTF8 USER\r\n" in dialog.send(b"CAPA\r\n")
    assert dialog.send("USER Gru\u0308n@box.test\r\n".encode()) == b"+OK send the password\r\n"
    assert dialog.send(f"PASS {account.secret}\r\n".encode()) == b"+OK 0 messages\r\n"


def test_commands_injected_before_tls_are_dropped(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    injected = b"STLS\r\n" + credentials(house) + b"CAPA\r\n"
    assert dialog.send(injected) == b"+OK begin TLS\r\n"
    assert dialog.send(b"STAT\r\n") == b"-ERR not allowed in this state\r\n"


def test_an_identity_of_somebody_else_counts_as_a_failed_login(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(f"AUTH PLAIN {house.values['plain_as_other']}\r\n".encode() * 3) == WRONG * 3
    assert dialog.closed


@pytest.mark.parametrize("verb", [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT"])
def test_http_is_closed_at_once(house: House, verb: bytes) -> None:
    dialog = house.connect()
    assert dialog.send(verb + b" / HTTP/1.1\r\nUSER a\r\n") == GREETING
    assert dialog.closed


def test_no_secret_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dialog = house.connect()
    dialog.send(f"USER {ADDRESS}\r\nPASS wrong-{house.secret}\r\n".encode())
    dialog.send(credentials(house) + b"QUIT\r\n")
    lines = [(record.message, getattr(record, "fields", {})) for record in caplog.records]
    assert [event for event, _ in lines] == ["login-failed", "login", "session-end"]
    assert lines[0][1] == {"session": "1", "address": ADDRESS}
    assert house.secret not in str(lines)


# Lines and sizes


def test_long_lines_before_the_login(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    response = b"A" * (12286 - len(b"AUTH PLAIN "))
    assert dialog.send(b"AUTH PLAIN " + response + b"\r\n") == b"-ERR expected base64\r\n"
    assert dialog.send(b"AUTH PLAIN A" + response + b"\r\n") == b"-ERR line too long\r\n"
    assert dialog.send(b"AUTH PLAIN\r\n") == b"+ \r\n"
    assert dialog.send(b"A" * 20000 + b"\r\n") == b"-ERR line too long\r\n"
    assert dialog.send(credentials(house)) == b"+OK 0 messages\r\n"


def test_long_lines_after_the_login(house: House) -> None:
    dialog = house.log_in()
    assert dialog.send(b"NOOP".ljust(253) + b"\r\n") == b"+OK\r\n"
    assert dialog.send(b"NOOP".ljust(254) + b"\r\n") == b"-ERR line too long\r\n"
    assert dialog.send(b"NOOP\r\n") == b"+OK\r\n"


def test_a_line_without_end_is_given_up(house: House) -> None:
    dialog = house.log_in()
    said = dialog.send(b"(" * (10 * FLOOD), 1 << 16)
    assert said == b"-ERR line too long\r\n"
    assert dialog.closed
    assert not house.log_in().closed


def test_a_large_message_is_sent_in_slices(house: House) -> None:
    body = b".\r\nx\r\n" * 500_000
    house.deliver(b"\r\n" + body)
    dialog = house.log_in()
    said = dialog.send(b"RETR 1\r\n")
    first, _, rest = said.partition(b"\r\n")
    assert first == b"+OK %d octets" % (2 + len(body))
    assert rest == b"\r\n" + b"..\r\nx\r\n" * 500_000 + b".\r\n"
    assert dialog.largest_output <= 1 << 20
    assert dialog.send(b"TOP 1 999999\r\n") == b"+OK\r\n" + rest.removesuffix(b"x\r\n.\r\n") + b".\r\n"


@pytest.mark.parametrize("command", [b"RETR 1\r\n", b"CAPA\r\n"])
def test_pipelined_answers_wait_for_the_client(house: House, command: bytes) -> None:
    house.deliver(b"\r\n" + b"x" * 1000)
    dialog = house.log_in()
    assert len(dialog.send(command * 20_000)) > 2_000_000
    assert dialog.largest_output <= 1 << 20


# Whatever arrives

COMMANDS = st.sampled_from(
    [
        b"CAPA",
        b"STAT",
        b"LIST",
        b"LIST 2",
        b"UIDL",
        b"RETR 1",
        b"RETR 2",
        b"TOP 3 1",
        b"DELE 1",
        b"DELE 2",
        b"RSET",
        b"NOOP",
        b"",
        b"\x00",
        b"RETR \xff",
        b"AUTH",
        b"AUTH PLAIN",
        b"UTF8",
        b"USER a",
        b"PASS b",
        b"STLS x",
        b"*",
    ]
)
GARBAGE = st.one_of(COMMANDS, st.binary(max_size=300)).map(lambda line: line + b"\r\n")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("shared"))
    house.deliver(PLAIN, DOTS, UNTERMINATED)
    yield house
    house.appliance.close()


def _said(dialog: Dialog, data: bytes, cuts: list[int]) -> bytes:
    said, position = b"", 0
    for cut in cuts:
        said += dialog.send(data[position : position + cut])
        position += cut
    said += dialog.send(data[position:])
    dialog.hang_up()
    return said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(GARBAGE, max_size=12), cuts=st.lists(st.integers(0, 9), max_size=40), late=st.booleans())
def test_cutting_changes_nothing(shared: House, lines: list[bytes], cuts: list[int], late: bool) -> None:
    data = b"".join([*lines, credentials(shared)] if late else [credentials(shared), *lines])
    whole = _said(shared.connect(), data, [])
    assert _said(shared.connect(), data, cuts) == whole
    assert whole.startswith(GREETING)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000))
def test_garbage_is_refused_line_by_line(shared: House, data: bytes) -> None:
    dialog = shared.connect()
    said = dialog.read() + dialog.send(data)
    assert said.count(b"\r\n") == 1 + data.count(b"\n")
    assert not dialog.closed
    dialog.hang_up()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(messages=st.lists(st.lists(st.sampled_from([b".", b"..", b".a", b"", b"a", b"\r\n"]), max_size=6), max_size=3))
def test_sizes_are_what_is_sent(shared: House, messages: list[list[bytes]]) -> None:
    shared.deliver(*[b"\r\n".join(lines) for lines in messages])
    dialog = shared.log_in()
    for line in dialog.send(b"LIST\r\n").split(b"\r\n")[1:-2]:
        number, octets = line.split()
        first, _, sent = dialog.send(b"RETR %b\r\n" % number).partition(b"\r\n")
        assert first == b"+OK %b octets" % octets
        lines = sent.removesuffix(b".\r\n").splitlines(keepends=True)
        assert sum(len(line) - line.startswith(b".") for line in lines) == int(octets)
        assert not any(line == b".\r\n" for line in lines)
    dialog.hang_up()
