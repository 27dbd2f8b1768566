"""What is measured, and taking turns at it: A B A B …, so that a noisy moment of the machine hits all alike."""

from __future__ import annotations

import math
import os
import selectors
import smtplib
import ssl
import statistics
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.imap import IdleClient
from tests.bench.load import Load
from tests.bench.servers import Role, Server, Tempmaild
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from socket import socket

    from tests.bench.load import LoadGenerator

_WARM_UP = 400
"""Operations, at least, before anything is measured."""
_FIRST_CONNECTIONS, _FIRST_SESSIONS = 20, 1000
"""What comes and goes before memory is first read, so that caches and what is made once count for no connection."""
_FEWEST_PROBES, _FIRST_PROBES = 100, 10
_PROBE = b"From: probe@example.org\r\nSubject: probe\r\n\r\nHere.\r\n.\r\n"
_PATIENCE = 60.0
"""Seconds for the answer to one message."""


class Sample(NamedTuple):
    """One measurement of one server.

    Attributes:
        value: in the unit of the measurement.
        memory: MiB, of all its processes.
        cpu: microseconds for one operation, where operations are counted.
    """

    value: float
    memory: float
    cpu: float | None = None


class Measurement(ABC):
    """Something that servers are compared by.

    Attributes:
        unit: of `Sample.value`.
    """

    unit: str

    def warm_up(self, server: Server) -> None:  # noqa: B027 - there may be nothing to do
        """Get a server ready to be measured."""

    @abstractmethod
    def take(self, server: Server) -> Sample:
        """Measure a server once."""


class Rate(Measurement):
    """How many operations a second a server does under a load that wants as many as it can get.

    Args:
        seconds: how long one measurement takes, roughly.
        most: operations in one measurement, where they change what is measured.
    """

    def __init__(
        self, generator: LoadGenerator, load: Load, role: Role, seconds: float, most: int | None = None
    ) -> None:
        self.unit = "messages/s" if load.message else "fetches/s" if load.protocol == "imapf" else "sessions/s"
        self._generator = generator
        self._load = load
        self._role = role
        self._seconds = seconds
        self._most = most
        self._operations: dict[Server, int] = {}

    def warm_up(self, server: Server) -> None:
        """Load it a little, which tells how many operations it can do in a measurement."""
        load = self._load
        least = load.connections * load.per_session
        rate = self._run(server, max(least, _WARM_UP))
        operations = max(least, round(rate * self._seconds / load.per_session) * load.per_session)
        self._operations[server] = min(operations, self._most or operations)

    def operations(self, server: Server) -> int:
        """Give how many operations one measurement of a server has."""
        return self._operations[server]

    def take(self, server: Server) -> Sample:
        operations = self._operations[server]
        before = server.tree.cpu_seconds()
        rate = self._run(server, operations)
        memory = mebibytes(server)
        # A message that waits in a queue is not where it belongs, and has not cost all that it costs.
        server.drain()
        used = server.tree.cpu_seconds() - before
        return Sample(rate, memory, used * 1e6 / operations)

    def _run(self, server: Server, operations: int) -> float:
        """Give the operations a second."""
        load = self._load._replace(protocol=_spoken(server, self._load))
        port = server.ports[load.service]
        return self._generator.run(load, port, server.accounts(self._role), operations).rate


class Held(Measurement):
    """What an idling IMAP connection costs in memory."""

    unit = "KiB each"

    def __init__(self, generator: LoadGenerator, connections: int) -> None:
        self._generator = generator
        self._load = Load("idle", connections)

    def take(self, server: Server) -> Sample:
        _start_afresh(server, self._generator)
        port, accounts = server.ports["imap"], server.accounts(Role.READER)
        before = server.tree.memory()
        with self._generator.held(self._load, port, accounts):
            return _cost_of_each(server, before, self._load.connections)


class HeldOverTls(Measurement):
    """What an idling IMAP connection costs in memory when it is encrypted."""

    unit = "KiB each"

    def __init__(self, generator: LoadGenerator, connections: int) -> None:
        self._generator = generator
        self._connections = connections
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def take(self, server: Server) -> Sample:
        _start_afresh(server, self._generator)
        with ExitStack() as first:
            self._open(server, _FIRST_CONNECTIONS, first)
        before = server.tree.memory()
        with ExitStack() as stack:
            self._open(server, self._connections, stack)
            return _cost_of_each(server, before, self._connections)

    def _open(self, server: Server, count: int, stack: ExitStack) -> None:
        accounts = _read_accounts(server.accounts(Role.READER))
        for number in range(count):
            client = IdleClient(server.ports["imaps"], *accounts[number % len(accounts)], self._context)
            stack.callback(client.close)


class Latency(Measurement):
    """How long after its 250 a message is announced to the client that idles in its mailbox, 99 times in 100.

    Meanwhile others deliver as fast as they can.
    """

    unit = "ms"

    def __init__(self, generator: LoadGenerator, load: Load, seconds: float) -> None:
        self._generator = generator
        self._load = load
        self._seconds = seconds

    def take(self, server: Server) -> Sample:
        assert isinstance(server, Tempmaild)
        account = server.create()
        with ExitStack() as stack:
            stack.enter_context(
                self._generator.going_on(self._load, server.ports["smtp"], server.accounts(Role.TAKER))
            )
            client = IdleClient(server.ports["imap"], *account)
            stack.callback(client.close)
            sender = smtplib.SMTP(HOST, server.ports["smtp"], timeout=_PATIENCE)
            # Not as a context: its QUIT would read the answer to what an interrupt has cut off, and complain.
            stack.callback(sender.close)
            sender.ehlo()
            probes = self._probes(lambda: _announced_after(sender, client, account.address))
            return Sample(percentile(list(probes), 99) * 1e3, mebibytes(server))

    def _probes(self, probe: Callable[[], float]) -> Iterator[float]:
        for _ in range(_FIRST_PROBES):
            probe()
        end = time.monotonic() + self._seconds
        number = 0
        while number < _FEWEST_PROBES or time.monotonic() < end:
            yield probe()
            number += 1


class FanOut(Measurement):
    """How long after the end of its data a message is announced to the last of many that idle in its mailbox."""

    unit = "ms"

    def __init__(self, connections: int) -> None:
        self._connections = connections

    def take(self, server: Server) -> Sample:
        assert isinstance(server, Tempmaild)
        account = server.create()
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            for _ in range(self._connections):
                client = IdleClient(server.ports["imap"], *account)
                stack.callback(client.close)
                selector.register(client.socket, selectors.EVENT_READ)
            sender = smtplib.SMTP(HOST, server.ports["smtp"], timeout=_PATIENCE)
            stack.callback(sender.close)
            sender.ehlo()
            times = [self._announced_to_all(sender, selector, account.address) for _ in range(_FIRST_PROBES)]
            return Sample(statistics.median(times) * 1e3, mebibytes(server))

    def _announced_to_all(self, sender: smtplib.SMTP, selector: selectors.BaseSelector, address: str) -> float:
        sender.mail("probe@example.org")
        sender.rcpt(address)
        sender.docmd("DATA")
        sender.send(_PROBE)
        began = time.monotonic()
        told: set[int] = set()
        while len(told) < self._connections:
            ready = selector.select(_PATIENCE)
            assert ready, f"only {len(told)} of {self._connections} were told"
            told.update(key.fd for key, _ in ready if b" EXISTS" in os.read(key.fd, 65536))
        ended = time.monotonic()
        code, text = sender.getreply()
        assert code == 250, text
        return ended - began


def take_turns(
    measurement: Measurement, servers: Mapping[str, Server], rounds: int, told: Callable[[str, Sample], None]
) -> dict[str, list[Sample]]:
    """Measure all servers in turn, so many times.

    Args:
        told: called with each sample and the name of its server.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in servers}
    for server in servers.values():
        measurement.warm_up(server)
        _settle(server)
    for _ in range(rounds):
        for name, server in servers.items():
            samples[name].append(measurement.take(server))
            told(name, samples[name][-1])
            _settle(server)
    return samples


def median(samples: Sequence[Sample]) -> Sample:
    """Give the medians of all that was measured."""
    cpus = [sample.cpu for sample in samples if sample.cpu is not None]
    return Sample(
        statistics.median(sample.value for sample in samples),
        statistics.median(sample.memory for sample in samples),
        statistics.median(cpus) if cpus else None,
    )


def percentile(values: Sequence[float], hundredth: int) -> float:
    """Give the least of the values that so many in a hundred do not exceed."""
    return sorted(values)[math.ceil(len(values) * hundredth / 100) - 1]


def mebibytes(server: Server) -> float:
    """Give the memory of a server in MiB."""
    return server.tree.memory() / 2**20


def _settle(server: Server) -> None:
    """Have nothing left to do that the next measurement would pay for."""
    server.drain()
    os.sync()


def _start_afresh(server: Server, generator: LoadGenerator) -> None:
    """Start a server again, so that its memory tells of nothing that was before, and use it a little."""
    server.restart()
    load = Load("imap", _FIRST_CONNECTIONS)
    generator.run(load, server.ports[load.service], server.accounts(Role.READER), _FIRST_SESSIONS)


def _spoken(server: Server, load: Load) -> str:
    """Give the protocol of a load, LMTP where it is mail and the server has no SMTP."""
    return "lmtp" if load.protocol == "smtp" and "smtp" not in server.ports else load.protocol


def _cost_of_each(server: Server, before: int, connections: int) -> Sample:
    memory = server.tree.memory()
    return Sample((memory - before) / connections / 1024, memory / 2**20)


def _read_accounts(path: Path) -> list[tuple[str, str]]:
    accounts = []
    for line in path.read_text().splitlines():
        address, secret = line.split()
        accounts.append((address, secret))
    return accounts


def _announced_after(sender: smtplib.SMTP, client: IdleClient, address: str) -> float:
    """Send a message; the seconds from its 250 to the client's EXISTS."""
    sender.mail("probe@example.org")
    sender.rcpt(address)
    code, answer = sender.docmd("DATA")
    assert code == 354, answer
    assert sender.sock
    sender.sock.sendall(_PROBE)
    awaited = {sender.sock: b"250 ", client.socket: b" EXISTS\r\n"}
    moments: dict[socket, float] = {}
    with selectors.DefaultSelector() as selector:
        for connection in awaited:
            selector.register(connection, selectors.EVENT_READ, connection)
        while len(moments) < len(awaited):
            ready = selector.select(_PATIENCE)
            moment = time.perf_counter()
            assert ready, "the message is not announced"
            for key, _ in ready:
                received: bytes = key.data.recv(65536)
                assert received, "the connection ended"
                if awaited[key.data] in received:
                    moments[key.data] = moment
    return max(0.0, moments[client.socket] - moments[sender.sock])
