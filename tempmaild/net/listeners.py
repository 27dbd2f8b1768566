"""Where clients connect: TCP and Unix sockets, opened here or handed over by systemd."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from errno import EADDRINUSE
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twisted.internet import unix
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall, deferLater

from tempmaild.net.connection import Connections
from tempmaild.settings import TcpAddress, UnixAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from twisted.internet.interfaces import IListeningPort

    from tempmaild.log import Log
    from tempmaild.net.connection import Service
    from tempmaild.settings import Address

_BACKLOG = 1024
_LOOK_AT_CLOCK_EVERY = 1.0
_PATIENCE = 3.0
"""Seconds in which an address may become free."""
_LOOK_AGAIN_AFTER = 0.05
_FIRST_HANDED_OVER = 3  # sd_listen_fds(3)


class CannotListen(Exception):
    """An address cannot be listened on."""


class Listeners:
    """All listeners of the daemon, and the one clock that their connections are held against.

    A coarse sweep once a second costs less than a timer for each line of each client.
    """

    def __init__(self, reactor: Any, log: Log) -> None:
        self._reactor = reactor
        self._log = log
        self._ports: list[IListeningPort] = []
        self._connections: list[Connections] = []
        self._clock = LoopingCall(self._look_at_clock)
        self._clock.clock = reactor

    def listen(self, service: Service, addresses: Iterable[Address]) -> None:
        """Offer a service on addresses.

        Raises:
            CannotListen: one of them is in use, or not ours.
        """
        for address in addresses:
            self._add(service, str(address), partial(self._open, address))

    def adopt(self, service: Service, descriptors: Iterable[int]) -> None:
        """Offer a service on sockets that systemd has opened.

        Raises:
            CannotListen: one of them is no such socket.
        """
        for descriptor in descriptors:
            self._add(service, f"fd:{descriptor}", partial(self._adopt, descriptor))

    def share(self, service: Service, descriptor: int) -> None:
        """Offer a service on a socket on which another process of ours listens, which has told of it.

        Raises:
            CannotListen: it is no such socket.
        """
        self._add(service, f"fd:{descriptor}", partial(self._adopt, descriptor), told=True)

    def hand_over(self, names: Collection[str]) -> list[tuple[str, int]]:
        """Leave to other processes who connects to these services; the sockets, by the names of their services."""
        given = []
        for port, connections in zip(self._ports, self._connections, strict=True):
            if connections.service.name in names:
                any_port: Any = port
                any_port.stopReading()
                given.append((connections.service.name, any_port.fileno()))
        return given

    def start(self) -> None:
        """Start to look at the clock."""
        self._clock.start(_LOOK_AT_CLOCK_EVERY, now=False)

    async def stop(self, grace: float) -> None:
        """Close the listeners, let what is under way come to its end within `grace` seconds, then close the rest."""
        for port in self._ports:
            await maybeDeferred(cast("Any", port).stopListening)
        for connections in self._connections:
            connections.stop()
        deadline = time.monotonic() + grace
        while any(connections.open for connections in self._connections) and time.monotonic() < deadline:
            await deferLater(self._reactor, 0.05)
        for connections in self._connections:
            connections.abort()
        self._clock.stop()

    def check(self, services: Mapping[str, Service]) -> None:
        """See that these services can take the place of those that are offered.

        Raises:
            CannotListen: one of them cannot.
        """
        for connections in self._connections:
            _check(services[connections.service.name])

    def exchange(self, services: Mapping[str, Service]) -> None:
        """Offer these services, by name, to all clients that connect from now on."""
        for connections in self._connections:
            connections.service = services[connections.service.name]

    @property
    def count(self) -> int:
        """How many connections are open."""
        return sum(len(connections.open) for connections in self._connections)

    def addresses(self) -> dict[str, list[str]]:
        """Give where each service is listened for."""
        found: dict[str, list[str]] = {}
        for port, connections in zip(self._ports, self._connections, strict=True):
            listening = cast("Any", port)
            if listening.connected:
                found.setdefault(connections.service.name, []).append(_where(listening.socket.getsockname()))
        return found

    def gauges(self) -> dict[str, float]:
        """Give how many connections are open, by service: "sessions/imaps"."""
        gauges: Counter[str] = Counter()
        for connections in self._connections:
            gauges[f"sessions/{connections.service.name}"] += len(connections.open)
        return dict(gauges)

    def _add(
        self, service: Service, where: str, listen: Callable[[Connections], IListeningPort], *, told: bool = False
    ) -> None:
        _check(service)
        connections = Connections(service, self._reactor.callLater)
        try:
            port = listen(connections)
        except (CannotListenError, OSError) as error:
            raise CannotListen(f"{service.name} cannot listen on {where}: {error}") from error
        self._ports.append(port)
        self._connections.append(connections)
        if not told:
            self._log.info("listening", service=service.name, address=where, tls=service.implicit_tls)

    def _open(self, address: Address, factory: Connections) -> IListeningPort:
        if isinstance(address, UnixAddress):
            # The lock beside the socket tells a socket that a dead daemon has left from one in use.
            unix: IListeningPort = self._reactor.listenUNIX(
                str(address.path), factory, _BACKLOG, mode=0o660, wantPID=True
            )
            return unix
        tcp = self._open_tcp(address, factory)
        _set_no_delay(tcp.socket)
        port: IListeningPort = tcp
        return port

    def _open_tcp(self, address: TcpAddress, factory: Connections) -> Any:
        """Listen, and wait for a moment where the address is in use.

        A process that reads mailboxes for a daemon that was killed has its sockets until it notices that: if it was
        only beginning, when it has begun.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._reactor.listenTCP(address.port, factory, _BACKLOG, address.host)
            except CannotListenError as error:
                if error.socketError.errno != EADDRINUSE or time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_AGAIN_AFTER)

    def _adopt(self, descriptor: int, factory: Connections) -> IListeningPort:
        handed = socket.socket(fileno=descriptor)
        handed.setblocking(False)
        adopted: Any
        if handed.family == socket.AF_UNIX:
            # Twisted would change the mode of the socket's file and remove it in the end; it is not ours. Under a
            # name without a file it leaves it alone.
            adopted = unix.Port(b"\0fd:%d" % descriptor, cast("Any", factory), _BACKLOG, reactor=self._reactor)
            adopted._preexistingSocket = handed  # noqa: SLF001 - as Port._fromListeningDescriptor does it
            # systemd goes on listening: who connects while we start anew waits, and is not refused.
            adopted._shouldShutdown = False  # noqa: SLF001
            adopted.startListening()
        else:
            _set_no_delay(handed)
            with handed:
                adopted = self._reactor.adoptStreamPort(descriptor, handed.family, factory)
        port: IListeningPort = adopted
        return port

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        for connections in self._connections:
            connections.look_at_clock(now)


def _check(service: Service) -> None:
    """See that clients can be served.

    Raises:
        CannotListen: they cannot.
    """
    if service.implicit_tls and service.certificate is None:
        raise CannotListen(f"{service.name} needs a certificate")


def _where(name: Any) -> str:
    """Write what getsockname(2) gives as the settings do."""
    if isinstance(name, tuple):
        return str(TcpAddress(name[0], name[1]))
    return str(UnixAddress(Path(os.fsdecode(name))))


def handed_over(environ: Mapping[str, str], known: Collection[str]) -> dict[str, list[int]]:
    """Give the sockets that systemd has opened for this process by their `FileDescriptorName=`; sd_listen_fds(3).

    Raises:
        CannotListen: one of them has none of the names that are `known`.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    given = environ.get("LISTEN_FDNAMES", "").split(":")
    sockets: dict[str, list[int]] = {}
    for offset in range(int(environ.get("LISTEN_FDS", "0"))):
        name = given[offset] if offset < len(given) else ""
        if name not in known:
            names = ", ".join(known)
            raise CannotListen(f"FileDescriptorName= of a socket of systemd is {name!r}; it has to be one of {names}")
        sockets.setdefault(name, []).append(_FIRST_HANDED_OVER + offset)
    return sockets


def _set_no_delay(listening: socket.socket) -> None:
    """Have connections inherit it (Linux): else each answer to a half-read command waits 40 ms for an ACK."""
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
