"""How a protocol session speaks with the connection under it.

A session is one coroutine that reads top to bottom like the dialogue itself. It does no I/O: what it needs from
its connection it awaits as an `Effect` (a line, so many octets, the start of TLS), and what it has to say it
collects with `Session.say`. Whoever drives the coroutine performs the effects: `net.connection` over Twisted, the
tests with plain bytes. While the coroutine waits for anything at all, no further input is looked at: answers keep
the order of the commands, however the client pipelines them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tempmaild.errors import MessageTooLarge, OutOfMemory
from tempmaild.shared import OCTETS, Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tempmaild.log import Log

T = TypeVar("T")

FLOOD = 1 << 20
"""Octets of one overlong line that are read and thrown away before the client is given up."""

_END_OF_DATA = b"\r\n.\r\n"


class Interruption(Exception):
    """Raised from an awaited effect: the conversation cannot go on as expected."""


class LineTooLong(Interruption):
    """The line was longer than allowed. It was read to its end; the next line can be awaited."""


class Flood(Interruption):
    """A line went on without an end for `FLOOD` octets. Say goodbye."""


class TimedOut(Interruption):
    """The client was too slow. Say goodbye."""


class Garbled(Interruption):
    """What the client sent cannot be unpacked, and nothing after it. Say goodbye."""


class ShuttingDown(Interruption):
    """The daemon stops. Say goodbye."""


class Input:
    """What the client sent and nobody has taken yet.

    Attributes:
        data: what has arrived, b"" when all of it is taken; some of it may be.
    """

    __slots__ = ("_position", "data")

    def __init__(self) -> None:
        self.data = b""
        self._position = 0

    def __len__(self) -> int:
        return len(self.data) - self._position

    def append(self, data: bytes) -> None:
        """Add what has just arrived."""
        self.data = self.peek() + data if self.data else data
        self._position = 0

    def take_all(self) -> bytes:
        """Give everything and be empty."""
        data = self.peek()
        self.clear()
        return data

    def peek(self) -> bytes:
        """Give everything, and keep it."""
        return self.data[self._position :] if self._position else self.data

    def take(self, count: int) -> bytes:
        """Give the next `count` octets, fewer when there are not as many."""
        taken = self.data[self._position : self._position + count]
        self._move_to(self._position + len(taken))
        return taken

    def take_line(self, terminator: bytes) -> bytes | None:
        """Give the next line without its terminator, None when its end has not arrived."""
        end = self.data.find(terminator, self._position)
        if end < 0:
            return None
        line = self.data[self._position : end]
        self._move_to(end + len(terminator))
        return line

    def clear(self) -> None:
        """Forget everything, as STARTTLS demands of what was sent before it."""
        self.data, self._position = b"", 0

    def _move_to(self, position: int) -> None:
        if position < len(self.data):
            self._position = position
        else:
            self.clear()


class Effect(Generic[T]):
    """Something a session awaits from its connection; the result is a `T`."""

    __slots__ = ()

    def __await__(self) -> Generator[Effect[T], Any, T]:
        result: T = yield self
        return result


class Take(Effect[T]):
    """An effect that is fulfilled by input.

    `patience` is how many seconds the client has for the whole of it, however small the pieces it sends.

    A daemon that stops lets what is `under_way` come to its end, for a while.
    """

    __slots__ = ("patience",)

    under_way: ClassVar[bool] = False

    def __init__(self, patience: float) -> None:
        self.patience = patience

    def allowance(self) -> float:
        """Seconds from the moment this effect was awaited until the client is too slow."""
        return self.patience

    # No abstract base class: its `isinstance` takes longer than the whole rest of an effect.
    def take(self, source: Input) -> T | None:
        """Take what there is from `source`; the result once it is complete, else None.

        Raises:
            Interruption: for the session to handle.
        """
        raise NotImplementedError


class Line(Take[bytes]):
    """One line, without its end.

    Args:
        limit: octets that the line may have, without its end.
        patience: seconds.
        strict: only CRLF ends the line (RFC 5321 §2.3.8); else a bare LF does as well.
    """

    __slots__ = ("_dropped", "limit", "strict")

    def __init__(self, limit: int, patience: float, *, strict: bool = False) -> None:
        super().__init__(patience)
        self.limit = limit
        self.strict = strict
        self._dropped = 0

    def take(self, source: Input) -> bytes | None:
        """Take a line."""
        terminator = b"\r\n" if self.strict else b"\n"
        line = source.take_line(terminator)
        if line is None:
            if source.data:
                self._drop_excess(source)
            return None
        if self._dropped or len(line) > self.limit + 1:
            # However the client cuts what it sends: the octets before the last one of the end count.
            raise Flood if self._dropped + len(line) + len(terminator) - 1 > FLOOD else LineTooLong
        if not self.strict and line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > self.limit:
            raise LineTooLong
        return line

    def _drop_excess(self, source: Input) -> None:
        waiting = len(source)
        if self._dropped + waiting > FLOOD:
            raise Flood
        if waiting > self.limit + 1:
            # The last octet stays: it may be the CR of the line's end.
            self._dropped += len(source.take(waiting - 1))


class Bulk(Take[bytes]):
    """What may be so much that it takes its time.

    With a `minimum_rate` (octets a second) the time grows with what has arrived, up to `at_most` seconds; `at_most`
    without a rate is the time for the whole of it.
    """

    __slots__ = ("at_most", "minimum_rate", "received")

    under_way = True

    def __init__(self, patience: float, minimum_rate: int, at_most: float) -> None:
        super().__init__(patience)
        self.minimum_rate = minimum_rate
        self.at_most = at_most
        self.received = 0

    def allowance(self) -> float:
        """Seconds from the moment this effect was awaited until the client is too slow."""
        if not self.minimum_rate:
            return self.at_most or self.patience
        return min(self.patience + self.received / self.minimum_rate, self.at_most)


class Octets(Bulk):
    """Exactly `count` octets, as an IMAP literal announces them; `keep=False` reads past them and gives b""."""

    __slots__ = ("_chunks", "_missing", "keep")

    def __init__(
        self, count: int, patience: float, minimum_rate: int = 0, at_most: float = 0.0, *, keep: bool = True
    ) -> None:
        super().__init__(patience, minimum_rate, at_most)
        self.keep = keep
        self._missing = count
        self._chunks: list[bytes] = []

    def take(self, source: Input) -> bytes | None:
        """Take what is missing, as far as it is there."""
        chunk = source.take(self._missing)
        self.received += len(chunk)
        self._missing -= len(chunk)
        if self.keep:
            self._chunks.append(chunk)
        return None if self._missing else b"".join(self._chunks)


class Memory:
    """How many octets of message data may be in memory at once, over all connections.

    Args:
        shared: tells how many other processes have.
    """

    def __init__(self, limit: int, shared: Shared | None = None) -> None:
        self.limit = limit
        self._shared = shared or Shared()

    @property
    def used(self) -> int:
        """How many this process has."""
        return self._shared.own(OCTETS)

    def take(self, octets: int) -> bool:
        """Have so many more; False, and nothing taken, when there is no room."""
        if self._shared.total(OCTETS) + octets > self.limit:
            return False
        self._shared.add(OCTETS, octets)
        return True

    def give_back(self, octets: int) -> None:
        """Have so many less."""
        self._shared.add(OCTETS, -octets)

    def reserve(self) -> Reservation:
        """Start an empty reservation."""
        return Reservation(self)


class Reservation:
    """One message's share of the `Memory`; to be released whatever happens."""

    __slots__ = ("_memory", "octets")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.octets = 0

    def grow(self, octets: int) -> bool:
        """Take so many octets more; False, and nothing taken, when there is no room."""
        if not self._memory.take(octets):
            return False
        self.octets += octets
        return True

    def release(self) -> None:
        """Give everything back."""
        self._memory.give_back(self.octets)
        self.octets = 0


class DotData(Bulk):
    """The octets that follow DATA, up to CRLF.CRLF and nothing else (RFC 5321 §4.1.1.4), dot-stuffing still in.

    Raises, after the true end of the data, so that the session can answer and go on:
        MessageTooLarge: there were more octets than `limit`.
        OutOfMemory: `reservation` could not grow as needed.
    """

    __slots__ = ("_chunks", "_limit", "_refusal", "_reservation", "_tail")

    def __init__(
        self, limit: int, reservation: Reservation, patience: float, minimum_rate: int, at_most: float
    ) -> None:
        super().__init__(patience, minimum_rate, at_most)
        self._limit = limit
        self._reservation = reservation
        self._refusal: type[MessageTooLarge | OutOfMemory] | None = None
        self._chunks: list[bytes] = []
        # The CRLF of the DATA command is the first half of an end that follows at once.
        self._tail = b"\r\n"

    def take(self, source: Input) -> bytes | None:
        """Take everything up to the end of the data."""
        arrived = source.take_all()
        if not arrived:
            return None
        data = self._tail + arrived
        end = data.find(_END_OF_DATA)
        if end < 0:
            self.received += len(arrived)
            self._keep(data[:-4])
            self._tail = data[-4:]
            return None
        self._keep(data[: end + 2])
        source.append(data[end + len(_END_OF_DATA) :])
        if self._refusal:
            raise self._refusal
        return b"".join(self._chunks)[2:]

    def _keep(self, data: bytes) -> None:
        if self._refusal:
            return
        if self._reservation.octets + len(data) - 2 > self._limit:
            self._refuse(MessageTooLarge)
        elif not self._reservation.grow(len(data)):
            self._refuse(OutOfMemory)
        else:
            self._chunks.append(data)

    def _refuse(self, refusal: type[MessageTooLarge | OutOfMemory]) -> None:
        self._refusal = refusal
        self._chunks.clear()
        self._reservation.release()


class StartTls(Effect[None]):
    """Say what is to be said, forget all input, and go on when the TLS handshake is done."""

    __slots__ = ()


class Compress(Effect[None]):
    """Say what is to be said; whatever either side sends from then on is compressed (`net.deflate`)."""

    __slots__ = ()


class Drain(Effect[None]):
    """Go on when the client has taken most of what was said."""

    __slots__ = ()


class Pause(Effect[None]):
    """Go on after about so many seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@dataclass(slots=True)
class Peer:
    """Who is at the other end.

    Attributes:
        address: the IP address as text; "" for a Unix socket.
        on_this_host: whether nobody but this host can listen in (loopback or a Unix socket).
        tls: protocol version and cipher, such as "TLSv1.3, TLS_AES_256_GCM_SHA384", "" without TLS.
    """

    address: str
    on_this_host: bool = False
    tls: str = ""


class Session(ABC):
    """One client's dialogue with one protocol.

    Attributes:
        id: what the log calls this session.
        output: what was said and not yet sent; the connection takes it whenever the session waits.
        unasked: whether what is said now answers nothing: the client may only take as many octets as it sees arrive.
        wake: looks again at the `Take` that the session awaits, after something besides input has changed.
    """

    unasked = False

    def __init__(self, peer: Peer, session_id: str, log: Log) -> None:
        self.peer = peer
        self.id = session_id
        self.log = log
        self.output: list[bytes] = []
        self.wake: Callable[[], None] = _nobody_waits

    def say(self, data: bytes) -> None:
        """Send `data`, as soon as the session waits for anything."""
        self.output.append(data)

    @abstractmethod
    async def converse(self) -> None:
        """Hold the whole dialogue; the connection is closed when this returns."""


def _nobody_waits() -> None: ...
