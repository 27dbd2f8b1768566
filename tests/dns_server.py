"""A DNS server on loopback that serves the zones of a test, and that can misbehave.

    with DnsServer() as dns:
        dns.zones = {"example.org": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.example.org"]}, "dead.example": SERVFAIL}

A name has values by type, or an `Answer` for all types; in the place of a list of values there may be an `Answer`,
too. CNAMEs are followed as recursive servers do. What is not there does not exist (NXDOMAIN), except for names above
others, and types that a name does not have (no data).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rrset

from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable

Value = str | bytes | tuple[int, str] | Sequence[str | bytes]
"""Text as in a zone file but for TXT, which is taken as it is; (10, "mx") for MX; strings that make up one TXT."""
Manner = Literal[
    "right",
    "silent",
    "garbage",
    "cut",
    "too long",
    "wrong id",
    "wrong question",
    "no answer bit",
    "forged before",
    "closed",
]


@dataclass(frozen=True)
class Answer:
    """How a question is answered.

    Attributes:
        rcode: such as "SERVFAIL"; values are sent with any.
        ttl: of the values, seconds.
        delay: seconds before it is sent.
        held: it is sent when `release` is called.
        truncated: over UDP nothing but the sign that there is more is sent; all else is about TCP.
        without_edns: a question with EDNS gets FORMERR, as from servers of the last century.
        manner: what is wrong with it. silent: nothing is sent. garbage: octets that are no records, behind header and
            question. cut: the message ends in the middle. too long: it goes over UDP whatever its size. forged
            before: an answer with another id, and one to another question, come before the right one. closed: a TCP
            connection is closed in place of an answer.
        unfollowed: what is at the end of a CNAME is left out.
        soa: whether an answer without values has an SOA record (RFC 2308 §5).
    """

    values: Sequence[Value] = ()
    rcode: str = "NOERROR"
    ttl: int = 300
    delay: float = 0
    held: bool = False
    truncated: bool = False
    without_edns: bool = False
    manner: Manner = "right"
    unfollowed: bool = False
    soa: bool = True


SERVFAIL = Answer(rcode="SERVFAIL")
REFUSED = Answer(rcode="REFUSED")
SILENT = Answer(manner="silent")
GARBAGE = Answer(manner="garbage")

Zones = Mapping[str, Answer | Mapping[str, Sequence[Value] | Answer]]
_LONGEST_CHAIN = 16
"""CNAMEs that are put into one answer; a loop ends there."""


@dataclass(frozen=True)
class Query:
    """A question that came."""

    name: str
    kind: str
    transport: Literal["udp", "tcp"]


@dataclass
class DnsServer:
    """Serves `zones` on one port of 127.0.0.1, UDP and TCP, from a thread of its own, until `close`.

    Attributes:
        zones: what it knows; may be replaced at any time. Names are without the dot at the end.
        negative_ttl: of SOA records, seconds.
        queries: all that came, in order.
        most_at_once: the most questions that had come and were not answered yet.
    """

    zones: Zones = field(default_factory=dict)
    negative_ttl: int = 60
    queries: list[Query] = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._news = threading.Condition()
        self._at_once = 0
        self._held: list[Callable[[], None]] = []
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = self._loop.run_until_complete(self._listen())
        self._thread = threading.Thread(target=self._loop.run_forever, name="dns server", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def count(self, name: str | None = None, kind: str | None = None) -> int:
        """Tell how many questions came, of a name or of a type."""
        return sum(name in (None, query.name) and kind in (None, query.kind) for query in list(self.queries))

    async def received(self, count: int) -> None:
        """Wait until so many questions have come."""
        await asyncio.to_thread(self._wait_for, count)

    def release(self) -> None:
        """Send the answers that are held."""
        self._loop.call_soon_threadsafe(self._release)

    def close(self) -> None:
        """Stop serving; the port is free afterwards."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _wait_for(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self.queries) >= count, 10), self.queries

    def _release(self) -> None:
        held, self._held = self._held, []
        for send in held:
            send()

    async def _listen(self) -> TcpAddress:
        # A port that is free for TCP may be taken for UDP.
        while True:
            self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
            port: int = self._tcp.sockets[0].getsockname()[1]
            with suppress(OSError):
                self._udp, _ = await self._loop.create_datagram_endpoint(
                    lambda: _Udp(self), local_addr=("127.0.0.1", port)
                )
                return TcpAddress("127.0.0.1", port)
            self._tcp.close()

    async def _stop(self) -> None:
        self._udp.close()
        self._tcp.close()
        # A connection that has just come in begins first, so that there is somebody to close it.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(others, timeout=0.01)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                closed = asyncio.Event()

                def send(response: bytes, closed: asyncio.Event = closed) -> None:
                    if response:
                        writer.write(len(response).to_bytes(2, "big") + response)
                    else:
                        closed.set()

                self.answer(wire, "tcp", send)
                if closed.is_set():
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def answer(self, wire: bytes, transport: Literal["udp", "tcp"], send: Callable[[bytes], object]) -> None:
        """Answer a question by calling `send`, now or later; over TCP b"" closes the connection."""
        question = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        answer = self._answer(name, kind)
        with self._news:
            self.queries.append(Query(name, kind, transport))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._news.notify_all()

        def reply() -> None:
            self._at_once -= 1
            for response in self._responses(question, answer, transport):
                send(response)

        if answer.held:
            self._held.append(reply)
        elif answer.delay:
            self._loop.call_later(answer.delay, reply)
        else:
            reply()

    def _answer(self, name: str, kind: str) -> Answer:
        """The answer for a name and type, CNAMEs not followed."""
        zones = self.zones
        at = zones.get(name)
        if at is None:
            exists = any(known.endswith(f".{name}") for known in zones)
            return Answer() if exists or name == "." else Answer(rcode="NXDOMAIN")
        if isinstance(at, Answer):
            return at
        values = at.get(kind, ())
        if not values and "CNAME" in at:
            values = at["CNAME"]
        return values if isinstance(values, Answer) else Answer(values)

    def _responses(self, question: dns.message.Message, answer: Answer, transport: str) -> list[bytes]:
        response = self._response(question, answer)
        too_long = len(response.to_wire(max_size=65535)) > max(512, question.payload)
        if transport == "udp" and (answer.truncated or (too_long and answer.manner != "too long")):
            response = dns.message.make_response(question, recursion_available=True)
            response.flags |= dns.flags.TC
            return [response.to_wire()]
        if answer.manner == "silent":
            return []
        if answer.manner == "closed":
            return [b""] if transport == "tcp" else []
        if answer.manner == "forged before":
            forged = [self._wire(question, answer, manner) for manner in ("wrong id", "wrong question")]
            return [*forged, response.to_wire(max_size=65535)]
        return [_spoilt(response, answer.manner)]

    def _wire(self, question: dns.message.Message, answer: Answer, manner: Manner) -> bytes:
        forged = Answer(["192.0.2.66"] if question.question[0].rdtype == dns.rdatatype.A else answer.values)
        return _spoilt(self._response(question, forged), manner)

    def _response(self, question: dns.message.Message, answer: Answer) -> dns.message.Message:
        response = dns.message.make_response(question, recursion_available=True)
        if answer.without_edns and question.edns >= 0:
            response.use_edns(False)
            response.set_rcode(dns.rcode.FORMERR)
            return response
        name, kind = question.question[0].name, question.question[0].rdtype
        for _ in range(_LONGEST_CHAIN):
            response.set_rcode(dns.rcode.from_text(answer.rcode))
            target = self._add(response, name, kind, answer)
            if target is None:
                break
            name = target
            answer = self._answer(name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(kind))
        if answer.soa and not answer.values and answer.rcode in {"NOERROR", "NXDOMAIN"}:
            soa = f"ns.invalid. host.invalid. 1 3600 600 86400 {self.negative_ttl}"
            response.authority.append(dns.rrset.from_text(".", 86400, "IN", "SOA", soa))
        return response

    def _add(
        self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, answer: Answer
    ) -> dns.name.Name | None:
        """Add the records of one name to a response; give the target if it is a CNAME to follow."""
        if not answer.values:
            return None
        at = self.zones.get(name.to_text(omit_final_dot=True).lower())
        alias = isinstance(at, Mapping) and "CNAME" in at and dns.rdatatype.to_text(kind) not in at
        shown = dns.rdatatype.CNAME if alias else kind
        rdatas = [_rdata(shown, value) for value in answer.values]
        # One by one they keep their order.
        response.answer += [dns.rrset.from_rdata(name, answer.ttl, rdata) for rdata in rdatas]
        if not alias or answer.unfollowed:
            return None
        assert isinstance(rdatas[0], dns.rdtypes.ANY.CNAME.CNAME)
        return rdatas[0].target


def _spoilt(response: dns.message.Message, manner: Manner) -> bytes:
    wire = response.to_wire(max_size=65535)
    if manner == "garbage":
        # The question is as it was, so that nothing but reading the rest tells.
        end = len(response.question[0].name.to_wire() or b"") + 16
        return wire[:2] + b"\x81\x80\x00\x01\x00\x05\x00\x00\x00\x00" + wire[12:end] + b"\xff" * 40
    if manner == "cut":
        return wire[:-15]
    if manner == "wrong id":
        return bytes([wire[0] ^ 1]) + wire[1:]
    if manner == "wrong question":
        return wire[:13] + bytes([wire[13] ^ 1]) + wire[14:]
    if manner == "no answer bit":
        return wire[:2] + bytes([wire[2] & 0x7F]) + wire[3:]
    return wire


def _rdata(kind: dns.rdatatype.RdataType, value: Value) -> dns.rdata.Rdata:
    if kind in {dns.rdatatype.TXT, dns.rdatatype.SPF}:
        strings = [value] if isinstance(value, str | bytes) else value
        octets = [text if isinstance(text, bytes) else text.encode() for text in strings]  # type: ignore[union-attr]
        pieces = [text[i : i + 255] for text in octets for i in range(0, max(len(text), 1), 255)]
        wire = b"".join(bytes([len(piece)]) + piece for piece in pieces)
        return dns.rdata.from_wire(dns.rdataclass.IN, kind, wire, 0, len(wire))
    text = value if isinstance(value, str) else " ".join(map(str, value))
    return dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.answer(data, "udp", lambda response: self._transport.sendto(response, addr))
