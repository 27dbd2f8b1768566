"""Noting, putting away, finding, forgetting; and what is only counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.mail_log import Event, Outcome
from tempmaild.errors import InvalidValue, StoreFailed
from tempmaild.service.mail_log import LEFT_OUT, LOST, MANY, Search
from tempmaild.settings.mail_log import MailLog as Settings
from tests.support import TestAppliance, run

if TYPE_CHECKING:
    from tempmaild.core.mail_log import Entry
    from tempmaild.service.mail_log import MailLog
    from tempmaild.store.mail_log import AddToMailLog

_ACCEPTED = Outcome("accept", "", "250 2.0.0 Ok")
_REFUSED = Outcome("refuse", "no-such-mailbox", "550 5.1.1 No")
_LATER = Outcome("later", "too-fast", "450 4.7.0 Later")


@pytest.fixture
def log(house: TestAppliance) -> MailLog:
    return house.appliance.mail_log


def note(house: TestAppliance, outcome: Outcome = _ACCEPTED, **changes: Any) -> None:
    values: dict[str, Any] = {
        "at": house.clock(),
        "queue_id": "s1-1",
        "stage": "data",
        "client": "192.0.2.1",
        "helo": "mail.example.org",
        "sender": "joe@example.org",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "",
    }
    house.appliance.mail_log.note(Event(**values | changes, outcome=outcome))


def rows(log: MailLog, **search: Any) -> list[Entry]:
    return run(log.page(Search(**search), limit=10_000)).rows


def counted(house: TestAppliance, name: str) -> int:
    run(house.appliance.statistics.flush())
    return run(house.appliance.statistics.totals(3600)).get(name, 0)


def rest() -> Any:
    async def nothing() -> None:
        return

    return nothing()


class TestNoting:
    def test_is_not_yet_keeping(self, house: TestAppliance, log: MailLog) -> None:
        note(house)
        assert rows(log) == []
        run(log.flush())
        assert len(rows(log)) == run(log.count()) == 1
        run(log.flush())
        assert run(log.count()) == 1

    def test_many_is_told_once(self, house: TestAppliance, log: MailLog) -> None:
        told: list[int] = []
        log.on_many = lambda: told.append(1)
        for _ in range(MANY + 500):
            note(house)
        assert told == [1]
        run(log.flush())
        assert run(log.count()) == MANY + 500
        assert len({row.id for row in rows(log)}) == MANY + 500

    def test_beyond_what_memory_may_hold_is_counted(
        self, house: TestAppliance, log: MailLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild.service.mail_log._MOST_WAITING", 5)
        for _ in range(8):
            note(house)
        run(log.flush())
        assert run(log.count()) == 5
        assert counted(house, LEFT_OUT) == 3

    @pytest.mark.parametrize("outcome", [_REFUSED, _LATER])
    def test_a_flood_of_refusals_is_counted(self, house: TestAppliance, log: MailLog, outcome: Outcome) -> None:
        log.change(Settings(refusals_an_hour=3))
        house.clock.now -= house.clock.now % 3600
        for _ in range(10):
            note(house, outcome)
            note(house)
        run(log.flush())
        assert len(rows(log, disposition=outcome.disposition)) == 3
        assert len(rows(log, disposition="accept")) == 10, "what was taken is logged nevertheless"
        assert counted(house, LEFT_OUT) == 7
        house.clock.now += 3600
        note(house, outcome)
        run(log.flush())
        assert len(rows(log, disposition=outcome.disposition)) == 4

    def test_nothing_where_no_log_is_kept(self, house: TestAppliance, log: MailLog) -> None:
        note(house)
        run(log.flush())
        log.change(Settings(keep_seconds=0))
        note(house)
        run(log.flush())
        assert run(log.count()) == 1
        run(log.forget(rest))
        assert run(log.count()) == 0
        assert counted(house, LEFT_OUT) == 0

    def test_what_cannot_be_put_away_is_counted(
        self, house: TestAppliance, log: MailLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild.service.mail_log._TOGETHER", 2)
        for _ in range(5):
            note(house)

        async def write(_change: object) -> None:
            raise StoreFailed("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(log._access, "write", write)
            with pytest.raises(StoreFailed):
                run(log.flush())
        assert counted(house, LOST) == 2
        run(log.flush())
        assert run(log.count()) == 3

    def test_what_comes_meanwhile_waits_for_the_next_time(
        self, house: TestAppliance, log: MailLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild.service.mail_log._TOGETHER", 2)
        for _ in range(3):
            note(house)
        portions: list[int] = []

        async def write(change: AddToMailLog) -> None:
            portions.append(len(change.rows))
            note(house)
            note(house)

        with monkeypatch.context() as patched:
            patched.setattr(log._access, "write", write)
            run(log.flush())
        assert portions == [2, 2], "the last one is filled up"
        run(log.flush())
        assert run(log.count()) == 3

    def test_without_a_key_nothing_is_put_away(self, house: TestAppliance, log: MailLog) -> None:
        """And nobody who brings mail notices."""
        (house.state / "admin.key").write_bytes(b"too short")
        note(house)
        with pytest.raises(StoreFailed):
            run(log.flush())
        assert counted(house, LOST) == 1


class TestSearching:
    def test_finds_what_was_kept_under_other_settings(self, house: TestAppliance, log: MailLog) -> None:
        for addresses in ("shown", "hashed", "hidden"):
            log.change(Settings(addresses=addresses))
            note(house)
            run(log.flush())
        for search in ({"recipient": "Me@Box.Test"}, {"sender": "joe@example.org"}, {"sender": "@Example.org"}):
            assert len(rows(log, **search)) == 2, "the one that is hidden is found by nobody"
        assert len(rows(log, client="192.0.2.1")) == 2
        assert len(rows(log, client="192.0.2.0/24")) == 1, "of a network only what is shown"

    @pytest.mark.parametrize(
        ("sender", "found"),
        [
            ("joe@example.org", 1),
            ("joe@example.net", 0),
            ("example.org", 1),
            ("@example.org", 1),
            ("bücher.example", 1),
            ("Jo@BÜCHER.example", 1),
            ("<>", 1),
            ("", 3),
            ("  ", 3),
            ("org", 0),
        ],
    )
    def test_for_a_sender(self, house: TestAppliance, log: MailLog, sender: str, found: int) -> None:
        note(house)
        note(house, sender="")
        note(house, sender="jo@xn--bcher-kva.example")
        run(log.flush())
        assert len(rows(log, sender=sender)) == found

    def test_for_a_time(self, house: TestAppliance, log: MailLog) -> None:
        start = int(house.clock())
        for _ in range(3):
            note(house)
            house.clock.now += 10
        run(log.flush())
        assert len(rows(log, since=start + 10)) == 2
        assert len(rows(log, until=start + 10)) == 1
        assert len(rows(log, since=start + 10, until=start + 20)) == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("client", "nobody"),
            ("client", "192.0.2.1/24"),
            ("client", "\0"),
            ("sender", "a\nb"),
            ("recipient", "\0"),
            ("queue_id", "\ud800"),
            ("decided_by", "\x1b[31m"),
        ],
    )
    def test_for_what_cannot_be(self, log: MailLog, field: str, value: str) -> None:
        with pytest.raises(InvalidValue) as problem:
            rows(log, **{field: value})
        assert problem.value.field == field

    @pytest.mark.parametrize("entry_id", [-1, 0, 5, 2**63 - 1, 2**63, 10**30])
    def test_for_a_row_that_is_not_there(self, log: MailLog, entry_id: int) -> None:
        assert run(log.get(entry_id)) is None

    @pytest.mark.parametrize("before", [-1, 0, 2**63, 10**30])
    def test_from_a_place_that_is_none(self, house: TestAppliance, log: MailLog, before: int) -> None:
        note(house)
        run(log.flush())
        assert len(run(log.page(Search(), before)).rows) == 1


class TestForgetting:
    def test_what_is_too_old(self, house: TestAppliance, log: MailLog, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.mail_log._TOGETHER", 2)
        log.change(Settings(keep_seconds=100))
        rests: list[int] = []

        async def rest() -> None:
            rests.append(run(log.count()))

        for _ in range(5):
            note(house)
        run(log.flush())
        house.clock.now += 60
        note(house, queue_id="young")
        run(log.flush())
        house.clock.now += 41
        run(log.forget(rest))
        assert [row.queue_id for row in rows(log)] == ["young"]
        assert rests == [4, 2]

    def test_what_is_too_much(self, house: TestAppliance, log: MailLog) -> None:
        log.change(Settings(max_rows=1000))
        for number in range(1010):
            note(house, queue_id=str(number))
        run(log.flush())
        run(log.forget(rest))
        found = rows(log)
        assert len(found) == 1000
        assert (found[0].queue_id, found[-1].queue_id) == ("1009", "10")
