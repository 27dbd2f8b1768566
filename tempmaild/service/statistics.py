"""Counting what becomes of mail, without keeping whose it was, and what the processes say of themselves."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.mail_log import reason_of
from tempmaild.store.statistics import AddCounts, PutReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tempmaild.core.verdict import Verdict
    from tempmaild.errors import TempmaildError
    from tempmaild.store.access import Access
    from tempmaild.store.statistics import Report, StatisticQueries

FRESH = 30
"""Seconds that what a process says of itself is good for; it says so every ten."""
_LATENCY: Final = "latency<="
_BOUNDS: Final = (
    0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7,
    1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0, 60.0, 120.0, 600.0,
)  # fmt: skip
"""Seconds: so that a percentile is right by a quarter where it matters. What takes longer counts as the last."""
_LATENCIES: Final = tuple(f"{_LATENCY}{bound:g}" for bound in (*_BOUNDS, _BOUNDS[-1]))
SETTLED = 300
"""Seconds after the end of an hour when all processes have put away what they counted in it."""
_MOST_REMEMBERED = 1000
"""Spans of time whose counts are in memory: each some ten kilobytes, and a page needs thirty."""


class Latency(NamedTuple):
    """How long messages took from the end of their data to the answer, in seconds.

    Attributes:
        p50: half of them took no longer; `p95` and `p99` likewise.
    """

    p50: float
    p95: float
    p99: float


class Statistics:
    """Counts in memory, and puts it away when `flush` is called.

    Args:
        clock: UTC epoch seconds.
        host: the name of this host.
        stopwatch: seconds from any time on, for what takes less than one.
    """

    def __init__(
        self,
        access: Access,
        queries: StatisticQueries,
        clock: Callable[[], float],
        host: str,
        stopwatch: Callable[[], float],
    ) -> None:
        self._access = access
        self._queries = queries
        self._clock = clock
        self._host = host
        self.stopwatch = stopwatch
        self._counts: Counter[str] = Counter()
        self._past: dict[tuple[int, int], dict[str, int]] = {}
        self._remembered_at = 0.0

    def count(self, names: Iterable[str]) -> None:
        """Count one of each."""
        counts = self._counts
        for name in names:  # `Counter.update` looks first whether it is given a mapping, which takes longer than this
            counts[name] += 1

    def treated(self, verdict: Verdict) -> None:
        """Count mail that was stored or refused as the checks say.

        As "accept" or "refuse", "refuse/clamav" for what decided, and "spf=pass" for each finding.
        """
        names = [verdict.disposition, *[f"{finding.method}={finding.result}" for finding in verdict.findings]]
        if verdict.decided_by:
            names.append(f"{verdict.disposition}/{verdict.decided_by}")
        self.count(names)

    def refused(self, error: TempmaildError, *, later: bool) -> None:
        """Count mail that was refused for an error: as "refuse" and "refuse/no-such-mailbox", or as "later"."""
        disposition = "later" if later else "refuse"
        self.count((disposition, f"{disposition}/{reason_of(error)}"))

    def answered(self, since: float) -> None:
        """Count a message that was answered now, the end of whose data was there when the stopwatch said `since`."""
        self._counts[_LATENCIES[bisect_left(_BOUNDS, self.stopwatch() - since)]] += 1

    async def flush(self) -> None:
        """Put away what was counted since the last time.

        Raises:
            StoreFailed: it could not be; it is not lost.
        """
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        try:
            await self._access.write(AddCounts(dict(counts)))
        except BaseException:
            self._counts.update(counts)
            raise

    async def totals(self, seconds: int) -> dict[str, int]:
        """Give how often each thing has happened in so many seconds before now, by name; in whole hours.

        How long it took is left out.
        """
        totals = await self._access.read(self._queries.totals, int(self._clock()) - seconds)
        return {name: count for name, count in totals.items() if not name.startswith(_LATENCY)}

    async def between(self, edges: Sequence[int]) -> list[dict[str, int]]:
        """Give how often each thing has happened between each two neighbours of `edges`, by name.

        Args:
            edges: beginnings of hours (UTC epoch seconds), growing.
        """
        if self._clock() < self._remembered_at:
            # The clock was set back: what was past is to come.
            self._past.clear()
        spans = list(pairwise(edges))
        known = {span: self._past[span] for span in spans if span in self._past}
        missing = [span for span in spans if span not in known]
        if missing:
            counts = await self._access.read_long(self._queries.counts, missing)
            known.update(zip(missing, counts, strict=True))
            self._remember({span: known[span] for span in missing})
        return [known[span] for span in spans]

    def _remember(self, counts: dict[tuple[int, int], dict[str, int]]) -> None:
        """Keep what will not change any more."""
        if len(self._past) > _MOST_REMEMBERED:
            self._past.clear()
        self._remembered_at = now = self._clock()
        self._past.update({span: count for span, count in counts.items() if span[1] + SETTLED <= now})

    async def put(self, process: str, gauges: Mapping[str, float]) -> None:
        """Say what is true of a process of this host now, instead of what it said before.

        Args:
            process: its name, such as "main" or "serving-1".
            gauges: numbers by name, such as "sessions/imap"; "/" is between the parts of a name.

        Raises:
            StoreFailed: it could not be put away.
        """
        await self._access.write(PutReport(self._host, process, dict(gauges)))

    async def gauges(self, seconds: int = FRESH) -> list[Report]:
        """Give what processes have said of themselves in so many seconds before now, by host and process.

        They are forgotten after a day.
        """
        now = int(self._clock())
        reports = await self._access.read(self._queries.reports, now - seconds)
        # One that is of the future was said before the clock was set back.
        return [report for report in reports if report.noted_at <= now + seconds]


def total(reports: Iterable[Report], name: str) -> float:
    """Give what one gauge comes to over all processes that have it."""
    return sum(report.gauges.get(name, 0) for report in reports)


def latencies_of(counts: Mapping[str, int]) -> list[tuple[float, int]]:
    """Give how many messages took at most so many seconds, and longer than the bound before."""
    return [(bound, counts.get(name, 0)) for bound, name in zip(_BOUNDS, _LATENCIES, strict=False)]


def latency_of(counts: Mapping[str, int]) -> Latency | None:
    """Give how long messages took that were counted, None without any."""
    buckets = latencies_of(counts)
    if not any(count for _, count in buckets):
        return None
    return Latency(*(_percentile(buckets, share) for share in (0.50, 0.95, 0.99)))


def _percentile(buckets: Sequence[tuple[float, int]], share: float) -> float:
    """Give below what so large a share is, as if all in a bucket were spread evenly over it."""
    wanted = share * sum(count for _, count in buckets)
    below = lower = 0.0
    for bound, count in buckets:
        if count and below + count >= wanted:
            return lower + (bound - lower) * (wanted - below) / count
        below, lower = below + count, bound
    return lower
