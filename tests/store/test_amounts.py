"""How much there is of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.amounts import AmountQueries
from tempmaild.store.domain_list import Amount
from tests.store.house import message

if TYPE_CHECKING:
    from tests.store.house import Store


def test_mailboxes_count_until_they_expire(store: Store) -> None:
    queries = AmountQueries(store.handle)
    assert queries.mailboxes(store.now) == 0
    for lifetime in (100, 200, 200):
        store.mailbox(lifetime=lifetime)
    assert [queries.mailboxes(store.now + later) for later in (0, 99, 100, 199, 200)] == [3, 3, 2, 2, 0]


def test_messages_count_once_for_each_mailbox(store: Store) -> None:
    queries = AmountQueries(store.handle)
    assert queries.messages() == Amount(0, 0)
    first, second = store.mailbox(), store.mailbox()
    assert queries.messages() == Amount(0, 0)
    store.group(store.delivery(first, second), store.delivery(first, text="More."))
    assert queries.messages() == Amount(3, 2 * len(message()) + len(message("More.")))


def test_the_database_grows(store: Store) -> None:
    queries = AmountQueries(store.handle)
    before = queries.database()
    assert before > 50_000, "its tables alone take pages"
    store.group(*[store.delivery(store.mailbox(), text=str(i) * 65_536) for i in range(20)])
    assert queries.database() >= before
    store.fill(store.folder(store.mailbox()), 2000)
    assert queries.database() > before
