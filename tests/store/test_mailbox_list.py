"""Mailboxes in pages, searched, on each kind of database."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tempmaild.store.domain_list import Amount
from tempmaild.store.domains import AddDomain
from tempmaild.store.mailbox_list import ORDERS, MailboxListQueries, Order, Wanted
from tests.store.house import KEYS, Store, creation

MADE: tuple[tuple[str, int, bool], ...] = (
    ("joe@box.test", 500, False),
    ("Ab@box.test".lower(), 100, True),
    ("a-b@box.test", 100, False),
    ("joe@other.test", 900, True),
    ("über@box.test", 300, False),
)
"""Address, seconds, and whether it is sealed; in the order of creation."""
EXPECTED: dict[Order, list[str]] = {
    "newest": ["über@box.test", "joe@other.test", "a-b@box.test", "ab@box.test", "joe@box.test"],
    "oldest": ["joe@box.test", "ab@box.test", "a-b@box.test", "joe@other.test", "über@box.test"],
    "soonest": ["ab@box.test", "a-b@box.test", "über@box.test", "joe@box.test", "joe@other.test"],
    "latest": ["joe@other.test", "joe@box.test", "über@box.test", "a-b@box.test", "ab@box.test"],
    "address": ["a-b@box.test", "ab@box.test", "joe@box.test", "joe@other.test", "über@box.test"],
}


@pytest.fixture
def queries(store: Store) -> MailboxListQueries:
    other = store.write(AddDomain("other.test"))
    for address, seconds, sealed in MADE:
        domain_id = other.id if address.endswith("other.test") else store.domain.id
        store.write(creation(domain_id, address, seconds, KEYS.public if sealed else None))
    return MailboxListQueries(store.handle)


def found(queries: MailboxListQueries, wanted: Wanted, order: Order = "oldest") -> list[str]:
    addresses = [mailbox.address for mailbox in queries.page(wanted, order, None, 100)]
    assert queries.count(wanted) == len(addresses)
    return addresses


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_pages_leave_nothing_out_and_show_nothing_twice(
    queries: MailboxListQueries, order: Order, limit: int
) -> None:
    after, addresses = None, []
    while page := queries.page(Wanted(), order, after, limit):
        addresses += [mailbox.address for mailbox in page]
        after = queries.position(page[-1], order)
    assert addresses == EXPECTED[order]


@pytest.mark.parametrize(
    ("condition", "addresses"),
    [
        ({"parts": ("joe",)}, ["joe@box.test", "joe@other.test"]),
        ({"parts": ("oe@b",)}, ["joe@box.test"]),
        ({"parts": ("oe@b",), "at_start": True}, []),
        ({"parts": ("a",), "at_start": True}, ["ab@box.test", "a-b@box.test"]),
        ({"parts": ("ab", "über")}, ["ab@box.test", "über@box.test"]),
        ({"parts": ("ab", "ü"), "at_start": True}, ["ab@box.test", "über@box.test"]),
        ({"parts": ("%",)}, []),
        ({"parts": ("_",)}, []),
        ({"parts": ("joe", "ab"), "sealed": True}, ["ab@box.test", "joe@other.test"]),
        ({"sealed": False}, ["joe@box.test", "a-b@box.test", "über@box.test"]),
        ({"ids": ()}, []),
    ],
)
def test_finds(queries: MailboxListQueries, condition: dict[str, Any], addresses: list[str]) -> None:
    assert found(queries, Wanted(**condition)) == addresses


@pytest.mark.parametrize("order", ORDERS)
def test_finds_the_same_in_each_order(queries: MailboxListQueries, order: Order) -> None:
    wanted = Wanted(parts=("joe",))
    assert sorted(found(queries, wanted, order)) == ["joe@box.test", "joe@other.test"]


def test_finds_by_the_end_the_domain_and_the_id(queries: MailboxListQueries, store: Store) -> None:
    assert found(queries, Wanted(ends_after=store.now + 300)) == ["joe@box.test", "joe@other.test"]
    assert found(queries, Wanted(ends_before=store.now + 100)) == ["ab@box.test", "a-b@box.test"]
    assert found(queries, Wanted(ends_after=store.now + 100, ends_before=store.now + 300)) == ["über@box.test"]
    box = Wanted(domain_id=store.domain.id)
    assert len(found(queries, box)) == 4
    first, second, *_ = queries.page(box, "oldest", None, 9)
    assert found(queries, replace(box, up_to=second.id)) == [first.address, second.address]
    assert found(queries, Wanted(ids=(second.id, 999_999))) == [second.address]
    assert queries.newest() == queries.page(Wanted(), "newest", None, 1)[0].id


def test_how_much_is_in_them(queries: MailboxListQueries, store: Store) -> None:
    mailbox = store.mailbox()
    store.fill(store.folder(mailbox), 3)
    store.fill(store.folder(mailbox, "Junk"), 1)
    empty = store.mailbox()
    amounts = queries.amounts([mailbox.id, empty.id, 999_999])
    assert {mailbox_id: amount.messages for mailbox_id, amount in amounts.items()} == {mailbox.id: 4, empty.id: 0}
    assert amounts[mailbox.id].octets > 0
    assert amounts[empty.id] == Amount()
    folder = store.folder(mailbox)
    uids = [entry.uid for entry in queries.entries(folder.id, 1 << 62, 2, store.now)]
    assert uids == [3, 2]
    assert [entry.uid for entry in queries.entries(folder.id, 2, 2, store.now)] == [1]


def test_of_nothing(store: Store) -> None:
    queries = MailboxListQueries(store.handle)
    assert queries.newest() == 0
    assert queries.page(Wanted(), "soonest", None, 5) == []
    assert queries.count(Wanted()) == 0
    assert queries.receipt_lookup(5) is None
    assert queries.subject(5) == "5"
