"""What programs are answered that watch over a host, and what they cannot do."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tempmaild import log
from tempmaild.core.health import Finding
from tempmaild.errors import StoreFailed
from tempmaild.net.monitoring import Monitoring

if TYPE_CHECKING:
    from collections.abc import Sequence

PEER = IPv4Address("TCP", "127.0.0.1", 40_000)


class Watched:
    """What is told, as the test wants it.

    Attributes:
        accepted: the Accept headers that came.
        answer: for the figures; an error to be raised, or something to wait for.
    """

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.answer: Any = (b"figures\n", "text/plain; version=0.0.4; charset=utf-8")
        self.is_ready = True

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        self.accepted.append(accept)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: tuple[bytes, str] = await self.answer if isinstance(self.answer, Deferred) else self.answer
        return answer

    def ready(self) -> tuple[bool, Sequence[Finding]]:
        return self.is_ready, [Finding("store", "problem", "No %(what)s — none.", "mend it", {"what": "disk"})]


class Transport(StringTransport):
    """A connection that remembers how it was ended, and tells its protocol."""

    protocol: Any
    aborted = False

    @property
    def said(self) -> bytes:
        """What was answered."""
        said: bytes = self.value()  # type: ignore[no-untyped-call] # Twisted's, as those below
        return said

    def loseConnection(self) -> None:  # noqa: N802 - the name of Twisted's
        """Close it."""
        super().loseConnection()  # type: ignore[no-untyped-call]
        self.gone()

    def abortConnection(self) -> None:  # noqa: N802 - the name of Twisted's
        """Cut it."""
        self.aborted = True
        self.gone()

    def gone(self) -> None:
        """Have the protocol told, once."""
        protocol, self.protocol = self.protocol, None
        if protocol:
            protocol.connectionLost(Failure(ConnectionDone()))


class Server:
    """The server without sockets, and time that the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watched = Watched()
        self.lines = io.StringIO()
        log.configure("info", "text", self.lines)
        self.monitoring = Monitoring(self.clock, self.watched, log.get_log("metrics"))
        self.factory = self.monitoring._factory
        self.factory.doStart()  # type: ignore[no-untyped-call]

    def connect(self) -> Transport | None:
        """Connect; None when nobody is let in."""
        protocol = self.factory.buildProtocol(cast("Any", PEER))
        if protocol is None:
            return None
        transport = Transport(peerAddress=PEER)  # type: ignore[no-untyped-call]
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def say(self, data: bytes, cut: int = 65_536) -> Transport:
        """Connect and send this in pieces, as far as somebody takes it."""
        transport = self.connect()
        assert transport
        for start in range(0, len(data), cut):
            if transport.protocol is None:
                break
            transport.protocol.dataReceived(data[start : start + cut])
            self.clock.advance(0)
        return transport

    def ask(self, path: str, method: str = "GET", headers: str = "") -> tuple[int, dict[str, str], bytes]:
        """Ask for something; code, headers, and body."""
        data = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode()
        return answer_in(self.say(data).said)


def answer_in(octets: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = octets.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split(" ")[1]), headers, body


@pytest.fixture
def server() -> Server:
    return Server()


def test_it_lives(server: Server) -> None:
    code, headers, body = server.ask("/health/live")
    assert (code, body) == (200, b"The daemon lives.\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)])
def test_whether_it_is_ready_and_what_is_found(server: Server, ready: bool, code: int) -> None:
    server.watched.is_ready = ready
    got, headers, body = server.ask("/health/ready?verbose=1")
    assert (got, headers["content-type"]) == (code, "application/json")
    finding = {"name": "store", "state": "problem", "text": "No disk — none.", "remedy": "mend it"}
    assert json.loads(body) == {"ready": ready, "findings": [finding]}


def test_the_figures_in_the_form_that_is_accepted(server: Server) -> None:
    code, headers, body = server.ask("/metrics", headers="Accept: application/openmetrics-text\r\n")
    assert (code, body) == (200, b"figures\n")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    server.ask("/metrics")
    assert server.watched.accepted == ["application/openmetrics-text", ""]


def test_a_store_that_is_away_is_503(server: Server) -> None:
    server.watched.answer = StoreFailed("no disk")
    assert server.ask("/metrics")[::2] == (503, b"no disk\n")


def test_a_defect_is_500_and_in_the_log(server: Server) -> None:
    server.watched.answer = RuntimeError("secret words")
    code, _, body = server.ask("/metrics")
    assert code == 500
    assert b"secret" not in body
    assert "secret words" in server.lines.getvalue()


@pytest.mark.parametrize(
    "path", ["/", "/health", "/metrics/", "/health/live/", "/../metrics", "//metrics", "/metricsx"]
)
def test_there_is_nothing_else(server: Server, path: str) -> None:
    assert server.ask(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    code, headers, _ = server.ask("/metrics", method)
    assert (code, headers["allow"]) == (405, "GET, HEAD")
    assert not server.watched.accepted


def test_head_is_get_without_the_body(server: Server) -> None:
    code, headers, body = server.ask("/health/live", "HEAD")
    assert (code, headers["content-length"], body) == (200, "18", b"")


def test_a_connection_is_used_again(server: Server) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    transport = server.say(request * 3, cut=7)
    assert transport.said.count(b"200 OK") == 3
    assert transport.protocol is not None


def test_a_body_is_thrown_away(server: Server) -> None:
    body = b"x" * 1_000_000
    head = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    transport = server.say(head + body)
    assert answer_in(transport.said)[0] == 200
    chunked = b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    transport = server.say(chunked + b"f4240\r\n" + body + b"\r\n0\r\n\r\n")
    assert answer_in(transport.said)[0] == 405


def test_a_body_that_never_ends_does_not_fill_the_memory(server: Server) -> None:
    transport = server.say(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    for _ in range(100):
        transport.protocol.dataReceived(b"x" * 65_536)
    request = transport.protocol.wrappedProtocol._channel.requests[0]
    assert request.content.getvalue() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n bad: folded\r\n\r\n",
        b"GET http://[::1/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_makes_no_sense_ends_the_connection_or_is_refused(server: Server, data: bytes) -> None:
    transport = server.say(data)
    server.clock.pump([1.0] * 40)
    assert transport.protocol is None
    assert not transport.said or answer_in(transport.said)[0] in {400, 404}
    assert not server.watched.accepted
    assert "defect" not in server.lines.getvalue()


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [b"GET ", b"/metrics", b" HTTP/1.1", b"\r\n", b"\n", b"Host: a", b": ", b"\x00", b"\xff", b"HEAD "]
        )
        | st.binary(max_size=20),
        max_size=30,
    ),
    st.integers(1, 20),
)
def test_garbage_raises_nothing(pieces: list[bytes], cut: int) -> None:
    server = Server()
    transport = server.say(b"".join(pieces), cut)
    server.clock.pump([10.0] * 20)
    assert transport.protocol is None
    assert "traceback" not in server.lines.getvalue()


def test_so_many_are_let_in(server: Server) -> None:
    first = [server.connect() for _ in range(20)]
    assert all(first)
    assert server.connect() is None
    assert first[0]
    first[0].loseConnection()
    assert server.connect() is not None
    assert server.connect() is None


def test_who_says_nothing_is_sent_away(server: Server) -> None:
    transport = server.connect()
    assert transport
    server.clock.advance(29)
    assert transport.protocol is not None
    server.clock.advance(2)
    assert transport.protocol is None


def test_who_says_little_for_long_is_cut_off(server: Server) -> None:
    transport = server.say(b"GET /metrics HTTP/1.1\r\nX: ")
    for _ in range(24):
        assert transport.protocol is not None
        transport.protocol.dataReceived(b"y")
        server.clock.advance(5)
    assert transport.aborted
    assert not [call for call in server.clock.getDelayedCalls() if call.func.__name__ == "abort"]


def test_who_leaves_before_the_answer_is_not_waited_for(server: Server) -> None:
    answer: Deferred[Any] = Deferred()
    server.watched.answer = answer
    transport = server.say(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    transport.gone()
    answer.callback((b"figures\n", "text/plain"))
    assert transport.said == b""
    assert "defect" not in server.lines.getvalue()


def test_the_end_closes_every_connection(server: Server) -> None:
    transport = server.connect()
    assert transport
    assert Deferred.fromCoroutine(server.monitoring.stop()).called
    assert transport.aborted
