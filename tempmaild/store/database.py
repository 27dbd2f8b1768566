"""Plain SQL on SQLite or PostgreSQL, past peewee's query objects, which cost more than the query."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from peewee import Database, PeeweeException, PostgresqlDatabase, SqliteDatabase
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_CHANNEL = "tempmaild"
"""Where processes on one PostgreSQL database tell each other in which folders something has happened."""

_SQLITE_PRAGMAS = {
    # Octets, for a new file. Twice the default makes messages of 1 MiB a sixth cheaper, small ones cost the same.
    "page_size": 8192,
    "journal_mode": "wal",
    # FULL: a commit is on the disk before it is answered; NORMAL would lose the last ones with the power.
    "synchronous": "full",
    "foreign_keys": 1,
    "temp_store": "memory",
    # KiB when negative. Every thread that reads has a cache of its own.
    "cache_size": -32768,
    # Pages. Checkpoints are the writer's only long pause; rare ones write a page that changed often only once.
    "wal_autocheckpoint": 2000,
    "journal_size_limit": 64 << 20,
    # What is deleted is overwritten, not only forgotten.
    "secure_delete": 1,
    "keys.page_size": 4096,
    "keys.journal_mode": "wal",
    "keys.synchronous": "full",
    "keys.secure_delete": 1,
}
_SCHEMAS = ("main", "keys")
_LOCK_PATIENCE = 30
"""Seconds that a writer waits for another process (the command line beside the daemon)."""

_POSTGRES_OPTIONS: dict[str, Any] = {
    "application_name": "tempmaild",
    "client_encoding": "utf8",
    # Seconds, and milliseconds for the last: a server that went without a word is noticed in half a minute.
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_EMPTIED = ("keys.wrapped_key", "content", "summary")
"""Tables in which PostgreSQL keeps what was deleted until they are vacuumed."""
_LONGEST_PAYLOAD = 7999
"""Octets that a NOTIFY can carry."""


def keys_beside(path: Path) -> Path:
    """Give the file in which an SQLite database's wrapped keys are."""
    return path.with_name("keys.db")


class Handle(ABC):
    """A database, by the calling thread's own connection. Parameters are written `?` for both kinds.

    Attributes:
        sqlite: whether this is SQLite, where a short read takes less time than a change of threads.
        among: the condition that a column's value is in a list; `listed` makes the list its parameter.
        failures: what is raised when the database fails.
        interferences: what is raised when another process came in between; a second attempt finds things in order.
    """

    sqlite: ClassVar[bool]
    among: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]]
    interferences: ClassVar[tuple[type[Exception], ...]]

    def __init__(self, database: Database) -> None:
        self.database = database

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Give all rows."""
        rows: list[Any] = self._execute(sql, parameters).fetchall()
        return rows

    def row(self, sql: str, *parameters: object) -> Any | None:
        """Give the first row, None without one."""
        return self._execute(sql, parameters).fetchone()

    def run(self, sql: str, *parameters: object) -> int:
        """Change something; the number of rows that changed."""
        changed: int = self._execute(sql, parameters).rowcount
        return changed

    @abstractmethod
    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each of `rows`."""

    @abstractmethod
    def listed(self, values: Collection[int]) -> object:
        """Make the parameter of `among`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Give a context whose end is a durable commit, or a rollback if it raises."""

    @abstractmethod
    def announce(self, folder_ids: Collection[int]) -> None:
        """Have other processes told, with the commit, in which folders something has happened."""

    @abstractmethod
    def others(self) -> set[int] | None:
        """Give the folders in which other processes have done something since the last call; None for anywhere."""

    @abstractmethod
    def forget(self) -> bool:
        """Have nothing left on the disk of what was deleted; False if that has to be tried again.

        Not inside a transaction.
        """

    @property
    def alarms(self) -> tuple[Any, ...]:
        """What becomes readable when `others` has news; without it one has to ask."""
        return ()

    @property
    def lost(self) -> bool:
        """Whether the connection was lost, and is made again when it is next used."""
        return self.database.is_closed()

    def close(self) -> None:
        """Close the calling thread's connection."""
        self.database.close()

    @abstractmethod
    def _execute(self, sql: str, parameters: Sequence[object]) -> Any: ...


class SqliteHandle(Handle):
    """SQLite in a file."""

    sqlite = True
    # One text for lists of any length, and no bound on it, unlike a row of question marks.
    among = "IN (SELECT value FROM json_each(?))"
    failures = (sqlite3.Error, PeeweeException)
    interferences = ()

    def __init__(self, path: Path) -> None:
        database = SqliteDatabase(str(path), pragmas=_SQLITE_PRAGMAS, timeout=_LOCK_PATIENCE)
        database.attach(str(keys_beside(path)), "keys")
        super().__init__(database)
        self._version = 0

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each of `rows`."""
        self.database.connection().executemany(sql, rows)

    def listed(self, values: Collection[int]) -> str:
        """Make the parameter of `among`."""
        return json.dumps(list(values))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Give a context whose end is a durable commit, or a rollback if it raises."""
        connection: sqlite3.Connection = self.database.connection()
        # IMMEDIATE waits for another process's write lock; a deferred transaction would fail when it starts to write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # SQLite ends it itself when the disk is full.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def announce(self, folder_ids: Collection[int]) -> None:
        """Do nothing: other processes see that the file has changed."""

    def others(self) -> set[int] | None:
        """Tell whether other connections than this thread's have changed anything since the last call."""
        row = self.row("PRAGMA data_version")
        assert row is not None
        known, self._version = self._version, row[0]
        return set() if self._version == known else None

    def forget(self) -> bool:
        """Take what is in the logs over into the files, where deleted content is overwritten, and empty the logs."""
        connection: sqlite3.Connection = self.database.connection()
        # A reader that is just at work is asked again later, not waited for.
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            done = [connection.execute(f"PRAGMA {name}.wal_checkpoint(TRUNCATE)").fetchone() for name in _SCHEMAS]
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_LOCK_PATIENCE * 1000}")
        return not any(busy for busy, _, _ in done)

    def _execute(self, sql: str, parameters: Sequence[object]) -> Any:
        return self.database.connection().execute(sql, parameters)


class PostgresHandle(Handle):
    """PostgreSQL. A connection that was lost is replaced by the next read or transaction."""

    sqlite = False
    among = "= ANY(?)"
    failures = (psycopg.Error, PeeweeException)
    interferences = (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.UniqueViolation,
        psycopg.errors.ForeignKeyViolation,
    )

    def __init__(self, url: str) -> None:
        given = conninfo_to_dict(url)
        options = {name: value for name, value in _POSTGRES_OPTIONS.items() if name not in given}
        super().__init__(PostgresqlDatabase(url, prefer_psycopg3=True, **options))
        self._listening: psycopg.Connection[Any] | None = None

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each of `rows`."""
        # psycopg sends many in one go; COPY was measured to be no faster, and slower for small groups.
        connection = self._connection()
        if len(rows) == 1:
            connection.execute(_for_psycopg(sql), rows[0])
        else:
            connection.cursor().executemany(_for_psycopg(sql), rows)

    def listed(self, values: Collection[int]) -> list[int]:
        """Make the parameter of `among`."""
        return list(values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Give a context whose end is a durable commit, or a rollback if it raises."""
        self._execute("BEGIN", ())
        connection = self._connection()
        try:
            yield
            # A transaction that has failed answers COMMIT with ROLLBACK.
            if connection.execute("COMMIT").statusmessage != "COMMIT":
                raise psycopg.OperationalError("the transaction was rolled back")
        except BaseException:
            self._roll_back(connection)
            raise

    def announce(self, folder_ids: Collection[int]) -> None:
        """Have other processes told, with the commit, in which folders something has happened."""
        if folder_ids:
            payload = " ".join(map(str, folder_ids))
            # An empty one stands for all folders.
            self.run("SELECT pg_notify(?, ?)", _CHANNEL, payload if len(payload) <= _LONGEST_PAYLOAD else "")

    def others(self) -> set[int] | None:
        """Give the folders in which other processes have done something since the last call; None for anywhere."""
        connection = self._connection()
        if connection is not self._listening:
            connection.execute(f"LISTEN {_CHANNEL}")
            self._listening = connection
            return None
        try:
            heard = list(connection.notifies(timeout=0))
        except psycopg.OperationalError:
            self.database.close()
            raise
        payloads = [notice.payload for notice in heard if notice.pid != connection.pgconn.backend_pid]
        return None if "" in payloads else {int(name) for payload in payloads for name in payload.split(" ")}

    def forget(self) -> bool:
        """Have the rows taken away that were deleted; PostgreSQL's own logs are its administrator's business."""
        for table in _EMPTIED:
            self.run(f"VACUUM {table}")
        return True

    @property
    def alarms(self) -> tuple[Any, ...]:
        """What becomes readable when `others` has news."""
        return (self._listening,) if self._listening and not self._listening.closed else ()

    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self.database.connection()
        return connection

    def _execute(self, sql: str, parameters: Sequence[object]) -> Any:
        connection = self._connection()
        alone = connection.pgconn.transaction_status == TransactionStatus.IDLE
        try:
            return connection.execute(_for_psycopg(sql), parameters)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
            self.database.close()
            if not alone:
                raise
        # It was lost while nobody used it, as when the server was started again.
        return self._connection().execute(_for_psycopg(sql), parameters)

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self.database.close()


@cache
def _for_psycopg(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
