"""A client that idles in its mailbox, as mail programs do all day."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.daemon import HOST

if TYPE_CHECKING:
    import ssl

_PATIENCE = 60.0
"""Seconds."""


class IdleClient:
    """A connection to an IMAP server: logged in, with its INBOX selected, idling.

    Args:
        context: with it, TLS is spoken from the first byte.
    """

    def __init__(self, port: int, address: str, secret: str, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection((HOST, port), _PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._await("* OK")
        for tag, command in (("a", f'LOGIN "{address}" "{secret}"'), ("b", "SELECT INBOX")):
            self._send(f"{tag} {command}")
            self._await(f"{tag} OK")
        self._send("c IDLE")
        self._await("+ ")

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _send(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def _await(self, start: str) -> None:
        """Read up to the line that starts so, which is the last that the server sends for now."""
        received = b""
        while not received.endswith(b"\r\n") or not received.splitlines()[-1].startswith(start.encode()):
            octets = self.socket.recv(65536)
            assert octets, f"the connection ended while waiting for {start}"
            received += octets
