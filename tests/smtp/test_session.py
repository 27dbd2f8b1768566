from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild.core.policy import Policy
from tempmaild.errors import DiskFull, StoreFailed
from tempmaild.net.conversation import FLOOD, Pause, ShuttingDown, TimedOut
from tempmaild.service.delivery import Deliveries
from tests.net.test_conversation import SMUGGLED
from tests.smtp.house import BEGIN, GO_ON, GREETING, ME, RULES, YOU, House
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dialog import Dialog

OK = b"250 2.0.0 Ok: stored as s1-1\r\n"
FITTING = (b"a" * 62 + b"\r\n") * 1024
"""A message of 64 KiB."""
OUR_FAULT = b"451 4.3.0 Something went wrong here; please try again later\r\n"
TOO_LONG = b"500 5.5.2 The line is too long\r\n"
LMTP = replace(RULES, lmtp=True)
LMTP_BEGIN = BEGIN.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA")


def mails_of(said: bytes) -> bytes:
    """Give what was said after the answer to EHLO."""
    return said.partition(b"STARTTLS\r\n")[2]


# Lines


def test_a_command_may_have_2048_octets(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"NOOP ".ljust(2048, b"a") + b"\r\n") == b"250 2.0.0 Ok\r\n"
    for length in (2049, 2050, 20_000, FLOOD - 1):
        assert dialog.send(b"NOOP ".ljust(length, b"a") + b"\r\n", 4096) == TOO_LONG


def test_a_line_without_end_is_given_up(house: House) -> None:
    dialog = house.connect()
    assert dialog.send(b"(" * (10 << 20), 1 << 16) == GREETING + TOO_LONG + b"421 4.7.0 Goodbye\r\n"
    assert dialog.closed


def test_a_bare_newline_ends_no_command(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    assert dialog.send(b"HELO a\nHELO b\rQUIT\n\r") == b""
    assert not dialog.closed


# The data


@pytest.mark.parametrize("end", SMUGGLED)
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_nothing_is_smuggled(house: House, end: bytes, cut: int) -> None:
    evil = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<me@box.test>\r\nDATA\r\nevil"
    dialog = house.connect_to_data()
    assert dialog.send(b"Subject: x\r\n\r\none" + end + evil + b"\r\n.\r\n", cut) == OK
    dialog.send(b"QUIT\r\n")
    (stored,) = house.contents()
    assert stored.endswith(b"evil\r\n")
    assert stored.count(b"\r\n") == stored.count(b"\n") == stored.count(b"\r")


@pytest.mark.parametrize("end", SMUGGLED)
def test_what_could_be_smuggled_is_refused_where_the_settings_say_so(house: House, end: bytes) -> None:
    dialog = house.connect_to_data(replace(RULES, refuses_bare_newlines=True))
    said = dialog.send(b"one" + end + b"QUIT\r\n.\r\nNOOP\r\n")
    bare = end.replace(b"\r\n", b"")
    refused = b"\r" in bare or b"\n" in bare
    assert said == (b"550 5.5.2 Bare CR or LF: lines end with CRLF\r\n" if refused else OK) + b"250 2.0.0 Ok\r\n"
    assert len(house.contents()) == (not refused)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b"", b""),
        (b"..\r\n", b".\r\n"),
        (b"..a\r\n...\r\na.\r\n.b\r\n", b".a\r\n..\r\na.\r\nb\r\n"),
        (b"\r\n", b"\r\n"),
        (b"a\n..\nb\r..\r\n", b"a\r\n..\r\nb\r\n..\r\n"),
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
    ],
)
def test_stuffing_is_undone_and_nothing_else_changes(house: House, sent: bytes, stored: bytes) -> None:
    dialog = house.connect_to_data()
    assert dialog.send(sent + b".\r\n", 1) == OK
    assert house.contents() == [stored]


@given(
    lines=st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b"\xff"]), max_size=12),
    cut=st.integers(0, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_is_stuffed_arrives(shared: House, lines: list[bytes], cut: int) -> None:
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    dialog = shared.connect_to_data()
    assert dialog.send(stuffed + b".\r\n", cut) == OK
    assert shared.contents()[-1] == b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize("length", [1000, 16_384, 16_385, 65_536])
def test_a_long_line_of_a_message_is_data(house: House, length: int) -> None:
    line = b"RCPT TO:<me@box.test>".ljust(length, b"a")
    dialog = house.connect_to_data()
    assert dialog.send(b"\r\n" + line + b"\r\nQUIT\r\n.\r\n", 16_384) == OK
    assert house.contents() == [b"\r\n" + line + b"\r\nQUIT\r\n"]


def test_too_long_a_line_of_a_message_is_refused_after_its_end(house: House) -> None:
    dialog = house.connect_to_data()
    said = dialog.send(b"\r\n" + b"a" * 65_537 + b"\r\nQUIT\r\n.\r\nNOOP\r\n", 16_384)
    assert said == b"554 5.6.0 A line of the message is too long\r\n250 2.0.0 Ok\r\n"
    assert house.contents() == []


def test_the_end_of_the_data_may_come_with_what_follows(house: House) -> None:
    dialog = house.connect()
    said = dialog.send(BEGIN + b"a\r\n.\r\nRSET\r\nQUIT\r\nNOOP\r\n")
    assert mails_of(said) == GO_ON + OK + b"250 2.0.0 Ok\r\n221 2.0.0 mx.box.test Goodbye\r\n"
    assert house.contents() == [b"a\r\n"]


def test_a_recipient_named_twice_has_one_copy(house: House) -> None:
    dialog = house.connect()
    dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<ME@box.test>\r\nRCPT TO:<you@box.test>\r\nDATA") + b".\r\n")
    assert len(house.contents(ME)) == len(house.contents(YOU)) == 1


def test_half_a_message_is_nothing(house: House) -> None:
    for end in ("hang up", TimedOut(), ShuttingDown()):
        dialog = house.connect_to_data()
        dialog.send(b"Subject: x\r\n\r\nHalf a")
        assert house.memory.used > 0
        if isinstance(end, str):
            dialog.hang_up()
        else:
            assert dialog.interrupt(end).startswith(b"421 ")
        assert dialog.closed
        assert house.memory.used == 0
    assert house.contents() == []


# Domains


@pytest.fixture
def with_small(house: House) -> House:
    """Beside box.test a domain whose messages have at most 64 KiB, with its mailbox me@small.test."""
    run(house.appliance.domains.add("small.test", policy=Policy(largest_message=1 << 16)))
    house.accounts["me@small.test"] = house.appliance.create("me@small.test")
    return house


def test_a_message_too_large_for_one_domain_is_refused_as_a_whole(with_small: House) -> None:
    dialog = with_small.connect()
    dialog.read()
    begin = BEGIN.replace(b"DATA", b"RCPT TO:<me@small.test>\r\nDATA")
    for content, said in (
        (FITTING + b"\r\n", b"552 5.3.4 The message is too large\r\n"),
        (FITTING, OK.replace(b"-1", b"-2")),
    ):
        dialog.send(begin)
        assert dialog.send(content + b".\r\n") == said
    assert with_small.contents(ME) == with_small.contents("me@small.test") == [FITTING]


def test_lmtp_refuses_it_for_those_alone(with_small: House) -> None:
    dialog = with_small.connect(LMTP)
    dialog.send(LMTP_BEGIN.replace(b"DATA", b"RCPT TO:<me@small.test>\r\nRCPT TO:<me@box.test>\r\nDATA"))
    too_large = b"552 5.3.4 The message is too large\r\n"
    assert dialog.send(FITTING + b"\r\n.\r\n") == OK + OK + too_large + OK
    assert len(with_small.contents(ME)) == len(with_small.contents(YOU)) == 1
    assert with_small.contents("me@small.test") == []
    dialog.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<me@small.test>\r\nDATA\r\n")
    assert dialog.send(FITTING + b"\r\n.\r\n") == too_large


def test_mail_that_another_takes_says_for_whom_it_was(house: House) -> None:
    run(house.appliance.domains.add("catch.test", "catch-all", policy=Policy(catch_all=ME)))
    dialog = house.connect()
    for recipients in (b"RCPT TO:<Shop.42@catch.test>", b"RCPT TO:<a@catch.test>\r\nRCPT TO:<b@catch.test>"):
        dialog.send(BEGIN.replace(b"RCPT TO:<me@box.test>", recipients))
        dialog.send(b".\r\n")
    alone, together = house.messages(ME)
    assert b"for <Shop.42@catch.test>;\r\n" in alone
    # One copy, and nobody learns of the others.
    assert b"catch.test" not in together


# STARTTLS


def test_commands_injected_before_tls_are_dropped(house: House) -> None:
    dialog = house.connect()
    injected = b"EHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<me@box.test>\r\nDATA\r\nevil\r\n.\r\nNO"
    dialog.send(b"EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<me@box.test>\r\n")
    assert dialog.send(b"STARTTLS\r\n" + injected) == b"220 2.0.0 Ready to start TLS\r\n"
    assert dialog.send(b"OP\r\n") == b"500 5.5.2 The command is not recognised\r\n"
    assert dialog.send(b"RCPT TO:<you@box.test>\r\n") == b"503 5.5.1 Say EHLO first\r\n"
    assert dialog.send(BEGIN + b"after\r\n.\r\n").endswith(OK)
    assert house.contents() == [b"after\r\n"]


@pytest.mark.parametrize("verb", [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH"])
def test_http_is_closed_at_once(house: House, verb: bytes) -> None:
    dialog = house.connect()
    assert dialog.send(verb + b" / HTTP/1.1\r\n" + BEGIN) == GREETING
    assert dialog.closed


# Errors


def count_pauses(dialog: Dialog, data: bytes) -> int:
    before = dialog.drains
    dialog.send(data)
    return dialog.drains - before


def test_errors_slow_answers_down_and_then_end_the_session(house: House) -> None:
    dialog = house.connect()
    assert count_pauses(dialog, b"x\r\n" * RULES.soft_errors) == 0
    assert count_pauses(dialog, b"x\r\n") == 1
    assert count_pauses(dialog, b"NOOP\r\n") == 0
    assert dialog.send(b"x\r\nNOOP\r\n").endswith(b"421 4.7.0 mx.box.test Too many errors; goodbye\r\n")
    assert dialog.closed


def test_an_error_is_held_up_by_a_pause(house: House) -> None:
    session: Any = house.connect().session
    session.errors = RULES.soft_errors
    refusing = session.refuse(b"500 x\r\n")
    pause = refusing.send(None)
    assert isinstance(pause, Pause)
    assert pause.seconds == 1
    assert session.output == []
    with pytest.raises(StopIteration):
        refusing.send(None)
    assert session.output == [b"500 x\r\n"]


def test_a_refused_message_is_one_error_and_leaves_nothing_behind(house: House) -> None:
    rules = replace(RULES, largest_message=10, hard_errors=2)
    dialog = house.connect_to_data(rules)
    assert dialog.send(b"more than ten octets\r\n.\r\n") == b"552 5.3.4 The message is too large\r\n"
    assert dialog.send(b"DATA\r\n") == (
        b"503 5.5.1 Say MAIL first\r\n421 4.7.0 mx.box.test Too many errors; goodbye\r\n"
    )
    assert house.memory.used == 0


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (StoreFailed("x"), b"451 4.3.0 The message could not be stored; please try again later\r\n"),
        (DiskFull("x"), b"452 4.3.1 Insufficient system storage\r\n"),
        (ZeroDivisionError(), OUR_FAULT),
    ],
)
@pytest.mark.parametrize("lmtp", [False, True])
def test_what_cannot_be_stored_is_not_taken(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, reply: bytes, lmtp: bool
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Deliveries, "deliver", fails)
    dialog = house.connect(LMTP if lmtp else RULES)
    dialog.send(LMTP_BEGIN if lmtp else BEGIN)
    assert dialog.send(b"a\r\n.\r\nNOOP\r\n") == reply * (1 + lmtp) + b"250 2.0.0 Ok\r\n"
    assert dialog.send(b"DATA\r\n") == b"503 5.5.1 Say MAIL first\r\n"
    assert house.memory.used == 0
    monkeypatch.undo()
    begin = LMTP_BEGIN if lmtp else BEGIN
    assert dialog.send(begin + b"again\r\n.\r\n").endswith(OK.replace(b"s1-1", b"s1-2"))
    assert house.contents() == [b"again\r\n"]


def test_our_fault_ends_a_command_and_not_the_session(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    dialog = house.connect()
    with monkeypatch.context() as patch:
        patch.setattr(Deliveries, "recipient", fails)
        said = dialog.send(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<me@box.test>\r\n")
        assert said.endswith(b"250 2.1.0 Ok\r\n" + OUR_FAULT)
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "command-failed")]
    assert dialog.send(b"RCPT TO:<me@box.test>\r\n") == b"250 2.1.5 Ok\r\n"


def test_without_disk_space_no_message_is_begun(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bavail=1000, f_frsize=1000))
    dialog = house.connect()
    house.clock.now += 10
    full = b"452 4.3.1 Insufficient system storage\r\n"
    assert dialog.send(b"HELO a\r\nMAIL FROM:<>\r\n" + b"MAIL FROM:<>\r\n" * 10).endswith(full * 11)
    monkeypatch.undo()
    house.clock.now += 10
    assert dialog.send(b"MAIL FROM:<>\r\n") == b"250 2.1.0 Ok\r\n"


# Memory


def test_without_memory_no_message_is_begun(house: House) -> None:
    house.memory.limit = 50_000
    dialog = house.connect()
    dialog.send(b"EHLO a\r\n")
    full = b"452 4.3.1 Too much mail is arriving; please try again later\r\n"
    assert dialog.send(b"MAIL FROM:<a@example.org> SIZE=50001\r\n") == full
    assert dialog.send(b"MAIL FROM:<a@example.org> SIZE=50000\r\n") == b"250 2.1.0 Ok\r\n"


def test_messages_share_the_memory(house: House) -> None:
    house.memory.limit = 1000
    first, second = house.connect_to_data(), house.connect_to_data()
    first.send(b"a" * 600)
    said = second.send(b"b" * 600 + b"\r\n.\r\nNOOP\r\n")
    assert said == b"452 4.3.1 Too much mail is arriving; please try again later\r\n250 2.0.0 Ok\r\n"
    assert first.send(b"\r\n.\r\n") == OK
    assert house.memory.used == 0
    assert second.send(BEGIN + b"b" * 600 + b"\r\n.\r\n").endswith(OK.replace(b"s1-1", b"s1-2"))
    assert [len(content) for content in house.contents()] == [602, 602]


def test_memory_is_held_until_the_message_is_stored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    deliver = Deliveries.deliver

    async def watch(*arguments: Any) -> object:
        used.append(house.memory.used)
        return await deliver(*arguments)

    monkeypatch.setattr(Deliveries, "deliver", watch)
    house.connect_to_data().send(b"a" * 500 + b"\r\n.\r\n")
    assert used == [504]
    assert house.memory.used == 0


# Time


def test_times(house: House) -> None:
    dialog = house.connect(replace(RULES, patience=17))
    assert dialog.awaited
    assert dialog.awaited.allowance() == 17
    dialog.send(BEGIN)
    assert dialog.awaited.under_way
    assert dialog.awaited.allowance() == 17
    dialog.send(b"a" * 10_000)
    assert dialog.awaited.allowance() == 117
    dialog.send(b"a" * 1_000_000)
    assert dialog.awaited.allowance() == 600


# What becomes of mailboxes meanwhile


def test_a_mailbox_that_was_destroyed_takes_no_message(house: House) -> None:
    dialog = house.connect_to_data()
    destroy(house, ME)
    assert dialog.send(b"a\r\n.\r\n") == b"550 5.1.1 No such mailbox here\r\n"


def test_lmtp_tells_for_each_recipient_whether_it_has_the_message(house: House) -> None:
    dialog = house.connect(LMTP)
    dialog.send(LMTP_BEGIN)
    destroy(house, ME)
    assert dialog.send(b"a\r\n.\r\n") == b"550 5.1.1 No such mailbox here\r\n" + OK
    assert house.contents(YOU) == [b"a\r\n"]


def destroy(house: House, address: str) -> None:
    run(house.appliance.mailboxes.destroy(house.accounts[address].mailbox))


# The log


def test_the_log_says_what_happened_and_no_content(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dialog = house.connect()
    dialog.send(BEGIN.replace(b"RCPT", b"RCPT TO:<nobody@box.test>\r\nRCPT", 1))
    dialog.send(b"Subject: confidential\r\n\r\nconfidential\r\n.\r\n")
    dialog.send(BEGIN + b"confidential".ljust(200_000) + b"\r\n.\r\nQUIT\r\n")
    lines = [(record.message, getattr(record, "fields", {})) for record in caplog.records]
    assert [event for event, _ in lines] == ["refused", "accepted", "refused"]
    assert all(fields["session"] == "s1" for _, fields in lines)
    assert lines[1][1] | {"sender": ""} == {
        "session": "s1", "id": "s1-1", "client": "192.0.2.1", "sender": "", "recipients": 1, "size": 39,
        "disposition": "accept",
    }  # fmt: skip
    assert lines[2][1]["reason"] == "MessageTooLarge"
    assert "confidential" not in str(lines)


# Whatever arrives

LINES = st.sampled_from(
    [
        b"EHLO a", b"HELO a", b"LHLO a", b"MAIL FROM:<>", b"MAIL FROM:<a@b.c> SIZE=5",
        b"MAIL FROM:<> SMTPUTF8", b"RCPT TO:<me@box.test>",
        b"RCPT TO:<you@box.test>", b"RCPT TO:<no@box.test>", b"RCPT TO:<Postmaster>", b"DATA",
        b".", b"..", b"RSET", b"NOOP",
        b"VRFY x", b"HELP", b"QUIT", b"QUIT x", b"STARTTLS x", b"", b"MAIL FROM:<\"a\\\"@b", b"\x00", b"\xff\xfe",
        b"a" * 3000, b"RCPT TO:<" + b"(" * 2000, b"x\n.\ny", b"x\r",
    ]
)  # fmt: skip
GARBAGE = st.one_of(LINES, LINES, st.binary(max_size=300)).map(lambda line: line + b"\r\n")
PATIENT = replace(RULES, hard_errors=1000, soft_errors=1000)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("shared"))
    yield house
    house.appliance.close()


def _said(dialog: Dialog, data: bytes, cuts: list[int]) -> bytes:
    said, position = dialog.read(), 0
    for cut in cuts:
        said += dialog.send(data[position : position + cut])
        position += cut
    said += dialog.send(data[position:])
    dialog.hang_up()
    return said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(GARBAGE, max_size=15),
    cuts=st.lists(st.integers(0, 9), max_size=60),
    begun=st.booleans(),
    lmtp=st.booleans(),
    strict=st.booleans(),
)
def test_cutting_changes_nothing(
    shared: House, lines: list[bytes], cuts: list[int], begun: bool, lmtp: bool, strict: bool
) -> None:
    begin = (LMTP_BEGIN if lmtp else BEGIN) if begun else b""
    data = begin + b"".join(lines)
    rules = replace(PATIENT, lmtp=lmtp, refuses_bare_newlines=strict)
    whole = _said(shared.connect(rules), data, [])
    assert _said(shared.connect(rules), data, cuts) == whole
    assert whole.startswith(b"220 mx.box.test ")
    assert shared.memory.used == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000))
def test_garbage_is_refused_line_by_line(shared: House, data: bytes) -> None:
    dialog = shared.connect(PATIENT)
    said = dialog.read() + dialog.send(data)
    assert said == GREETING + b"500 5.5.2 The command is not recognised\r\n" * data.count(b"\r\n")
    assert not dialog.closed
    dialog.hang_up()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000))
def test_any_octets_are_a_message(shared: House, data: bytes) -> None:
    dialog = shared.connect_to_data()
    stuffed = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
    assert dialog.send(stuffed + b"\r\n.\r\n") == OK
    dialog.hang_up()
    assert shared.memory.used == 0


def test_every_reply_is_well_formed(shared: House) -> None:
    """RFC 5321 §4.2: three digits and text; RFC 2034 §4: a code of the same class, but for greetings and 354."""
    dialog = shared.connect(PATIENT)
    said = dialog.read()
    for command in (b"EHLO a", b"NOOP", b"HELP", b"VRFY a", b"AUTH", b"x", b"MAIL", *BEGIN.split(b"\r\n")[1:-1]):
        said += dialog.send(command + b"\r\n")
    said += (
        dialog.send(b".\r\n") + dialog.send(b"STARTTLS\r\n") + dialog.send(b"EHLO a\r\n") + dialog.send(b"QUIT\r\n")
    )
    for line in said.split(b"\r\n")[:-1]:
        code, text = line[:3], line[4:]
        assert code.isdigit()
        assert line[3:4] in {b" ", b"-"}
        assert len(line) <= 510
        if code != b"354" and not text.startswith(b"mx.box.test") and b"250-" not in line:
            assert text[:2] == code[:1] + b"." or text.startswith((b"STARTTLS", b"LIMITS")), line


def test_a_session_needs_little(shared: House) -> None:
    """What a client can make a session keep before its message."""
    dialog = shared.connect(PATIENT)
    dialog.send(b"EHLO a\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<me@box.test>\r\n" * 5000)
    session: Any = dialog.session
    assert len(session.transaction.recipients) == PATIENT.most_recipients
    assert session.output == []
