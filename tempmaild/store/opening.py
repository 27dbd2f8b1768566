"""Opening a database: SQLite or PostgreSQL, migrated to the schema of this program."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playhouse.migrations import Runner

from tempmaild.errors import StoreFailed
from tempmaild.store.database import Handle, PostgresHandle, SqliteHandle, keys_beside
from tempmaild.store.disk import sync
from tempmaild.store.models import WrappedKey

if TYPE_CHECKING:
    from collections.abc import Iterator

MIGRATIONS = Path(__file__).with_name("migrations")

_MIGRATING = 0x74656D706D61696C
"""The key of the lock under which a PostgreSQL database is migrated."""


def open_database(url: str, sqlite_path: Path, migrations: Path = MIGRATIONS) -> Handle:
    """Open the database that `url` names, the SQLite file when it is empty, and bring its schema up to date.

    Raises:
        StoreFailed: it cannot be opened, or was made by a newer program.
    """
    with ExitStack() as on_failure:
        try:
            handle = PostgresHandle(url) if url else SqliteHandle(sqlite_path)
            on_failure.callback(handle.close)
            with _alone(handle, sqlite_path):
                _migrate(handle, sqlite_path, migrations)
                _add_keys(handle)
        except StoreFailed:
            raise
        except Exception as error:
            raise StoreFailed(f"cannot open the database: {error}") from error
        on_failure.pop_all()
    return handle


def pending_migrations(url: str, sqlite_path: Path) -> list[str] | None:
    """Tell which migrations a database is waiting for, and leave it as it is; None where there is none yet.

    Raises:
        StoreFailed: it cannot be opened, or was made by a newer program.
    """
    if not url and not sqlite_path.exists():
        return None
    try:
        handle = PostgresHandle(url) if url else SqliteHandle(sqlite_path)
        try:
            return _pending(handle, MIGRATIONS)
        finally:
            handle.close()
    except StoreFailed:
        raise
    except Exception as error:
        raise StoreFailed(f"cannot open the database: {error}") from error


def _pending(handle: Handle, migrations: Path) -> list[str]:
    status = Runner(handle.database, str(migrations)).status()
    unknown = [migration.name for migration in status if migration.path is None]
    if unknown:
        raise StoreFailed(f"the database was made by a newer tempmaild (it has {', '.join(unknown)})")
    return [migration.name for migration in status if not migration.applied]


def _migrate(handle: Handle, sqlite_path: Path, migrations: Path) -> None:
    pending = _pending(handle, migrations)
    if not pending:
        return
    runner = Runner(handle.database, str(migrations))
    if runner.applied():
        if handle.sqlite:
            _back_up(handle, sqlite_path, sqlite_path.with_suffix(f".before-{pending[0]}.db"))
    elif handle.sqlite:
        _must_be_without_keys(handle, sqlite_path)
    runner.up()


def _must_be_without_keys(handle: Handle, sqlite_path: Path) -> None:
    """See that a database which begins anew has not only been lost: the sweep would take all keys for lost ones.

    Raises:
        StoreFailed: there are keys.
    """
    table = handle.row("SELECT 1 FROM keys.sqlite_master WHERE name = 'wrapped_key'")
    if table and handle.row("SELECT 1 FROM keys.wrapped_key LIMIT 1"):
        keys = keys_beside(sqlite_path)
        raise StoreFailed(
            f"{sqlite_path} is missing or empty, but {keys} has keys of mailboxes: go back to a backup with"
            " `tempmaild restore`, or move the keys away to begin anew"
        )


def _add_keys(handle: Handle) -> None:
    """Make the place for wrapped keys; a backup comes without it."""
    if not handle.sqlite:
        handle.run("CREATE SCHEMA IF NOT EXISTS keys")
    with WrappedKey.bind_ctx(handle.database):
        WrappedKey.create_table(safe=True)


@contextmanager
def _alone(handle: Handle, sqlite_path: Path) -> Iterator[None]:
    """Wait until no other process opens and migrates the database, and keep others waiting.

    SQLite waits for no lock while a new file is given its journal mode.
    """
    if handle.sqlite:
        with sqlite_path.with_suffix(".migration-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    handle.row("SELECT pg_advisory_lock(?)", _MIGRATING)
    try:
        yield
    finally:
        handle.row("SELECT pg_advisory_unlock(?)", _MIGRATING)


def remove_old_backups(sqlite_path: Path, before: float) -> list[str]:
    """Delete the backups that migrations have made before this time (UTC epoch seconds); the names of the files.

    They hold mail that was not sealed, and which is gone from the database by and by.
    """
    backups = sqlite_path.parent.glob(f"{sqlite_path.stem}.before-*.db")
    old = [backup for backup in backups if backup.stat().st_mtime < before]
    for backup in old:
        backup.unlink()
    return [backup.name for backup in old]


def _back_up(handle: Handle, source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    handle.run("VACUUM INTO ?", str(target))
    shutil.copymode(source, target)
    sync(target)
