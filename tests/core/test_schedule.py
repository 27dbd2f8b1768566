"""When schedules are due, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tempmaild.core.lifetime import LONGEST
from tempmaild.core.schedule import (
    Action,
    Cron,
    DomainCount,
    Every,
    Outcome,
    Purge,
    Report,
    Schedule,
    Shorten,
    Timing,
    action_of_text,
    arguments_to_text,
    make_action,
    outcome_of_text,
    outcome_to_text,
    timing_of_text,
    timing_to_text,
)
from tempmaild.core.timespan import DAY, HOUR, MINUTE
from tempmaild.errors import InvalidValue
from tests.support import NOW


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def schedule(timing: Timing, last_due: int = NOW, action: Action | None = None) -> Schedule:
    return Schedule("nightly", "", action or Report(), timing, id=1, created_at=NOW, last_due=last_due)


def due_times(line: str, after: str, count: int) -> list[str]:
    moment = at(after)
    times = []
    for _ in range(count):
        due = schedule(Cron(line)).next_due(moment)
        assert due is not None
        moment = due
        times.append(f"{datetime.fromtimestamp(moment, UTC):%m-%d %a %H:%M}")
    return times


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("* * * * *", ["01-01 Thu 00:01", "01-01 Thu 00:02"]),
        ("30 4 * * *", ["01-01 Thu 04:30", "01-02 Fri 04:30"]),
        ("*/20 12 * * *", ["01-01 Thu 12:00", "01-01 Thu 12:20", "01-01 Thu 12:40", "01-02 Fri 12:00"]),
        # 0 and 7 are Sunday, as in crontab(5).
        ("0 0 * * 0", ["01-04 Sun 00:00", "01-11 Sun 00:00"]),
        ("0 0 * * 7", ["01-04 Sun 00:00", "01-11 Sun 00:00"]),
        ("0 0 * * 1-5/2", ["01-02 Fri 00:00", "01-05 Mon 00:00", "01-07 Wed 00:00"]),
        ("0 0 * * 5-7", ["01-02 Fri 00:00", "01-03 Sat 00:00", "01-04 Sun 00:00", "01-09 Fri 00:00"]),
        ("0 0 * * Sat-SUN", ["01-03 Sat 00:00", "01-04 Sun 00:00"]),
        ("0 0 * * sun-mon", ["01-04 Sun 00:00", "01-05 Mon 00:00", "01-11 Sun 00:00"]),
        ("0 0 * * */3", ["01-03 Sat 00:00", "01-04 Sun 00:00", "01-07 Wed 00:00"]),
        ("0 0 * * 4/2", ["01-03 Sat 00:00", "01-08 Thu 00:00"]),
        # Either of the two days, as in crontab(5).
        ("0 0 13 * fri", ["01-02 Fri 00:00", "01-09 Fri 00:00", "01-13 Tue 00:00"]),
        ("0 0 1-7 feb *", ["02-01 Sun 00:00", "02-02 Mon 00:00"]),
        ("0 0 29 2 *", ["02-29 Tue 00:00", "02-29 Sun 00:00"]),
    ],
)
def test_cron_lines(line: str, times: list[str]) -> None:
    Cron(line).check()
    assert due_times(line, "2026-01-01T00:00:00", len(times)) == times


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("0 0 * * * *", "five fields"),
        ("60 0 * * *", "maximum"),
        ("0 24 * * *", "maximum"),
        ("0 0 0 * *", "minimum"),
        ("0 0 32 * *", "maximum"),
        ("0 0 * 13 *", "maximum"),
        ("0 0 * jen *", "month"),
        ("0 0 * jan! *", "no month"),
        ("0 0 * * 8", "no day of the week"),
        ("0 0 * * mon/2", "no day of the week"),
        ("0 0 * * fri-mon", "before it begins"),
        ("0 0 * * */0", "no step"),
        ("*/0 0 * * *", "higher than 0"),
        ("30-10 0 * * *", "must not be higher"),
        ("-1 0 * * *", "no minute"),
        ("1, 0 * * *", "no minute"),
        ("1.5 0 * * *", "no minute"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6 *", "never comes"),
    ],
)
def test_impossible_cron_lines(line: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason) as refused:
        schedule(Cron(line)).check()
    assert refused.value.field == "cron"


@pytest.mark.parametrize("seconds", [-1, 0, 9, LONGEST + 1])
def test_impossible_intervals(seconds: int) -> None:
    with pytest.raises(InvalidValue, match=f"every: {seconds} is not between 10 seconds and"):
        schedule(Every(seconds)).check()


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "é", "a" * 65, "a\n"])
def test_impossible_names(name: str) -> None:
    with pytest.raises(InvalidValue, match="name: "):
        msgspec.structs.replace(schedule(Every(10)), name=name).check()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("erase", {}, "action: 'erase' is none of purge, shorten, report"),
        ("purge", {"to": 60}, "to: purge has no such argument"),
        ("purge", {"older_than": -1}, "older_than: -1 is not between"),
        ("purge", {"older_than": LONGEST + 1}, "older_than: "),
        ("shorten", {}, "to: shorten needs it"),
        ("shorten", {"to": 9}, "to: 9 is not between 10 seconds and"),
        ("shorten", {"to": LONGEST + 1}, "to: "),
        ("report", {"older_than": 0}, "older_than: report has no such argument"),
    ],
)
def test_impossible_actions(name: str, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        make_action(name, arguments)
    assert str(refused.value).startswith(message)


def test_bounds_are_possible() -> None:
    for action in (Purge(), Purge(LONGEST), Shorten(10), Shorten(LONGEST), Report()):
        for timing in (Every(10), Every(LONGEST), Cron("* * * * *")):
            schedule(timing, action=action).check()
    assert make_action("purge", {}) == Purge(0)
    assert make_action("shorten", {"to": 60}) == Shorten(60)


def test_intervals_count_from_the_making() -> None:
    every = schedule(Every(MINUTE))
    assert every.next_due(NOW - DAY) == NOW + MINUTE
    assert every.next_due(NOW) == NOW + MINUTE
    assert every.next_due(NOW + MINUTE - 1) == NOW + MINUTE
    assert every.next_due(NOW + MINUTE) == NOW + 2 * MINUTE


class TestMissed:
    def test_begins_with_the_very_second(self) -> None:
        every = schedule(Every(10))
        assert every.missed(NOW + 9) is None
        assert every.missed(NOW + 10) == NOW + 10
        assert not every.is_waiting(NOW + 9)
        assert every.is_waiting(NOW + 10)

    def test_ends_with_the_run(self) -> None:
        every = schedule(Every(10), last_due=NOW + 10)
        assert every.missed(NOW + 19) is None
        assert every.missed(NOW + 20) == NOW + 20

    def test_is_the_latest_of_many(self) -> None:
        assert schedule(Every(10)).missed(NOW + 10 * 365 * DAY + 9) == NOW + 10 * 365 * DAY
        cron = schedule(Cron("30 4 * * *"), last_due=at("2026-06-01T04:30:00"))
        assert cron.missed(at("2026-06-02T04:29:59")) is None
        assert cron.missed(at("2026-06-02T04:30:00")) == at("2026-06-02T04:30:00")
        assert cron.missed(at("2027-09-09T04:29:59")) == at("2027-09-08T04:30:00")
        each_minute = schedule(Cron("* * * * *"))
        assert each_minute.missed(NOW + 3 * 365 * DAY) == (NOW + 3 * 365 * DAY) // 60 * 60

    @pytest.mark.parametrize("timing", [Every(10), Every(17), Cron("*/7 3-5 * * *"), Cron("0 0 13 * fri")])
    def test_is_what_going_through_all_times_gives(self, timing: Timing) -> None:
        kept = schedule(timing)
        for now in range(NOW, NOW + 40 * DAY, 5 * DAY + HOUR // 2 + 7):
            latest, moment = None, NOW
            while (due := kept.next_due(moment)) is not None and due <= now:
                latest = moment = due
            assert kept.missed(now) == latest

    def test_is_nothing_while_it_is_paused(self) -> None:
        paused = msgspec.structs.replace(schedule(Every(10)), enabled=False)
        assert paused.missed(NOW + DAY) is None
        assert paused.next_due(NOW) is None
        assert msgspec.structs.replace(paused, requested=1).is_waiting(NOW)

    def test_goes_by_the_daemon_whose_clock_is_ahead(self) -> None:
        assert schedule(Every(10), last_due=NOW + HOUR).missed(NOW + 10) is None

    def test_does_not_wait_for_a_time_that_was_wrong(self) -> None:
        run_in_the_future = schedule(Every(10), last_due=NOW + DAY)
        assert run_in_the_future.missed(NOW + 30) == NOW + 30


def test_texts_give_back_what_they_were_made_of() -> None:
    for action in (Purge(60), Shorten(60), Report()):
        assert action_of_text(action.name, arguments_to_text(action)) == action
    for timing in (Every(60), Cron("0 4 * * *")):
        assert timing_of_text(timing.name, timing_to_text(timing)) == timing
    outcome = Outcome(1, 2, (DomainCount("box.test", 1, 0, 2, 3),), ended_early=True, error="é")
    assert outcome_of_text(outcome_to_text(outcome)) == outcome
    assert outcome_of_text("") is None


class TestComing:
    def test_is_as_many_as_were_asked_for(self) -> None:
        daily = Schedule("a", "", Report(), Cron("0 0 * * *"))
        assert daily.coming(0, 3) == [86_400, 2 * 86_400, 3 * 86_400]
        often = Schedule("a", "", Report(), Every(10), created_at=5)
        assert often.coming(25, 2) == [35, 45]
        assert often.coming(25, 0) == []

    def test_is_nothing_where_nothing_comes(self) -> None:
        assert Schedule("a", "", Report(), Cron("0 0 31 4 *")).coming(0, 5) == []
        assert Schedule("a", "", Report(), Every(10), enabled=False).coming(0, 5) == []


@pytest.mark.parametrize(
    ("line", "comes"),
    [
        ("0 0 30 2 *", False),
        ("0 0 31 feb,apr,jun *", False),
        ("0 0 30-31 2 *", False),
        ("0 0 31 4-5 *", True),
        ("0 0 29 2 *", True),
        ("0 0 29-31 2 *", True),
        # Each of both days is enough.
        ("0 0 30 2 mon", True),
        ("0 0 */30 2 *", True),
    ],
)
def test_days_that_no_year_has_never_come(line: str, comes: bool) -> None:
    assert (Cron(line).next(0) is not None) == comes
