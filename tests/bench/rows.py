"""The rows of the table: what is measured, beside whom, and what is wanted (docs/benchmarks.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.checks import CheckedRate, Lag
from tests.bench.corpus import M1M, M4K, M40K, SIGNED_4K, SIGNED_40K
from tests.bench.load import Load
from tests.bench.measure import FanOut, Held, HeldOverTls, Latency, Rate
from tests.bench.scale import Destruction
from tests.bench.servers import Role
from tests.bench.sweep import SweepLatency, SweepTime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.load import LoadGenerator
    from tests.bench.measure import Measurement, Sample

TEMPMAILD, POSTFIX, DOVECOT = "tempmaild", "Postfix", "Dovecot"
CHECKED, CHECKED_POSTFIX, HARAKA = "tempmaild, checks", "Postfix, checks", "Haraka, checks"
CLAMD = "clamd alone"
UNSEALED = "unsealed"
CROWDED = "crowded"
"""The daemon with many mailboxes, which sweeps."""

_MOST_DELIVERED = 1000
"""Messages for one sample of a daemon whose point is to have few."""


class Wanted(NamedTuple):
    """What tempmaild is to reach.

    Attributes:
        limit: a multiple of the peer's figure, or the figure itself.
        relative: whether it is a multiple.
        at_least: whether more is better.
    """

    limit: float
    relative: bool
    at_least: bool

    def is_reached(self, figure: float, peer: float | None) -> bool:
        """Say whether a figure is good enough."""
        if self.relative:
            assert peer is not None
            figure /= peer
        return figure >= self.limit if self.at_least else figure <= self.limit


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: what selects it on the command line.
        subject: the server that is to reach something.
        peers: the servers beside it; `wanted` is seen from the first, or the best of the first `rivals`.
        of_cpu: it is about the processor time of an operation, not about the measurement's value.
    """

    name: str
    title: str
    measurement: Measurement
    peers: tuple[str, ...]
    wanted: Wanted
    subject: str = TEMPMAILD
    of_cpu: bool = False
    rivals: int = 1

    @property
    def servers(self) -> tuple[str, ...]:
        """All servers that are measured for it."""
        return (self.subject, *self.peers)

    @property
    def unit(self) -> str:
        """The unit of its figures."""
        return "CPU µs" if self.of_cpu else self.measurement.unit

    def figure(self, sample: Sample) -> float:
        """Give what it is about."""
        if not self.of_cpu:
            return sample.value
        assert sample.cpu is not None
        return sample.cpu


def stored(size: int) -> str:
    """Give the name of the daemon that holds so many messages."""
    return f"with {size:,}"


class Scope(NamedTuple):
    """How much is measured.

    Attributes:
        seconds: of one measurement, roughly.
        idle: connections that are held at once.
        idle_tls: encrypted ones.
        stored: how many messages the daemons hold that are held against each other.
        mailboxes: how many the daemon has that sweeps.
        expiring: how many of them expire at the same moment.
    """

    seconds: float
    idle: int
    idle_tls: int
    stored: tuple[int, int, int]
    mailboxes: int
    expiring: int


FULL = Scope(
    seconds=3, idle=2000, idle_tls=1000, stored=(1_000, 100_000, 1_000_000), mailboxes=1_000_000, expiring=10_000
)
QUICK = Scope(seconds=0.5, idle=200, idle_tls=100, stored=(1_000, 10_000, 100_000), mailboxes=20_000, expiring=2_000)


def make_rows(generator: LoadGenerator, corpus: Path, scope: Scope, *, haraka: bool = False) -> list[Row]:
    """Make the rows that hold tempmaild against its peers.

    Args:
        haraka: whether Haraka is among them.
    """
    m4k, m40k, m1m = (corpus / name for name in (M4K, M40K, M1M))

    def rate(load: Load) -> Rate:
        return Rate(generator, load, Role.TAKER if load.message else Role.READER, scope.seconds)

    durable = rate(Load("smtp", per_session=20, message=m4k))
    single = rate(Load("smtp", message=m4k))
    pipelined = rate(Load("smtp", connections=100, per_session=20, message=m4k, pipelined=True))
    newsletter = rate(Load("smtp", per_session=20, message=m40k))
    attachment = rate(Load("smtp", connections=8, per_session=5, message=m1m))
    recipients = rate(Load("smtp", per_session=20, message=m4k, recipients=10))
    sessions, fetches, pop3 = rate(Load("imap")), rate(Load("imapf", per_session=100)), rate(Load("pop3"))
    held, tls = Held(generator, scope.idle), HeldOverTls(generator, scope.idle_tls)
    latency = Latency(generator, Load("smtp", per_session=20, message=m4k), 2 * scope.seconds)
    return [
        Row("durable", "SMTP, durable, 20 messages a session", durable, (POSTFIX,), _times(3.5)),
        Row("single", "SMTP, one message a session", single, (POSTFIX,), _times(3)),
        Row("pipelined", "SMTP, 100 connections, pipelined", pipelined, (POSTFIX,), _times(6)),
        Row("40k", "SMTP, 40 KiB", newsletter, (POSTFIX,), _times(2)),
        Row("1m", "SMTP, 1 MiB", attachment, (POSTFIX,), _times(1.1)),
        Row("recipients", "SMTP, 10 recipients", recipients, (POSTFIX, DOVECOT), _times(4)),
        Row("cpu", "server CPU for a durable message", durable, (POSTFIX,), _at_most(250), of_cpu=True),
        Row("imap", "IMAP short session", sessions, (DOVECOT,), _times(4)),
        Row("fetch", "IMAP FETCH newest, open connections", fetches, (DOVECOT,), _times(2)),
        Row("pop3", "POP3 short session", pop3, (DOVECOT,), _times(3)),
        Row("latency", "commit to the idling client, p99", latency, (), _at_most(5)),
        Row("fan-out", "the last of many idling clients is told", FanOut(scope.idle // 2), (), _at_most(100)),
        Row("idle", "idle IMAP connection", held, (DOVECOT,), _at_most(8)),
        Row("idle-tls", "idle IMAP connection, TLS", tls, (), _at_most(40)),
        *_checks_rows(generator, corpus, scope, (HARAKA, CHECKED_POSTFIX) if haraka else (CHECKED_POSTFIX,)),
    ]


def _checks_rows(generator: LoadGenerator, corpus: Path, scope: Scope, rivals: tuple[str, ...]) -> list[Row]:
    """Make the rows with every check on; the limit of clamd, which is the same for all, is measured beside them."""
    text, newsletter = (Load("smtp", per_session=20, message=corpus / name) for name in (SIGNED_4K, SIGNED_40K))
    peers, count = (*rivals, CLAMD), len(rivals)
    checked, checked_40k = (CheckedRate(generator, load, scope.seconds) for load in (text, newsletter))
    lag = Lag(generator, text, scope.seconds)
    return [
        Row("checks", "every check on, 4 KiB", checked, peers, _times(4), CHECKED, rivals=count),
        Row("checks-40k", "every check on, 40 KiB", checked_40k, peers, _times(4), CHECKED, rivals=count),
        Row("checks-lag", "the reactor's lag meanwhile, p99", lag, (), _at_most(50), CHECKED),
    ]


def make_scale_rows(generator: LoadGenerator, corpus: Path, scope: Scope) -> list[Row]:
    """Make the rows that hold a daemon with many messages against one with few: the cost stays within 1.3 times."""
    mail = Load("smtp", per_session=20, message=corpus / M4K)
    delivery = Rate(generator, mail, Role.TAKER, scope.seconds, most=_MOST_DELIVERED)
    listing = Rate(generator, Load("imap"), Role.READER, scope.seconds)
    fetch = Rate(generator, Load("imapf", per_session=100), Role.READER, scope.seconds)
    smallest, middle, largest = map(stored, scope.stored)
    within, times = Wanted(1.3, relative=True, at_least=False), _times(1 / 1.3)
    columns = (smallest, middle)
    return [
        Row("scale-listing", "listing: IMAP short session", listing, columns, times, largest),
        Row("scale-fetch", "fetch: IMAP FETCH newest", fetch, columns, times, largest),
        Row("scale-destroy", "destroying one mailbox", Destruction(), columns, within, largest),
        Row("scale-delivery", "delivery", delivery, columns, times, largest),
        Row("sweep-latency", "delivery during a sweep, p99", SweepLatency(scope.expiring), (), _at_most(2), CROWDED),
        Row("sweep-time", "until all that expired is erased", SweepTime(scope.expiring), (), _at_most(60), CROWDED),
    ]


def make_sealing_rows(generator: LoadGenerator, corpus: Path, scope: Scope) -> list[Row]:
    """Make the rows that hold sealed mailboxes against unsealed ones: sealing costs at most a quarter."""
    mail = Load("smtp", per_session=20, message=corpus / M4K)
    durable = Rate(generator, mail, Role.TAKER, scope.seconds)
    sessions = Rate(generator, Load("imap"), Role.READER, scope.seconds)
    columns, wanted = (UNSEALED,), _times(0.75)
    return [
        Row("sealing-durable", "SMTP, durable, 20 messages a session", durable, columns, wanted),
        Row("sealing-imap", "IMAP short session", sessions, columns, wanted),
    ]


def _times(limit: float) -> Wanted:
    return Wanted(limit, relative=True, at_least=True)


def _at_most(limit: float) -> Wanted:
    return Wanted(limit, relative=False, at_least=False)
