"""A message handed in, by servers that do as they should and by those that do not."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

from tempmaild.service.handing_in import Answer, Way, hand_in, way_in
from tempmaild.settings import Settings
from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD = (b"220 mx\r\n", b"250-mx\r\n250 SIZE\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 2.0.0 taken\r\n")
CONTENT = b"Subject: x\r\n\r\nx\r\n"


class Server:
    """A server on loopback that says what it was told to say, one text for each line that ends with CRLF."""

    def __init__(self, replies: Sequence[bytes | None], proxied: bool = False) -> None:
        self._replies = list(replies)
        self._proxied = proxied
        self.heard = b""
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
        self._server = server
        self._tasks: set[Any] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        try:
            if self._proxied:
                self.heard += await reader.readuntil(b"\r\n")
            for number, reply in enumerate(self._replies):
                if number == 5:
                    self.heard += await reader.readuntil(b"\r\n.\r\n")
                elif number:
                    self.heard += await reader.readuntil(b"\r\n")
                if reply is None:
                    await reader.read()
                else:
                    writer.write(reply)
            await writer.drain()
            writer.write_eof()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


def sent(*replies: bytes | None, seconds: float = 10) -> Answer:
    with Server(replies) as server:
        return hand_in(Way(server.address, "EHLO", proxied=False), "mx.test", "a@box.test", CONTENT, seconds)


def test_a_message_that_is_taken() -> None:
    with Server(GOOD, proxied=True) as server:
        answer = hand_in(Way(server.address, "LHLO", proxied=True), "mx.test", "ä@box.test", CONTENT)
        heard = server.heard
    assert answer == Answer(True, "message", "250 2.0.0 taken")
    assert heard == (
        b"PROXY UNKNOWN\r\nLHLO mx.test\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@box.test>\r\nDATA\r\n"
        b"Subject: x\r\n\r\nx\r\n.\r\n"
    )


@pytest.mark.parametrize(
    ("replies", "command", "text"),
    [
        ((b"421 busy\r\n",), "connect", "421 busy"),
        ((*GOOD[:3], b"550 5.1.1 nobody\r\n"), "RCPT TO:<a@box.test>", "550 5.1.1 nobody"),
        ((*GOOD[:5], b"550-no\r\n550 never\r\n"), "message", "550-no 550 never"),
        ((*GOOD[:4], b"250 what\r\n"), "DATA", "250 what"),
        ((b"hello\r\n",), "connect", "'hello' is no reply of a mail host"),
        ((b"\xff\xfe\r\n",), "connect", "is no reply of a mail host"),
        ((b"22",), "connect", "the connection was ended"),
        ((b"",), "connect", "the connection was ended"),
        ((b"220-x\r\n" * 200,), "connect", "a reply has no end"),
        ((b"220-" + b"x" * 100_000 + b"\r\n",), "connect", "chunk"),
        (
            (
                b"220 x\r\n",
                b"250-a\r\n",
            ),
            "EHLO mx.test",
            "the connection was ended",
        ),
    ],
)
def test_what_else_may_be_said(replies: tuple[bytes, ...], command: str, text: str) -> None:
    answer = sent(*replies)
    assert not answer.taken
    assert answer.command == command
    assert text in answer.text


def test_long_lines_are_cut() -> None:
    assert len(sent(b"421 " + b"x" * 10_000 + b"\r\n").text) == 512


def test_nobody_waits_for_ever() -> None:
    begun = time.monotonic()
    answer = sent(None, seconds=0.2)
    assert time.monotonic() - begun < 20
    assert answer == Answer(False, "connect", "there was no answer within 0.2 seconds")


def test_where_nobody_listens() -> None:
    with Server(()) as server:
        address = server.address
    answer = hand_in(Way(address, "EHLO", proxied=False), "mx.test", "a@box.test", CONTENT)
    assert (answer.taken, answer.command) == (False, "connect")
    assert "Connect call failed" in answer.text


@pytest.mark.parametrize(
    ("smtp", "lmtp", "trusted", "way"),
    [
        (["[::]:25"], [], [], ("[::1]:25", "EHLO", False)),
        (["0.0.0.0:2525"], [], ["127.0.0.0/8"], ("127.0.0.1:2525", "EHLO", True)),
        (["192.0.2.1:25"], [], ["127.0.0.0/8"], ("192.0.2.1:25", "EHLO", False)),
        (["127.0.0.1:0"], ["127.0.0.1:24"], [], ("127.0.0.1:24", "LHLO", False)),
        ([], ["unix:/run/lmtp"], ["127.0.0.0/8"], ("unix:/run/lmtp", "LHLO", False)),
        ([], [], [], None),
    ],
)
def test_the_way_in(smtp: list[str], lmtp: list[str], trusted: list[str], way: tuple[str, str, bool] | None) -> None:
    settings = Settings.model_validate(
        {"smtp": {"listen": smtp}, "lmtp": {"listen": lmtp}, "proxy": {"trusted": trusted}}
    )
    found = way_in(settings)
    assert (found and (str(found.address), found.greeting, found.proxied)) == way
