"""Opening a database: SQLite or PostgreSQL, tuned, and migrated to the schema of this program."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Database, PostgresqlDatabase, SqliteDatabase
from playhouse.migrations import Runner

from tempmaild.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

MIGRATIONS = Path(__file__).with_name("migrations")

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    # FULL: a commit is on the disk before it is answered; NORMAL would lose the last ones with the power.
    "synchronous": "full",
    "foreign_keys": 1,
    "temp_store": "memory",
    # KiB when negative. Every thread that reads has a cache of its own.
    "cache_size": -32768,
    # Pages. Checkpoints are the writer's only long pause; rare ones write a page that changed often only once.
    "wal_autocheckpoint": 4000,
    "journal_size_limit": 64 << 20,
}
_LOCK_PATIENCE = 30
"""Seconds that a writer waits for another process (the command line beside the daemon)."""


def open_database(url: str, sqlite_path: Path) -> Database:
    """Open the database that `url` names, the SQLite file when it is empty, and bring its schema up to date.

    Raises:
        StoreFailed: it cannot be opened, or was made by a newer program.
    """
    if url:
        database: Database = PostgresqlDatabase(url, prefer_psycopg3=True)
    else:
        database = SqliteDatabase(str(sqlite_path), pragmas=_SQLITE_PRAGMAS, timeout=_LOCK_PATIENCE)
    try:
        database.connect(reuse_if_open=True)
        _migrate(database, sqlite_path)
    except StoreFailed:
        raise
    except Exception as error:
        raise StoreFailed(f"cannot open the database: {error}") from error
    return database


def _migrate(database: Database, sqlite_path: Path) -> None:
    runner = Runner(database, str(MIGRATIONS))
    status = runner.status()
    unknown = [migration.name for migration in status if migration.path is None]
    if unknown:
        raise StoreFailed(f"the database was made by a newer tempmaild (it has {', '.join(unknown)})")
    pending = [migration for migration in status if not migration.applied]
    if not pending:
        return
    if len(pending) < len(status) and isinstance(database, SqliteDatabase):
        _back_up(database, sqlite_path.with_suffix(f".before-{pending[0].name}.db"))
    runner.up()


def _back_up(database: SqliteDatabase, target: Path) -> None:
    target.unlink(missing_ok=True)
    database.execute_sql("VACUUM INTO ?", (str(target),))
    shutil.copymode(database.database, target)


class Handle:
    """Plain SQL on the calling thread's connection, past peewee's query objects, which cost more than the query."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sqlite = isinstance(database, SqliteDatabase)
        self._text: Callable[[str], str] = str if self.sqlite else _for_psycopg

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Give all rows. Parameters are written `?` for both databases."""
        rows: list[Any] = self._execute(sql, parameters).fetchall()
        return rows

    def row(self, sql: str, *parameters: object) -> Any | None:
        """Give the first row, None without one."""
        return self._execute(sql, parameters).fetchone()

    def run(self, sql: str, *parameters: object) -> int:
        """Change something; the number of rows that changed."""
        changed: int = self._execute(sql, parameters).rowcount
        return changed

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run `sql` once for each of `rows`."""
        self.database.connection().cursor().executemany(self._text(sql), rows)

    def transaction(self) -> AbstractContextManager[object]:
        """Give a context whose end is a commit, or a rollback if it raises."""
        # IMMEDIATE waits for another process's write lock; a deferred transaction would fail when it starts to write.
        context: AbstractContextManager[object] = self.database.atomic(*(("IMMEDIATE",) if self.sqlite else ()))
        return context

    def others_version(self) -> int:
        """Give a number that changes when another connection than this thread's has changed an SQLite database."""
        row = self.row("PRAGMA data_version") if self.sqlite else None
        return row[0] if row else 0

    def close(self) -> None:
        """Close the calling thread's connection."""
        self.database.close()

    def _execute(self, sql: str, parameters: Sequence[object]) -> Any:
        return self.database.connection().execute(self._text(sql), parameters)


@cache
def _for_psycopg(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
