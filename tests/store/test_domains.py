"""Domains in pages, and how much is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.store.domain_list import Amount, DomainQueries
from tempmaild.store.domains import AddDomain
from tests.store.house import creation

if TYPE_CHECKING:
    from tests.store.house import Store


@pytest.fixture
def queries(store: Store) -> DomainQueries:
    """On each kind of database."""
    for name in ("b.test", "a.test", "*.a.test", "a-b.test"):
        store.write(AddDomain(name))
    return DomainQueries(store.handle)


@pytest.mark.parametrize(
    ("part", "after", "limit", "names"),
    [
        ("", "", 9, ["*.a.test", "a-b.test", "a.test", "b.test", "box.test"]),
        ("", "", 2, ["*.a.test", "a-b.test"]),
        ("", "a-b.test", 2, ["a.test", "b.test"]),
        ("a.test", "", 9, ["*.a.test", "a.test"]),
        ("a.test", "*.a.test", 9, ["a.test"]),
        ("%", "", 9, []),
        ("", "z", 9, []),
    ],
)
def test_names(queries: DomainQueries, part: str, after: str, limit: int, names: list[str]) -> None:
    assert queries.names(part, after, limit) == names


def test_of_nothing(queries: DomainQueries) -> None:
    assert queries.mailboxes([]) == {}
    assert queries.amount(999_999, 0, 5) == (Amount(), 0)
    assert queries.settings_of("nobody.test") == {"schedules": 0, "limits": 0, "block_rules": 0}


def test_how_much_is_in_them(store: Store) -> None:
    queries = DomainQueries(store.handle)
    other = store.write(AddDomain("other.test"))
    mailboxes = [store.mailbox() for _ in range(3)]
    for count, mailbox in enumerate(mailboxes):
        store.fill(store.folder(mailbox), count)
    store.fill(store.folder(mailboxes[0], "Junk"), 1)
    store.write(creation(other.id, "a@other.test"))
    assert queries.mailboxes([store.domain.id, other.id, 999]) == {store.domain.id: 3, other.id: 1}
    whole, end = queries.amount(store.domain.id, 0, 4)
    assert (whole.messages, end) == (4, 0)
    octets = store.handle.row("SELECT sum(size) FROM folder")
    assert octets is not None
    assert whole.octets == octets[0]
    # In portions it is the same, and the last one may be empty.
    after, parts, portions = 0, Amount(), 0
    while portions == 0 or after:
        part, after = queries.amount(store.domain.id, after, 1)
        parts += part
        portions += 1
    assert (parts, portions) == (whole, 4)
    assert queries.amount(other.id, 0, 4) == (Amount(), 0)
