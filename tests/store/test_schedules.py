"""Schedules are kept, and each of their times is taken up once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.schedule import Cron, DomainCount, Every, Outcome, Purge, Report, Run, Schedule, Shorten
from tempmaild.errors import NameTaken, NoSuchSchedule
from tempmaild.store import schedules
from tempmaild.store.domains import AddDomain
from tempmaild.store.opening import open_database
from tempmaild.store.schedules import (
    AddSchedule,
    ChangeSchedule,
    NoteRun,
    RemoveSchedule,
    RequestRun,
    ScheduleQueries,
    ShortenLifetimes,
    TakeUp,
)
from tempmaild.store.transaction import LIFETIMES, SETTINGS
from tempmaild.store.writer import commit
from tests.store.house import creation
from tests.support import LIFETIME, NOW

if TYPE_CHECKING:
    from tests.store.house import Store

NIGHTLY = Schedule("nightly", "box.test", Purge(60), Cron("0 4 * * *"))
OFTEN = Schedule("often", "", Report(), Every(10))


def add(store: Store, schedule: Schedule = OFTEN) -> Schedule:
    kept = store.write(AddSchedule(schedule, "operator"))
    assert isinstance(kept, Schedule)
    return kept


def audited(store: Store) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in store.handle.rows("SELECT actor, action, subject FROM audit ORDER BY id")][1:]


def test_are_kept_changed_and_removed(store: Store) -> None:
    queries = ScheduleQueries(store.handle)
    often, nightly = add(store), add(store, NIGHTLY)
    assert store.touched == {SETTINGS}
    assert often == msgspec.structs.replace(OFTEN, id=often.id, created_at=NOW, last_due=NOW)
    assert queries.schedules() == [nightly, often]
    with pytest.raises(NameTaken):
        store.write(AddSchedule(msgspec.structs.replace(OFTEN, domain="box.test")))

    changed = store.write(ChangeSchedule(msgspec.structs.replace(often, action=Shorten(60)), "operator"))
    assert store.touched == {SETTINGS}
    assert changed == queries.schedule("often") == msgspec.structs.replace(often, action=Shorten(60))

    store.write(RemoveSchedule("often", "operator"))
    assert store.touched == {SETTINGS}
    assert queries.schedule("often") is None
    for change in (RemoveSchedule("often"), ChangeSchedule(often), RequestRun("often")):
        with pytest.raises(NoSuchSchedule):
            store.write(change)
    assert audited(store) == [
        ("operator", "schedule-add", "often"),
        ("operator", "schedule-add", "nightly"),
        ("operator", "schedule-change", "often"),
        ("operator", "schedule-remove", "often"),
    ]


def test_each_time_is_taken_up_once(store: Store) -> None:
    often = add(store)
    store.now = NOW + 9
    assert store.write(TakeUp(often.id)) is None
    store.now = NOW + 25
    assert store.write(TakeUp(often.id)) == often
    assert store.write(TakeUp(often.id)) is None
    kept = ScheduleQueries(store.handle).schedule("often")
    assert kept is not None
    assert kept.last_due == NOW + 20
    store.now = NOW + 30
    assert store.group(TakeUp(often.id), TakeUp(often.id)) == [kept, None]


def test_each_wish_is_taken_up_once(store: Store) -> None:
    often = add(store, msgspec.structs.replace(OFTEN, enabled=False))
    assert store.write(TakeUp(often.id)) is None
    store.group(RequestRun("often", "operator"), RequestRun("often", "operator"))
    assert store.touched == {SETTINGS}
    taken = store.write(TakeUp(often.id))
    assert (taken.requested, taken.answered) == (2, 0)
    assert store.write(TakeUp(often.id)) is None


def test_of_many_processes_one_takes_it_up(store: Store) -> None:
    ids = [add(store, msgspec.structs.replace(OFTEN, name=f"often{number}")).id for number in range(20)]

    def take_all(_: int) -> list[int]:
        db = open_database(store.url, store.path)
        try:
            changes = [TakeUp(schedule_id) for schedule_id in ids]
            results: list[Any] = [commit(db, store.vault, [change], NOW + 10)[0][0] for change in changes]
            return [result.id for result in results if result]
        finally:
            db.close()

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take_all, range(4)))
    assert sorted(schedule_id for each in taken for schedule_id in each) == ids


def test_what_was_not_due_is_not_made_up(store: Store) -> None:
    often = add(store)
    store.now = NOW + 100
    paused = store.write(ChangeSchedule(msgspec.structs.replace(often, enabled=False)))
    store.now = NOW + 200
    assert store.write(TakeUp(often.id)) is None
    store.write(ChangeSchedule(msgspec.structs.replace(paused, enabled=True)))
    assert store.write(TakeUp(often.id)) is None
    store.now = NOW + 300
    store.write(ChangeSchedule(msgspec.structs.replace(often, timing=Every(20))))
    assert store.write(TakeUp(often.id)) is None
    store.now = NOW + 320
    assert store.write(TakeUp(often.id)).timing == Every(20)


def test_a_change_of_anything_else_loses_no_time(store: Store) -> None:
    often = add(store)
    store.now = NOW + 10
    store.write(ChangeSchedule(msgspec.structs.replace(often, action=Purge(60))))
    assert store.write(TakeUp(often.id)).action == Purge(60)


def test_who_was_removed_is_not_taken_up(store: Store) -> None:
    often = add(store)
    store.now = NOW + 10
    store.write(RemoveSchedule("often"))
    assert store.write(TakeUp(often.id)) is None
    store.write(NoteRun(often.id, "report", NOW, Outcome()))


def test_remember_their_last_run(store: Store) -> None:
    often = add(store)
    store.write(NoteRun(often.id, "report", NOW + 10, Outcome(3, 4)))
    # It is nothing that daemons must know.
    assert store.touched == set()
    kept = ScheduleQueries(store.handle).schedule("often")
    assert kept is not None
    assert (kept.last_run, kept.last_outcome) == (NOW + 10, Outcome(3, 4))


class TestShorten:
    def test_leaves_who_ends_sooner(self, store: Store) -> None:
        shorter, equal, longer, forever = (store.mailbox(lifetime=seconds) for seconds in (59, 60, 61, 0))
        change = ShortenLifetimes((shorter.id, equal.id, longer.id, forever.id), NOW + 60, "schedule often")
        assert store.write(change) == 2
        assert store.touched == {LIFETIMES, store.folder(longer).id, store.folder(forever).id}
        assert store.write(change) == 0
        assert store.touched == set()
        for mailbox, ends in ((shorter, 59), (equal, 60), (longer, 60), (forever, 60)):
            now = store.queries.mailbox(mailbox.address)
            assert now is not None
            assert (now.ends_at, now.expires_at) == (NOW + ends, NOW + ends)
        assert audited(store) == [("schedule often", "mailboxes-shorten", "")]

    def test_owners_cannot_extend_beyond(self, store: Store) -> None:
        lifetime = Lifetime(60, extend=LIFETIME)
        mailbox = store.write(msgspec.structs.replace(creation(store.domain.id, "a@box.test"), lifetime=lifetime))
        assert store.write(ShortenLifetimes((mailbox.id,), NOW + 100)) == 1
        now = store.queries.mailbox("a@box.test")
        assert now is not None
        assert (now.ends_at, now.extend_until) == (NOW + 60, NOW + 100)

    def test_who_is_idle_ends_as_soon_as_before(self, store: Store) -> None:
        lifetime = Lifetime(LIFETIME, idle=30)
        mailbox = store.write(msgspec.structs.replace(creation(store.domain.id, "a@box.test"), lifetime=lifetime))
        assert store.write(ShortenLifetimes((mailbox.id,), NOW + 60)) == 1
        now = store.queries.mailbox("a@box.test")
        assert now is not None
        assert (now.ends_at, now.expires_at) == (NOW + 60, NOW + 30)


def test_mailboxes_are_found_in_portions(store: Store) -> None:
    queries = ScheduleQueries(store.handle)
    other = store.write(AddDomain("other.test"))
    mailboxes = [store.mailbox(lifetime=100 + number) for number in range(3)]
    store.now = NOW + 1
    foreign = store.write(creation(other.id, "a@other.test", lifetime=0))
    ids = [mailbox.id for mailbox in mailboxes]

    def found(*arguments: int | None) -> list[int]:
        return [each.id for each in queries.made_until(*arguments)]  # type: ignore[arg-type]

    assert found(None, NOW, 0, 10) == ids
    assert found(None, NOW - 1, 0, 10) == []
    assert found(None, NOW + 1, 0, 10) == [*ids, foreign.id]
    assert found(None, NOW + 1, ids[0], 2) == ids[1:]
    assert found(store.domain.id, NOW + 1, 0, 10) == ids
    assert [tuple(each) for each in queries.made_until(other.id, NOW + 1, 0, 10)] == [(foreign.id, "a@other.test")]

    assert [each.id for each in queries.ending_after(None, NOW + 101, 0, 10)] == [ids[2], foreign.id]
    assert [each.id for each in queries.ending_after(store.domain.id, NOW + 100, 0, 1)] == [ids[1]]
    assert queries.ending_after(None, FOREVER, 0, 10) == []


def test_everything_is_counted(store: Store) -> None:
    queries = ScheduleQueries(store.handle)
    other = store.write(AddDomain("other.test"))
    full, brief = store.mailbox(), store.mailbox(lifetime=10)
    store.mailbox()
    for recipients in ([full], [full, brief]):
        store.write(store.delivery(*recipients))
    size = len(store.delivery(full).content)
    boxes = DomainCount("box.test", 3, 0, 3, 3 * size)
    empty = DomainCount("other.test", 0, 0, 0, 0)
    assert queries.counts(None, NOW + 9) == [boxes, empty]
    assert queries.counts(store.domain.id, NOW + 10) == [msgspec.structs.replace(boxes, expired=1)]
    assert queries.counts(other.id, NOW) == [empty]


class TestRuns:
    def test_are_remembered_without_the_counts_of_domains(self, store: Store) -> None:
        often = add(store)
        queries = ScheduleQueries(store.handle)
        assert queries.runs(often.id) == []
        report = Outcome(3, 4, (DomainCount("box.test", 3, 0, 4, 99),))
        store.now = NOW + 12
        store.write(NoteRun(often.id, "report", NOW + 10, report))
        store.write(NoteRun(often.id, "purge", NOW + 12, Outcome(error="StoreFailed (x)")))
        assert queries.runs(often.id) == [
            Run("purge", NOW + 12, NOW + 12, Outcome(error="StoreFailed (x)")),
            Run("report", NOW + 10, NOW + 12, Outcome(3, 4)),
        ]

    def test_are_forgotten_when_there_are_many(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(schedules, "KEPT_RUNS", 2)
        often, other = add(store), add(store, msgspec.structs.replace(OFTEN, name="other"))
        store.write(NoteRun(other.id, "report", NOW, Outcome()))
        for second in range(4):
            store.write(NoteRun(often.id, "report", NOW + second, Outcome()))
        queries = ScheduleQueries(store.handle)
        assert [run.began_at for run in queries.runs(often.id)] == [NOW + 3, NOW + 2]
        assert len(queries.runs(other.id)) == 1

    def test_go_with_their_schedule(self, store: Store) -> None:
        often = add(store)
        store.write(NoteRun(often.id, "report", NOW, Outcome()))
        store.write(RemoveSchedule("often"))
        store.write(NoteRun(often.id, "report", NOW, Outcome()))
        assert store.count("schedule_run") == 0
