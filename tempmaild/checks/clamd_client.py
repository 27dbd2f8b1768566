"""What clamd is asked, over connections that are kept.

The `clamd` package asks over blocking sockets, each question over a connection of its own, and cuts what is to be
scanned into pieces of 1 KiB. Here nothing blocks, connections stay open for many messages (IDSESSION), and a message
goes out at once with all that is to be scanned of it; clamd scans that side by side. What is left to the package is
to read clamd's replies.
"""

from __future__ import annotations

import asyncio
import re
import struct
import warnings
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from tempmaild.settings.values import UnixAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from re import Match

    from tempmaild.settings.values import Address

_MAX_REPLY: Final = 4096
"""Octets of one reply: the name of what was found is the longest that clamd has to tell."""
_MAX_NAME: Final = 100
"""Characters of such a name that anybody gets to see."""
_NUMBERED = re.compile(rb"([0-9]{1,10}): (.*)", re.DOTALL)
_UNSCANNABLE = ("Heuristics.Limits.", "Heuristics.Encrypted.")


class ClamdFailed(Exception):
    """clamd is away, has gone away, or said something that makes no sense; the text says which, for the log."""


class ConnectionLost(ClamdFailed):
    """The connection was closed before all replies were there."""


class Outcome(NamedTuple):
    """What clamd says of something scanned; `name` is that of what was found, or the reason."""

    state: Literal["fine", "bad", "unscannable", "failed"]
    name: str = ""


_CLEAN: Final = "stream: OK"
_FINE: Final = Outcome("fine")


def outcome(reply: str) -> Outcome:
    """Read the reply to a scan; what is not understood has failed."""
    if reply == _CLEAN:
        return _FINE
    match = _read_reply()(reply)
    if match and match["path"] == "stream":
        found = printable(match["virus"] or "")
        if match["status"] == "FOUND" and found:
            return Outcome("unscannable" if found.startswith(_UNSCANNABLE) else "bad", found)
    # "INSTREAM size limit exceeded. ERROR", and what clamd tells of other limits while AlertExceedsMax is off
    if reply.endswith("ERROR") and "limit" in reply.lower():
        return Outcome("unscannable", printable(reply.removesuffix("ERROR")))
    return Outcome("failed", printable(reply))


@cache
def _read_reply() -> Callable[[str], Match[str] | None]:
    """Give what reads a reply with a name in it.

    The package asks setuptools for its own version, which takes a tenth of a second and 5 MiB, and in a way that
    newer ones warn of: it is loaded where somebody has to know what clamd has found.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from clamd import scan_response  # noqa: PLC0415

    match: Callable[[str], Match[str] | None] = scan_response.match
    return match


def printable(text: str) -> str:
    """Give text of clamd in such a form that it can stand in a reply, a header and a log."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:_MAX_NAME]).strip()


Command = tuple[bytes, ...]
"""What is sent, in pieces that follow each other."""

VERSION: Final[Command] = (b"zVERSION\0",)


def instream(*data: bytes) -> Command:
    """Give the command that scans these octets, all in one chunk."""
    return (b"zINSTREAM\0" + struct.pack(">L", sum(map(len, data))), *data, b"\0\0\0\0")


class Clamd:
    """Asks one clamd.

    Args:
        connections: that are open at most at once; who finds none free waits. clamd scans with MaxThreads at once.
    """

    def __init__(self, address: Address, connections: int) -> None:
        self._address = address
        self._free = asyncio.Semaphore(connections)
        self._kept: list[_Connection] = []

    async def ask(self, commands: Sequence[Command]) -> list[str]:
        """Send commands, and give the reply to each; how long that may take is up to the caller.

        Raises:
            ClamdFailed: not all were answered.
        """
        async with self._free:
            while self._kept:
                kept = self._kept.pop()
                if kept.is_open:
                    try:
                        return await self._ask(kept, commands)
                    except ConnectionLost:
                        # It was closed while it was idle, and we have not heard of it yet; or clamd was started anew.
                        break
            return await self._ask(await self._connect(), commands)

    async def takes(self, size: int) -> bool:
        """Find out whether so many octets are within clamd's StreamMaxLength, without sending them.

        clamd looks at the length of a chunk before its data, and says at once if it is too much. Here no data follow,
        but the end: then it says nothing.

        Raises:
            ClamdFailed: it cannot be asked.
        """
        async with self._free:
            try:
                if isinstance(self._address, UnixAddress):
                    reader, writer = await asyncio.open_unix_connection(str(self._address.path))
                else:
                    reader, writer = await asyncio.open_connection(self._address.host, self._address.port)
                try:
                    writer.write(b"zINSTREAM\0" + struct.pack(">L", size))
                    writer.write_eof()
                    reply = await reader.read(_MAX_REPLY)
                finally:
                    writer.transport.abort()
            except OSError as error:
                raise ClamdFailed(f"cannot be asked: {error}") from None
        return b"limit exceeded" not in reply

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for connection in self._kept:
            connection.abort()
        self._kept.clear()

    async def _ask(self, connection: _Connection, commands: Sequence[Command]) -> list[str]:
        try:
            replies = await connection.ask(commands)
        except BaseException:
            # Also when nobody waits for the replies any more: those still to come would be taken for others'.
            connection.abort()
            raise
        self._kept.append(connection)
        return replies

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self._address, UnixAddress):
                _, connection = await loop.create_unix_connection(_Connection, str(self._address.path))
            else:
                _, connection = await loop.create_connection(_Connection, self._address.host, self._address.port)
        except OSError as error:
            raise ClamdFailed(f"cannot be reached: {error}") from None
        return connection


class _Connection(asyncio.Protocol):
    """A session in which clamd numbers its replies, and gives them as they are ready."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._asked = 0
        """Commands of this session before those that are being answered."""
        self._replies: list[str | None] = []
        self._missing = 0
        self._answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True
        transport.write(b"zIDSESSION\0")

    async def ask(self, commands: Sequence[Command]) -> list[str]:
        """Send commands that are answered once each, and give the replies.

        Raises:
            ConnectionLost: not all were answered.
            ClamdFailed: an answer makes no sense.
        """
        assert self._transport is not None
        if not self.is_open:
            raise ConnectionLost("connection closed")
        self._replies = [None] * len(commands)
        self._missing = len(commands)
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(chain.from_iterable(commands)))
        try:
            await self._answered
        finally:
            self._answered = None
        self._asked += len(commands)
        return [reply for reply in self._replies if reply is not None]

    def abort(self) -> None:
        """Close, whatever is still under way."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take replies, or a part of one."""
        *replies, self._received = (self._received + data).split(b"\0")
        if len(self._received) > _MAX_REPLY or not all(map(self._take, replies)):
            said = b"\0".join([*replies, self._received])[:_MAX_REPLY].decode("latin-1")
            self._fail(ClamdFailed(f"nonsense: {printable(said)}"))
            self.abort()
        elif self._answered is not None and not self._missing and not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits; what was said last, such as "COMMAND READ TIMED OUT", tells why."""
        self.is_open = False
        said = printable(self._received.decode("latin-1"))
        self._fail(ConnectionLost(f"connection lost: {said or error or 'closed by clamd'}"))

    def _take(self, reply: bytes) -> bool:
        """Take a reply; whether it is one that was due."""
        numbered = _NUMBERED.fullmatch(reply)
        # The pattern that reads replies takes quadratic time, which no reply of clamd is long enough for.
        if numbered is None or len(reply) > _MAX_REPLY or self._answered is None:
            return False
        place = int(numbered[1]) - self._asked - 1
        if not 0 <= place < len(self._replies) or self._replies[place] is not None:
            return False
        self._replies[place] = numbered[2].decode("utf-8", "replace")
        self._missing -= 1
        return True

    def _fail(self, error: ClamdFailed) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
