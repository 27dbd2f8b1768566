from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.statistics import AddCounts, StatisticQueries

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
