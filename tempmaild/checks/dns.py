"""One caching resolver for all checks: it asks recursive servers and keeps what they say for its time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal, overload

from tempmaild.checks.dns_cache import Cache, Known
from tempmaild.checks.dns_servers import RESOLV_CONF, Servers
from tempmaild.core.dns_message import LONGEST_CHAIN, LONGEST_TTL, Malformed, Value, write_question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tempmaild.checks.dns_cache import Question
    from tempmaild.core.dns_message import Reply
    from tempmaild.settings.values import TcpAddress

_LONGEST_SECONDS = 86_400
"""So long an answer is kept at most: who has made a mistake can mend it within a day."""
_LONGEST_NEGATIVE_SECONDS = 3600
"""… and one that there is nothing; RFC 2308 §5 finds one to three hours sensible."""
_FAILED_SECONDS = 5
"""So long a question that failed is not asked again (RFC 9520 §3.2: 1 second to 5 minutes)."""
_ROUNDS = 2
"""How often a server that is silent is asked: a datagram may have been lost."""
_MOST_WAITING = 10_000
"""Questions under way or waiting, about 5 KiB each; beyond them further ones fail at once."""


class NoSuchName(Exception):
    """There is no such name in DNS, with records of any type."""


class LookupFailed(Exception):
    """DNS did not tell: it did not answer in time, could not find out, or said something impossible."""


_IMPOSSIBLE = Known(error=NoSuchName)
_FAILED = Known(error=LookupFailed)


class Resolver:
    """Answers questions from a cache, or asks recursive servers.

    Args:
        servers: the recursive servers to ask, best first, or the file that names them; none means /etc/resolv.conf.
        query_seconds: how long a server may take before the next one is asked.
        seconds: how long a question may take in all.
        queries: questions that servers are asked at once; others wait.
        cache_bytes: what all answers in the cache may take together.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        servers: Sequence[TcpAddress] | Path = (),
        *,
        query_seconds: float = 2,
        seconds: float = 5,
        queries: int = 400,
        cache_bytes: int = 16 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = Servers(servers or RESOLV_CONF, query_seconds, clock)
        self._seconds = seconds
        self._cache = Cache(cache_bytes, clock)
        self._turns = asyncio.Semaphore(queries)
        self._under_way: dict[Question, asyncio.Task[Known]] = {}

    @overload
    async def lookup(
        self, name: str, kind: Literal["A", "AAAA", "PTR", "CNAME", "NS", "SRV", "CAA"]
    ) -> tuple[str, ...]: ...
    @overload
    async def lookup(self, name: str, kind: Literal["TXT"]) -> tuple[bytes, ...]: ...
    @overload
    async def lookup(self, name: str, kind: Literal["MX"]) -> tuple[tuple[int, str], ...]: ...
    @overload
    async def lookup(self, name: str, kind: str) -> tuple[Value, ...]: ...
    async def lookup(self, name: str, kind: str) -> tuple[Value, ...]:
        """Give the values of one type that a name has, after following CNAMEs; none if it has others only.

        Host names are in lower case and without the dot at the end; the null MX (RFC 7505) has the host "". What is
        in the cache is given without suspending.

        Args:
            name: in ASCII, with A-labels; the dot at the end may be left out.
            kind: A, AAAA, CAA, CNAME, MX, NS, PTR, SRV or TXT.

        Raises:
            NoSuchName: it does not exist, or cannot exist in DNS.
            LookupFailed: nobody knows for now.
        """
        if not name.isascii():
            # Some letters become ASCII when they are made small.
            raise NoSuchName(f"{kind} of {name}")
        known = self.known(name, kind) or await self._find(_question(name, kind))
        if known.error is not None:
            raise known.error(f"{kind} of {name}")
        return known.values

    def known(self, name: str, kind: str) -> Known | None:
        """Give what the cache has: as long as that holds, the very same object each time."""
        return self._cache.get(_question(name, kind))

    async def close(self) -> None:
        """End what is under way."""
        self._servers.forget()
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self, question: Question) -> Known:
        """Ask, together with whoever asks the same now."""
        written = write_question(*question)
        if written is None:
            return _IMPOSSIBLE
        task = self._under_way.get(question)
        if task is None:
            if len(self._under_way) >= _MOST_WAITING:
                return _FAILED
            # A task of its own, which goes on when who asked first gives up.
            task = self._under_way[question] = asyncio.create_task(self._ask(question, written))
            task.add_done_callback(lambda _: self._under_way.pop(question))
        return await asyncio.shield(task)

    async def _ask(self, question: Question, written: bytes) -> Known:
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                known, ttl = await self._follow(written, question[1])
        except _AllSilent:
            # Not to be remembered: as soon as a server speaks, it is asked.
            return _FAILED
        except (LookupFailed, Malformed, TimeoutError):
            known, ttl = _FAILED, _FAILED_SECONDS
        self._cache.put(question, known, ttl)
        return known

    async def _follow(self, written: bytes | None, kind: str) -> tuple[Known, int]:
        """Ask, and ask again about the name where CNAMEs end if the server has not done that; give the TTL, too."""
        ttl = LONGEST_TTL
        for _ in range(LONGEST_CHAIN):
            if written is None:
                raise LookupFailed
            reply = await self._ask_servers(written)
            ttl = min(ttl, reply.ttl)
            if not reply.alias:
                return _known(reply), min(ttl, _LONGEST_SECONDS if reply.values else _LONGEST_NEGATIVE_SECONDS)
            written = write_question(reply.alias, kind)
        raise LookupFailed

    async def _ask_servers(self, written: bytes) -> Reply:
        """Ask one server after the other until one of them knows."""
        servers = self._servers.in_order()
        if all(server.silent for server in servers):
            self._servers.probe(written)
            raise _AllSilent
        for _ in range(_ROUNDS):
            silent = []
            for server in servers:
                try:
                    reply = await server.ask(written)
                except Malformed:
                    continue
                if reply is None:
                    self._servers.probe(written)
                    silent.append(server)
                elif reply.known:
                    return reply
            servers = silent
        raise LookupFailed


class _AllSilent(Exception):
    """There is no server that could be asked."""


def _question(name: str, kind: str) -> Question:
    return name.lower().removesuffix("."), kind


def _known(reply: Reply) -> Known:
    return Known(values=reply.values, error=None if reply.exists else NoSuchName)
