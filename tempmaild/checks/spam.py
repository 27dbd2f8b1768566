"""What a spam filter thinks of a message: rspamd by HTTP, or SpamAssassin's spamd."""

from __future__ import annotations

import asyncio
import http
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Self

import h11

from tempmaild.core.spam_score import (
    BadAnswer,
    rspamd_fields,
    score_of_rspamd,
    score_of_spamd,
    spamd_request,
    trace_for_spamd,
)
from tempmaild.core.verdict import Finding, Refusal, Report
from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.checks.mail import Examined, Mail
    from tempmaild.core.spam_score import Score
    from tempmaild.log import Log
    from tempmaild.settings.filters import SpamFilter
    from tempmaild.settings.values import Address

_AT_ONCE: Final = 32
"""Messages that one process shows to the filter at once; others wait, which is part of their time."""
_LARGEST_ANSWER: Final = 2**20
"""Octets: rspamd explains itself in some kilobytes."""
_PIECE: Final = 2**16
_TELL_EVERY: Final = 60
"""Seconds after which the log tells again that the filter does not answer."""
_REFUSAL: Final = Refusal("5.7.1", "The message looks like spam")


class Spam:
    """Asks a spam filter.

    Args:
        host: our name.
        largest: octets of a message above which it is not shown to the filter.
        clock: UTC epoch seconds.
    """

    def __init__(
        self, spam_filter: SpamFilter, host: str, largest: int, log: Log, clock: Callable[[], float] = time.time
    ) -> None:
        self._filter = spam_filter
        self._host = host
        self._largest = largest
        self._log = log
        self._clock = clock
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._told_until = 0.0

    async def examine(self, examined: Examined) -> Report:
        """Tell the score of a message, and whether it reaches the threshold of its domain."""
        mail = examined.mail
        if len(mail.content) > self._largest:
            return Report(findings=(Finding("x-spam", "none", reason="the message is too large"),))
        ask = self._ask_rspamd if self._filter.protocol == "rspamd" else self._ask_spamd
        try:
            async with self._turns:
                score = await ask(mail)
        except (OSError, EOFError, BadAnswer, h11.ProtocolError) as error:
            self._tell(error)
            return Report("failed", (Finding("x-spam", "temperror"),))
        if score is None:
            return Report(findings=(Finding("x-spam", "none", reason="the filter leaves it alone"),))
        return _report(score, mail.checking.spam.threshold)

    def _tell(self, error: Exception) -> None:
        now = self._clock()
        if now >= self._told_until:
            self._told_until = now + _TELL_EVERY
            self._log.warning("spam-filter-failed", filter=self._filter, problem=str(error) or type(error).__name__)

    async def _ask_rspamd(self, mail: Mail) -> Score | None:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_PIECE)
        fields = rspamd_fields(mail.outside_client, mail.helo, mail.sender, mail.recipients)
        usual = [(b"Host", b"rspamd"), (b"Content-Length", b"%d" % len(mail.content)), (b"Connection", b"close")]
        request = h11.Request(method="POST", target="/checkv2", headers=[*usual, *fields])
        pieces = [connection.send(event) or b"" for event in (request, h11.Data(mail.content), h11.EndOfMessage())]
        async with _Exchange(self._filter.address) as exchange:
            await exchange.send(*pieces)
            return score_of_rspamd(await _body(connection, exchange))

    async def _ask_spamd(self, mail: Mail) -> Score:
        date = formatdate(self._clock(), localtime=False)
        trace = trace_for_spamd(mail.outside_client, mail.helo, mail.sender, self._host, date)
        async with _Exchange(self._filter.address) as exchange:
            await exchange.send(spamd_request(mail.content, trace))
            # Otherwise spamd waits for the end of a last line that has none.
            exchange.end()
            return score_of_spamd(await exchange.receive_all())


class _Exchange:
    """A connection for one question and its answer."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def __aenter__(self) -> Self:
        if isinstance(self._address, TcpAddress):
            streams = asyncio.open_connection(self._address.host, self._address.port)
        else:
            streams = asyncio.open_unix_connection(self._address.path)
        self._reader, self._writer = await streams
        return self

    async def __aexit__(self, *_: object) -> None:
        # At once, whatever has not been sent or read yet: nobody is interested in it any more.
        self._writer.transport.abort()

    async def send(self, *pieces: bytes) -> None:
        """Send all of it, as fast as the filter takes it."""
        self._writer.writelines(pieces)
        await self._writer.drain()

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self._writer.write_eof()

    async def receive(self) -> bytes:
        """Give what has come, b"" at the end."""
        return await self._reader.read(_PIECE)

    async def receive_all(self) -> bytes:
        """Give all that comes.

        Raises:
            BadAnswer: it is too much.
        """
        answer = b""
        while piece := await self.receive():
            answer += piece
            _check_size(len(answer))
        return answer


async def _body(connection: h11.Connection, exchange: _Exchange) -> bytes:
    """Receive the body of a successful HTTP response.

    Raises:
        BadAnswer: it is too large, or the request has failed.
        h11.RemoteProtocolError: it is not HTTP.
    """
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await exchange.receive())
        elif isinstance(event, h11.Response) and event.status_code != http.HTTPStatus.OK:
            raise BadAnswer(f"it says {event.status_code} {event.reason.decode('ascii', 'replace')}")
        elif isinstance(event, h11.Data):
            body += event.data
            _check_size(len(body))
        elif isinstance(event, h11.EndOfMessage):
            return body
        elif isinstance(event, h11.ConnectionClosed):
            raise BadAnswer("it says nothing")


def _check_size(size: int) -> None:
    if size > _LARGEST_ANSWER:
        raise BadAnswer("its answer is too long")


def _report(score: Score, threshold: float) -> Report:
    """Say what a score comes to."""
    bad = score.value >= threshold
    properties = (("policy.score", str(score)), ("policy.threshold", f"{threshold:g}"))
    finding = Finding("x-spam", "fail" if bad else "pass", properties, " ".join(score.symbols))
    field = f"X-Spam-Score: {score}\r\n".encode()
    if bad:
        return Report("bad", (finding,), (field,), ("$Junk",), _REFUSAL)
    return Report(findings=(finding,), fields=(field,))
