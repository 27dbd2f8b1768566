"""The audit log: what is in it, and that nothing in it is changed unseen."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tempmaild.core.policy import Policy
from tempmaild.store.audit import FIRST, NOTHING_YET, AuditLog, AuditRow, Note, digest, verify
from tempmaild.store.domains import AddDomain, ChangeDomain, RemoveDomain
from tempmaild.store.mailboxes import AddCredential, DestroyMailbox, NewCredential, RevokeCredential
from tempmaild.store.opening import open_database
from tempmaild.store.writer import commit
from tests.store.house import CREDENTIAL, creation
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.store.database import Handle
    from tests.store.house import Store

SECRET = NewCredential(b"\x07" * 32, kind="app", label="Joe's telephone")


def log_of(store: Store) -> list[AuditRow]:
    return list(AuditLog(store.handle).rows())


def noted(store: Store) -> list[tuple[str, str, str, Any]]:
    """What was noted since the store's own domain was added."""
    return [(row.actor, row.action, row.subject, json.loads(row.details)) for row in log_of(store)[1:]]


def allow_anything(handle: Handle) -> None:
    """Do as somebody would who has the whole database in his hands."""
    if handle.sqlite:
        for event in ("update", "delete"):
            handle.run(f"DROP TRIGGER audit_stays_{event}")
    else:
        handle.run("DROP TRIGGER audit_stays ON audit")


# What is in it


def test_a_row_is_what_the_documentation_says(store: Store) -> None:
    # The same octets on both kinds of database.
    store.write(Note("operator", "backup", "", {"with_keys": False, "a": "é"}))
    first, row = log_of(store)
    assert (first.id, first.previous) == (1, FIRST)
    assert row[:6] == (2, NOW, "operator", "backup", "", '{"a":"é","with_keys":false}')
    values = json.dumps(list(row[:6]), separators=(",", ":"), ensure_ascii=False).encode()
    assert row.previous == first.digest
    assert row.digest == hashlib.sha256(b"tempmaild audit\0" + first.digest + values).digest()
    assert AuditLog(store.handle).verify() == verify([first, row])
    assert verify([first, row]).digest == row.digest


def test_domains_are_in_it_without_addresses(store: Store) -> None:
    domain = store.write(AddDomain("a.test", actor="operator"))
    policy = Policy(catch_all="joe@a.test", operator="ann@a.test", longest=60)
    store.write(ChangeDomain(type(domain)(domain.id, "a.test", "catch-all", NOW, policy=policy), "operator"))
    store.write(RemoveDomain("a.test", "operator"))
    assert noted(store) == [
        ("operator", "domain-add", "a.test", {"kind": "claimed", "sealed": True, "enabled": True, "policy": {}}),
        (
            "operator",
            "domain-change",
            "a.test",
            {
                "kind": "catch-all",
                "sealed": True,
                "enabled": True,
                "policy": {"catch_all": True, "operator": True, "longest": 60},
            },
        ),
        ("operator", "domain-remove", "a.test", {}),
    ]


def test_credentials_and_destructions_are_in_it_without_names(store: Store) -> None:
    mailbox = store.mailbox("joe@box.test")
    credential = store.write(AddCredential(mailbox.id, SECRET, "owner"))
    store.write(RevokeCredential(mailbox.id, credential.id, "owner"))
    store.group(store.delivery(mailbox), store.delivery(mailbox))
    store.write(DestroyMailbox(mailbox.id, 0, "sweep"))
    name = str(mailbox.id)
    assert noted(store) == [
        ("owner", "credential-add", name, {"credentials": 2}),
        ("owner", "credential-revoke", name, {"credentials": 1}),
        ("sweep", "mailbox-destroy", name, {"messages": 2}),
    ]
    everything = repr(log_of(store))
    for word in ("joe", "Joe", SECRET.verifier.hex(), repr(SECRET.verifier)[2:-1]):
        assert word not in everything


def test_what_was_refused_is_not_in_it(store: Store) -> None:
    store.group(
        RemoveDomain("none.test"), AddDomain("box.test"), RevokeCredential(1, 1), AddCredential(10**9, CREDENTIAL)
    )
    assert noted(store) == []


def test_what_was_rolled_back_is_not_in_it(store: Store) -> None:
    # No database holds the second one's number. That spoils the group, and each is committed alone then.
    results = store.group(AddDomain("a.test"), creation(store.domain.id, "x@box.test", 2**70), AddDomain("b.test"))
    assert isinstance(results[1], Exception)
    assert [row[2] for row in noted(store)] == ["a.test", "b.test"]
    assert AuditLog(store.handle).verify().rows == 3


def test_it_is_read_by_time_and_action_and_in_pages(store: Store) -> None:
    for number in range(1100):
        store.now = NOW + number
        commit(store.handle, store.vault, [Note("host", "even" if number % 2 else "odd", "", {})], store.now)
    log = AuditLog(store.handle)
    assert [row.id for row in log.rows()] == list(range(1, 1102))
    assert len(list(log.rows(action="odd"))) == 550
    assert [row.at for row in log.rows(NOW + 1097)] == [NOW + 1097, NOW + 1098, NOW + 1099]
    assert [row.at for row in log.rows(NOW + 1097, "odd")] == [NOW + 1098]
    assert log.verify().rows == 1101


def test_many_daemons_add_one_after_the_other(store: Store) -> None:
    together = threading.Barrier(4)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with closing(open_database(store.url, store.path)) as handle:
                together.wait()
                for turn in range(15):
                    # Settings are locked by the one, the log by both.
                    changes: list[Any] = [Note("host", "test", str(number), {"turn": turn})]
                    if number % 2:
                        changes.insert(0, AddDomain(f"d{number}-{turn}.test"))
                    assert not any(isinstance(r, Exception) for r in commit(handle, store.vault, changes, NOW)[0])
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert AuditLog(store.handle).verify() == verify(log_of(store))
    assert (AuditLog(store.handle).verify().rows, AuditLog(store.handle).verify().problem) == (91, "")


# That nothing is changed unseen


def test_the_database_refuses_to_change_it(store: Store) -> None:
    statements = ["UPDATE audit SET at = at + 1", "DELETE FROM audit"]
    if not store.handle.sqlite:
        statements.append("TRUNCATE audit")
    for statement in statements:
        with pytest.raises(store.handle.failures, match="only ever added to"):
            store.handle.run(statement)
    assert AuditLog(store.handle).verify().rows == 1


@pytest.mark.parametrize(
    ("change", "broken", "problem"),
    [
        ("UPDATE audit SET at = at + 1 WHERE id = 3", 3, "not of its content"),
        ("UPDATE audit SET actor = 'owner' WHERE id = 3", 3, "not of its content"),
        ("UPDATE audit SET action = 'test2' WHERE id = 3", 3, "not of its content"),
        ("UPDATE audit SET subject = 'x' WHERE id = 1", 1, "not of its content"),
        ("UPDATE audit SET details = '{}' WHERE id = 5", 5, "not of its content"),
        ("UPDATE audit SET digest = previous WHERE id = 5", 5, "not of its content"),
        ("UPDATE audit SET previous = digest WHERE id = 3", 3, "does not follow"),
        ("UPDATE audit SET id = 77 WHERE id = 3", 3, "it is missing, 4 comes next"),
        ("UPDATE audit SET id = 77 WHERE id = 5", 5, "it is missing, 77 comes next"),
        ("UPDATE audit SET id = 0 WHERE id = 1", 1, "it is missing, 0 comes next"),
        ("DELETE FROM audit WHERE id = 1", 1, "it is missing, 2 comes next"),
        ("DELETE FROM audit WHERE id = 4", 4, "it is missing, 5 comes next"),
        (
            "INSERT INTO audit SELECT 6, at, actor, action, subject, details, previous, digest FROM audit LIMIT 1",
            6,
            "does not follow",
        ),
    ],
)
def test_who_changes_it_all_the_same_is_found(store: Store, change: str, broken: int, problem: str) -> None:
    for number in range(4):
        store.write(Note("operator", "test", str(number), {"number": number}))
    allow_anything(store.handle)
    assert store.handle.run(change) == 1
    verified = AuditLog(store.handle).verify()
    assert verified.rows + 1 == broken
    assert problem in verified.problem


def test_values_of_other_types_are_found(sqlite_store: Store) -> None:
    # SQLite keeps them, and as JSON some look the same.
    sqlite_store.write(Note("host", "test", "YWJj", {}))
    allow_anything(sqlite_store.handle)
    sqlite_store.handle.run("UPDATE audit SET subject = ? WHERE id = 2", b"abc")
    assert AuditLog(sqlite_store.handle).verify().problem == "it has values of a wrong type"


_Content = tuple[int, str, str, str, str]
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
_CONTENTS = st.tuples(st.integers(0, 2**62), _TEXTS, _TEXTS, _TEXTS, _TEXTS)


def chain(contents: list[_Content]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number, content in enumerate(contents, 1):
        draft = AuditRow(number, *content, rows[-1].digest if rows else FIRST, b"")
        rows.append(draft._replace(digest=digest(draft)))
    return rows


_OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(-(2**63), 2**63 - 1),
    "at": st.integers(-(2**63), 2**63 - 1),
    "previous": st.binary(max_size=33),
    "digest": st.binary(max_size=33),
} | dict.fromkeys(("actor", "action", "subject", "details"), _TEXTS)


@given(st.lists(_CONTENTS, min_size=1, max_size=5), st.data())
def test_any_change_of_any_value_is_found(contents: list[_Content], data: st.DataObject) -> None:
    rows = chain(contents)
    assert verify(rows).problem == ""
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(AuditRow._fields))
    value = data.draw(_OTHERS[name])
    assume(getattr(rows[place], name) != value)
    rows[place] = rows[place]._replace(**{name: value})
    # As the database gives them.
    rows.sort(key=lambda row: row.id)
    verified = verify(rows)
    assert verified.problem
    assert verified.rows <= place


@given(st.lists(_CONTENTS, min_size=2, max_size=6), st.data())
def test_any_row_that_is_moved_or_left_out_is_found(contents: list[_Content], data: st.DataObject) -> None:
    rows = chain(contents)
    place = data.draw(st.integers(0, len(rows) - 2))
    without = rows[:place] + rows[place + 1 :]
    changes: list[Callable[[], list[AuditRow]]] = [
        lambda: without,
        lambda: [row._replace(id=number) for number, row in enumerate(without, 1)],
        lambda: [*rows[:place], rows[place + 1], rows[place], *rows[place + 2 :]],
    ]
    verified = verify(data.draw(st.sampled_from(changes))())
    assert (verified.rows, bool(verified.problem)) == (place, True)


def test_rows_are_read_in_their_order_without_being_sorted(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, plans = sqlite_store.handle, list[str]()
    rows = handle.rows

    def explained(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        plans.extend(str(row[3]) for row in rows(f"EXPLAIN QUERY PLAN {sql}", *parameters))
        return []

    monkeypatch.setattr(handle, "rows", explained)
    log = AuditLog(handle)
    assert [*log.rows(), *log.rows(NOW), *log.rows(NOW, "sign-in")] == []
    log.verify()
    log.verify_on(NOTHING_YET, 10)
    assert set(plans) == {"SEARCH audit USING INTEGER PRIMARY KEY (rowid>?)"}
    assert len(plans) == 5
