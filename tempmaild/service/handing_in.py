"""A message handed to the daemon by its own listener, as a mail host would do it (RFC 5321 §3, RFC 2033)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.settings.values import Address, TcpAddress, UnixAddress, is_among

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from tempmaild.settings import Settings

SECONDS: Final = 15
"""How long it may take in all; somebody waits for it. Checks of the message may take 10."""
_MOST_LINES: Final = 100
"""Lines of one reply. Those to EHLO have one for each extension."""
_LONGEST_LINE: Final = 512
"""Characters of a line that are kept; RFC 5321 §4.5.3.1.5 allows no more octets."""
_LOOPBACK: Final = {"::": "::1", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - compared with, not bound


class Way(Struct, frozen=True):
    """Where the daemon takes mail.

    Attributes:
        greeting: the command by which a client names itself.
        proxied: whether a header of the PROXY protocol has to come first.
    """

    address: Address
    greeting: str
    proxied: bool


class Answer(Struct, frozen=True):
    """What became of it.

    Attributes:
        taken: whether the daemon has taken the message.
        command: the last one that was answered, or was to be; "connect" before the first one.
        text: the reply, or what was wrong.
    """

    taken: bool
    command: str
    text: str


class _Refused(Exception):
    """A reply is not the one that lets the dialogue go on; its text is the reply."""


def way_in(settings: Settings) -> Way | None:
    """Give the listener that takes mail without TLS, SMTP before LMTP; None if there is none on a known port."""
    for listen, greeting in ((settings.smtp.listen, "EHLO"), (settings.lmtp.listen, "LHLO")):
        for address in listen:
            if isinstance(address, UnixAddress):
                return Way(address, greeting, proxied=False)
            if address.port:
                near = TcpAddress(_LOOPBACK.get(address.host, address.host), address.port)
                # A connection to an address of this host comes from the same one.
                return Way(near, greeting, proxied=is_among(near.host, settings.proxy.trusted))
    return None


def hand_in(way: Way, name: str, recipient: str, content: bytes, seconds: float = SECONDS) -> Answer:
    """Hand in a message from the null reverse-path, and wait for what becomes of it; in this thread.

    Args:
        name: by which to greet.
        recipient: a normalised address.
        content: its lines end with CRLF, and none begins with a dot.
    """
    return asyncio.run(_Dialogue(way, name, recipient, content).hold(seconds))


class _Dialogue:
    def __init__(self, way: Way, name: str, recipient: str, content: bytes) -> None:
        self._way = way
        self._commands = [
            (f"{way.greeting} {name}", 250),
            (f"MAIL FROM:<>{'' if recipient.isascii() else ' SMTPUTF8'}", 250),
            (f"RCPT TO:<{recipient}>", 250),
            ("DATA", 354),
        ]
        self._content = content
        self._at = "connect"
        self._answer = ""

    async def hold(self, seconds: float) -> Answer:
        """Go through all of it."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self._connect()
                try:
                    await self._talk(reader, writer)
                finally:
                    # QUIT would only have to be waited for.
                    writer.transport.abort()
        except _Refused as refused:
            return Answer(False, self._at, str(refused))
        except TimeoutError:
            return Answer(False, self._at, f"there was no answer within {seconds:g} seconds")
        except (OSError, ValueError, EOFError) as error:
            return Answer(False, self._at, str(error) or type(error).__name__)
        return Answer(True, self._at, self._answer)

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        address = self._way.address
        if isinstance(address, UnixAddress):
            return await asyncio.open_unix_connection(address.path)
        return await asyncio.open_connection(address.host, address.port)

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._way.proxied:
            writer.write(b"PROXY UNKNOWN\r\n")
        await self._expect(reader, 220)
        for command, code in self._commands:
            self._at = command
            writer.write(command.encode() + b"\r\n")
            await self._expect(reader, code)
        self._at = "message"
        writer.write(self._content + b".\r\n")
        await self._expect(reader, 250)

    async def _expect(self, reader: StreamReader, code: int) -> None:
        """Read a reply (RFC 5321 §4.2.1).

        Raises:
            _Refused: it has another code.
            ValueError: it is none, or one without end.
            EOFError: the connection ended.
        """
        lines = []
        for _ in range(_MOST_LINES):
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the connection was ended")
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if not (text[:3].isascii() and text[:3].isdigit() and text[3:4] in {"", " ", "-"}):
                raise ValueError(f"{text[:80]!r} is no reply of a mail host")
            lines.append(text[:_LONGEST_LINE])
            if text[3:4] != "-":
                break
        else:
            raise ValueError("a reply has no end")
        self._answer = " ".join(lines)
        if int(lines[-1][:3]) != code:
            raise _Refused(self._answer)
