"""What programs that watch over this host ask by HTTP: figures, whether the daemon lives, whether it is ready."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.http import INTERNAL_SERVER_ERROR, NOT_ALLOWED, NOT_FOUND, OK, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tempmaild.errors import TempmaildError
from tempmaild.net.listeners import CannotListen
from tempmaild.settings import UnixAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from twisted.internet.interfaces import IAddress, IListeningPort

    from tempmaild.core.health import Finding
    from tempmaild.log import Log
    from tempmaild.settings import Address

_MOST_CONNECTIONS = 20
"""Some programs that ask, twice over; whoever comes beyond that is turned away."""
_IDLE_SECONDS = 30
_LONGEST_SECONDS = 120
"""Of one connection, whatever it does; a program connects again by itself."""
_BACKLOG = 20
_TOLD = ("name", "state", "text", "remedy")


class Watched(Protocol):
    """What is told."""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the figures in the form that somebody accepts, and the media type of that.

        Raises:
            StoreFailed: they cannot be gathered.
        """

    def ready(self) -> tuple[bool, Sequence[Finding]]:
        """Tell whether mail is taken and served, and how the parts are."""


class Monitoring:
    """Answers on the addresses that it is given.

    Args:
        reactor: Twisted's.
    """

    def __init__(self, reactor: Any, watched: Watched, log: Log) -> None:
        self._reactor = reactor
        self._log = log
        site = Site(_Answers(watched, log), requestFactory=_Request, timeout=_IDLE_SECONDS, reactor=reactor)
        site.displayTracebacks = False
        self._factory = _Bounded(site, reactor)
        self._ports: list[IListeningPort] = []

    def listen(self, addresses: Iterable[Address]) -> None:
        """Answer there.

        Raises:
            CannotListen: one of them is in use, or not ours.
        """
        for address in addresses:
            try:
                port = self._open(address)
            except (CannotListenError, OSError) as error:
                raise CannotListen(f"metrics cannot listen on {address}: {error}") from error
            self._ports.append(port)
            self._log.info("listening", service="metrics", address=address)

    async def stop(self) -> None:
        """Answer nobody any more."""
        for port in self._ports:
            await maybeDeferred(cast("Any", port).stopListening)
        for connection in list(self._factory.protocols):
            connection.abort()

    def _open(self, address: Address) -> IListeningPort:
        if isinstance(address, UnixAddress):
            unix: IListeningPort = self._reactor.listenUNIX(
                str(address.path), self._factory, _BACKLOG, mode=0o660, wantPID=True
            )
            return unix
        tcp: IListeningPort = self._reactor.listenTCP(address.port, self._factory, _BACKLOG, address.host)
        return tcp


class _Connection(ProtocolWrapper):
    """One connection, which ends after a while whatever happens."""

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 - the name that Twisted calls
        """Begin."""
        factory = cast("_Bounded", self.factory)
        self._end = factory.reactor.callLater(_LONGEST_SECONDS, self.abort)
        super().makeConnection(transport)  # type: ignore[no-untyped-call] # Twisted's, as those below

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override] # noqa: N802 - the name that Twisted calls
        """End."""
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        """Close it at once."""
        cast("Any", self.transport).abortConnection()


class _Bounded(WrappingFactory):
    """Lets in so many at once."""

    protocol = _Connection
    noisy = False

    def __init__(self, factory: Any, reactor: Any) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self.reactor = reactor

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - the name that Twisted calls
        """Let somebody in; None for not."""
        return None if len(self.protocols) >= _MOST_CONNECTIONS else super().buildProtocol(addr)


class _Request(Request):
    """A request whose body, if it has one, is thrown away: nothing that is asked here needs one."""

    def gotLength(self, length: int | None) -> None:  # noqa: ARG002, N802 - the name that Twisted calls
        """Begin without a place for a body."""
        self.content = io.BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - the name that Twisted calls
        """Throw a piece of the body away."""


class _Answer(NamedTuple):
    body: bytes
    media_type: str = "text/plain; charset=utf-8"
    code: int = OK


class _Answers(Resource):
    """Everything that is answered, by the whole path."""

    isLeaf = True  # noqa: N815 - the name that Twisted reads

    def __init__(self, watched: Watched, log: Log) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watched = watched
        self._log = log

    def render(self, request: Request) -> int:
        """Answer, now or later."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        Deferred.fromCoroutine(self._answer_to(request, gone))
        return NOT_DONE_YET

    async def _answer_to(self, request: Request, gone: list[object]) -> None:
        try:
            answer = await self._answer(request)
        except TempmaildError as error:
            answer = _Answer(f"{error}\n".encode(), code=SERVICE_UNAVAILABLE)
        except Exception as error:  # a defect is told as one, and to whoever reads the log
            self._log.failure("defect", error)
            answer = _Answer(b"This is a defect, see the log.\n", code=INTERNAL_SERVER_ERROR)
        if gone:
            return
        request.setResponseCode(answer.code)
        request.setHeader("Content-Type", answer.media_type)
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Content-Type-Options", "nosniff")
        request.setHeader("Content-Length", str(len(answer.body)))
        if answer.code == NOT_ALLOWED:
            request.setHeader("Allow", "GET, HEAD")
        request.write(b"" if request.method == b"HEAD" else answer.body)
        request.finish()

    async def _answer(self, request: Request) -> _Answer:
        if request.method not in {b"GET", b"HEAD"}:
            return _Answer(b"Nothing can be changed here.\n", code=NOT_ALLOWED)
        match request.path:
            case b"/metrics":
                body, media_type = await self._watched.metrics(request.getHeader("Accept") or "")
                return _Answer(body, media_type)
            case b"/health/live":
                return _Answer(b"The daemon lives.\n")
            case b"/health/ready":
                ready, findings = self._watched.ready()
                told = [{name: getattr(one, name) for name in _TOLD} for one in findings]
                body = msgspec.json.encode({"ready": ready, "findings": told})
                return _Answer(body, "application/json", OK if ready else SERVICE_UNAVAILABLE)
        return _Answer(b"There are /metrics, /health/live and /health/ready.\n", code=NOT_FOUND)
