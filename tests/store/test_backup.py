"""Backups: what is in them, who may read them, and what going back to one does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.mailbox import INBOX
from tempmaild.errors import InvalidValue, StoreFailed
from tempmaild.store import backup as backups
from tempmaild.store.audit import AuditLog
from tempmaild.store.backup import RESTORED, FinishRestore, back_up, dump_command
from tempmaild.store.folders import CreateFolder, DeleteFolder
from tempmaild.store.mailboxes import EndLifetime, NewCredential
from tests.store.house import KEYS, creation
from tests.support import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.house import Store


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as copy:
        return copy.execute(sql).fetchall()


@pytest.fixture
def with_key(sqlite_store: Store) -> Store:
    """A store with a mailbox that has a wrapped key."""
    credential = NewCredential(b"\x07" * 32, wrapped=b"wrapped key of joe")
    change = creation(sqlite_store.domain.id, "joe@box.test", public_key=KEYS.public)
    sqlite_store.write(msgspec.structs.replace(change, credential=credential))
    return sqlite_store


class TestCopy:
    def test_has_everything_but_the_keys(self, with_key: Store, tmp_path: Path) -> None:
        target = tmp_path / "backup.db"
        back_up(with_key.handle, target)
        assert target.stat().st_mode & 0o777 == 0o600
        assert rows(target, "SELECT address FROM mailbox") == [("joe@box.test",)]
        assert rows(target, "SELECT name FROM sqlite_master WHERE name LIKE '%wrapped%'") == []
        assert b"wrapped key of joe" not in target.read_bytes()
        assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]

    def test_has_the_keys_in_a_file_of_their_own(self, with_key: Store, tmp_path: Path) -> None:
        target, keys = tmp_path / "backup.db", tmp_path / "backup-keys.db"
        back_up(with_key.handle, target, keys)
        assert keys.stat().st_mode & 0o777 == 0o600
        assert rows(keys, "SELECT data FROM wrapped_key") == [(b"wrapped key of joe",)]
        assert b"wrapped key of joe" not in target.read_bytes()

    def test_is_of_one_moment_while_others_write(self, with_key: Store, tmp_path: Path) -> None:
        mailbox = with_key.queries.mailbox("joe@box.test")
        assert mailbox is not None
        with_key.fill(with_key.folder(mailbox), 5)
        with closing(sqlite3.connect(with_key.path, isolation_level=None)) as other:
            # A transaction that is open keeps nobody from copying, and is not in the copy.
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM entry")
            back_up(with_key.handle, tmp_path / "backup.db")
            other.execute("ROLLBACK")
        assert rows(tmp_path / "backup.db", "SELECT count(*) FROM entry") == [(5,)]
        assert rows(tmp_path / "backup.db", "PRAGMA integrity_check") == [("ok",)]

    def test_overwrites_nothing(self, with_key: Store, tmp_path: Path) -> None:
        taken = tmp_path / "taken"
        taken.write_text("mine")
        for target, keys in ((taken, None), (tmp_path / "backup.db", taken), (tmp_path / "a", tmp_path / "a")):
            with pytest.raises(InvalidValue, match="not overwritten"):
                back_up(with_key.handle, target, keys)
        with pytest.raises(InvalidValue, match="not overwritten"):
            back_up(with_key.handle, with_key.path)
        assert taken.read_text() == "mine"
        assert not (tmp_path / "backup.db").exists()
        assert not (tmp_path / "a").exists()

    def test_that_fails_leaves_nothing(
        self, with_key: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(StoreFailed, match="cannot write the backup"):
            back_up(with_key.handle, tmp_path / "missing" / "backup.db")

        def full(_path: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(backups, "sync", full)
        with pytest.raises(StoreFailed, match="No space left"):
            back_up(with_key.handle, tmp_path / "backup.db", tmp_path / "keys")
        assert list(tmp_path.glob("backup*")) == []


class TestRestore:
    def test_gives_every_folder_a_uid_validity_that_it_never_had(self, store: Store) -> None:
        mailbox = store.mailbox()
        other = store.mailbox()
        # A folder that is gone had one far above the clock.
        store.now = NOW + 5000
        store.write(CreateFolder(mailbox.id, "a"))
        store.write(DeleteFolder(mailbox.id, "a"))
        store.now = NOW + 10
        before = {store.folder(box, name).uid_validity for box in (mailbox, other) for name in (INBOX, "Trash")}
        store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
        assert store.write(FinishRestore()) is True
        after = {store.folder(box, name).uid_validity for box in (mailbox, other) for name in (INBOX, "Trash")}
        assert min(after) > NOW + 5000 > max(before)
        # What comes after has one above that.
        assert store.write(CreateFolder(mailbox.id, "b")).uid_validity > max(after)

    def test_goes_by_the_clock_when_that_is_later(self, store: Store) -> None:
        mailbox = store.mailbox()
        store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
        store.now = NOW + 86_400
        store.write(FinishRestore())
        assert store.folder(mailbox).uid_validity == NOW + 86_400

    def test_gives_no_id_again_and_forgets_the_time(self, store: Store) -> None:
        last = store.mailbox().id
        store.handle.run("UPDATE counter SET value = 1 WHERE name = 'clock'")
        store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
        store.write(FinishRestore())
        assert store.mailbox().id > last + 2**32
        assert store.queries.counter("clock") == 0

    def test_is_finished_once(self, store: Store) -> None:
        assert store.write(FinishRestore()) is False
        store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
        assert store.group(FinishRestore(), FinishRestore()) == [True, False]
        assert [row.action for row in AuditLog(store.handle).rows(action="restore")] == ["restore"]
        assert AuditLog(store.handle).verify().problem == ""

    def test_of_keys_alone_brings_nothing_back(self, with_key: Store, tmp_path: Path) -> None:
        # The keys of before, under the database of now.
        back_up(with_key.handle, tmp_path / "b", tmp_path / "k")
        mailbox = with_key.queries.mailbox("joe@box.test")
        assert mailbox is not None
        with_key.write(EndLifetime((mailbox.id,)))
        assert rows(tmp_path / "k", "SELECT count(*) FROM wrapped_key") == [(1,)]
        assert with_key.count("keys.wrapped_key") == 0


class TestDump:
    def test_leaves_the_keys_and_the_password_out(self, tmp_path: Path) -> None:
        command = dump_command("postgresql://joe:hidden@db.test:5433/mail", tmp_path / "my backup")
        assert command.startswith(f"pg_dump --format=custom --exclude-schema=keys '--file={tmp_path}/my backup' ")
        assert "hidden" not in command
        for word in ("user=joe", "host=db.test", "port=5433", "dbname=mail"):
            assert word in command
