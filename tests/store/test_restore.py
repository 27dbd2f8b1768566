"""Going back to a backup: what comes back, and what does not."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import InvalidValue, NoSuchMailbox, StoreFailed, WrongCredentials
from tempmaild.settings import Settings
from tempmaild.store.audit import AuditLog
from tempmaild.store.backup import back_up, file_in, remove_old
from tempmaild.store.disk import lock_state
from tempmaild.store.restore import remove_unfinished, restore
from tempmaild.store.vault import open_vault
from tests.support import NOW, TestAppliance, make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.mailbox import Mailbox
    from tempmaild.store.restore import Restored


class House:
    """An appliance that can be closed, gone back with, and opened again."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.backup, self.keys = folder / "backup.db", folder / "backup-keys.db"
        self.settings = Settings.model_validate({"host": {"name": "mx.box.test", "state": self.state}})
        self.open = make_appliance(self.state)

    def back_up(self, *, with_keys: bool = False) -> None:
        back_up(self.open.appliance.handle, self.backup, self.keys if with_keys else None)

    def restore(self, *, with_keys: bool = False, now: int = NOW) -> Restored:
        self.open.close()
        vault = open_vault("mx.box.test", self.settings.signing_key_path)
        done = restore(self.backup, self.keys if with_keys else None, self.settings.sqlite_path, vault, now)
        self.open.clock.now = now
        again = TestAppliance.__new__(TestAppliance)
        appliance = open_appliance(self.settings, clock=self.open.clock)
        again.__dict__.update(self.open.__dict__, appliance=appliance, logins=appliance.logins)
        again.__dict__.update(mailboxes=appliance.mailboxes, deliveries=appliance.deliveries)
        self.open = again
        return done

    def find(self, address: str) -> Mailbox:
        return run(self.open.mailboxes.find(address))

    def login(self, address: str, secret: str) -> None:
        run(self.open.logins.login(address, secret))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_was_there_is_there_again(house: House) -> None:
    joe = house.open.create("joe@box.test")
    house.open.deliver("joe@box.test")
    house.back_up()
    later = house.open.create("later@box.test")
    done = house.restore()
    # The keys of today open what came from the backup.
    house.login("joe@box.test", joe.secret)
    with pytest.raises(NoSuchMailbox):
        house.find(later.address)
    assert done.destroyed == 0
    assert done.kept == house.state / "tempmaild.before-restore.db"
    log = AuditLog(house.open.appliance.handle)
    assert [row.action for row in log.rows(action="restore")] == ["restore"]
    assert log.verify().problem == ""
    assert not (house.state / "restoring").exists()


def test_what_was_destroyed_does_not_come_back(house: House) -> None:
    joe = house.open.create("joe@box.test")
    house.open.create("ann@box.test")
    house.back_up(with_keys=True)
    run(house.open.mailboxes.destroy(house.find("joe@box.test")))
    assert house.restore().destroyed == 1
    # Nobody opens it any more, and the next sweep erases it.
    with pytest.raises(WrongCredentials):
        house.login("joe@box.test", joe.secret)
    assert run(house.open.mailboxes.purge()).mailboxes == 1
    with pytest.raises(NoSuchMailbox):
        house.find("joe@box.test")
    house.find("ann@box.test")


def test_what_has_expired_does_not_come_back(house: House) -> None:
    joe = house.open.create("joe@box.test", Lifetime(3600))
    house.back_up()
    house.restore(now=NOW + 3600)
    with pytest.raises(WrongCredentials):
        house.login("joe@box.test", joe.secret)
    assert run(house.open.mailboxes.purge()).mailboxes == 1


def test_lost_keys_come_from_their_copy_but_not_those_of_what_was_destroyed(house: House) -> None:
    joe, ann = house.open.create("joe@box.test"), house.open.create("ann@box.test")
    house.back_up(with_keys=True)
    run(house.open.mailboxes.destroy(house.find("joe@box.test")))
    house.open.appliance.handle.run("PRAGMA keys.wal_checkpoint(TRUNCATE)")
    with pytest.raises(InvalidValue, match=r"keys\.db is there"):
        house.restore(with_keys=True)
    (house.state / "keys.db").unlink()
    house.restore(with_keys=True)
    house.login("ann@box.test", ann.secret)
    with pytest.raises(WrongCredentials):
        house.login("joe@box.test", joe.secret)
    assert house.open.appliance.handle.row("SELECT count(*) FROM keys.wrapped_key") == (1,)


def test_a_log_of_lost_keys_is_not_taken_over_into_their_copy(house: House) -> None:
    joe = house.open.create("joe@box.test")
    house.back_up(with_keys=True)
    house.open.create("ann@box.test")
    log = (house.state / "keys.db-wal").read_bytes()
    house.open.close()
    (house.state / "keys.db").unlink()
    (house.state / "keys.db-wal").write_bytes(log)
    house.restore(with_keys=True)
    house.login("joe@box.test", joe.secret)
    assert house.open.appliance.handle.row("SELECT count(*) FROM keys.wrapped_key") == (1,)


@pytest.mark.parametrize("with_keys", [False, True])
def test_there_is_a_database_whenever_the_power_fails(
    house: House, monkeypatch: pytest.MonkeyPatch, *, with_keys: bool
) -> None:
    joe = house.open.create("joe@box.test")
    house.back_up(with_keys=True)
    house.open.close()
    vault = open_vault("mx.box.test", house.settings.signing_key_path)
    for count in range(100):
        if with_keys:
            (house.state / "keys.db").unlink()
        with monkeypatch.context() as patched:
            _fail_after(count, patched)
            with suppress(StoreFailed):
                restore(house.backup, house.keys if with_keys else None, house.settings.sqlite_path, vault, NOW)
                break
        remove_unfinished(house.settings.sqlite_path)
        appliance = open_appliance(house.settings, clock=house.open.clock)
        with closing(appliance.handle):
            run(appliance.mailboxes.find("joe@box.test"))
    assert 3 < count < 99
    house.open = make_again(house)
    house.login("joe@box.test", joe.secret)


def _fail_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no change of a folder come about after so many."""
    done = 0

    def failing(real: Any) -> Any:
        def change(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            done += 1
            if done > count:
                raise OSError("no power")
            return real(*args, **kwargs)

        return change

    for name in ("link", "rename", "replace", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))


def test_a_database_that_was_begun_anew_says_nothing_of_what_was_destroyed(house: House) -> None:
    run(house.open.domains.add("more.test"))
    house.open.create("joe@box.test")
    house.back_up()
    house.open.close()
    for file in ("tempmaild.db", "keys.db"):
        (house.state / file).unlink()
    house.open = make_appliance(house.state)
    assert house.restore().destroyed is None
    house.find("joe@box.test")


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000, None])
def test_a_damaged_or_lost_database_is_replaced(house: House, content: bytes | None) -> None:
    house.open.create("joe@box.test")
    house.back_up()
    house.open.close()
    database = house.settings.sqlite_path
    database.unlink()
    if content is not None:
        database.write_bytes(content)
    done = house.restore()
    house.find("joe@box.test")
    assert done.destroyed is None
    assert (done.kept is None) == (content is None)


class TestRefused:
    def test_while_somebody_works_with_the_database(self, house: House) -> None:
        house.back_up()
        with closing(sqlite3.connect(house.settings.sqlite_path)) as other:
            other.execute("SELECT count(*) FROM mailbox").fetchone()
            with pytest.raises(StoreFailed, match="stop the daemon and the console"):
                house.restore()

    def test_while_a_daemon_has_the_folder(self, tmp_path: Path) -> None:
        with lock_state(tmp_path), pytest.raises(StoreFailed, match="another tempmaild runs"):
            lock_state(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"not a database" * 1000, "another", "cut"])
    def test_what_is_no_backup_and_everything_stays(self, house: House, content: bytes | str) -> None:
        joe = house.open.create("joe@box.test")
        house.back_up()
        if content == "another":
            house.backup.unlink()
            with closing(sqlite3.connect(house.backup)) as other:
                other.execute("CREATE TABLE something (id)")
        else:
            whole = house.backup.read_bytes()
            house.backup.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
        with pytest.raises(InvalidValue):
            house.restore()
        house.open = make_again(house)
        house.login("joe@box.test", joe.secret)
        assert not list(house.state.glob("*before-restore*"))

    def test_what_is_missing(self, house: House) -> None:
        with pytest.raises(InvalidValue, match="no such file"):
            house.restore()

    def test_what_a_newer_program_has_written(self, house: House) -> None:
        house.back_up()
        with closing(sqlite3.connect(house.backup)) as backup, backup:
            backup.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2040-01-01')")
        with pytest.raises(StoreFailed, match="newer tempmaild"):
            house.restore()
        assert not list(house.state.glob("*before-restore*"))


def make_again(house: House) -> TestAppliance:
    again = TestAppliance.__new__(TestAppliance)
    appliance = open_appliance(house.settings, clock=house.open.clock)
    again.__dict__.update(house.open.__dict__, appliance=appliance, logins=appliance.logins)
    return again


class TestRetention:
    def test_removes_what_is_old_but_never_the_latest(self, tmp_path: Path) -> None:
        day = 86_400
        files = [file_in(tmp_path / "backups", NOW - age * day) for age in (1, 5, 8, 9)]
        others = [tmp_path / "backups" / name for name in ("tempmaild.db", "tempmaild-.db", "tempmaild-2.db", "x")]
        for path in files + others:
            path.touch()
        assert remove_old(tmp_path / "backups", NOW - 7 * day) == files[:1:-1]
        assert {*(tmp_path / "backups").iterdir()} == {*files[:2], *others}
        assert remove_old(tmp_path / "backups", NOW + day) == [files[1]]
        assert files[0].exists()

    def test_a_folder_that_cannot_be_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreFailed, match="cannot make"):
            file_in(tmp_path / "file" / "folder", NOW)
