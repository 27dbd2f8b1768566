"""Rows of the audit log are found by whom, what, about what and when, on either kind of database."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tempmaild.store.audit import NOTHING_YET, AuditLog, Note, Verified
from tempmaild.store.audit_list import AuditListQueries, WantedRows
from tests.store.test_audit import allow_anything
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.store.audit import AuditRow
    from tests.store.house import Store

ACTORS, ACTIONS, SUBJECTS = ("ann", "bob"), ("ban-add", "domain-change", "sign-in"), ("", "a.test", "b.test")


def note(store: Store, actor: str, action: str, subject: str = "", **details: object) -> None:
    store.write(Note(actor, action, subject, details))


def queries(store: Store) -> AuditListQueries:
    return AuditListQueries(store.handle)


def numbers(store: Store, wanted: WantedRows) -> list[int]:
    return [row.id for row in queries(store).page(wanted, None, 1000)]


@pytest.fixture
def filled(store: Store) -> Store:
    """A log in which every combination stands twice at the same time."""
    for number, words in enumerate(itertools.product(ACTORS, ACTIONS, SUBJECTS)):
        store.now = NOW + 60 * number
        store.group(Note(*words, {}), Note(*words, {}))
    return store


def test_all_that_is_asked_for_holds_together(filled: Store) -> None:
    rows, found = list(AuditLog(filled.handle).rows())[::-1], 0
    words = itertools.product(["", *ACTORS, "nobody"], ["", *ACTIONS], [*SUBJECTS, "none"], [NOW - 1, NOW + 120])
    for actor, action, subject, since in words:
        before = since + 780
        expected = [
            row.id
            for row in rows
            if actor in {"", row.actor}
            and action in {"", row.action}
            and subject in {"", row.subject}
            and since <= row.at < before
        ]
        assert numbers(filled, WantedRows(actor, action, subject, since, before)) == expected
        found += bool(expected)
    assert found > 50


def test_pages_follow_each_other(filled: Store) -> None:
    everything = numbers(filled, WantedRows())
    assert everything == sorted(everything, reverse=True)
    for limit in (1, 2, 7):
        found: list[int] = []
        place = None
        while page := queries(filled).page(WantedRows(), place, limit):
            found += [row.id for row in page]
            place = page[-1].at, page[-1].id
        assert found == everything


def test_a_page_goes_on_where_it_was_though_rows_are_added(filled: Store) -> None:
    first = queries(filled).page(WantedRows(), None, 5)
    note(filled, "ann", "sign-in")
    second = queries(filled).page(WantedRows(), (first[-1].at, first[-1].id), 5)
    assert second[0].id == first[-1].id - 1


def test_a_clock_that_went_back_hides_nothing(store: Store) -> None:
    for at in (NOW + 100, NOW + 50, NOW + 75):
        store.now = at
        note(store, "ann", "sign-in")
    first, *_ = (row.id for row in AuditLog(store.handle).rows(action="sign-in"))
    assert numbers(store, WantedRows("ann")) == [first, first + 2, first + 1]
    assert numbers(store, WantedRows("ann", since=NOW + 60, before=NOW + 100)) == [first + 2]


def test_the_words_are_told_once(filled: Store) -> None:
    assert queries(filled).actors() == [*ACTORS]
    assert queries(filled).actions() == sorted({*ACTIONS, "domain-add"})


def test_a_log_without_rows_has_no_words(store: Store) -> None:
    allow_anything(store.handle)
    store.handle.run("DELETE FROM audit")
    assert queries(store).actors() == queries(store).actions() == []
    assert queries(store).page(WantedRows(), None, 10) == []


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (WantedRows(), "audit_at_id"),
        (WantedRows(since=NOW), "audit_at_id"),
        (WantedRows("ann"), "audit_actor_at_id"),
        (WantedRows(action="sign-in"), "audit_action_at_id"),
        (WantedRows("ann", "sign-in"), "audit_actor_action_at_id"),
        (WantedRows(subject="a.test"), "audit_subject_at_id"),
        (WantedRows("ann", "sign-in", "a.test", NOW, NOW + 1), "audit_subject_at_id"),
    ],
)
def test_each_question_has_an_index(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, wanted: WantedRows, index: str
) -> None:
    handle, plans = sqlite_store.handle, list[str]()
    rows = handle.rows

    def explained(sql: str, *parameters: object) -> list[tuple[object, ...]]:
        plans.extend(str(row[3]) for row in rows(f"EXPLAIN QUERY PLAN {sql}", *parameters))
        return []

    monkeypatch.setattr(handle, "rows", explained)
    for place in (None, (NOW, 5)):
        queries(sqlite_store).page(wanted, place, 50)
    assert len(plans) == 2, "nothing is sorted"
    assert all(index in plan.split() for plan in plans), plans


class TestEarlier:
    def row(self, store: Store) -> AuditRow:
        return queries(store).page(WantedRows(), None, 1)[0]

    def earlier(self, store: Store) -> dict[str, int] | None:
        found = queries(store).earlier(self.row(store))
        return None if found is None else {found.details: found.id}

    def test_is_what_was_said_last_of_the_same(self, store: Store) -> None:
        note(store, "ann", "limit-add", "calls", amount=1)
        note(store, "ann", "limit-change", "calls", amount=2)
        note(store, "ann", "limit-add", "others", amount=7)
        note(store, "ann", "ban-add", "calls", reason="x")
        note(store, "bob", "limit-change", "calls", amount=3)
        assert self.earlier(store) == {'{"amount":2}': 3}

    def test_passes_over_what_says_nothing(self, store: Store) -> None:
        note(store, "ann", "schedule-add", "purge", does="purge")
        note(store, "ann", "schedule-request", "purge")
        note(store, "ann", "schedule-change", "purge", does="report")
        assert self.earlier(store) == {'{"does":"purge"}': 2}

    def test_is_not_of_what_was_removed(self, store: Store) -> None:
        note(store, "ann", "limit-add", "calls", amount=1)
        note(store, "ann", "limit-remove", "calls")
        note(store, "ann", "limit-change", "calls", amount=2)
        assert self.earlier(store) is None

    def test_is_not_there_for_what_changes_nothing(self, store: Store) -> None:
        note(store, "ann", "limit-add", "calls", amount=1)
        note(store, "ann", "limit-add", "calls", amount=2)
        assert self.earlier(store) is None
        note(store, "ann", "x-change", "", amount=2)
        note(store, "ann", "x-change", "", amount=3)
        assert self.earlier(store) is None, "it is about nothing"


class TestClosely:
    def test_a_row_is_as_it_was_written(self, filled: Store) -> None:
        for number in (1, 2, 37):
            row = queries(filled).row(number)
            assert row is not None
            assert queries(filled).problem(row) == ""
        assert queries(filled).row(38) is None
        assert queries(filled).row(0) is None

    def test_a_row_that_was_changed_is_not(self, filled: Store) -> None:
        allow_anything(filled.handle)
        filled.handle.run("UPDATE audit SET actor = 'eve' WHERE id = 5")
        filled.handle.run("DELETE FROM audit WHERE id = 7")
        filled.handle.run("UPDATE audit SET digest = previous WHERE id = 10")
        expected = {
            5: "its digest is not of its content",
            6: "",
            8: "the row before it is missing",
            10: "its digest is not of its content",
            11: "it does not follow the row before it",
        }
        for number, problem in expected.items():
            row = queries(filled).row(number)
            assert row is not None
            assert queries(filled).problem(row) == problem

    def test_values_of_other_types_are_told(self, sqlite_store: Store) -> None:
        note(sqlite_store, "ann", "limit-change", "calls", amount=1)
        note(sqlite_store, "ann", "limit-change", "calls", amount=2)
        allow_anything(sqlite_store.handle)
        sqlite_store.handle.run("UPDATE audit SET details = x'ff' WHERE id = 2")
        row = queries(sqlite_store).row(2)
        assert row is not None
        assert queries(sqlite_store).problem(row) == "it has values of a wrong type"
        last = queries(sqlite_store).row(3)
        assert last is not None
        assert queries(sqlite_store).earlier(last) is None


class TestInPortions:
    def verify(self, store: Store, limit: int) -> tuple[Verified, int]:
        log, known, is_whole, portions = AuditLog(store.handle), NOTHING_YET, False, 0
        while not is_whole:
            known, is_whole = log.verify_on(known, limit)
            portions += 1
        return known, portions

    @pytest.mark.parametrize(("limit", "portions"), [(1, 38), (5, 8), (37, 2), (1000, 1)])
    def test_it_comes_to_the_same(self, filled: Store, limit: int, portions: int) -> None:
        assert self.verify(filled, limit) == (AuditLog(filled.handle).verify(), portions)

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE audit SET subject = 'x' WHERE id = 20",
            "DELETE FROM audit WHERE id = 20",
            "DELETE FROM audit WHERE id = 1",
            "UPDATE audit SET id = -5 WHERE id = 1",
            "UPDATE audit SET id = 1000 WHERE id = 37",
        ],
    )
    @pytest.mark.parametrize("limit", [1, 19, 20, 1000])
    def test_it_finds_the_same(self, filled: Store, damage: str, limit: int) -> None:
        allow_anything(filled.handle)
        filled.handle.run(damage)
        known, _ = self.verify(filled, limit)
        assert known.problem
        assert known == AuditLog(filled.handle).verify()
