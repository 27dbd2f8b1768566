"""What daemons say of their hosts is kept as it was said, and forgotten in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.health import Finding
from tempmaild.store.health import ForgetHealth, HealthQueries, HostHealth, PutHealth
from tests.support import NOW

if TYPE_CHECKING:
    from tests.store.house import Store

DISK = Finding("disk", "warning", "%(free)s are free — few.", "make room", {"free": "3 GiB", "percent": 7})
CLAMD = Finding("clamd", "fine", "It answers.")


def test_what_is_said_takes_the_place_of_what_was_said(store: Store) -> None:
    queries = HealthQueries(store.handle)
    assert queries.hosts() == []
    store.write(PutHealth("mx2.box.test", NOW - 5, [DISK, CLAMD]))
    store.write(PutHealth("mx1.box.test", NOW - 9, [CLAMD]))
    store.now += 10
    store.write(PutHealth("mx2.box.test", NOW - 5, [DISK]))
    assert queries.hosts() == [
        HostHealth("mx1.box.test", NOW - 9, NOW, [CLAMD]),
        HostHealth("mx2.box.test", NOW - 5, NOW + 10, [DISK]),
    ]


def test_a_host_that_says_nothing_is_forgotten_after_a_day(store: Store) -> None:
    store.write(PutHealth("mx1.box.test", NOW, [CLAMD]))
    store.now += 86_400
    store.write(PutHealth("mx2.box.test", NOW, [CLAMD]))
    assert len(HealthQueries(store.handle).hosts()) == 2
    store.now += 1
    store.write(PutHealth("mx2.box.test", NOW, [CLAMD]))
    assert [host.host for host in HealthQueries(store.handle).hosts()] == ["mx2.box.test"]


def test_a_daemon_that_ends_takes_its_word_back(store: Store) -> None:
    store.write(PutHealth("mx1.box.test", NOW, [CLAMD]))
    store.write(PutHealth("mx2.box.test", NOW, [CLAMD]))
    store.write(ForgetHealth("mx1.box.test"))
    store.write(ForgetHealth("mx1.box.test"))
    assert [host.host for host in HealthQueries(store.handle).hosts()] == ["mx2.box.test"]
