from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.statistics import AddCounts, PutReport, Report, SetLevels, StatisticQueries

if TYPE_CHECKING:
    from tests.store.house import Store

HOUR = 3600


def test_counts_add_up_by_the_hour(store: Store) -> None:
    queries = StatisticQueries(store.handle)
    store.now = 1000 * HOUR + 5
    store.group(AddCounts({"accept": 2, "refuse": 1}), AddCounts({"accept": 3}))
    store.now += HOUR
    store.write(AddCounts({"accept": 10}))
    assert queries.by_hour(0) == [(1000 * HOUR, "accept", 5), (1000 * HOUR, "refuse", 1), (1001 * HOUR, "accept", 10)]
    assert queries.totals(1000 * HOUR + 3599) == {"accept": 15, "refuse": 1}
    assert queries.totals(1001 * HOUR) == {"accept": 10}


def test_counts_of_long_ago_are_forgotten(store: Store) -> None:
    store.now = 20_000 * HOUR
    store.write(AddCounts({"accept": 1}))
    store.now += 9_600 * HOUR
    store.write(AddCounts({"accept": 2}))
    assert StatisticQueries(store.handle).totals(0) == {"accept": 3}
    store.now += HOUR
    store.write(AddCounts({"accept": 4}))
    assert StatisticQueries(store.handle).totals(0) == {"accept": 6}


def test_counts_of_spans(store: Store) -> None:
    store.now = 1000 * HOUR
    store.group(AddCounts({"accept": 1, "refuse": 7}), AddCounts({"accept": 1}))
    store.now += 2 * HOUR
    store.write(AddCounts({"accept": 10}))
    queries = StatisticQueries(store.handle)
    spans = [(998 * HOUR, 1000 * HOUR), (1000 * HOUR, 1002 * HOUR), (1002 * HOUR, 1003 * HOUR)]
    assert queries.counts(spans) == [{}, {"accept": 2, "refuse": 7}, {"accept": 10}]
    assert queries.counts([]) == []


def test_levels_are_those_of_the_last_look_in_an_hour(store: Store) -> None:
    store.now = 1000 * HOUR + 5
    store.group(SetLevels({"mailboxes": 5, "octets": 1 << 40}), SetLevels({"mailboxes": 6}))
    store.now += HOUR
    store.write(SetLevels({"mailboxes": 4}))
    queries = StatisticQueries(store.handle)
    expected = [(1000 * HOUR, "mailboxes", 6), (1000 * HOUR, "octets", 1 << 40), (1001 * HOUR, "mailboxes", 4)]
    assert queries.levels(1000 * HOUR) == expected
    assert queries.levels(1001 * HOUR) == expected[2:]
    assert queries.totals(0) == {}, "they do not add up"


def test_levels_of_long_ago_are_forgotten(store: Store) -> None:
    store.now = 20_000 * HOUR
    store.write(SetLevels({"mailboxes": 1}))
    store.now += 9_601 * HOUR
    store.write(SetLevels({"mailboxes": 2}))
    assert StatisticQueries(store.handle).levels(0) == [(29_601 * HOUR, "mailboxes", 2)]


def test_a_report_stands_instead_of_the_one_before(store: Store) -> None:
    queries = StatisticQueries(store.handle)
    begun = store.now
    store.write(PutReport("mx1", "main", {"sessions/imap": 3, "reactor/lag": 0.25}))
    store.write(PutReport("mx0", "main", {}))
    store.now += 10
    store.write(PutReport("mx1", "main", {"sessions/imap": 4}))
    store.write(PutReport("mx1", "grün", {"a'b": 1e300}))
    assert queries.reports(0) == [
        Report("mx0", "main", begun, {}),
        Report("mx1", "grün", begun + 10, {"a'b": 1e300}),
        Report("mx1", "main", begun + 10, {"sessions/imap": 4}),
    ]
    assert [report.process for report in queries.reports(begun + 10)] == ["grün", "main"]


def test_who_says_nothing_for_a_day_is_forgotten(store: Store) -> None:
    queries = StatisticQueries(store.handle)
    store.write(PutReport("mx1", "serving-1", {}))
    store.now += 86_400
    store.write(PutReport("mx1", "main", {}))
    assert [report.process for report in queries.reports(0)] == ["main", "serving-1"]
    store.now += 1
    store.write(PutReport("mx1", "main", {}))
    assert [report.process for report in queries.reports(0)] == ["main"]
