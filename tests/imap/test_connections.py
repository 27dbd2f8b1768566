"""IMAP over real sockets: compressed, over TLS, and with clients whose kernel keeps small pieces back."""

from __future__ import annotations

import socket
import time
import zlib
from statistics import median
from typing import TYPE_CHECKING, Self

import pytest

from tests.daemon import AS_SHIPPED, HOST, start_daemon
from tests.net.client import envelope

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tests.daemon import Account, RunningDaemon

MESSAGE = b"Subject: hello\r\n\r\n" + b"Hello, hello, hello.\r\n" * 20_000


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    daemon = start_daemon(tmp_path_factory.mktemp("daemon"), reading=AS_SHIPPED)
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def account(daemon: RunningDaemon) -> Account:
    return daemon.create()


class Client:
    """One connection, which Nagle's algorithm delays as that of most clients."""

    def __init__(self, port: int, account: Account, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection((HOST, port), 60)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
        self._packer: zlib._Compress | None = None
        self._unpacker = zlib.decompressobj(wbits=-15)
        self._received = b""
        self.octets = 0
        self.until(b"* OK ")
        assert b"a OK " in self.ask(f"a LOGIN {account.address} {account.secret}\r\n".encode(), b"a OK ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def compress(self) -> None:
        assert self.ask(b"z COMPRESS DEFLATE\r\n", b"z OK ") == b"z OK Compressed from here on\r\n"
        self._packer = zlib.compressobj(wbits=-15)

    def send(self, data: bytes) -> None:
        if self._packer:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(data)

    def ask(self, data: bytes, end: bytes) -> bytes:
        self.send(data)
        return self.until(end)

    def until(self, end: bytes) -> bytes:
        """Give everything up to the line that begins with `end`."""
        while not ((b"\n" + self._received).rpartition(b"\n" + end)[1] and self._received.endswith(b"\n")):
            data = self.socket.recv(1 << 16)
            assert data, f"closed after {self._received[-100:]!r}"
            self.octets += len(data)
            self._received += self._unpacker.decompress(data) if self._packer else data
        received, self._received = self._received, b""
        return received


def append(client: Client, tag: bytes, message: bytes) -> None:
    assert client.ask(b"%b APPEND INBOX {%d}\r\n" % (tag, len(message)), b"+ ").startswith(b"+ ")
    client.send(message)
    assert tag + b" OK [APPENDUID " in client.ask(b"\r\n", tag + b" OK ")


@pytest.mark.parametrize("tls", [False, True])
def test_a_compressed_connection(daemon: RunningDaemon, account: Account, tls: bool) -> None:
    port, context = (daemon.ports.imaps, daemon.tls_context()) if tls else (daemon.ports.imap, None)
    with Client(port, account, context) as client:
        client.compress()
        append(client, b"b", MESSAGE)
        client.ask(b"c SELECT INBOX\r\n", b"c OK ")
        before = client.octets
        said = client.ask(b"d FETCH * BODY.PEEK[]\r\n", b"d OK ")
        assert MESSAGE in said
        assert client.octets - before < len(MESSAGE) / 20
        # What happens by itself comes in blocks that are no shorter than what they say.
        before = client.octets
        waiting = client.ask(b"e IDLE\r\n", b"+ ")
        assert client.octets - before == len(waiting) + 5
        before = client.octets
        with socket.create_connection((HOST, daemon.ports.lmtp), 60) as mail:
            mail.sendall(envelope(account.address, b"LHLO client.example") + b"Subject: new\r\n\r\nnew\r\n.\r\n")
            news = client.until(b"* ")
        assert b" EXISTS\r\n" in news
        assert client.octets - before == len(news) + 5
        client.ask(b"DONE\r\n", b"e OK ")
        assert client.ask(b"f LOGOUT\r\n", b"f OK ").endswith(b"f OK Logged out\r\n")


@pytest.mark.parametrize("compressed", [False, True])
def test_no_client_waits_for_a_delayed_acknowledgement(
    daemon: RunningDaemon, account: Account, compressed: bool
) -> None:
    """A literal and the rest of its line come in pieces, and the second waits until the first is acknowledged."""
    count, delay = 50, 0.04
    with Client(daemon.ports.imap, account) as client:
        if compressed:
            client.compress()
        seconds = []
        for number in range(count):
            tag = b"a%d" % number
            began = time.monotonic()
            client.ask(tag + b" STATUS {5}\r\n", b"+ ")
            client.send(b"INBOX")
            client.ask(b" (MESSAGES)\r\n", tag + b" OK ")
            seconds.append(time.monotonic() - began)
        # A machine that is busy with other tests makes some of them slow, an acknowledgement that is late nearly all.
        assert median(seconds) < delay / 2
