"""The figures of this host in the text formats of Prometheus and OpenMetrics, gathered when they are asked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.openmetrics import exposition
from prometheus_client.registry import Collector

from tempmaild import __version__
from tempmaild.core import metrics
from tempmaild.core.metrics import INFO, LATENCY, METRICS, Sample
from tempmaild.core.timespan import HOUR
from tempmaild.service.statistics import SETTLED, latencies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client import Metric as Family

    from tempmaild.core.metrics import Metric
    from tempmaild.service.amounts import Amounts
    from tempmaild.service.health import Health
    from tempmaild.service.statistics import Statistics

_FOREVER = 2**40
"""UTC epoch seconds; when the clock is set back there may be counts of times to come."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Figures(NamedTuple):
    """What was gathered.

    Attributes:
        latencies: how many messages took at most so many seconds, and longer than the bound before.
    """

    samples: list[Sample]
    latencies: list[tuple[float, int]]


class Metrics:
    """Gathers figures, and writes them.

    Counters begin with 0, and go on over all processes that count into the database. One call has to come to its end
    before the next one.

    Args:
        clock: UTC epoch seconds.
        host: the name of this host.
    """

    def __init__(
        self, statistics: Statistics, amounts: Amounts, health: Health, clock: Callable[[], float], host: str
    ) -> None:
        self._statistics = statistics
        self._amounts = amounts
        self._health = health
        self._clock = clock
        self._host = host
        self._began_at = int(clock())
        # The hour from which on counts may still grow; what was counted before it, less what was before us; and both.
        self._hour = 0
        self._before: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._begun = False

    async def text(self, more: Sequence[Sample], *, openmetrics: bool) -> tuple[bytes, str]:
        """Give what is so now, and `more`, in the newer or the older format; with its media type.

        Raises:
            StoreFailed: the database cannot be read.
        """
        figures = await self.gather()
        return write(figures._replace(samples=[*figures.samples, *more]), openmetrics=openmetrics)

    async def gather(self) -> Figures:
        """Gather what is so now.

        Raises:
            StoreFailed: the database cannot be read.
        """
        counts = await self._counts()
        reports = await self._statistics.gauges()
        samples = [
            *metrics.of_counts(counts),
            *metrics.of_gauges({report.process: report.gauges for report in reports if report.host == self._host}),
            *metrics.of_levels(await self._levels()),
            *metrics.of_findings(await self._health.findings()),
            Sample("tempmaild_start_time_seconds", (), self._began_at),
        ]
        return Figures(samples, latencies_of(counts))

    async def begin(self) -> None:
        """Note what was counted before; to be called once, soon after this was made.

        Raises:
            StoreFailed: the database cannot be read.
        """
        if not self._begun:
            await self._begin_again()
            self._begun = True

    async def _begin_again(self) -> None:
        """Count on from the hour that it is now, with what was counted up to now."""
        self._hour = int(self._clock()) // HOUR * HOUR
        (counts,) = await self._statistics.between([self._hour, _FOREVER])
        self._before = self._total.copy()
        self._before.subtract(counts)

    async def _counts(self) -> dict[str, int]:
        await self.begin()
        now = int(self._clock())
        if now < self._hour:
            # The operator has had the clock set back, by `tempmaild clock accept`.
            await self._begin_again()
        settled = max((now - SETTLED) // HOUR * HOUR, self._hour)
        if settled > self._hour:
            (counts,) = await self._statistics.between([self._hour, settled])
            self._before.update(counts)
            self._hour = settled
        (counts,) = await self._statistics.between([self._hour, _FOREVER])
        self._total = self._before.copy()
        self._total.update(counts)
        return {name: count for name, count in self._total.items() if count > 0}

    async def _levels(self) -> dict[str, int]:
        rows = await self._amounts.levels(int(self._clock()) // HOUR * HOUR - HOUR)
        return {name: value for _, name, value in rows}


def write(figures: Figures, *, openmetrics: bool) -> tuple[bytes, str]:
    """Write figures in the newer or the older format; with its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures))
    if openmetrics:
        text: bytes = exposition.generate_latest(registry)  # type: ignore[no-untyped-call] # the library's
        return text, exposition.CONTENT_TYPE_LATEST
    return generate_latest(registry), _TEXT


class _Collector(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Family]:
        """Give the figures as the library has them."""
        by_name: dict[str, list[Sample]] = {}
        for sample in self._figures.samples:
            by_name.setdefault(sample.name, []).append(sample)
        for metric in METRICS:
            if metric == LATENCY:
                yield HistogramMetricFamily(metric.name, metric.meaning, _cumulated(self._figures.latencies))
            elif metric == INFO:
                yield InfoMetricFamily(metric.name.removesuffix("_info"), metric.meaning, {"version": __version__})
            else:
                yield _family(metric, by_name.get(metric.name, []))


def _family(metric: Metric, samples: Sequence[Sample]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family


def _cumulated(latencies: Sequence[tuple[float, int]]) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in latencies:
        below += count
        buckets.append((str(float(bound)), below))
    # What takes longer than the last bound counts as the last.
    return [*buckets[:-1], ("+Inf", below)]
