"""What is over is erased: mailboxes, single messages, keys that open nothing, and old backups."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild import log
from tempmaild.core.mailbox import INBOX, NewMessage
from tempmaild.errors import StoreFailed, WrongCredentials
from tempmaild.service.mailboxes import Purged
from tempmaild.service.sweep import Sweep
from tempmaild.store.access import Immediate
from tempmaild.store.arriving import Append
from tempmaild.store.mailboxes import DestroyMailboxes, EndLifetime
from tempmaild.store.messages import ExpireRead
from tempmaild.store.queries import Queries
from tempmaild.store.sweep import ClaimSweep
from tempmaild.store.vault import open_vault
from tempmaild.store.writer import commit
from tests.support import MESSAGE, NOW, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change
    from tests.support import Account, TestAppliance

_DAY = 86_400


def rows(house: TestAppliance, table: str) -> int:
    row = house.appliance.handle.row(f"SELECT count(*) FROM {table}")
    assert row
    count: int = row[0]
    return count


def write(house: TestAppliance, change: Change[Any]) -> Any:
    """Commit a change beside the services, as another daemon does."""
    vault = open_vault("mx.box.test", house.state / "receipts.key")
    ((result,), _) = commit(house.appliance.handle, vault, [change], int(house.clock.now))
    return result


def fill(house: TestAppliance, account: Account, count: int) -> list[int]:
    """Put messages into the INBOX of an account; their UIDs."""
    inbox = Queries(house.appliance.handle).folder(account.mailbox.id, INBOX)
    changes = [Append(inbox.id, (NewMessage(MESSAGE),)) for _ in range(count)]
    return [write(house, change).uids[0][1] for change in changes]


class Round:
    """A round of the sweep, with a note of what was there between its portions."""

    def __init__(self, house: TestAppliance) -> None:
        self.house = house
        self.between: list[tuple[int, int, int]] = []

    def __call__(self) -> Purged:
        return run(self.house.appliance.sweep.round(self._breathe))

    async def _breathe(self) -> None:
        tables = ("keys.wrapped_key", "mailbox", "entry")
        self.between.append((rows(self.house, tables[0]), rows(self.house, tables[1]), rows(self.house, tables[2])))


class TestMailboxes:
    def test_go_the_second_their_time_is_over(self, house: TestAppliance) -> None:
        account, kept = house.create(lifetime=100), house.create(lifetime=101)
        for one in (account, kept):
            house.deliver(one.address)
        house.clock.now = NOW + 99.9
        assert run(house.appliance.sweep.round()) == Purged(0, 0)
        house.clock.now = NOW + 100.0
        assert run(house.appliance.sweep.round()) == Purged(1, 1)
        assert list(run(house.mailboxes.list_all())) == [kept.mailbox]
        assert run(house.appliance.sweep.round()) == Purged(0, 0)

    def test_lose_all_their_keys_first(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._KEYS", 2)
        monkeypatch.setattr("tempmaild.service.mailboxes._TOGETHER", 2)
        for _ in range(5):
            house.deliver(house.create(lifetime=100).address)
        house.create(lifetime=200)
        house.clock.now = float(NOW + 100)
        sweep = Round(house)
        assert sweep() == Purged(5, 5)
        assert sweep.between == [(4, 6, 5), (2, 6, 5), (1, 6, 5), (1, 4, 3), (1, 2, 1), (1, 1, 0)]

    def test_go_in_portions(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._AT_ONCE", 4)
        for count in (1, 10, 2, 2):
            fill(house, house.create(lifetime=100), count)
        house.clock.now = float(NOW + 100)
        sweep = Round(house)
        assert sweep() == Purged(4, 15)
        entries = [entry for _, _, entry in sweep.between[1:]]
        assert entries == [14, 10, 6, 2, 0]

    def test_that_are_half_destroyed_are_finished(self, house: TestAppliance) -> None:
        """The keys are gone, as after a daemon that was killed, or a backup that was restored without them."""
        account = house.create(lifetime=100)
        house.deliver(account.address)
        write(house, EndLifetime((account.mailbox.id,)))
        assert rows(house, "keys.wrapped_key") == 0
        with pytest.raises(WrongCredentials):
            run(house.logins.login(account.address, account.secret))
        assert run(house.appliance.sweep.round()) == Purged(1, 1)

    def test_whose_end_was_put_off_meanwhile_live(self, house: TestAppliance) -> None:
        account = house.create(lifetime=100)
        house.deliver(account.address)
        house.clock.now = NOW + 50.0
        ids = (account.mailbox.id,)
        write(house, EndLifetime(ids, only_expired=True))
        destroyed = write(house, DestroyMailboxes(((ids[0], 0),), only_expired=True))
        assert (destroyed.mailboxes, destroyed.messages, destroyed.left) == (0, 0, ())
        run(house.logins.login(account.address, account.secret))

    def test_whose_keys_are_gone_do_not_come_back(self, house: TestAppliance) -> None:
        """What puts off the end of a mailbox goes by `ends_at`."""
        account = house.create(lifetime=100)
        handle = house.appliance.handle
        handle.run("UPDATE mailbox SET expires_at = ?, extend_until = ?", NOW + 50, NOW + _DAY)
        house.clock.now = NOW + 60.0
        write(house, EndLifetime((account.mailbox.id,), only_expired=True))
        row = handle.row("SELECT expires_at, ends_at, extend_until FROM mailbox")
        assert tuple(row or ()) == (NOW + 50, NOW + 60, 0)

    def test_that_cannot_be_destroyed_do_not_keep_the_others(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log.configure("error", "text", io.StringIO())
        accounts = [house.create(lifetime=100) for _ in range(5)]
        bad = accounts[1].mailbox

        def fail(*arguments: Any) -> None:
            if arguments[2] == bad.id:
                raise ZeroDivisionError

        monkeypatch.setattr("tempmaild.store.mailboxes.prove_destruction", fail)
        house.clock.now = float(NOW + 100)
        assert run(house.appliance.sweep.round()) == Purged(4, 0)
        assert list(run(house.mailboxes.list_all())) == [bad]
        monkeypatch.undo()
        assert run(house.appliance.sweep.round()) == Purged(1, 0)

    def test_that_all_cannot_be_destroyed_end_the_round(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._MOST_FAILURES", 2)
        for _ in range(5):
            house.create(lifetime=100)

        def fail(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("tempmaild.store.mailboxes.prove_destruction", fail)
        house.clock.now = float(NOW + 100)
        with pytest.raises(StoreFailed):
            run(house.appliance.sweep.round())

    def test_in_use_are_told(self, house: TestAppliance) -> None:
        account = house.create(lifetime=100)
        inbox = Queries(house.appliance.handle).folder(account.mailbox.id, INBOX)
        told: list[int] = []
        house.appliance.hub.watch(inbox.id, lambda: told.append(rows(house, "mailbox")))
        house.clock.now = float(NOW + 100)
        run(house.appliance.sweep.round())
        assert told == [1, 0], "when the keys go, and when all is gone"


class TestMessages:
    def test_go_when_their_own_time_is_over(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.sweep._MESSAGES", 2)
        queries = Queries(house.appliance.handle)
        accounts = [house.create(), house.create()]
        inboxes = [queries.folder(account.mailbox.id, INBOX) for account in accounts]
        for account, inbox in zip(accounts, inboxes, strict=True):
            fill(house, account, 4)
            write(house, ExpireRead(inbox.id, (1, 2, 4), 10))
        house.clock.now = NOW + 9.9
        assert run(house.appliance.sweep.round()) == Purged(0, 0)
        house.clock.now = NOW + 10.0
        assert run(house.appliance.sweep.round()) == Purged(0, 6)
        for inbox in inboxes:
            assert [entry.uid for entry in queries.entries(inbox.id)] == [3]
            # RFC 7162 §3.2.10: a client that comes back is told.
            assert queries.changes(inbox.id, 1).gone == (1, 2, 4)

    def test_of_a_folder_that_is_deleted_do_not_matter(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = iter([[(1, 1)], [(999_999, 1)], []])
        monkeypatch.setattr(Queries, "expired_entries", lambda *_: next(found))
        assert run(house.appliance.sweep.round()) == Purged(0, 0)


class TestClaim:
    def test_lets_one_daemon_sweep_at_a_time(self, house: TestAppliance) -> None:
        first = write(house, ClaimSweep(15))
        assert first == NOW + 15
        assert write(house, ClaimSweep(15)) == 0
        house.clock.now += 5
        renewed = write(house, ClaimSweep(15, first))
        assert renewed == NOW + 20
        house.clock.now += 14.9
        assert write(house, ClaimSweep(15)) == 0
        house.clock.now += 0.1
        assert write(house, ClaimSweep(15)) == NOW + 35
        assert write(house, ClaimSweep(15, renewed)) == 0, "who was too slow has lost it"

    def test_from_before_the_clock_was_set_back_is_void(self, house: TestAppliance) -> None:
        write(house, ClaimSweep(15))
        house.clock.now -= 365 * _DAY
        assert write(house, ClaimSweep(15)) == house.clock.now + 15

    def test_of_another_daemon_is_respected(self, house: TestAppliance) -> None:
        house.create(lifetime=100)
        house.clock.now = float(NOW + 100)
        write(house, ClaimSweep(15))
        assert run(house.appliance.sweep.round()) == Purged(0, 0)
        house.clock.now += 15
        assert run(house.appliance.sweep.round()) == Purged(1, 0)

    def test_is_made_longer_while_the_sweep_goes_on(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._TOGETHER", 1)
        for _ in range(10):
            house.create(lifetime=100)
        house.clock.now = float(NOW + 100)
        refused = []

        async def breathe() -> None:
            house.clock.now += 6
            refused.append(write(house, ClaimSweep(15)))

        assert run(house.appliance.sweep.round(breathe)) == Purged(10, 0)
        assert set(refused) == {0}

    def test_that_was_lost_ends_the_round(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._TOGETHER", 1)
        log.configure("error", "text", io.StringIO())
        for _ in range(3):
            house.create(lifetime=100)
        house.clock.now = float(NOW + 100)

        async def breathe() -> None:
            house.clock.now += 60
            write(house, ClaimSweep(15))

        run(house.appliance.sweep.round(breathe))
        assert rows(house, "mailbox") == 3, "only their keys are gone"


class TestLostKeys:
    def test_are_removed(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.sweep._KEYS", 2)
        kept = [house.create() for _ in range(3)]
        handle = house.appliance.handle
        for number in (1, 900_001, 900_002):
            handle.run(
                "INSERT INTO keys.wrapped_key (credential_id, mailbox_id, data) VALUES (?, 900000, ?)", number, b"key"
            )
        sweep = new_sweep(house)
        for _ in range(4):
            run(sweep.round())
        left = handle.rows("SELECT mailbox_id FROM keys.wrapped_key ORDER BY mailbox_id")
        assert [mailbox_id for (mailbox_id,) in left] == [account.mailbox.id for account in kept]


class TestBackups:
    def test_are_removed_after_a_day(self, house: TestAppliance) -> None:
        backup, other = house.state / "tempmaild.before-0002_lifetimes.db", house.state / "mine.before-x.db"
        for file in (backup, other):
            file.write_bytes(b"mail")
            os.utime(file, (NOW, NOW))
        sweep = new_sweep(house)
        house.clock.now = float(NOW + _DAY)
        run(sweep.round())
        assert backup.exists()
        house.clock.now += 3599
        run(sweep.round())
        assert backup.exists(), "it looks once an hour"
        house.clock.now += 1
        run(sweep.round())
        assert not backup.exists()
        assert other.exists()
        assert (house.state / "tempmaild.db").exists() or not house.appliance.handle.sqlite


def new_sweep(house: TestAppliance) -> Sweep:
    """Make a sweep as a daemon does that has just started."""
    handle: Handle = house.appliance.handle
    vault = open_vault("mx.box.test", house.state / "receipts.key")
    access = Immediate(handle, vault, house.clock, house.appliance.hub.publish)
    sqlite_path: Path = house.state / "tempmaild.db"
    return Sweep(access, Queries(handle), house.mailboxes, house.clock, sqlite_path, log.get_log("sweep"))
