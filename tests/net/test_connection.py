from __future__ import annotations

import gc
import socket
import weakref
from ipaddress import IPv4Network
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred

from tempmaild.net.conversation import (
    DotData,
    Drain,
    Interruption,
    Line,
    Memory,
    Pause,
    Peer,
    ShuttingDown,
    Take,
    TimedOut,
)
from tempmaild.net.gate import Gate
from tests.net.wire import CLIENT, RULES, Told, Wire, connect, listener, parrot

if TYPE_CHECKING:
    from tempmaild.net.conversation import Input

FULL = 1 << 16
"""Octets that a transport has to hold for its client before the session waits, and that wait unread for a session."""
PROXIES: dict[str, Any] = {"proxies": (IPv4Network("192.0.2.0/24"),)}
PROXY_HEADER = b"PROXY TCP4 198.51.100.7 192.0.2.9 4000 25\r\n"


async def talker(session: Told) -> None:
    """Says as many KiB as it is asked for, or 1 MiB at once for "much"."""
    while (line := await Line(3000, 60)) != b"bye":
        if line == b"much":
            session.say(b"." * (1 << 20))
            continue
        for _ in range(int(line)):
            session.say(b"." * 1024)
            if len(session.output) == 64:
                await Drain()
    session.say(b"bye")


class Slow:
    """A story that waits for what the test lets happen."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[bytes]] = []
        self.ended = False

    async def __call__(self, session: Told) -> None:
        try:
            while (line := await Line(3000, 60)) != b"bye":
                deferred: Deferred[bytes] = Deferred()
                self.waiting.append(deferred)
                session.say(line + b": " + await deferred + b"\r\n")
        except Interruption as interruption:
            session.say(type(interruption).__name__.encode())
        finally:
            self.ended = True


# Lines in, lines out


def test_a_conversation() -> None:
    wire = connect(parrot)
    assert wire.received() == b"hello\r\n"
    assert wire.send(b"a\r\nb") == b"a\r\n"
    assert wire.send(b"c\r\nbye\r\nd\r\n") == b"bc\r\nbye\r\n"


@pytest.mark.parametrize("by_the_client", [False, True])
def test_nothing_is_left_of_a_session_that_has_ended(by_the_client: bool) -> None:
    """Not until somebody searches for garbage: it may have had keys of a mailbox."""
    sessions: list[weakref.ref[Told]] = []

    async def known(session: Told) -> None:
        sessions.append(weakref.ref(session))
        del session
        await Line(3000, 60)

    gc.disable()
    try:
        wire = connect(known)
        assert sessions[0]() is not None
        if by_the_client:
            wire.lose()
        else:
            wire.send(b"bye\r\n")
        assert sessions[0]() is None
    finally:
        gc.enable()


def test_the_end_of_a_conversation_closes_the_connection() -> None:
    wire = connect(parrot)
    wire.send(b"bye\r\n")
    assert wire.closed == "closed"


def test_the_last_words_go_in_one_packet_with_the_end() -> None:
    wire = connect(parrot)
    wire.send(b"a\r\n")
    assert wire.socket.flags == 0
    wire.send(b"bye\r\n")
    assert wire.socket.flags == socket.MSG_MORE


def test_answers_of_one_turn_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: 0.0)
    wire = connect(parrot)
    wire.received()
    writes = wire.writes
    assert wire.send(b"a\r\n" * 100) == b"a\r\n" * 100
    assert wire.writes == writes + 1


def test_what_is_asked_at_the_same_time_is_answered_together() -> None:
    wires = [connect(parrot), connect(parrot)]
    for wire in wires:
        wire.received()
        wire.connection.dataReceived(b"a\r\n")
        assert not wire.sent
    for wire in wires:
        wire.end_turn()
        assert wire.sent == b"a\r\n"
        assert not wire.socket.acknowledged, "the answer does it"


def test_what_is_still_to_be_said_of_who_has_gone_is_said_to_nobody() -> None:
    wire = connect(parrot)
    wire.received()
    wire.connection.dataReceived(b"a\r\n")
    wire.lose()
    wire.end_turn()
    assert not wire.sent


def test_who_sends_many_commands_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock finds 3 ms gone, and a turn has 10."""
    clock = count(0, 0.003)
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: next(clock))
    wire = connect(parrot)
    wire.received()
    wire.connection.dataReceived(b"a\r\n" * 100)
    wire.end_turn()
    assert 0 < len(wire.sent) < 20 * 3
    # What comes before the next turn waits for it, and who sends much more is not read from.
    answered = len(wire.sent)
    wire.connection.dataReceived(b"b\r\n" * FULL)
    wire.end_turn()
    assert len(wire.sent) == answered
    assert not wire.reads
    assert wire.received() == b"a\r\n" * 100 + b"b\r\n" * FULL
    assert wire.reads


def test_the_end_waits_for_the_turns_of_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(0, 0.003)
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: next(clock))
    wire = connect(parrot)
    wire.connection.dataReceived(b"a\r\n" * 100)
    wire.half_close()
    assert wire.received() == b"hello\r\n" + b"a\r\n" * 100
    assert wire.closed == "closed"


def test_a_client_that_waits_for_no_answer_is_acknowledged_at_once() -> None:
    wire = connect(parrot)
    wire.send(b"a\r\n")
    assert wire.socket.acknowledged == 0
    assert wire.send(b"half a line") == b""
    assert wire.socket.acknowledged == 1
    assert wire.send(b"\r\n") == b"half a line\r\n"
    assert wire.socket.acknowledged == 1


def test_nobody_acknowledges_on_a_unix_socket() -> None:
    wire = connect(parrot, "")
    wire.received()
    assert wire.send(b"half a line") == b""
    assert wire.socket.acknowledged == 0


def test_pipelined_commands_wait_for_the_one_before() -> None:
    story = Slow()
    wire = connect(story)
    assert wire.send(b"a\r\nb\r\nc\r\nbye\r\n") == b""
    for line in (b"a", b"b", b"c"):
        assert wire.open
        story.waiting.pop().callback(b"done")
        assert wire.received() == line + b": done\r\n"
    assert wire.closed == "closed"


def test_what_is_said_is_sent_before_a_wait() -> None:
    async def story(session: Told) -> None:
        session.say(b"wait")
        await Deferred()

    assert connect(story).received() == b"wait"


def test_an_answer_that_is_there_already_needs_no_turn() -> None:
    async def story(session: Told) -> None:
        deferred: Deferred[bytes] = Deferred()
        deferred.callback(b"at once")
        session.say(await deferred)

    assert connect(story).received() == b"at once"


def test_a_failure_of_what_is_awaited_reaches_the_session() -> None:
    async def story(session: Told) -> None:
        deferred: Deferred[bytes] = Deferred()
        waiting.append(deferred)
        try:
            await deferred
        except ZeroDivisionError:
            session.say(b"caught")

    waiting: list[Deferred[bytes]] = []
    wire = connect(story)
    waiting[0].errback(ZeroDivisionError())
    assert wire.received() == b"caught"
    assert wire.closed == "closed"


def test_a_defect_ends_the_session_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def story(session: Told) -> None:
        session.say(b"hello")
        await Line(10, 60)
        raise ZeroDivisionError

    wire = connect(story)
    wire.send(b"\r\n")
    assert wire.closed == "closed"
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "session-failed")


@pytest.mark.parametrize("ends", [False, True])
def test_a_defect_that_shows_when_answers_are_sent_ends_it_too(caplog: pytest.LogCaptureFixture, ends: bool) -> None:
    async def story(session: Told) -> None:
        no_octets: Any = "hello"
        session.say(no_octets)
        if not ends:
            await Line(10, 60)

    wire = connect(story)
    wire.turn()
    assert wire.closed == "closed"
    assert not wire.sent
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "session-failed")


def test_a_session_can_be_woken() -> None:
    class Bell(Take[bool]):
        def take(self, source: Input) -> bool | None:  # noqa: ARG002
            return True if rung else None

    async def story(session: Told) -> None:
        sessions.append(session)
        await Bell(60)
        session.say(b"ding\r\n")
        await Bell(60)
        session.wake()  # by something that the session itself did
        session.say(b"dong\r\n")

    sessions: list[Told] = []
    rung: list[bool] = []
    wire = connect(story)
    sessions[0].wake()
    assert wire.received() == b""
    rung.append(True)
    sessions[0].wake()
    assert wire.received() == b"ding\r\ndong\r\n"
    sessions[0].wake()


def test_news_may_come_in_place_of_a_line() -> None:
    class LineOrNews(Line):
        def take(self, source: Input) -> bytes | None:
            return super().take(source) or (b"news" if told else None)

    async def story(session: Told) -> None:
        sessions.append(session)
        session.say(await LineOrNews(100, 60) + b"\r\n")

    sessions: list[Told] = []
    told: list[bool] = []
    wire = connect(story)
    assert wire.received() == b""
    told.append(True)
    sessions[0].wake()
    assert wire.received() == b"news\r\n"


# Clients that send more than they should


def test_what_arrives_while_the_session_waits_is_bounded() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"first\r\n")
    sent = 0
    while wire.reads:
        wire.send(b"x\r\n" * 1000)
        sent += 1000
        assert sent < FULL
    assert FULL < 3 * sent <= FULL + 3000
    story.waiting.pop(0).callback(b"done")
    for number in range(sent):
        assert len(story.waiting) == 1, number
        story.waiting.pop().callback(b"done")
    assert wire.received().count(b"done\r\n") == 1 + sent
    assert wire.send(b"and on") == b""


def test_who_takes_no_answers_is_not_listened_to() -> None:
    wire = connect(parrot)
    wire.received()
    wire.capacity = 0
    sent = 0
    while wire.reads:
        wire.send(b"x" * 1000 + b"\r\n")
        sent += 1
        assert wire.pending < FULL * 2
        assert sent < 5 * FULL // 1000
    wire.take(1 << 30)
    assert wire.received() == (b"x" * 1000 + b"\r\n") * sent
    assert wire.send(b"and on\r\n") == b"and on\r\n"


def test_what_comes_after_the_last_word_is_dropped() -> None:
    wire = connect(parrot)
    wire.received()
    assert wire.send(b"bye\r\nmore\r\n") == b"bye\r\n"
    # The client still sends: were the connection closed now, it would be reset before the client has read all.
    assert wire.half_closed
    assert wire.open
    assert wire.send(b"x" * FULL * 4) == b""
    assert len(wire.connection._input) < FULL
    wire.look_at_clock(9)
    assert wire.open
    wire.look_at_clock(11)
    assert wire.closed == "aborted"


def test_who_was_not_read_from_is_read_from_again_after_the_last_word() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"a\r\n")
    wire.send(b"bye\r\n" + b"x" * FULL)
    assert not wire.reads
    story.waiting.pop().callback(b"done")
    assert wire.received() == b"a: done\r\n"
    assert wire.half_closed
    wire.half_close()
    assert wire.connection._at_end


def test_who_stops_sending_after_the_last_word_is_let_go() -> None:
    wire = connect(parrot)
    wire.send(b"bye\r\nmore\r\n")
    closing: list[str] = []
    wire.loseConnection = lambda *_: closing.append("closed")  # type: ignore[method-assign]
    wire.half_close()
    assert closing == ["closed"]


# Clients that do not take what they asked for


def test_output_is_bounded_by_what_the_client_takes() -> None:
    wire = connect(talker)
    wire.capacity = 0
    wire.send(b"10000\r\n")
    total = 0
    while total < 10_000 << 10:
        assert 0 < wire.pending <= FULL + (128 << 10)
        wire.take(10_000)
        total += len(wire.received())
    wire.take(1 << 20)
    assert wire.send(b"bye\r\n").endswith(b"bye")
    assert wire.closed == "closed"


def test_a_slow_client_gets_everything_before_the_connection_is_closed() -> None:
    wire = connect(talker)
    wire.capacity = 1000
    said = wire.send(b"much\r\nbye\r\n")
    assert wire.pending
    for _ in range(10):
        wire.look_at_clock(200)
        assert wire.open
        wire.take(1000)
    wire.take(2 << 20)
    assert said + wire.received() == b"." * (1 << 20) + b"bye"
    assert wire.closed == "closed"


def test_who_stalls_is_given_up_in_the_end() -> None:
    for last in (b"", b"bye\r\n"):
        wire = connect(talker)
        wire.capacity = 0
        wire.send(b"much\r\n" + last)
        wire.look_at_clock(299)
        assert wire.open
        wire.look_at_clock(301)
        assert wire.closed == "aborted"


def test_a_stalled_client_is_not_too_slow_in_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: now)
    wire = connect(parrot)
    wire.capacity = 0
    wire.send((b"x" * 1000 + b"\r\n") * 100)
    now += 200
    wire.connection.look_at_clock(now)
    wire.take(1 << 30)
    wire.connection.look_at_clock(now + 59)
    assert wire.received().endswith(b"x\r\n")
    wire.connection.look_at_clock(now + 61)
    assert wire.received() == b"TimedOut\r\nbye\r\n"


def test_when_a_drain_stalls_the_session_goes_on_with_the_client() -> None:
    async def story(session: Told) -> None:
        for number in range(3):
            steps.append(number)
            session.say(b"." * FULL * 2)
            await Drain()

    steps: list[int] = []
    wire = Wire(listener(story), capacity=0)
    assert steps == [0]
    wire.take(FULL * 2)
    assert steps == [0, 1]
    wire.take(FULL * 4)
    assert steps == [0, 1, 2]
    assert len(wire.received()) == FULL * 6


def test_who_takes_everything_does_not_have_the_reactor_alone() -> None:
    async def story(session: Told) -> None:
        await Line(10, 60)
        for _ in range(2):
            session.say(b".")
            await Drain()

    wire = connect(story)
    wire.connection.dataReceived(b"\r\n")
    assert bytes(wire.sent) == b"."
    assert wire.received() == b".."


# The end of the client's sending


def test_a_client_that_half_closes_gets_all_answers() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"a\r\nb\r\nhalf a line")
    wire.half_close()
    assert wire.open
    story.waiting.pop().callback(b"done")
    story.waiting.pop().callback(b"done")
    assert wire.received() == b"a: done\r\nb: done\r\n"
    assert wire.closed == "closed"
    assert story.ended


def test_a_client_that_half_closes_and_reads_slowly_gets_all_answers() -> None:
    wire = connect(parrot)
    wire.received()
    wire.capacity = 0
    lines = b"".join(b"%d" % number + b"." * 1000 + b"\r\n" for number in range(50))
    for _ in range(3):
        wire.send(lines)
    assert wire.connection._input, "some of it has to wait for the client"
    wire.half_close()
    assert wire.open
    wire.take(1 << 30)
    assert wire.received() == lines * 3
    assert wire.closed == "closed"


def test_a_client_that_half_closes_gets_what_only_then_stalls() -> None:
    story = Slow()
    wire = connect(story)
    wire.capacity = 0
    wire.send(b"a\r\nb\r\nc\r\n")
    wire.half_close()
    for _ in range(2):
        story.waiting.pop().callback(b"." * FULL * 2)
        wire.turn()
    assert not story.waiting, "nothing more is done for a client that does not keep up"
    wire.take(FULL * 4 + 10)
    story.waiting.pop().callback(b"done")
    wire.take(1 << 20)
    assert wire.received().endswith(b"\r\nc: done\r\n")
    assert wire.closed == "closed"


def test_a_client_that_half_closes_while_idle_is_let_go() -> None:
    story = Slow()
    wire = connect(story)
    wire.half_close()
    assert wire.closed == "closed"
    assert story.ended


def test_the_last_word_reaches_a_client_that_has_half_closed() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"a\r\nbye\r\n")
    wire.half_close()
    story.waiting.pop().callback(b"done")
    assert wire.received() == b"a: done\r\n"
    assert wire.closed == "closed"


@pytest.mark.parametrize("how", ["lost", "aborted"])
def test_a_lost_connection_frees_what_the_session_holds(how: str) -> None:
    async def story(session: Told) -> None:
        reservation = memory.reserve()
        try:
            session.say(await DotData(1 << 20, reservation, 60, 100, 600))
        finally:
            reservation.release()

    memory, gate = Memory(1 << 20), Gate(RULES)
    wire = connect(story, gate=gate)
    wire.send(b"a" * 1000)
    assert memory.used > 0
    assert gate._all == 1
    if how == "aborted":
        wire.look_at_clock(601)
        assert wire.closed == "closed"
    else:
        wire.lose()
    assert (memory.used, gate._all) == (0, 0)


def test_a_result_that_comes_after_the_client_has_gone_is_nobody_s() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"a\r\n")
    wire.lose()
    assert story.ended
    story.waiting.pop().callback(b"done")
    wire.connection.look_at_clock(1e9)
    assert wire.received() == b""


# Time


def test_a_line_has_its_time_however_it_arrives() -> None:
    wire = connect(parrot)
    wire.received()
    wire.send(b"a")
    wire.look_at_clock(59)
    wire.send(b"b")
    assert wire.open
    wire.look_at_clock(61)
    assert wire.received() == b"TimedOut\r\nbye\r\n"
    # There is half a line: the client may still send.
    assert wire.half_closed


def test_each_line_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = connect(parrot)
    now = 1000.0
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: now)
    for _ in range(5):
        wire.send(b"a\r\n")
        now += 50
        wire.connection.look_at_clock(now)
        assert wire.open
    wire.connection.look_at_clock(now + 11)
    assert wire.received().endswith(b"TimedOut\r\nbye\r\n")


def test_data_has_time_by_what_has_arrived() -> None:
    async def story(session: Told) -> None:
        try:
            await DotData(1 << 20, Memory(1 << 20).reserve(), 60, 100, 600)
        except TimedOut:
            session.say(b"too slow")

    wire = connect(story)
    wire.send(b"a" * 2000)
    wire.look_at_clock(79)
    assert wire.open
    wire.look_at_clock(81)
    assert wire.received() == b"too slow"


def test_a_pause_ends_with_the_clock_and_not_with_input() -> None:
    async def story(session: Told) -> None:
        await Pause(1)
        session.say(await Line(10, 60))

    wire = connect(story)
    wire.clock.advance(0.9)
    assert wire.send(b"a\r\n") == b""
    wire.clock.advance(0.1)
    assert wire.received() == b"a"


def test_a_pause_may_outlast_its_client() -> None:
    async def story(_session: Told) -> None:
        try:
            await Pause(1)
        finally:
            ended.append(True)

    ended: list[bool] = []
    wire = connect(story)
    wire.lose()
    assert ended == [True]
    wire.clock.advance(1)
    assert ended == [True]


def test_waiting_for_the_store_takes_as_long_as_it_takes() -> None:
    story = Slow()
    wire = connect(story)
    wire.send(b"a\r\n")
    wire.look_at_clock(100_000)
    assert wire.open


# Shutting down


def test_who_is_idle_is_sent_away() -> None:
    factory = listener(parrot)
    wire = Wire(factory)
    wire.received()
    factory.stop()
    assert wire.received() == b"ShuttingDown\r\nbye\r\n"
    assert wire.closed == "closed"
    assert not factory.open


def test_who_is_under_way_may_come_to_the_end() -> None:
    async def story(session: Told) -> None:
        session.say(await DotData(1 << 20, Memory(1 << 20).reserve(), 60, 100, 600))
        try:
            await Line(10, 60)
        except ShuttingDown:
            session.say(b"sent away")

    factory = listener(story)
    wire = Wire(factory)
    wire.send(b"abc")
    factory.stop()
    assert wire.received() == b""
    assert wire.send(b"def\r\n.\r\nQUIT\r\n") == b"abcdef\r\nsent away"


def test_an_answer_under_way_is_given_before_the_goodbye() -> None:
    story = Slow()
    factory = listener(story)
    wire = Wire(factory)
    wire.send(b"a\r\nb\r\n")
    factory.stop()
    assert wire.received() == b""
    story.waiting.pop().callback(b"done")
    assert wire.received() == b"a: done\r\nShuttingDown"


def test_who_lingers_hears_no_goodbye(caplog: pytest.LogCaptureFixture) -> None:
    factory = listener(parrot)
    wire = Wire(factory)
    wire.send(b"bye\r\nmore\r\n")
    assert wire.half_closed
    assert wire.open
    factory.stop()
    assert wire.received() == b""
    assert not caplog.records


def test_a_pause_ends_in_a_goodbye() -> None:
    async def story(session: Told) -> None:
        await Pause(1)
        try:
            await Line(10, 60)
        except ShuttingDown:
            session.say(b"sent away")

    factory = listener(story)
    wire = Wire(factory)
    factory.stop()
    wire.clock.advance(1)
    assert wire.received() == b"sent away"


def test_who_is_left_in_the_end_is_cut_off() -> None:
    factory = listener(Slow())
    wires = [Wire(factory) for _ in range(3)]
    for wire in wires:
        wire.send(b"a\r\n")
    factory.stop()
    factory.abort()
    assert [wire.closed for wire in wires] == ["aborted"] * 3
    assert not factory.open


# Who may come in


def test_too_many_connections_are_turned_away(caplog: pytest.LogCaptureFixture) -> None:
    factory = listener(parrot)
    wires = [Wire(factory) for _ in range(3)]
    turned_away = Wire(factory)
    assert turned_away.received() == b"421 full\r\n"
    assert turned_away.closed == "closed"
    assert [record.message for record in caplog.records] == ["too-many-connections"]
    assert Wire(factory, "192.0.2.2").received() == b"hello\r\n"
    wires[0].lose()
    assert Wire(factory).received() == b"hello\r\n"


def test_who_expects_tls_is_turned_away_without_a_word() -> None:
    factory = listener(parrot, gate=Gate(RULES.__class__(0, 1, 32, 64, ())), implicit_tls=True)
    wire = Wire(factory)
    assert wire.received() == b""
    assert wire.closed == "closed"


PEERS: list[Peer] = []


async def who(session: Told) -> None:
    PEERS.append(session.peer)
    session.say(session.peer.address.encode() + b"\r\n" + await Line(10, 60))


@pytest.mark.parametrize(
    ("address", "on_this_host"), [("127.0.0.1", True), ("127.1.2.3", True), ("192.0.2.1", False), ("", True)]
)
def test_who_is_on_this_host(address: str, on_this_host: bool) -> None:
    connect(who, address)
    assert PEERS.pop() == Peer(address, on_this_host)


@pytest.mark.parametrize(
    ("host", "address"),
    [("::1", "::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1")],
)
def test_addresses_of_clients(host: str, address: str) -> None:
    client: Any = IPv6Address("TCP", host, 1)
    assert listener(who).buildProtocol(client)._address == address


def test_every_session_has_an_id_of_its_own() -> None:
    factory, ids = listener(parrot), set()
    for number in range(3):
        wire: Any = Wire(factory, f"192.0.2.{number}")
        ids.add(wire.connection._session.id)
    assert len(ids) == 3
    assert ids.isdisjoint({listener(parrot).next_session_id()})


# PROXY


@pytest.mark.parametrize("cut", [0, 1, len(PROXY_HEADER)])
def test_a_trusted_proxy_names_the_client(cut: int) -> None:
    gate = Gate(RULES)
    wire = connect(who, gate=gate, **PROXIES)
    said = b""
    data = PROXY_HEADER + b"line\r\n"
    assert wire.received() == b""
    for start in range(0, len(data), cut or len(data)):
        said += wire.send(data[start : start + (cut or len(data))])
    assert said == b"198.51.100.7\r\nline"
    assert gate._all == 0


def test_the_client_behind_a_proxy_is_the_one_who_counts() -> None:
    factory = listener(parrot, **PROXIES)
    for _ in range(3):
        assert Wire(factory).send(PROXY_HEADER) == b"hello\r\n"
    assert Wire(factory).send(PROXY_HEADER) == b"421 full\r\n"
    assert Wire(factory).send(PROXY_HEADER.replace(b"100.7", b"100.8")) == b"hello\r\n"


def test_a_proxy_that_speaks_for_itself_is_the_client() -> None:
    assert connect(who, **PROXIES).send(b"PROXY UNKNOWN\r\nline\r\n") == b"192.0.2.1\r\nline"


def test_nobody_else_is_believed() -> None:
    wire = connect(parrot, "203.0.113.1", **PROXIES)
    assert wire.received() == b"hello\r\n"
    assert wire.send(PROXY_HEADER) == PROXY_HEADER


@pytest.mark.parametrize("garbage", [b"EHLO a\r\n", b"\x16\x03\x01\x02\x00", b"PROXY TCP4 x\r\n", b"x" * 100_000])
def test_a_proxy_without_a_header_is_closed_without_a_word(garbage: bytes) -> None:
    gate = Gate(RULES)
    wire = connect(parrot, gate=gate, **PROXIES)
    assert wire.send(garbage) == b""
    wire.look_at_clock(11)
    assert wire.closed
    assert gate._all == 0


def test_a_proxy_that_says_nothing_is_closed() -> None:
    wire = connect(parrot, **PROXIES)
    wire.look_at_clock(9)
    assert wire.open
    wire.look_at_clock(11)
    assert wire.closed == "closed"
    assert wire.received() == b""
    assert CLIENT.startswith("192.0.2.")
