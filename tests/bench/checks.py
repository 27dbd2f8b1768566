"""What is measured with every check on."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tests.bench.checked import Checked
from tests.bench.measure import Measurement, Rate, Sample, mebibytes, percentile
from tests.bench.servers import Role, Server
from tests.bench.surroundings import Clamd
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.load import Load, LoadGenerator

_SCANNERS: Final = 10
"""Connections over which clamd scans: as many as it has threads (config/clamd.conf), and as tempmaild keeps."""
_PROBE_PAUSE: Final = 0.005
_FIRST_PROBES, _FEWEST_PROBES = 50, 200
_PATIENCE: Final = 60.0


class CheckedRate(Rate):
    """How many messages a second a server checks and stores; of clamd itself, how many it scans.

    Args:
        load: a message, and how it is sent.
    """

    def __init__(self, generator: LoadGenerator, load: Load, seconds: float) -> None:
        super().__init__(generator, load, Role.TAKER, seconds)
        assert load.message
        self._message = load.message
        self._length = seconds

    def warm_up(self, server: Server) -> None:
        """Load it a little, and see that it makes all the checks."""
        if isinstance(server, Checked):
            server.clamd.new_scans()
            super().warm_up(server)
            server.drain()
            see_checked(server, server.clamd.new_scans(), 1)

    def take(self, server: Server) -> Sample:
        """Measure it, and see that it has made all the checks."""
        if isinstance(server, Clamd):
            return self._scans(server)
        assert isinstance(server, Checked)
        server.clamd.new_scans()
        sample = super().take(server)
        see_checked(server, server.clamd.new_scans(), self.operations(server))
        return sample

    def _scans(self, clamd: Clamd) -> Sample:
        message = self._message.read_bytes()
        count = 0
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            for _ in range(_SCANNERS):
                connection = clamd.connect()
                stack.callback(connection.close)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.scan(message)
            before, begun = clamd.tree.cpu_seconds(), time.monotonic()
            while time.monotonic() < begun + self._length:
                ready = selector.select(_PATIENCE)
                assert ready, "clamd does not answer"
                for key, _ in ready:
                    key.data.take()
                    key.data.scan(message)
                    count += 1
            lasted = time.monotonic() - begun
            used = clamd.tree.cpu_seconds() - before
        return Sample(count / lasted, mebibytes(clamd), used * 1e6 / count)


class Lag(Measurement):
    """How long a client waits for its NOOP while others deliver as fast as they can, 99 times in 100.

    A NOOP needs the reactor and nothing else, so that this is its lag, with a way over loopback and back.
    """

    unit = "ms"

    def __init__(self, generator: LoadGenerator, load: Load, seconds: float) -> None:
        self._generator = generator
        self._load = load
        self._seconds = seconds

    def take(self, server: Server) -> Sample:
        """Measure it for a while."""
        port, accounts = server.ports["smtp"], server.accounts(Role.TAKER)
        with ExitStack() as stack:
            stack.enter_context(self._generator.going_on(self._load, port, accounts))
            connection = stack.enter_context(socket.create_connection((HOST, server.ports["imap"]), _PATIENCE))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            assert connection.recv(4096).startswith(b"* OK")
            waits = list(self._waits(connection))[_FIRST_PROBES:]
            return Sample(percentile(waits, 99) * 1e3, mebibytes(server))

    def _waits(self, connection: socket.socket) -> Iterator[float]:
        end = time.monotonic() + self._seconds
        number = 0
        while number < _FIRST_PROBES + _FEWEST_PROBES or time.monotonic() < end:
            begun = time.perf_counter()
            connection.sendall(b"a NOOP\r\n")
            reply = connection.recv(4096)
            yield time.perf_counter() - begun
            assert reply.startswith(b"a OK"), reply
            time.sleep(_PROBE_PAUSE)
            number += 1


def see_checked(server: Checked, scans: int, least: int) -> None:
    """See that a server has made the checks of what was sent.

    Args:
        scans: that clamd has made meanwhile.
        least: how many there have to be.
    """
    assert scans >= least, f"clamd has scanned only {scans} of {least} messages"
    seen = 0
    for results in server.new_results():
        missing = [result for result in server.passing if result not in results]
        assert not missing, f"{', '.join(missing)} is missing in {results!r}"
        seen += 1
    assert seen, "no message is stored"
