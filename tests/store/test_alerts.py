"""What people were told is kept, one daemon tells it, and there are not too many messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.alerts import HOLD, MOST_AN_HOUR, Alert
from tempmaild.core.health import Finding
from tempmaild.store.alerts import KEPT_MESSAGES, SENDING, AlertQueries, Message, NoteMessage, TakeNews
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.core.alerts import News
    from tests.store.house import Store

BAD = Finding("clamd", "problem", "It does not answer.", "start it")


@pytest.fixture
def queries(store: Store) -> AlertQueries:
    return AlertQueries(store.handle)


def take(store: Store, *findings: Finding) -> list[News]:
    news: list[News] = store.write(TakeNews(list(findings), "problem"))
    return news


def held(store: Store) -> list[News]:
    """Take what there is to be told of a problem that has held."""
    assert take(store, BAD) == []
    store.now += HOLD
    return take(store, BAD)


def test_what_was_told_is_remembered(store: Store, queries: AlertQueries) -> None:
    news = held(store)
    assert [one.finding for one in news] == [BAD]
    assert queries.alerts() == [Alert("clamd", "problem", NOW)]
    store.write(NoteMessage(news, "1 problem", True))
    assert queries.alerts() == [Alert("clamd", "problem", NOW, "problem", NOW + HOLD)]
    assert queries.messages(10) == [Message(NOW + HOLD, "1 problem", True)]
    assert take(store, BAD) == []


def test_who_was_told_nothing_is_told_again(store: Store, queries: AlertQueries) -> None:
    news = held(store)
    store.write(NoteMessage(news, "1 problem", False))
    assert queries.alerts() == [Alert("clamd", "problem", NOW)]
    assert take(store, BAD) == news
    assert queries.messages(1) == [Message(NOW + HOLD, "1 problem", False)]


def test_one_daemon_tells_it(store: Store) -> None:
    news = held(store)
    assert take(store, BAD) == []
    store.now += SENDING
    # The one that was at it has died.
    assert take(store, BAD) == news


def test_a_claim_from_before_the_clock_was_set_back_holds_nobody_up(store: Store) -> None:
    held(store)
    store.now -= 86_400
    assert take(store, BAD) == []
    store.now += HOLD
    assert len(take(store, BAD)) == 1


def test_too_many_messages_wait(store: Store) -> None:
    for number in range(MOST_AN_HOUR):
        store.write(NoteMessage([], f"message {number}", True))
    assert held(store) == []
    store.now += 3600 - HOLD - 1
    assert take(store, BAD) == []
    store.now += 1
    assert len(take(store, BAD)) == 1


def test_what_nobody_got_does_not_count(store: Store) -> None:
    for number in range(MOST_AN_HOUR):
        store.write(NoteMessage([], f"message {number}", False))
    assert len(held(store)) == 1


def test_so_many_messages_are_remembered(store: Store, queries: AlertQueries) -> None:
    store.group(*(NoteMessage([], f"message {number}", True) for number in range(KEPT_MESSAGES + 5)))
    kept = [message.subject for message in queries.messages(1000)]
    assert kept == [f"message {number}" for number in reversed(range(5, KEPT_MESSAGES + 5))]
