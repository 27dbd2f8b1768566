from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock

from tempmaild.log import get_log
from tempmaild.net.listeners import CannotListen, Listeners
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


def test_an_address_in_use_is_named(reactor: Reactor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = TcpAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(CannotListen, match=f"test cannot listen on {address}"):
            Listeners(reactor, get_log("test")).listen(listener(parrot).service, [address])


def test_tls_needs_a_certificate(reactor: Reactor, tmp_path: Path) -> None:
    service = replace(listener(parrot).service, implicit_tls=True)
    with pytest.raises(CannotListen, match="needs a certificate"):
        Listeners(reactor, get_log("test")).listen(service, [UnixAddress(tmp_path / "socket")])
    assert reactor.opened == []


def test_new_connections_have_the_new_service(reactor: Reactor) -> None:
    listeners = Listeners(reactor, get_log("test"))
    service = listener(parrot).service
    listeners.listen(service, [TcpAddress("127.0.0.1", 0)])
    other = replace(service, turned_away=b"other")
    listeners.exchange({"test": other, "more": service})
    assert reactor.factories[0].service is other
    opened: Any = listeners._ports[0]
    opened.socket.close()
