"""What the sweep costs those who deliver: many mailboxes, of which ten thousand expire at the same moment."""

from __future__ import annotations

import itertools
import random
import secrets as randomness
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Self

from tempmaild.appliance import open_appliance
from tempmaild.core import secret as secrets
from tempmaild.store.arriving import Deliver
from tests.bench.measure import Measurement, Sample, mebibytes, percentile
from tests.bench.scale import commit_all, creation
from tests.bench.servers import Role, Server, Tempmaild
from tests.daemon import DOMAIN, HOST
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.appliance import Appliance

_PIECE = 20_000
"""Mailboxes that are made in one go while the store is filled."""
_SENDERS, _RATE = 8, 200
"""Connections, and messages a second over all of them: a load that leaves the daemon time for a sweep."""
_FIRST, _CALM = 3.0, 20.0
"""Seconds of this load before anything is measured, and those of the measurement without a sweep."""
_PATIENCE = 300.0
"""Seconds for a sweep; whatever takes longer hangs."""
_LOOK = 0.25


class CrowdedTempmaild(Tempmaild):
    """tempmaild with many sealed mailboxes, a message in each.

    Args:
        message: the one that is stored so many times.
    """

    def __init__(self, folder: Path, mailboxes: int, message: Path) -> None:
        self._mailboxes = mailboxes
        self.message = message.read_bytes()
        self._living: list[int] = []
        super().__init__(folder)

    def make_accounts(self) -> None:
        """Fill the store, and make the accounts of each role beside."""
        super().make_accounts()
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            domain = next(domain for domain in run(appliance.domains.list_all()) if domain.name == DOMAIN)
            for start in range(0, self._mailboxes, _PIECE):
                self._fill(appliance, domain.id, range(start, min(self._mailboxes, start + _PIECE)))

    def _fill(self, appliance: Appliance, domain_id: int, numbers: range) -> None:
        keys = {f"crowd{number}@{DOMAIN}": secrets.generate(randomness.token_bytes) for number in numbers}
        mailboxes = commit_all(appliance, [creation(domain_id, address, key) for address, key in keys.items()])
        recipients = [run(appliance.deliveries.recipient(*mailbox.address.split("@"))) for mailbox in mailboxes]
        commit_all(appliance, [Deliver(self.message, (recipient,)) for recipient in recipients])
        self._living += [mailbox.id for mailbox in mailboxes]

    @contextmanager
    def look(self) -> Iterator[Appliance]:
        """Look into the database, beside the daemon."""
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            yield appliance

    def expire(self, appliance: Appliance, count: int, moment: int) -> None:
        """Have so many mailboxes expire at this time, chosen evenly over the whole store."""
        doomed = set(self._living[:: max(1, len(self._living) // count)][:count])
        self._living = [mailbox_id for mailbox_id in self._living if mailbox_id not in doomed]
        handle = appliance.handle
        with handle.transaction():
            handle.run(
                f"UPDATE mailbox SET expires_at = ?, ends_at = ? WHERE id {handle.among}",
                *(moment, moment, handle.listed(doomed)),
            )


class SteadyMail:
    """Sends messages at a steady rate, whatever the daemon does, and notes how long each has taken.

    A message counts from when it was due, so that one which has to wait for the one before is late as well.

    Attributes:
        seconds: how long each has taken.
    """

    def __init__(self, server: CrowdedTempmaild) -> None:
        self.seconds: list[float] = []
        self._port = server.ports["smtp"]
        self._message = b"".join((server.message, b".\r\n"))
        self._addresses = [line.split()[0] for line in server.accounts(Role.TAKER).read_text().splitlines()]
        self._ended = threading.Event()
        self._failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(_SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(_FIRST)
        self.seconds.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> list[float]:
        """Give what was noted since the last call."""
        if self._failures:
            raise self._failures[0]
        seconds, self.seconds = self.seconds, []
        return seconds

    def _run(self, number: int) -> None:
        try:
            self._send_all(number)
        except Exception as error:  # it is raised where somebody looks
            self._failures.append(error)

    def _send_all(self, number: int) -> None:
        interval = _SENDERS / _RATE
        chance = random.Random(number)
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((HOST, self._port), 60))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            replies = stack.enter_context(connection.makefile("rb"))
            _expect(replies.readline(), b"220")
            connection.sendall(b"HELO client.example.org\r\n")
            _expect(replies.readline(), b"250")
            begun = time.perf_counter() + interval * number / _SENDERS
            for turn in itertools.count():
                due = begun + turn * interval
                if self._ended.wait(max(0.0, due - time.perf_counter())):
                    return
                address = chance.choice(self._addresses).encode()
                connection.sendall(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%b>\r\nDATA\r\n" % address)
                for code in (b"250", b"250", b"354"):
                    _expect(replies.readline(), code)
                connection.sendall(self._message)
                _expect(replies.readline(), b"250")
                self.seconds.append(time.perf_counter() - due)


class Sweeping(Measurement):
    """A sweep of many mailboxes under a steady load of mail; what it is worth the subclasses say."""

    def __init__(self, expiring: int) -> None:
        self._expiring = expiring

    def take(self, server: Server) -> Sample:
        assert isinstance(server, CrowdedTempmaild)
        with server.look() as appliance:
            moment = int(time.time() + _FIRST + _CALM) + 1
            server.expire(appliance, self._expiring, moment)
            return self._measure(server, appliance, moment)

    def _measure(self, server: CrowdedTempmaild, appliance: Appliance, moment: int) -> Sample:
        with SteadyMail(server) as mail:
            time.sleep(max(0.0, moment - time.time()))
            calm = mail.taken()
            begun = time.monotonic()
            while appliance.handle.row("SELECT 1 FROM mailbox WHERE expires_at <= ? LIMIT 1", int(time.time())):
                assert time.monotonic() - begun < _PATIENCE, "the sweep does not end"
                time.sleep(_LOOK)
            lasted = time.monotonic() - begun
            return Sample(self._figure(calm, mail.taken(), lasted), mebibytes(server))

    def _figure(self, calm: list[float], swept: list[float], lasted: float) -> float:
        raise NotImplementedError


class SweepLatency(Sweeping):
    """How many times longer than without a sweep a delivery takes during one, 99 times in 100."""

    unit = "times"

    def _figure(self, calm: list[float], swept: list[float], lasted: float) -> float:  # noqa: ARG002
        return percentile(swept, 99) / percentile(calm, 99)


class SweepTime(Sweeping):
    """How long it takes from the expiry until everything is erased."""

    unit = "s"

    def _figure(self, calm: list[float], swept: list[float], lasted: float) -> float:  # noqa: ARG002
        return lasted


def _expect(reply: bytes, code: bytes) -> None:
    assert reply.startswith(code), reply
