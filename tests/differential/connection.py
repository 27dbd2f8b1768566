"""An IMAP client that asks and reads, strictly and no more."""

from __future__ import annotations

import re
import socket
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tests.daemon import HOST
from tests.imap.responses import Response, read_responses

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE = 60.0
_END = re.compile(rb"(?:\A|\r\n)(?:\+ [^\r\n]*|T\d+T (?:OK|NO|BAD) [^\r\n]*)\r\n\Z")


class Connection(AbstractContextManager["Connection"]):
    """A connection to one of the servers, logged in."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self._socket = socket.create_connection((HOST, port), _PATIENCE)
        self._number = 0
        greeting = b""
        while not greeting.endswith(b"\r\n"):
            greeting += self._socket.recv(65536)
        self.ask(f"LOGIN {user} {secret}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, command: str, literal: bytes | None = None) -> list[Response]:
        """Carry out a command that succeeds; gives the untagged responses."""
        *untagged, end = self.say(command, literal)
        assert end.kind == "OK", f"{command}: {end.kind} {end.code} {end.values}"
        return untagged

    def say(self, command: str, literal: bytes | None = None) -> list[Response]:
        """Carry out a command; gives its responses, the last of which is its end."""
        self._number += 1
        tag = f"T{self._number}T"
        if literal is None:
            self._socket.sendall(f"{tag} {command}\r\n".encode())
        else:
            self._socket.sendall(f"{tag} {command} {{{len(literal)}}}\r\n".encode())
            assert self._read().startswith(b"+ ")
            self._socket.sendall(literal + b"\r\n")
        return read_responses(self._read())

    def _read(self) -> bytes:
        said = b""
        while not _END.search(said[-1000:]):
            octets = self._socket.recv(1 << 20)
            assert octets, f"the server has closed the connection: {said[-500:]!r}"
            said += octets
        return said
