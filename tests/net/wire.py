"""A connection without a socket: Twisted's own buffering, and a client who takes as much as the test says."""

# Twisted's own methods have no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import socket
import time
from errno import EAGAIN
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tempmaild.log import get_log
from tempmaild.net.connection import Connections, Service
from tempmaild.net.conversation import Interruption, Line, Session
from tempmaild.net.gate import Gate, GateRules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.net.conversation import Peer

    Story = Callable[["Told"], Awaitable[None]]

CLIENT = "192.0.2.1"
RULES = GateRules(connections=10, connections_per_network=3, ipv4_prefix=32, ipv6_prefix=64, exempt=())
NO_END = 1 << 60


class Told(Session):
    """A session whose conversation the test writes down."""

    def __init__(self, peer: Peer, session_id: str, story: Story) -> None:
        super().__init__(peer, session_id, get_log("test"))
        self._story = story

    async def converse(self) -> None:
        await self._story(self)


async def parrot(session: Told) -> None:
    """Says what it hears, and why it ends."""
    session.say(b"hello\r\n")
    try:
        while (line := await Line(3000, 60)) != b"bye":
            session.say(line + b"\r\n")
    except Interruption as interruption:
        session.say(type(interruption).__name__.encode() + b"\r\n")
    session.say(b"bye\r\n")


class _Interest:
    """What a reactor does: it notes whether the descriptor wants to read and to write, and closes it."""

    def __init__(self) -> None:
        self.reads = self.writes = False
        self.at_end: list[Callable[[], None]] = []

    def at_end_of_turn(self, call: Callable[[], None]) -> None:
        self.at_end.append(call)

    def addReader(self, _: object) -> None:  # noqa: N802 - Twisted's name
        self.reads = True

    def removeReader(self, _: object) -> None:  # noqa: N802 - Twisted's name
        self.reads = False

    def addWriter(self, _: object) -> None:  # noqa: N802 - Twisted's name
        self.writes = True

    def removeWriter(self, _: object) -> None:  # noqa: N802 - Twisted's name
        self.writes = False

    def disconnect(self, wire: Wire) -> None:
        wire.lose("closed")


class Socket:
    """The TCP socket of a wire.

    Attributes:
        acknowledged: how often the kernel was told to acknowledge at once.
        flags: with which it was last written to.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.acknowledged = 0
        self.flags = 0

    def send(self, data: bytes, flags: int) -> int:
        self.flags = flags
        if not self._wire.capacity:
            raise BlockingIOError(EAGAIN, "it stalls")
        return self._wire.writeSomeData(data)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert (level, option, value) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.acknowledged += 1


class Wire(FileDescriptor):
    """One client's connection.

    Attributes:
        sent: what the client has received.
        socket: what the connection has of the socket.
        writes: how often the socket was written to.
        capacity: how many octets it takes before it stalls.
        half_closed: whether we said that we send no more.
        closed: whether the connection is closed, and how: "" for not, "closed", "aborted".
    """

    connected = 1

    def __init__(self, factory: Listener, address: str = CLIENT, capacity: int = NO_END) -> None:
        self.clock = factory.clock
        self._interest = _Interest()
        super().__init__(self._interest)  # type: ignore[arg-type]
        self.sent = bytearray()
        self.socket = Socket(self)
        self.writes = 0
        self.capacity = capacity
        self.half_closed = False
        self.closed = ""
        # The one that `listener` has made.
        self._clock: Clock = factory.call_later.__self__  # type: ignore[attr-defined]
        peer: Any = IPv4Address("TCP", address, 50_000) if address else UNIXAddress(b"/run/client")
        self.connection = factory.buildProtocol(peer)
        self.startReading()
        self.connection.makeConnection(self)
        self.turn()

    # What the client does

    def send(self, data: bytes) -> bytes:
        """Send, and give what has come back since the last time."""
        assert self.reads, "nobody reads"
        self.connection.dataReceived(data)
        return self.received()

    def received(self) -> bytes:
        """Give what has come since the last time."""
        self.turn()
        data = bytes(self.sent)
        self.sent.clear()
        return data

    def take(self, octets: int) -> None:
        """Take so many octets more."""
        self.capacity += octets
        self.turn()

    def half_close(self) -> None:
        """Send no more, and still read."""
        assert self.reads, "nobody reads"
        self.stopReading()
        self.connection.readConnectionLost()
        self.turn()

    def lose(self, how: str = "lost") -> None:
        """Lose the connection."""
        self.closed = how
        self.connectionLost(Failure(CONNECTION_DONE))
        self.connection.connectionLost()

    # What the reactor does

    def turn(self) -> None:
        """Let the reactor turn until nothing can happen without the client."""
        self.clock.advance(0)
        self.end_turn()
        while not self.closed and self._interest.writes and (self.capacity or not self.pending):
            if self.doWrite() is CONNECTION_DONE:
                self.lose("closed")
            self.clock.advance(0)
            self.end_turn()

    def end_turn(self) -> None:
        """Have what happened at the same time handled."""
        while self._interest.at_end:
            calls, self._interest.at_end = self._interest.at_end, []
            for call in calls:
                call()

    def look_at_clock(self, seconds: float) -> None:
        """Let the clock be looked at when so much time will have passed."""
        self.connection.look_at_clock(time.monotonic() + seconds)
        self.turn()

    @property
    def open(self) -> bool:
        return not self.closed

    @property
    def reads(self) -> bool:
        return self._interest.reads and not self.closed

    @property
    def pending(self) -> int:
        """Octets that wait for the client."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    # What a TCP transport has beyond FileDescriptor

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802 - Twisted's name
        self.writes += 1
        taken = min(len(data), self.capacity)
        self.sent += data[:taken]
        self.capacity -= taken
        return taken

    def _closeWriteConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.half_closed = True

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.lose("aborted")


class Listener(Connections):
    """A listener whose pauses are as long as its clock says."""

    def __init__(self, service: Service) -> None:
        self.clock = Clock()
        super().__init__(service, self.clock.callLater)


def listener(story: Story, gate: Gate | None = None, **service: Any) -> Listener:
    """Make a listener whose sessions go as the story tells."""
    return Listener(
        Service(
            name="test",
            make_session=lambda peer, session_id: Told(peer, session_id, story),
            turned_away=b"421 full\r\n",
            gate=gate or Gate(RULES),
            log=get_log("test"),
            **service,
        )
    )


def connect(story: Story, address: str = CLIENT, **service: Any) -> Wire:
    return Wire(listener(story, **service), address)
