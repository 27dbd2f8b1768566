"""Who may connect: clients are kept waiting, or turned away, before there is a session for them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from twisted.internet.defer import Deferred

from tempmaild.errors import Banned, TooFast
from tempmaild.net.gate import Gate
from tests.net.wire import CLIENT, RULES, Wire, connect, listener, parrot


def test_who_is_admitted_is_not_kept_waiting() -> None:
    asked = []

    async def admit(address: str) -> float:
        asked.append(address)
        return 0.0

    assert connect(parrot, admit=admit).received() == b"hello\r\n"
    assert asked == [CLIENT]


@pytest.mark.parametrize("error", [Banned, TooFast])
def test_who_is_not_is_told_so(error: type[Exception]) -> None:
    async def admit(_: str) -> float:
        raise error(CLIENT)

    gate = Gate(RULES)
    wire = connect(parrot, gate=gate, admit=admit)
    assert wire.received() == b"421 full\r\n"
    assert wire.closed == "closed"
    assert gate._all == 0


def test_each_client_is_counted() -> None:
    async def admit(address: str) -> float:
        if address != CLIENT:
            raise TooFast if address == "192.0.2.200" else Banned
        return 0.0

    counted: list[str] = []
    factory = listener(parrot, gate=Gate(replace(RULES, connections=1)), admit=admit, count=counted.extend)
    Wire(factory, "192.0.2.200")
    Wire(factory, "192.0.2.201")
    wire = Wire(factory)
    assert wire.received() == b"hello\r\n"
    Wire(factory)
    assert counted == ["turned-away/too-fast", "turned-away/banned", "session/test", "turned-away/too-many"]


def test_nothing_is_said_in_plain_text_where_tls_begins_at_once() -> None:
    async def admit(_: str) -> float:
        raise Banned

    wire = connect(parrot, admit=admit, implicit_tls=True)
    assert wire.received() == b""
    assert wire.closed == "closed"


def test_who_comes_too_fast_waits_and_counts_as_a_connection() -> None:
    async def admit(_: str) -> float:
        return 4.0

    gate = Gate(RULES)
    factory = listener(parrot, gate=gate, admit=admit)
    wire = Wire(factory)
    wire.send(b"early\r\n")
    factory.clock.advance(3.9)
    assert wire.received() == b""
    assert gate._all == 1
    factory.clock.advance(0.2)
    assert wire.received() == b"hello\r\nearly\r\n"


def test_the_proxy_s_client_is_asked_for() -> None:
    asked = []

    async def admit(address: str) -> float:
        asked.append(address)
        return 0.0

    wire = connect(parrot, admit=admit, proxies=[ip_network("192.0.2.0/24")])
    assert wire.send(b"PROXY TCP4 198.51.100.7 192.0.2.1 1234 25\r\n") == b"hello\r\n"
    assert asked == ["198.51.100.7"]


def test_a_client_that_goes_while_it_is_looked_up_leaves_nothing() -> None:
    waiting: list[Deferred[None]] = []

    async def admit(_: str) -> float:
        waiting.append(Deferred())
        await waiting[-1]
        return 0.0

    gate = Gate(RULES)
    wire = connect(parrot, gate=gate, admit=admit)
    assert gate._all == 1
    wire.lose()
    waiting.pop().callback(None)
    assert gate._all == 0
    assert wire.received() == b""
