from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock

from tempmaild.log import get_log
from tempmaild.net.connection import Connection
from tempmaild.net.listeners import CannotListen, Listeners
from tempmaild.net.reactor import ShortEPollReactor
from tempmaild.settings.values import TcpAddress, UnixAddress
from tests.net.wire import listener, parrot

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.net.connection import Connections


class _Port:
    def __init__(self, listening: socket.socket) -> None:
        self.socket = listening


class Reactor(Clock):
    """What `Listeners` asks of a reactor: sockets are opened, and nothing is read from them."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[Any, ...]] = []
        self.factories: list[Connections] = []

    def listenTCP(self, port: int, factory: Connections, backlog: int, interface: str) -> _Port:  # noqa: N802
        self.opened.append((interface, port, backlog))
        self.factories.append(factory)
        try:
            return _Port(socket.create_server((interface, port)))
        except OSError as error:
            raise CannotListenError(interface, port, error) from error


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


def test_connections_answer_without_delay(reactor: Reactor) -> None:
    listeners = Listeners(reactor, get_log("test"))
    listeners.listen(listener(parrot).service, [TcpAddress("127.0.0.1", 0)])
    (port,) = listeners._ports
    opened: Any = port
    assert reactor.opened == [("127.0.0.1", 0, 1024)]
    assert opened.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    opened.socket.close()


def test_an_address_in_use_is_named(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild.net.listeners._PATIENCE", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = TcpAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(CannotListen, match=f"test cannot listen on {address}"):
            Listeners(reactor, get_log("test")).listen(listener(parrot).service, [address])


def test_an_address_that_is_left_in_time_is_taken(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a process of a daemon that was killed."""
    leaving = socket.create_server(("127.0.0.1", 0))
    address = TcpAddress("127.0.0.1", leaving.getsockname()[1])
    monkeypatch.setattr("tempmaild.net.listeners.time.sleep", lambda _: leaving.close())
    listeners = Listeners(reactor, get_log("test"))
    listeners.listen(listener(parrot).service, [address])
    (port,) = listeners._ports
    opened: Any = port
    assert reactor.opened == [("127.0.0.1", address.port, 1024)] * 2
    opened.socket.close()


def test_tls_needs_a_certificate(reactor: Reactor, tmp_path: Path) -> None:
    service = replace(listener(parrot).service, implicit_tls=True)
    with pytest.raises(CannotListen, match="needs a certificate"):
        Listeners(reactor, get_log("test")).listen(service, [UnixAddress(tmp_path / "socket")])
    assert reactor.opened == []


def test_open_connections_are_told_by_service(reactor: Reactor) -> None:
    listeners = Listeners(reactor, get_log("test"))
    service = listener(parrot).service
    other = replace(service, name="other")
    for each in (service, service, other):
        listeners.listen(each, [TcpAddress("127.0.0.1", 0)])
    assert listeners.gauges() == {"sessions/test": 0, "sessions/other": 0}
    for factory in (*reactor.factories, reactor.factories[0]):
        factory.open.add(Connection(factory, "192.0.2.1"))
    assert listeners.gauges() == {"sessions/test": 3, "sessions/other": 1}
    for port in listeners._ports:
        opened: Any = port
        opened.socket.close()


def test_new_connections_have_the_new_service(reactor: Reactor) -> None:
    listeners = Listeners(reactor, get_log("test"))
    service = listener(parrot).service
    listeners.listen(service, [TcpAddress("127.0.0.1", 0)])
    other = replace(service, turned_away=b"other")
    listeners.exchange({"test": other, "more": service})
    assert reactor.factories[0].service is other
    opened: Any = listeners._ports[0]
    opened.socket.close()


def test_it_is_told_where_is_listened_until_it_is_closed(tmp_path: Path) -> None:
    reactor = ShortEPollReactor()
    listeners = Listeners(reactor, get_log("test"))
    service = listener(parrot).service
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "handed.sock"))
        unix.listen()
        handed = [os.dup(tcp.fileno()), os.dup(unix.fileno())]
        listeners.adopt(service, handed)
        listeners.listen(replace(service, name="other"), [UnixAddress(tmp_path / "ours.sock")])
        where = {
            "test": [f"127.0.0.1:{tcp.getsockname()[1]}", f"unix:{tmp_path}/handed.sock"],
            "other": [f"unix:{tmp_path}/ours.sock"],
        }
        assert listeners.addresses() == where
        for port in list(listeners._ports):
            cast("Any", port).connectionLost(None)
        assert listeners.addresses() == {}
