"""Plain SQL on SQLite or PostgreSQL, past peewee's query objects, which cost more than the query."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import psycopg
from peewee import Database, PeeweeException, PostgresqlDatabase, SqliteDatabase
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

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
    # Pages; `work_off` comes before it in the writer.
    "wal_autocheckpoint": 2000,
    "journal_size_limit": 64 << 20,
    # What is deleted is overwritten, not only forgotten.
    "secure_delete": 1,
    "keys.page_size": 4096,
    "keys.journal_mode": "wal",
    "keys.synchronous": "full",
    "keys.secure_delete": 1,
}
SCHEMAS = ("main", "keys")
"""What a database consists of: all but the wrapped keys, and these."""
_PIECE, _LONG, _LONGEST = 1000, 8000, 32_000
"""Pages of a write-ahead log: that are taken over into the file in one go, after which the log is to begin anew (the
file keeps so many, see `journal_size_limit`), and after which a commit stops to take them over itself."""
_PAGES_AT = 16
"""Where the index of a write-ahead log has the number of its pages, in 4 octets (SQLite's "WAL-mode File Format",
§2.1)."""
_RESTART_PATIENCE = 10
"""Milliseconds that commits may be held up for a reader, so that a log can begin anew."""
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
_EMPTIED = {"main": ("content", "summary", "metadata"), "keys": ("keys.wrapped_key",)}
"""Tables of each schema in which PostgreSQL keeps what was deleted until they are vacuumed."""
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
    def listed(self, values: Collection[int] | Collection[str]) -> object:
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
    def spare_commits(self) -> None:
        """Have the calling thread's commits leave undone what takes long, for `work_off`."""

    @abstractmethod
    def is_behind(self) -> bool:
        """Tell whether it is time to `work_off` what was committed."""

    @abstractmethod
    def work_off(self, schemas: Collection[str] = SCHEMAS) -> None:
        """Do what takes long of what commits leave to be done: in another thread, which has its own connection."""

    @abstractmethod
    def catch_up(self) -> None:
        """Do what is left of that; not inside a transaction."""

    @abstractmethod
    def forget(self, schemas: Collection[str] = SCHEMAS) -> set[str]:
        """Have nothing left on the disk of what was deleted; the schemas for which that has to be tried again.

        It takes as long as `work_off`, unless that has just been done. Not inside a transaction.
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
        # Each thread has a connection of its own, and each of these a count of its own.
        self._versions = threading.local()
        self._files = {"main": path, "keys": keys_beside(path)}
        self._indices: dict[str, int] = {}
        # Pages at the beginning of each log that have been taken over.
        self._worked_off = dict.fromkeys(SCHEMAS, 0)

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each of `rows`."""
        self.database.connection().executemany(sql, rows)

    def listed(self, values: Collection[int] | Collection[str]) -> str:
        """Make the parameter of `among`."""
        return msgspec.json.encode(list(values)).decode()

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
        known = getattr(self._versions, "seen", None)
        self._versions.seen = row[0]
        return set() if known == row[0] else None

    def spare_commits(self) -> None:
        """Have commits take nothing over from the logs, unless those become far too long."""
        self.run(f"PRAGMA wal_autocheckpoint = {_LONGEST}")
        for schema, file in self._files.items():
            self.row(f"SELECT 1 FROM {schema}.sqlite_master LIMIT 1")
            self._indices[schema] = _descriptor(file.with_name(f"{file.name}-shm"))

    def is_behind(self) -> bool:
        """Tell whether a log has grown by so much that a commit had better not be the one to take it over."""
        for schema in SCHEMAS:
            pages = self._pages(schema)
            if pages < self._worked_off[schema]:  # it began anew
                self._worked_off[schema] = 0
            if pages - self._worked_off[schema] >= _PIECE:
                return True
        return False

    def work_off(self, schemas: Collection[str] = SCHEMAS) -> None:
        """Take what is in the logs over into the files, while others read and commit."""
        for schema in schemas:
            _, _, self._worked_off[schema] = self._checkpoint(schema, "PASSIVE", 0)
            # SQLite leaves that to the last one, who takes over what was committed meanwhile: in `catch_up`.
            os.fdatasync(_descriptor(self._files[schema]))

    def catch_up(self) -> None:
        """Have logs that have become long begin anew, which they can when all that is in them was taken over."""
        for schema in SCHEMAS:
            if self._pages(schema) >= _LONG:
                self._checkpoint(schema, "RESTART", _RESTART_PATIENCE)

    def forget(self, schemas: Collection[str] = SCHEMAS) -> set[str]:
        """Take what is in the logs over into the files, where deleted content is overwritten, and empty the logs."""
        # A reader that is just at work is asked again later, not waited for.
        left = {schema for schema in schemas if self._checkpoint(schema, "TRUNCATE", 0)[0]}
        for file in (self._files[schema] for schema in schemas if schema not in left):
            # SQLite flushes the file, but not the log that it has emptied: a loss of power would bring that back.
            os.fsync(_descriptor(file.with_name(f"{file.name}-wal")))
        return left

    def _pages(self, schema: str) -> int:
        """Give the length of a log."""
        return int.from_bytes(os.pread(self._indices[schema], 4, _PAGES_AT), sys.byteorder)

    def _checkpoint(self, schema: str, mode: str, patience: int) -> tuple[int, int, int]:
        """Take a log over; whether somebody was in the way, its pages, and how many of them are in the file."""
        connection: sqlite3.Connection = self.database.connection()
        connection.execute(f"PRAGMA busy_timeout = {patience}")
        try:
            result: tuple[int, int, int] = connection.execute(f"PRAGMA {schema}.wal_checkpoint({mode})").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_LOCK_PATIENCE * 1000}")
        return result

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

    def listed(self, values: Collection[int] | Collection[str]) -> list[Any]:
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

    def spare_commits(self) -> None:
        """Do nothing: nothing of the kind is in its commits."""

    def is_behind(self) -> bool:
        """Say no: PostgreSQL sees to that by itself."""
        return False

    def work_off(self, schemas: Collection[str] = SCHEMAS) -> None:
        """Have the rows taken away that were deleted."""
        for table in chain.from_iterable(_EMPTIED[schema] for schema in schemas):
            self.run(f"VACUUM {table}")

    def catch_up(self) -> None:
        """Do nothing."""

    def forget(self, schemas: Collection[str] = SCHEMAS) -> set[str]:
        """Have the rows taken away that were deleted; PostgreSQL's own logs are its administrator's business."""
        self.work_off(schemas)
        return set()

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


def _descriptor(path: Path) -> int:
    """Give a descriptor by which SQLite has a file open.

    Were one of our own closed, this process would lose all its locks on the file (SQLite's "How To Corrupt An SQLite
    Database File", §2.2).
    """
    file = path.stat()
    for link in Path("/proc/self/fd").iterdir():
        descriptor = int(link.name)
        try:
            if os.path.samestat(os.fstat(descriptor), file):
                return descriptor
        except OSError:  # it was closed just now
            continue
    raise FileNotFoundError(path)
