"""Schedules are made, changed and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.policy import Policy
from tempmaild.core.schedule import Cron, DomainCount, Every, Outcome, Purge, Report, Run, Schedule, Shorten
from tempmaild.core.timespan import DAY, HOUR, MINUTE
from tempmaild.errors import (
    InvalidAddress,
    InvalidValue,
    NameTaken,
    NoSuchDomain,
    NoSuchMailbox,
    NoSuchSchedule,
    WrongCredentials,
)
from tempmaild.settings import Settings
from tests.support import MESSAGE, NOW, Clock, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tempmaild.core.schedule import Action
    from tests.support import TestAppliance


def add(house: TestAppliance, action: Action | None = None, domain: str = "", name: str = "often") -> Schedule:
    return run(house.appliance.schedules.add(Schedule(name, domain, action or Report(), Every(10)), "operator"))


def never() -> bool:
    return False


def act(house: TestAppliance, schedule: Schedule, is_ending: Callable[[], bool] = never) -> Outcome:
    """Run a schedule once, whether it is due or not."""
    return run(house.appliance.schedules.run(schedule, is_ending))


def addresses(house: TestAppliance) -> list[str]:
    return [mailbox.address for mailbox in run(house.mailboxes.list_all())]


class TestChanges:
    def test_have_a_domain_of_ours(self, house: TestAppliance) -> None:
        assert add(house, domain="BOX.test.").domain == "box.test"
        for domain, error in (("other.test", NoSuchDomain), ("no name", InvalidAddress)):
            with pytest.raises(error):
                add(house, domain=domain, name="other")
        with pytest.raises(NoSuchDomain):
            run(house.appliance.schedules.change(Schedule("often", "other.test", Report(), Every(10))))

    def test_have_a_name_of_their_own(self, house: TestAppliance) -> None:
        add(house)
        with pytest.raises(NameTaken):
            add(house)
        with pytest.raises(NoSuchSchedule):
            run(house.appliance.schedules.change(Schedule("other", "", Report(), Every(10))))
        assert [schedule.name for schedule in run(house.appliance.schedules.list_all())] == ["often"]

    @pytest.mark.parametrize(
        ("schedule", "field"),
        [
            (Schedule("no name", "", Report(), Every(10)), "name"),
            (Schedule("a", "", Report(), Every(9)), "every"),
            (Schedule("a", "", Report(), Cron("61 * * * *")), "cron"),
            (Schedule("a", "", Purge(-1), Every(10)), "older_than"),
            (Schedule("a", "", Shorten(0), Every(10)), "to"),
        ],
    )
    def test_are_possible(self, house: TestAppliance, schedule: Schedule, field: str) -> None:
        for change in (house.appliance.schedules.add, house.appliance.schedules.change):
            with pytest.raises(InvalidValue) as refused:
                run(change(schedule))
            assert refused.value.field == field
        assert run(house.appliance.schedules.list_all()) == []

    def test_take_effect(self, house: TestAppliance) -> None:
        schedules = house.appliance.schedules
        schedule = add(house)
        version = run(schedules.version())
        assert run(schedules.pause("often", "operator")).enabled is False
        house.clock.now += DAY
        assert run(schedules.take_up(schedule.id)) is None
        assert run(schedules.resume("often", "operator")).enabled is True
        assert run(schedules.take_up(schedule.id)) is None
        run(schedules.run_now("often", "operator"))
        assert run(schedules.version()) == version + 3
        assert run(schedules.take_up(schedule.id)) is not None
        run(schedules.remove("often", "operator"))
        for refused in (schedules.get, schedules.pause, schedules.resume, schedules.run_now, schedules.remove):
            with pytest.raises(NoSuchSchedule):
                run(refused("often"))


def test_two_daemons_run_it_once(house: TestAppliance, tmp_path: Path, database_url: str) -> None:
    settings = Settings.model_validate(
        {"host": {"name": "mx2.box.test", "state": tmp_path}, "store": {"url": database_url}}
    )
    clock = Clock()
    other = open_appliance(settings, clock=clock)
    schedule = add(house)
    clock.now = house.clock.now = NOW + 10
    ours, theirs = house.appliance.schedules, other.schedules
    taken = [run(each.take_up(schedule.id)) for each in (theirs, ours, theirs)]
    assert [bool(each) for each in taken] == [True, False, False]
    # A clock that is behind by some seconds runs nothing again.
    clock.now -= 5
    assert run(theirs.take_up(schedule.id)) is None
    run(ours.run_now("often"))
    taken = [run(each.take_up(schedule.id)) for each in (ours, theirs)]
    assert [bool(each) for each in taken] == [True, False]
    other.handle.close()


class TestPurge:
    def test_is_for_mailboxes_of_that_age(self, house: TestAppliance) -> None:
        old = house.create("old@box.test")
        house.deliver("old@box.test")
        house.clock.now += 1
        house.create("young@box.test")
        house.clock.now = NOW + HOUR - 1
        schedule = add(house, Purge(HOUR))
        assert act(house, schedule) == Outcome(0, 0)
        house.clock.now = NOW + HOUR
        assert act(house, schedule) == Outcome(1, 1)
        assert addresses(house) == ["young@box.test"]
        with pytest.raises(WrongCredentials):
            run(house.logins.login(old.address, old.secret))
        kept = run(house.appliance.schedules.get("often"))
        assert (kept.last_run, kept.last_outcome) == (NOW + HOUR, Outcome(1, 1))
        rows = house.appliance.handle.rows("SELECT actor FROM audit WHERE action = 'mailbox-destroy'")
        assert [actor for (actor,) in rows] == ["schedule often"]

    def test_is_for_all_without_an_age(self, house: TestAppliance) -> None:
        for _ in range(3):
            house.create()
        assert act(house, add(house, Purge())) == Outcome(3, 0)
        assert addresses(house) == []

    def test_is_for_its_domain(self, house: TestAppliance) -> None:
        run(house.domains.add("other.test"))
        house.create("a@box.test")
        house.create("a@other.test")
        assert act(house, add(house, Purge(), "other.test")) == Outcome(1, 0)
        assert addresses(house) == ["a@box.test"]

    def test_begins_again_where_it_was_ended(self, house: TestAppliance) -> None:
        house.create()
        schedule = add(house, Purge())
        assert act(house, schedule, lambda: True) == Outcome(ended_early=True)
        assert len(addresses(house)) == 1
        again = run(house.appliance.schedules.take_up(schedule.id))
        assert again is not None
        assert act(house, again) == Outcome(1, 0)
        # There is nothing more to do, so nothing ends early.
        assert act(house, again, lambda: True) == Outcome(0, 0)
        assert run(house.appliance.schedules.take_up(schedule.id)) is None


@pytest.mark.parametrize("action", [Purge(), Shorten(MINUTE)])
def test_who_takes_the_mail_of_others_is_spared(tmp_path: Path, database_url: str, action: Action) -> None:
    sections: dict[str, Any] = {"store": {"url": database_url}, "mailbox": {"operator": "boss@box.test"}}
    house = make_appliance(tmp_path, **sections)
    catch_all = Policy(catch_all="all@other.test", operator="roles@other.test")
    run(house.domains.add("other.test", "catch-all", policy=catch_all))
    spared = ["boss@box.test", "all@other.test", "roles@other.test"]
    for address in (*spared, "a@other.test"):
        house.create(address, DAY)
    assert act(house, add(house, action)).mailboxes == 1
    for address in spared:
        assert run(house.mailboxes.find(address)).expires_at == NOW + DAY
    house.close()


def test_the_operator_is_spared_however_the_address_is_written(tmp_path: Path) -> None:
    house = make_appliance(tmp_path, mailbox={"operator": "Boss@Bücher.test"})
    run(house.domains.add("bücher.test"))
    house.create("boss@bücher.test", DAY)
    assert act(house, add(house, Purge())).mailboxes == 0
    house.close()


class TestShorten:
    def test_lets_nobody_live_longer(self, house: TestAppliance) -> None:
        for number, lifetime in enumerate((Lifetime(HOUR - 1), Lifetime(HOUR + 1), Lifetime(0))):
            new = run(house.mailboxes.create(f"box{number}@box.test", lifetime, operator=True))
            assert new.mailbox.created_at == NOW
        assert act(house, add(house, Shorten(HOUR))) == Outcome(2)
        ends = [mailbox.expires_at - NOW for mailbox in run(house.mailboxes.list_all())]
        assert ends == [HOUR - 1, HOUR, HOUR]

    def test_ends_with_the_very_second(self, house: TestAppliance) -> None:
        account = house.create()
        act(house, add(house, Shorten(MINUTE)))
        house.clock.now = NOW + MINUTE - 1
        house.deliver(account.address)
        house.clock.now = NOW + MINUTE
        with pytest.raises(NoSuchMailbox):
            house.deliver(account.address)

    def test_is_seen_by_who_waits(self, house: TestAppliance) -> None:
        account = house.create()
        inbox = run(house.logins.login(account.address, account.secret))
        folder = run(inbox.folder("INBOX"))
        noticed: list[None] = []
        house.appliance.hub.watch(folder.id, lambda: noticed.append(None))
        act(house, add(house, Shorten(MINUTE)))
        assert noticed == [None]


def test_report_counts(house: TestAppliance) -> None:
    run(house.domains.add("other.test"))
    house.create("a@box.test")
    house.create("b@box.test", 10)
    house.deliver("a@box.test")
    house.clock.now += 10
    boxes, others = DomainCount("box.test", 2, 1, 1, len(MESSAGE)), DomainCount("other.test", 0, 0, 0, 0)
    assert act(house, add(house)) == Outcome(2, 1, (boxes, others))
    assert act(house, add(house, domain="other.test", name="other")) == Outcome(0, 0, (others,))
    assert addresses(house) == ["a@box.test", "b@box.test"]


def test_runs_are_remembered(house: TestAppliance) -> None:
    house.create()
    schedule = add(house)
    act(house, schedule)
    changed = run(house.appliance.schedules.change(msgspec.structs.replace(schedule, action=Purge())))
    house.clock.now += 10
    act(house, changed)
    assert run(house.appliance.schedules.runs(schedule)) == [
        Run("purge", NOW + 10, NOW + 10, Outcome(1, 0)),
        Run("report", NOW, NOW, Outcome(1, 0)),
    ]


def test_a_failure_is_noted(house: TestAppliance) -> None:
    run(house.domains.add("other.test"))
    schedule = add(house, domain="other.test")
    run(house.domains.remove("other.test"))
    with pytest.raises(NoSuchDomain):
        act(house, schedule)
    kept = run(house.appliance.schedules.get("often"))
    assert (kept.last_run, kept.last_outcome) == (NOW, Outcome(error="NoSuchDomain (other.test)"))


def test_changes_are_audited(house: TestAppliance) -> None:
    schedules = house.appliance.schedules
    schedule = add(house)
    run(schedules.change(msgspec.structs.replace(schedule, action=Purge(60)), "operator"))
    run(schedules.pause("often", "operator"))
    run(schedules.resume("often", "operator"))
    run(schedules.run_now("often", "operator"))
    run(schedules.remove("often", "operator"))
    rows = house.appliance.handle.rows(
        "SELECT actor, action FROM audit WHERE subject = 'often' AND action LIKE 'schedule-%' ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        ("operator", f"schedule-{what}") for what in ("add", "change", "change", "change", "request", "remove")
    ]
