"""The mail log on each kind of database: found by an index, forgotten from its end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.mail_log import Entry, first_id, key_of, keys_of
from tempmaild.store.mail_log import LAST, AddToMailLog, ForgetMailLog, MailLogQueries, Wanted
from tests.support import NOW

if TYPE_CHECKING:
    from tests.store.house import Store

_NAMES = ("a", "b", "c")


def entry(number: int, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "id": first_id(NOW + number),
        "queue_id": f"s-{number}",
        "stage": "data",
        "client": "192.0.2.1",
        "client_key": key_of("192.0.2.1"),
        "helo": "mail.example.org",
        "sender": "joe@example.org",
        "sender_domain": "example.org",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "",
        "disposition": "accept",
        "decided_by": "",
        "findings": "[]",
        "reply": "250 2.0.0 Ok",
    }
    return Entry(**values | changes)


def add(store: Store, *entries: Entry) -> None:
    store.write(AddToMailLog([msgspec.structs.astuple(each) for each in entries]))


def some(count: int, seed: int = 1) -> list[Entry]:
    """Give rows whose values are of few kinds, so that conditions meet in all ways."""
    choose = random.Random(seed)
    rows = []
    for number in range(count):
        client = f"192.0.{choose.randrange(3)}.{choose.randrange(3)}"
        name, domain = choose.choice(_NAMES), f"{choose.choice(_NAMES)}.example"
        rows.append(
            entry(
                number,
                client=client,
                client_key=key_of(client),
                sender=f"{name}@{domain}",
                sender_domain=domain,
                recipient=f"{choose.choice(_NAMES)}@box.test",
                disposition=choose.choice(["accept", "junk", "refuse"]),
                decided_by=choose.choice(["", "spf", "clamav"]),
            )
        )
    return rows


def is_meant(row: Entry, wanted: Wanted) -> bool:
    """Say the same in other words."""
    return (
        wanted.since <= row.id < wanted.until
        and wanted.disposition in {"", row.disposition}
        and wanted.decided_by in {"", row.decided_by}
        and wanted.queue_id in {"", row.queue_id}
        and (not wanted.recipient or row.recipient in wanted.recipient)
        and (not wanted.sender or row.sender in wanted.sender)
        and (not wanted.sender_domain or row.sender_domain in wanted.sender_domain)
        and (not wanted.client_key or row.client_key in wanted.client_key)
        and (not wanted.network or wanted.network[0] <= row.client_key <= wanted.network[1])
    )


CONDITIONS: tuple[dict[str, Any], ...] = (
    {},
    {"disposition": "junk"},
    {"decided_by": "spf"},
    {"queue_id": "s-7"},
    {"recipient": ("a@box.test", "#hash")},
    {"sender": ("a@b.example", "#hash"), "sender_domain": ("b.example", "#hash")},
    {"sender_domain": ("b.example", "#hash")},
    {"client_key": (key_of("192.0.1.1"), b"#hash")},
    {"network": keys_of("192.0.1.0/24")},
    {"network": keys_of("0.0.0.0/0"), "disposition": "refuse", "decided_by": "clamav"},
    {"since": first_id(NOW + 20), "until": first_id(NOW + 40)},
    {"since": first_id(NOW + 20), "until": first_id(NOW + 40), "network": keys_of("192.0.2.0/24")},
    {"recipient": ("c@box.test",), "disposition": "accept", "sender_domain": ("a.example",)},
    {"disposition": "later"},
)


@pytest.mark.parametrize("few", [10_000, 5, 0])
@pytest.mark.parametrize("window", [30_000, 7, 1])
def test_pages_give_everything_once_by_whatever_way(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int, window: int
) -> None:
    monkeypatch.setattr("tempmaild.store.mail_log._FEW", few)
    monkeypatch.setattr("tempmaild.store.mail_log._WINDOW", window)
    rows = some(80)
    add(store, *rows)
    queries = MailLogQueries(store.handle)
    for condition in CONDITIONS:
        wanted = Wanted(**condition)
        expected = [row for row in reversed(rows) if is_meant(row, wanted)]
        found, pages = list[Entry](), 0
        while True:
            page = queries.page(wanted, 3)
            found += page.rows
            pages += 1
            assert len(page.rows) <= 3
            if not page.further:
                break
            assert page.further < wanted.until
            assert pages < 200, "it comes to an end"
            wanted = msgspec.structs.replace(wanted, until=page.further)
        assert found == expected, condition


def test_a_row_comes_back_as_it_was(store: Store) -> None:
    row = entry(1, client="", client_key=b"", sender="", findings='[["spf","pass",""]]', tls="TLSv1.3")
    add(store, row)
    queries = MailLogQueries(store.handle)
    assert queries.get(row.id) == row
    assert queries.get(row.id + 1) is None
    assert queries.count() == 1


def test_two_of_one_id_are_one(store: Store) -> None:
    add(store, entry(1, reply="first"))
    add(store, entry(1, reply="second"), entry(2))
    queries = MailLogQueries(store.handle)
    assert [row.reply for row in queries.page(Wanted(), 10).rows] == ["250 2.0.0 Ok", "first"]


def test_what_is_old_is_forgotten_in_portions(store: Store) -> None:
    rows = some(10)
    add(store, *rows)
    queries = MailLogQueries(store.handle)
    change = ForgetMailLog(rows[7].id, 100, 3)
    assert [store.write(change) for _ in range(4)] == [3, 3, 1, 0]
    assert [row.id for row in queries.page(Wanted(), 10).rows] == [row.id for row in rows[:6:-1]]
    assert queries.count() == 3


def test_what_is_too_much_is_forgotten(store: Store) -> None:
    rows = some(10)
    add(store, *rows)
    change = ForgetMailLog(0, 4, 5)
    assert [store.write(change) for _ in range(3)] == [5, 1, 0]
    queries = MailLogQueries(store.handle)
    assert [row.id for row in queries.page(Wanted(), 10).rows] == [row.id for row in rows[:5:-1]]
    assert queries.count() == 4
    # Both together go no further than a portion.
    assert store.write(ForgetMailLog(LAST, 3, 2)) == 2


class Plans:
    """What a database says of how it does what it is asked."""

    def __init__(self, store: Store) -> None:
        self.texts: list[str] = []
        self._handle = store.handle
        self._plain = store.handle._execute

    def execute(self, sql: str, parameters: Any) -> Any:
        if sql.startswith("SELECT"):
            explain = "EXPLAIN QUERY PLAN " if self._handle.sqlite else "EXPLAIN "
            self.texts.append("\n".join(str(row[-1]) for row in self._plain(explain + sql, parameters).fetchall()))
        return self._plain(sql, parameters)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("few", [10_000, 50])
def test_the_whole_table_is_never_gone_through(
    store: Store, monkeypatch: pytest.MonkeyPatch, condition: dict[str, Any], few: int
) -> None:
    monkeypatch.setattr("tempmaild.store.mail_log._FEW", few)
    rows = some(3000)
    add(store, *rows)
    if not store.handle.sqlite:
        store.handle.run("ANALYZE mail_log")
        # With so few rows it would take less time; what matters is that an index can be used.
        store.handle.run("SET enable_seqscan = off")
    plans = Plans(store)
    monkeypatch.setattr(store.handle, "_execute", plans.execute)
    MailLogQueries(store.handle).page(Wanted(**condition), 50)
    assert plans.texts
    for plan in plans.texts:
        assert "SCAN mail_log" not in plan
        assert "Seq Scan on mail_log" not in plan


def test_what_has_become_rare_is_found_by_its_own_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not along all the rows that came since, though a tenth of all are like this."""
    monkeypatch.setattr("tempmaild.store.mail_log._FEW", 10)
    add(store, *(entry(number, disposition="junk" if number < 200 else "accept") for number in range(2000)))
    if not store.handle.sqlite:
        store.handle.run("ANALYZE mail_log")
    plans = Plans(store)
    monkeypatch.setattr(store.handle, "_execute", plans.execute)
    found = MailLogQueries(store.handle).page(Wanted(disposition="junk", until=first_id(NOW + 150)), 50)
    assert [row.id for row in found.rows] == [first_id(NOW + number) for number in range(149, 99, -1)]
    assert found.further == found.rows[-1].id
    assert "maillog_disposition_id" in plans.texts[-1]
