"""The recursive DNS servers that are asked: which they are, and which of them answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.checks.dns_transport import ask
from tempmaild.core.dns_message import Malformed, root_question
from tempmaild.log import get_log
from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.core.dns_message import Reply

RESOLV_CONF = Path("/etc/resolv.conf")
_MOST_SERVERS = 8
_LOOK_SECONDS = 2
"""So long a change of the file may go unnoticed."""
_PORT = 53


class Server:
    """A recursive server.

    Attributes:
        address: where it is.
        silent: whether it does not answer, not even what it can answer by itself.
    """

    def __init__(self, address: TcpAddress, query_seconds: float) -> None:
        self.address = address
        self.silent = False
        self._query_seconds = query_seconds
        self._unanswered = b""
        self._probing: asyncio.Task[None] | None = None
        self._log = get_log("dns").bind(server=str(address))

    async def ask(self, question: bytes) -> Reply | None:
        """Ask, and give the answer; None when there is none in time.

        Raises:
            Malformed: it says something that cannot be understood.
        """
        try:
            reply = await self._ask(question)
        except OSError:
            return None
        except Malformed:
            self._speaks()
            raise
        self._speaks()
        return reply

    def probe(self, unanswered: bytes) -> None:
        """Find out in the background whether it is there, or only waits for somebody else to answer this question."""
        self._unanswered = unanswered
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe())

    def forget(self) -> None:
        """End what goes on in the background."""
        if self._probing is not None:
            self._probing.cancel()

    async def _ask(self, question: bytes) -> Reply:
        async with asyncio.timeout(self._query_seconds):
            return await ask(self.address, question)

    async def _probe(self) -> None:
        while not await self._answers():
            if not self.silent:
                self.silent = True
                self._log.warning("server-silent")
            await asyncio.sleep(self._query_seconds)

    async def _answers(self) -> bool:
        # All servers know the root, but in some networks nobody may ask for it.
        questions = (root_question(), self._unanswered)
        replies = await asyncio.gather(*map(self.ask, questions), return_exceptions=True)
        return any(reply is not None for reply in replies)

    def _speaks(self) -> None:
        if self.silent:
            self.silent = False
            self._log.info("server-speaks")


class Servers:
    """The servers to ask.

    Args:
        source: their addresses, best first, or the file in which the system names them (resolv.conf(5)).
        query_seconds: how long a server may take before the next one is asked.
        clock: seconds that only grow.
    """

    def __init__(self, source: Sequence[TcpAddress] | Path, query_seconds: float, clock: Callable[[], float]) -> None:
        self._source = source
        self._query_seconds = query_seconds
        self._clock = clock
        self._look_at = clock()
        self._seen: tuple[int, ...] | None = None
        self._servers: list[Server] = []
        self._use(self._look() if isinstance(source, Path) else source)

    def in_order(self) -> list[Server]:
        """Give them as they are to be asked: those that are silent come last."""
        if isinstance(self._source, Path) and self._clock() >= self._look_at:
            self._use(self._look())
        return sorted(self._servers, key=lambda server: server.silent)

    def probe(self, unanswered: bytes) -> None:
        """Find out in the background which of them are there, after a question that was not answered."""
        for server in self._servers:
            server.probe(unanswered)

    def forget(self) -> None:
        """End what goes on in the background."""
        for server in self._servers:
            server.forget()

    def _look(self) -> Sequence[TcpAddress] | None:
        """Read the file; None if it is the one that was read before."""
        assert isinstance(self._source, Path)
        self._look_at = self._clock() + _LOOK_SECONDS
        seen: tuple[int, ...]
        try:
            status = self._source.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return None
            text = self._source.read_text("ascii", "replace")
        except OSError:
            seen, text = (), ""
        self._seen = seen
        return parse_resolv_conf(text)

    def _use(self, addresses: Sequence[TcpAddress] | None) -> None:
        if addresses is None:
            return
        before = {server.address: server for server in self._servers}
        self._servers = [before.get(address) or Server(address, self._query_seconds) for address in addresses]
        for server in before.values():
            if server not in self._servers:
                server.forget()


def parse_resolv_conf(text: str) -> list[TcpAddress]:
    """Give the servers that a resolv.conf(5) names, without what is no address; this host if it names none."""
    addresses = []
    for words in map(str.split, text.splitlines()):
        if len(words) >= 2 and words[0] == "nameserver":
            with suppress(ValueError):
                addresses.append(TcpAddress(str(ip_address(words[1])), _PORT))
    return list(dict.fromkeys(addresses))[:_MOST_SERVERS] or [TcpAddress("127.0.0.1", _PORT)]
