"""A client on a real socket, who says exactly what the test wants and when."""

from __future__ import annotations

import poplib
import re
import socket
from typing import TYPE_CHECKING, Self

from tests.daemon import HOST

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon

_PATIENCE = 60.0
_REPLY = re.compile(rb"(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n")


class Client:
    """One connection; every wait ends with what was waited for, or fails after a minute."""

    def __init__(self, where: int | Path) -> None:
        if isinstance(where, int):
            self.socket = socket.create_connection((HOST, where), _PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(_PATIENCE)
            self.socket.connect(str(where))
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> bytes:
        """Give the next reply of SMTP, with all its lines."""
        while not (match := _REPLY.match(self._received)):
            data = self.socket.recv(65536)
            assert data, f"closed after {self._received!r}"
            self._received += data
        self._received = self._received[match.end() :]
        return match[0]

    def ask(self, command: bytes) -> bytes:
        """Send a command; its reply."""
        self.send(command + b"\r\n")
        return self.reply()

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        while data := self.socket.recv(65536):
            self._received += data
        received, self._received = self._received, b""
        return received

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on."""
        assert not self._received
        self.socket = context.wrap_socket(self.socket, server_hostname=HOST)


def envelope(recipient: str, greeting: bytes = b"EHLO client.example") -> bytes:
    """Everything up to a message, to be sent at once."""
    return greeting + f"\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()


def inbox_of(daemon: RunningDaemon, account: Account) -> list[bytes]:
    """The messages in a mailbox, as POP3 gives them."""
    mailbox = poplib.POP3_SSL(HOST, daemon.ports.pop3s, context=daemon.tls_context(), timeout=_PATIENCE)
    try:
        mailbox.user(account.address)
        mailbox.pass_(account.secret)
        count, _ = mailbox.stat()
        return [b"\r\n".join([*mailbox.retr(number + 1)[1], b""]) for number in range(count)]
    finally:
        mailbox.quit()
