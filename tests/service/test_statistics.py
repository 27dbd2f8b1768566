"""What is counted, what the counts say, and what processes say of themselves."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.errors import MailboxFull, NoSuchMailbox, SenderBlocked, StoreFailed
from tempmaild.service.statistics import _BOUNDS, _LATENCIES, latency_of, total
from tempmaild.store.statistics import Report, StatisticQueries
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.support import TestAppliance

HOUR = 3600
THIS_HOUR = NOW // HOUR * HOUR


def measured(*seconds: float) -> Counter[str]:
    """Count answers that took so long."""
    counts: Counter[str] = Counter()
    for each in seconds:
        counts[next(n for b, n in zip((*_BOUNDS, float("inf")), _LATENCIES, strict=True) if each <= b)] += 1
    return counts


class TestCounting:
    def test_refusals_have_the_name_of_the_error(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        statistics.refused(NoSuchMailbox("a@box.test"), later=False)
        statistics.refused(NoSuchMailbox("b@box.test"), later=False)
        statistics.refused(MailboxFull(), later=True)
        statistics.refused(SenderBlocked(), later=False)
        run(statistics.flush())
        assert run(statistics.totals(0)) == {
            "later": 1,
            "later/mailbox-full": 1,
            "refuse": 3,
            "refuse/block-rule": 1,
            "refuse/no-such-mailbox": 2,
        }

    def test_answers_are_counted_by_how_long_they_took(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        for seconds in (0.0, 0.001, 0.0011, 0.99, 1.0, 1e9):
            statistics.stopwatch = lambda: 0.0
            statistics.answered(-seconds)
        run(statistics.flush())
        (counts,) = run(statistics.between([THIS_HOUR, THIS_HOUR + HOUR]))
        assert counts == {"latency<=0.001": 2, "latency<=0.0015": 1, "latency<=1": 2, "latency<=600": 1}
        assert run(statistics.totals(0)) == {}, "that is another matter"

    def test_a_clock_that_goes_back_is_no_matter(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        statistics.stopwatch = lambda: 0.0
        statistics.answered(5.0)
        run(statistics.flush())
        assert run(statistics.between([THIS_HOUR, THIS_HOUR + HOUR])) == [{"latency<=0.001": 1}]

    def test_what_cannot_be_put_away_is_not_lost(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        statistics = house.appliance.statistics
        statistics.count(["accept"])

        async def fail(_change: object) -> None:
            statistics.count(["accept", "junk"])
            raise StoreFailed

        with monkeypatch.context() as patched:
            patched.setattr(statistics._access, "write", fail)
            with pytest.raises(StoreFailed):
                run(statistics.flush())
        run(statistics.flush())
        assert run(statistics.totals(0)) == {"accept": 2, "junk": 1}


class TestLatency:
    def test_is_unknown_without_messages(self) -> None:
        assert latency_of({"accept": 5, "latency<=nothing": 1}) is None

    @pytest.mark.parametrize(
        ("times", "expected"),
        [
            ([0.5], (0.4, 0.49, 0.498)),
            ([0.004] * 90 + [0.9] * 10, (0.003 + 0.002 * 50 / 90, 0.85, 0.97)),
            ([0.0001] * 100, (0.0005, 0.00095, 0.00099)),
            # More than is measured counts as the last.
            ([1e9], (120 + 480 * 0.5, 120 + 480 * 0.95, 120 + 480 * 0.99)),
        ],
    )
    def test_is_as_if_all_in_a_bucket_were_spread_over_it(
        self, times: list[float], expected: tuple[float, float, float]
    ) -> None:
        found = latency_of(measured(*times))
        assert found is not None
        assert found == pytest.approx(expected)

    @given(st.lists(st.floats(0, 500), min_size=1, max_size=200))
    def test_is_right_by_the_width_of_a_bucket(self, times: list[float]) -> None:
        found = latency_of(measured(*times))
        assert found is not None
        assert found.p50 <= found.p95 <= found.p99
        ordered = sorted(times)
        for share, value in zip((0.50, 0.95, 0.99), found, strict=True):
            exact = ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]
            bucket = next(at for at, bound in enumerate(_BOUNDS) if exact <= bound)
            lower = _BOUNDS[bucket - 1] if bucket else 0.0
            assert lower <= value <= _BOUNDS[bucket]


class TestPast:
    def test_is_given_by_steps(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        for hours in range(3):
            house.clock.now = THIS_HOUR + hours * HOUR
            statistics.count(["accept"] * (hours + 1))
            run(statistics.flush())
        edges = [THIS_HOUR + hours * HOUR for hours in (-1, 0, 2, 3)]
        assert run(statistics.between(edges)) == [{}, {"accept": 3}, {"accept": 3}]
        assert run(statistics.between([THIS_HOUR])) == run(statistics.between([])) == []

    def test_is_read_once_when_nothing_is_added_any_more(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        statistics = house.appliance.statistics
        asked: list[Any] = []
        counts = StatisticQueries.counts

        def noted(self: StatisticQueries, spans: list[tuple[int, int]]) -> list[dict[str, int]]:
            asked.extend(spans)
            return counts(self, spans)

        monkeypatch.setattr(StatisticQueries, "counts", noted)
        edges = [THIS_HOUR, THIS_HOUR + HOUR, THIS_HOUR + 2 * HOUR]
        first, second = pairwise(edges)
        house.clock.now = edges[1] + 299
        statistics.count(["accept"])
        run(statistics.flush())
        run(statistics.between(edges))
        run(statistics.between(edges))
        assert asked == [first, second] * 2, "another process may still put away what it has counted"
        house.clock.now = edges[1] + 300
        run(statistics.between(edges))
        asked.clear()
        assert run(statistics.between(edges)) == [{}, {"accept": 1}]
        assert asked == [second]

    def test_may_come_again(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        edges = [THIS_HOUR, THIS_HOUR + HOUR]
        house.clock.now = NOW + 2 * HOUR
        assert run(statistics.between(edges)) == [{}]
        house.clock.now = NOW
        statistics.count(["accept"])
        run(statistics.flush())
        assert run(statistics.between(edges)) == [{"accept": 1}]

    def test_that_is_remembered_is_bounded(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.statistics._MOST_REMEMBERED", 5)
        statistics = house.appliance.statistics
        for begin in range(0, 100 * HOUR, HOUR):
            assert run(statistics.between([begin, begin + HOUR])) == [{}]
            assert len(statistics._past) <= 6


class TestGauges:
    def test_are_those_that_were_put_last(self, house: TestAppliance) -> None:
        statistics = house.appliance.statistics
        assert run(statistics.gauges()) == []
        run(statistics.put("main", {"sessions/imap": 1, "writer/waiting": 2}))
        run(statistics.put("main", {"sessions/imap": 3}))
        run(statistics.put("serving-1", {"sessions/imap": 4.5}))
        reports = run(statistics.gauges())
        assert reports == [
            Report("mx.box.test", "main", NOW, {"sessions/imap": 3}),
            Report("mx.box.test", "serving-1", NOW, {"sessions/imap": 4.5}),
        ]
        assert total(reports, "sessions/imap") == 7.5
        assert total(reports, "sessions/pop3") == 0

    @pytest.mark.parametrize(("later", "is_good"), [(-31, False), (-30, True), (30, True), (31, False)])
    def test_are_good_for_half_a_minute(self, house: TestAppliance, later: int, is_good: bool) -> None:
        statistics = house.appliance.statistics
        run(statistics.put("main", {}))
        house.clock.now += later
        assert bool(run(statistics.gauges())) == is_good
        if later > 0:
            assert [report.process for report in run(statistics.gauges(86_400))] == ["main"]
