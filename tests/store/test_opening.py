"""A database is made, migrated after a backup, and refused when it is newer than the program."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.address import skeleton
from tempmaild.errors import StoreFailed
from tempmaild.store import models, opening
from tempmaild.store.opening import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from peewee import Database

    from tempmaild.store.database import Handle
    from tests.postgres import Postgres
    from tests.store.house import Store

_SECOND = """\
def up(migrator, database):
    assert database.execute_sql("SELECT count(*) FROM domain").fetchone() == (1,)
    database.execute_sql("CREATE TABLE second (id INTEGER)")
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a program that has one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(opening.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "0099_second.py").write_text(_SECOND)
    return folder


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_models_are_what_the_migrations_make(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        migrated, modelled = open_database("", tmp_path / "a.db"), _empty("", tmp_path / "b.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        migrated = open_database(server.create(migrated=False), tmp_path / "none")
        modelled = _empty(server.create(migrated=False), tmp_path / "none")
    with closing(migrated), closing(modelled):
        # An option of the table on SQLite, which peewee would write for PostgreSQL as well.
        models.Entry._meta.without_rowid = kind == "sqlite"
        with modelled.database.bind_ctx(models.TABLES):
            modelled.database.create_tables(models.TABLES)
        tables = {model._meta.table_name for model in models.TABLES}
        assert set(migrated.database.get_tables()) == tables | {"schema_migration"}
        for table in tables:
            assert _shape(migrated.database, table) == _shape(modelled.database, table)


def _empty(url: str, path: Path) -> Handle:
    """Open a database without a schema."""
    return open_database(url, path, path.parent / "no-migrations")


def _shape(database: Database, table: str) -> list[Any]:
    columns = [(c.name, c.data_type, c.null, c.primary_key) for c in database.get_columns(table)]
    indexes = sorted((tuple(index.columns), index.unique) for index in database.get_indexes(table))
    references = sorted((key.column, key.dest_table, key.dest_column) for key in database.get_foreign_keys(table))
    return [columns, indexes, references]


def test_opening_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    open_database(store.url, store.path).close()
    assert store.queries.domain("box.test") is not None
    assert not list(tmp_path.glob("*before*"))


def test_a_newer_database_is_refused(store: Store, newer: Path) -> None:
    open_database(store.url, store.path, newer).close()
    with pytest.raises(StoreFailed, match=r"newer tempmaild \(it has 0099_second\)"):
        open_database(store.url, store.path)


def test_a_backup_comes_before_a_migration(
    sqlite_store: Store, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_store.path.chmod(0o600)
    flushed: list[Path] = []
    monkeypatch.setattr(opening, "sync", flushed.append)
    open_database("", sqlite_store.path, newer).close()
    backup = tmp_path / "tempmaild.before-0099_second.db"
    assert flushed == [backup]
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT name FROM domain").fetchall() == [("box.test",)]
        assert copy.execute("SELECT name FROM sqlite_master WHERE name = 'second'").fetchall() == []
    assert sqlite_store.handle.rows("SELECT * FROM second") == []


def test_a_migration_that_fails_changes_nothing(store: Store, newer: Path) -> None:
    script = newer / "0099_second.py"
    script.write_text(_SECOND + "    raise ValueError('wrong')\n")
    for _ in range(2):
        with pytest.raises(StoreFailed, match="wrong"):
            open_database(store.url, store.path, newer)
    assert "second" not in store.handle.database.get_tables()
    script.write_text(_SECOND)
    open_database(store.url, store.path, newer).close()
    assert "second" in store.handle.database.get_tables()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_addresses_of_before_are_written_anew(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = "" if kind == "sqlite" else request.getfixturevalue("postgres").create(migrated=False)
    path, first = tmp_path / "tempmaild.db", tmp_path / "first"
    first.mkdir()
    shutil.copy(opening.MIGRATIONS / "0001_initial.py", first)
    before = ["joe@box.test", "straße@box.test", "groß@box.test", "gross@box.test", "\u200b@box.test"]
    with closing(open_database(url, path, first)) as handle:
        handle.run("INSERT INTO domain (id, name, created_at) VALUES (1, 'box.test', 1)")
        for number, address in enumerate(before):
            handle.run(
                "INSERT INTO mailbox (id, domain_id, address, created_at, expires_at, inbox_id)"
                " VALUES (?, 1, ?, 1, 2, ?)",
                *(number, address, number),
            )
    with closing(open_database(url, path)) as handle:
        rows = handle.rows("SELECT address, skeleton, ends_at, used_at FROM mailbox ORDER BY id")
    after = ["joe@box.test", "strasse@box.test", "groß@box.test", "gross@box.test", "\u200b@box.test"]
    assert rows == [(address, skeleton(address), 2, 1) for address in after]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_together_migrate_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = "" if kind == "sqlite" else request.getfixturevalue("postgres").create(migrated=False)
    together = threading.Barrier(4)
    problems: list[Exception] = []

    def start() -> None:
        together.wait()
        try:
            open_database(url, tmp_path / "tempmaild.db").close()
        except StoreFailed as error:
            problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_database_that_was_lost_is_not_begun_anew(sqlite_store: Store) -> None:
    store = sqlite_store
    store.handle.run("INSERT INTO keys.wrapped_key VALUES (1, ?, ?)", store.mailbox().id, b"key")
    store.handle.close()
    store.path.unlink()
    for _ in range(2):
        with pytest.raises(StoreFailed, match=r"missing or empty, but .*keys\.db has keys of mailboxes"):
            open_database("", store.path)
    with closing(sqlite3.connect(store.path.with_name("keys.db"))) as keys:
        assert keys.execute("SELECT data FROM wrapped_key").fetchall() == [(b"key",)]


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tempmaild.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreFailed, match="cannot open the database"):
        open_database("", tmp_path / "tempmaild.db")
    with pytest.raises(StoreFailed, match="cannot open the database"):
        open_database("", tmp_path / "missing" / "tempmaild.db")
    with pytest.raises(StoreFailed, match="cannot open the database"):
        open_database(f"postgresql:///none?host={tmp_path}", tmp_path)
