"""The Twisted side of every protocol: a connection that performs the effects a session awaits."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import time
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tempmaild.errors import Banned, TooFast
from tempmaild.net.conversation import (
    Compress,
    Drain,
    Input,
    Interruption,
    Pause,
    Peer,
    ShuttingDown,
    StartTls,
    Take,
    TimedOut,
)
from tempmaild.net.deflate import Deflate
from tempmaild.net.proxy import ProxyHeader
from tempmaild.settings import is_among

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from twisted.internet.interfaces import IAddress

    from tempmaild.log import Log
    from tempmaild.net.conversation import Session
    from tempmaild.net.gate import Gate
    from tempmaild.net.tls import Certificate
    from tempmaild.settings import Network

_MOST_UNREAD_INPUT = 1 << 16
"""Octets that may wait while a session is busy; beyond, the client is not read from."""
_TURN = 0.01
"""Seconds after which a client that has sent many commands at once lets others have their turn."""
_AT_REST = 10.0
"""Seconds of silence after which a compressed connection needs less memory."""
_PROXY_PATIENCE = 10.0
_HANDSHAKE_PATIENCE = 60.0
_STALLED = 300.0
"""Seconds after which a client that does not take what it asked for is given up."""
_LINGER = 10.0
"""Seconds for a client to take our last words. One that still sends is read from as long: otherwise the kernel would
reset the connection."""


async def _admit_all(_address: str) -> float:
    return 0.0


def _count_nothing(_names: Sequence[str]) -> None:
    pass


@dataclass(frozen=True)
class Service:
    """One protocol as it is offered on a listener.

    Attributes:
        name: what the log calls it, such as "smtp".
        make_session: makes the session for a new client, which the log calls by the given id.
        turned_away: what a client is told when there are too many connections, or its network is banned.
        certificate: None when TLS is not offered.
        implicit_tls: whether TLS starts at once (RFC 8314 §3).
        proxies: networks whose connections begin with a PROXY header.
        admit: looks whether a client of this address may come now, and for how many seconds it is kept waiting first;
            raises `TooFast` or `Banned` when it may not.
        count: is told of each client: ("session/imaps",), or why it was turned away, such as ("turned-away/banned",).
    """

    name: str
    make_session: Callable[[Peer, str], Session]
    turned_away: bytes
    gate: Gate
    log: Log
    certificate: Certificate | None = None
    implicit_tls: bool = False
    proxies: Sequence[Network] = field(default=())
    admit: Callable[[str], Awaitable[float]] = _admit_all
    count: Callable[[Sequence[str]], None] = _count_nothing


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class Connection(Protocol):
    """Carries one session: runs its coroutine until it waits, and goes on when it can."""

    __slots__ = (
        "_address", "_answered", "_at_end", "_conversation", "_deflate", "_finished", "_input", "_listener",
        "_network", "_output_stalls", "_reading", "_running", "_service", "_session", "_since", "_stopping", "_tls",
        "_turn_is_over", "_waits_for", "connected", "transport",
    )  # fmt: skip

    transport: Any

    def __init__(self, listener: Connections, address: str) -> None:
        self._listener = listener
        self._service = listener.service
        self._address = address
        self._input = Input()
        self._session: Session | None = None
        self._waits_for: object = None
        self._since = 0.0
        self._running = self._at_end = self._finished = self._stopping = False
        self._output_stalls = self._tls = self._turn_is_over = self._answered = False
        self._deflate: Deflate | None = None
        self._reading = True
        self._network: str | None = None

    # What Twisted calls

    def connectionMade(self) -> None:
        """Begin the conversation."""
        self._listener.open.add(self)
        self.transport.registerProducer(self, True)
        self._conversation = self._converse()
        self._run()

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._finished:
            return
        unread = self._input if self._deflate is None else self._deflate
        unread.append(data)
        if self._may_take():
            self._answered = False
            self._run()
            if not self._answered and self._may_take():
                self._acknowledge()
        elif len(unread) > _MOST_UNREAD_INPUT:
            self._read(False)

    def _acknowledge(self) -> None:
        """Have the kernel tell the client at once that its octets are here, for no answer does.

        Many clients send a literal and the end of its line apart. Their kernel keeps the second piece until the first
        is acknowledged (RFC 896), which ours would do after 40 ms.
        """
        if self._address:
            self.transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def handshakeCompleted(self) -> None:
        """Go on with TLS."""
        if isinstance(self._waits_for, StartTls) and self._session:
            tls = self.transport.getHandle()
            self._session.peer.tls = f"{tls.get_protocol_version_name()}, {tls.get_cipher_name()}"
            self._run()

    def pauseProducing(self) -> None:
        """The client does not keep up with what it is told."""
        self._output_stalls = True
        self._since = time.monotonic()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        self._output_stalls = False
        self._since = time.monotonic()
        if isinstance(self._waits_for, Drain) or self._may_take():
            self._run()

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` follows."""

    def readConnectionLost(self) -> None:
        """The client will send no more; what it has sent is still answered."""
        self._at_end = True
        if self._finished:
            self.transport.loseConnection()
        elif self._may_take():
            self._finish()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """End the conversation wherever it is."""
        self._listener.open.discard(self)
        self._finished = True
        self._waits_for = None
        if not self._running:
            self._end()
        if self._network is not None:
            self._service.gate.leave(self._network)
            self._network = None

    # What the factory calls

    def look_at_clock(self, now: float) -> None:
        """Give the client up if it takes too long; `now` as `time.monotonic` has it."""
        waited = now - self._since
        if self._finished:
            if waited > (_STALLED if self._output_stalls else _LINGER):
                self.transport.abortConnection()
        elif self._output_stalls or isinstance(self._waits_for, (Drain, StartTls)):
            if waited > (_HANDSHAKE_PATIENCE if isinstance(self._waits_for, StartTls) else _STALLED):
                self.transport.abortConnection()
        elif isinstance(self._waits_for, Take):
            if waited > self._waits_for.allowance():
                self._run(TimedOut())
            elif self._deflate is not None and waited > _AT_REST:
                self._deflate.rest()

    def stop(self) -> None:
        """Say goodbye as soon as nothing is under way."""
        self._stopping = True
        if isinstance(self._waits_for, Take) and not self._waits_for.under_way:
            self._run(ShuttingDown())

    # The conversation

    async def _converse(self) -> None:
        service = self._service
        if self._address and service.proxies and is_among(self._address, service.proxies):
            self._address = await ProxyHeader(_PROXY_PATIENCE) or self._address
        self._network = service.gate.enter(self._address)
        if self._network is None:
            service.log.warning("too-many-connections", client=self._address)
            self._turn_away("too-many")
            return
        try:
            delay = await service.admit(self._address)
        except (Banned, TooFast) as error:
            service.log.info("turned-away", client=self._address, reason=type(error).__name__, text=error)
            self._turn_away("banned" if isinstance(error, Banned) else "too-fast")
            return
        if delay:
            await Pause(delay)
        peer = Peer(self._address, on_this_host=_is_on_this_host(self._address))
        session = service.make_session(peer, self._listener.next_session_id())
        session.wake = self._wake
        self._session = session
        service.count((f"session/{service.name}",))
        if service.implicit_tls:
            await StartTls()
        await session.converse()

    def _turn_away(self, reason: str) -> None:
        self._service.count((f"turned-away/{reason}",))
        if not self._service.implicit_tls:
            self.transport.write(self._service.turned_away)

    def _may_take(self) -> bool:
        """Tell whether the session waits for input, and gets it as it comes."""
        return isinstance(self._waits_for, Take) and not (self._output_stalls or self._turn_is_over)

    def _wake(self) -> None:
        if self._may_take() and not self._running:
            self._run()

    def _run(self, interruption: BaseException | None = None) -> None:
        """Run the conversation until it has to wait, or ends."""
        self._running = True
        try:
            self._run_until_waiting(interruption)
        except Exception as error:
            self._fail(error)
        finally:
            self._running = False
            if self._finished:
                self._end()

    def _fail(self, error: Exception) -> None:
        """End after a defect of ours."""
        self._service.log.failure("session-failed", error, session=self._session and self._session.id)
        self._finish()

    def _end(self) -> None:
        """End the conversation wherever it is; nothing is left of the session, such as the keys of a mailbox."""
        self._conversation.close()
        # It knows this connection, so that only a search for garbage would find the two.
        self._session = None

    def _run_until_waiting(self, interruption: BaseException | None) -> None:
        effect: object = self._waits_for
        try:
            if interruption is not None:
                effect = self._conversation.throw(interruption)
            elif not isinstance(effect, Take):
                # This is the first step, or what was waited for has happened.
                effect = self._conversation.send(None)
            end_of_turn = time.monotonic() + _TURN
            while isinstance(effect, Take) and (following := self._take(effect)) is not None:
                effect = following
                if time.monotonic() > end_of_turn and isinstance(effect, Take):
                    self._turn_is_over = True
                    self._listener.call_later(0, self._next_turn)
                    break
            self._wait_for(effect)
        except (StopIteration, Interruption):  # the conversation is over
            self._finish()

    def _next_turn(self) -> None:
        self._turn_is_over = False
        if self._may_take():
            self._run()

    def _take(self, effect: Take[Any]) -> object | None:
        """Give the session what it waits for; what it awaits next, None when the input is not there."""
        if self._stopping and not effect.under_way:
            following: object = self._conversation.throw(ShuttingDown())
            return following
        if self._output_stalls:
            return None
        try:
            result = effect.take(self._input)
            if result is None and self._deflate is not None and self._deflate.waiting:
                self._input.append(self._deflate.unpack())
                return effect
        except Exception as error:
            following = self._conversation.throw(error)
        else:
            following = None if result is None else self._conversation.send(result)
        return following

    def _wait_for(self, effect: object) -> None:
        if effect is not self._waits_for:
            self._waits_for = effect
            self._since = time.monotonic()
        if isinstance(effect, Take):
            self._flush_together()
            # While the output stalls, or others have their turn, there may be input that was not looked at.
            if not (self._output_stalls or self._turn_is_over):
                self._wait_for_input()
        elif isinstance(effect, Deferred):
            self._flush_together()
            effect.addBoth(self._happened)
        else:
            self._flush()
            self._begin(effect)

    def _begin(self, effect: object) -> None:
        if isinstance(effect, StartTls):
            self._start_tls()
        elif isinstance(effect, Compress):
            self._compress()
        elif isinstance(effect, Pause):
            self._listener.call_later(effect.seconds, self._happened, None)
        elif isinstance(effect, Drain) and not self._output_stalls:
            # Others have their turn first: a client that takes everything at once must not have the reactor alone.
            self._listener.call_later(0, self._resume_drained, effect)

    def _wait_for_input(self) -> None:
        if self._at_end:
            self._finish()
        elif not self._reading:
            self._read(True)

    def _happened(self, result: object) -> None:
        if not self._finished:
            # The coroutine takes a result from the Deferred itself. Not so a failure: a Deferred that still calls its
            # callbacks does not give it.
            self._run(result.value if isinstance(result, Failure) else None)

    def _resume_drained(self, effect: Drain) -> None:
        if self._waits_for is effect and not self._output_stalls:
            self._run()

    def _start_tls(self) -> None:
        early = self._input.take_all()
        self._tls = True
        self.transport.startTLS(self._service.certificate)
        self._read(True)
        if self._service.implicit_tls and early:
            # A proxy may send the beginning of the handshake together with its header.
            self.transport.protocol.dataReceived(early)

    def _compress(self) -> None:
        self._deflate = Deflate()
        # What came early can only be compressed already.
        self._deflate.append(self._input.take_all())
        self._listener.call_later(0, self._happened, None)

    def _flush_together(self) -> None:
        """Send what the session has said when all clients that have asked something at the same time are answered.

        A client on this host takes the processor as soon as it is answered, and asks again: each of them would be
        served by itself, and the processor go to and fro, which takes a seventh of the time.
        """
        session = self._session
        if session is None or not any(session.output):
            return
        self._answered = True
        if self._deflate is None:
            self.transport.reactor.at_end_of_turn(self._flush_at_end)
        else:
            # Only now it is known whether what was said was asked for, which goes in another form.
            self._flush()

    def _flush_at_end(self) -> None:
        try:
            self._flush()
        except Exception as error:
            self._fail(error)
            self._end()

    def _flush(self) -> None:
        data = self._said()
        if data:
            self._write(data)

    def _said(self) -> bytes:
        """Take what the session has said, as it is sent."""
        session = self._session
        if session is None or not session.output:
            return b""
        output, session.output = session.output, []
        data = b"".join(output)
        if data and self._deflate is not None:
            return self._deflate.store(data) if session.unasked else self._deflate.pack(data)
        return data

    def _write(self, data: bytes, flags: int = 0) -> None:
        """Write at once what the socket takes, and leave the rest to the transport; `flags` are those of send(2).

        The transport by itself would ask the reactor first whether the socket is writable: two system calls and a
        turn of the reactor for each answer, when nearly every answer fits.
        """
        transport = self.transport
        if not (self._tls or transport.dataBuffer or transport._tempDataBuffer):  # noqa: SLF001
            try:
                written = transport.socket.send(data, flags)
            except OSError:  # it is full, or the transport will find out what is wrong with it
                written = 0
            if written == len(data):
                return
            data = data[written:]
        transport.write(data)

    def _finish(self) -> None:
        """Close the connection when what was said is on its way; that begins when answers are sent."""
        if self._finished:
            return
        last_words = self._said()
        self._finished = self._answered = True
        self._waits_for = None
        self._since = time.monotonic()
        self.transport.reactor.at_end_of_turn(partial(self._close, last_words))

    def _close(self, last_words: bytes) -> None:
        transport = self.transport
        if not transport.connected:
            return  # it was lost meanwhile
        if last_words:
            # The end follows at once, and goes with them in one packet.
            self._write(last_words, socket.MSG_MORE)
        transport.unregisterProducer()
        if not (self._reading or self._at_end):
            self._read(True)
        if (self._input.data or self._deflate) and not self._tls and not self._at_end:
            transport.loseWriteConnection()
        elif self._tls or transport.dataBuffer or transport._tempDataBuffer:  # noqa: SLF001
            transport.loseConnection()
        else:
            # The transport would ask the reactor first whether there is something to write.
            transport.reactor.disconnect(transport)

    def _read(self, reading: bool) -> None:
        self._reading = reading
        if reading:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()


class Connections(ServerFactory):
    """Makes the connections of one listener.

    Args:
        call_later: the reactor's, for sessions that pause.
    """

    noisy = False

    def __init__(self, service: Service, call_later: Callable[..., object]) -> None:
        self.service = service
        self.call_later = call_later
        self.open: set[Connection] = set()
        # Unlike every other one, also after a restart.
        self._ids = map("{}{:x}".format, repeat(f"{secrets.token_hex(3)}-"), count(1))

    def next_session_id(self) -> str:
        """Give what the log calls the next session."""
        return next(self._ids)

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """Make the protocol for a client that has connected."""
        return Connection(self, _text_of(addr))

    def look_at_clock(self, now: float) -> None:
        """Give up the clients that take too long."""
        for connection in list(self.open):
            connection.look_at_clock(now)

    def stop(self) -> None:
        """Have all sessions say goodbye as soon as nothing is under way."""
        for connection in list(self.open):
            connection.stop()

    def abort(self) -> None:
        """Close what is still open."""
        for connection in list(self.open):
            connection.transport.abortConnection()


def _text_of(address: Any) -> str:
    """Give an IP address as text, an IPv4 address that came in over an IPv6 socket as IPv4; "" for a Unix socket."""
    if isinstance(address, UNIXAddress):
        return ""
    host: str = address.host
    return host.removeprefix("::ffff:") if "." in host else host.partition("%")[0]


@lru_cache(maxsize=4096)
def _is_on_this_host(address: str) -> bool:
    return not address or ipaddress.ip_address(address).is_loopback
