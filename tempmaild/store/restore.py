"""Going back to a backup of an SQLite database.

What was destroyed or has expired since the backup is not to live again. What has expired is known by its time; what
was destroyed is known from the database that is replaced, if that can still be read and goes on where the backup
ends: no id is given twice, so a mailbox of the backup that is not in it was destroyed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.errors import InvalidValue, StoreFailed
from tempmaild.store.backup import RESTORED, FinishRestore
from tempmaild.store.database import keys_beside
from tempmaild.store.disk import flush, sync
from tempmaild.store.mailboxes import EndLifetime
from tempmaild.store.opening import open_database
from tempmaild.store.writer import commit

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.store.vault import Vault

_STAGE = "restoring"
_BEFORE = "before-restore"
"""Such a file is removed by the sweep after a day, as those that migrations leave."""
_LOGS = ("-journal", "-wal", "-shm")
_PART = 1000
"""Mailboxes that are ended in one transaction."""


class Restored(NamedTuple):
    """What a restore has done.

    Attributes:
        destroyed: mailboxes of the backup that were destroyed since, and have not come back; None when nobody knows.
        kept: the file with the database of before; None if there was none.
    """

    destroyed: int | None
    kept: Path | None


def restore(backup: Path, keys: Path | None, target: Path, vault: Vault, now: int) -> Restored:
    """Put a backup in the place of the database `target`, which nobody may be working with.

    The backup is copied beside it and made fit there, so that what fails leaves everything as it was.

    Args:
        keys: a copy of the keys, for when those of `target` are lost.
        now: UTC epoch seconds.

    Raises:
        InvalidValue: one of the files is no backup, or there are keys.
        StoreFailed: somebody works with the database; or the new one cannot be written or used.
    """
    stage = target.parent / _STAGE
    try:
        _must_be_idle(target)
        remove_unfinished(target)
        stage.mkdir(mode=0o700)
        staged = stage / target.name
        _copy(backup, staged, "counter")
        if keys:
            _copy(keys, keys_beside(staged), "wrapped_key")
            if keys_beside(target).exists():
                raise InvalidValue("keys", f"{keys_beside(target)} is there; move it away if it is damaged")
        gone = _gone(staged, target)
        _make_fit(staged, vault, now, gone or [])
        kept = _replace(staged, target, with_keys=keys is not None)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"cannot restore: {error}") from error
    finally:
        remove_unfinished(target)
    return Restored(None if gone is None else len(gone), kept)


def remove_unfinished(target: Path) -> None:
    """Remove the copies of a restore that came to no end, keys among them; nobody may be restoring."""
    shutil.rmtree(target.parent / _STAGE, ignore_errors=True)


def _must_be_idle(target: Path) -> None:
    """See that no process has the database open; what was in its log goes into the file.

    Raises:
        StoreFailed: one has.
    """
    for path in (target, keys_beside(target)):
        if not path.exists():
            continue
        try:
            with closing(sqlite3.connect(path, timeout=0)) as database:
                # Only who is alone may leave the write-ahead log.
                database.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise StoreFailed(f"somebody works with {path}: stop the daemon and the console") from None
        except sqlite3.DatabaseError:
            # It is damaged, which may be why somebody goes back.
            continue


def _copy(source: Path, target: Path, table: str) -> None:
    """Copy a backup and see that it is whole.

    Raises:
        InvalidValue: it is not, or is something else.
    """
    try:
        target.touch(mode=0o600)
        with source.open("rb") as original, target.open("wb") as copy:
            shutil.copyfileobj(original, copy, 2**20)
        # What SQLite changes in it, it flushes; here that may be nothing.
        flush(target)
    except FileNotFoundError:
        raise InvalidValue("backup", f"{source}: no such file") from None
    try:
        with closing(sqlite3.connect(target)) as database:
            whole = database.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
            known = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    except sqlite3.DatabaseError as error:
        raise InvalidValue("backup", f"{source}: {error}") from None
    if not whole or not known:
        raise InvalidValue("backup", f"{source} is {'no backup of tempmaild' if whole else 'damaged'}")


def _gone(staged: Path, target: Path) -> list[int] | None:
    """Give the mailboxes of the backup that were destroyed since; None if the old database does not tell."""
    if not target.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{target.as_uri()}?mode=ro", uri=True)) as old:
            living = {row[0] for row in old.execute("SELECT id FROM mailbox")}
            history = set(old.execute("SELECT id, digest FROM audit"))
        with closing(sqlite3.connect(staged)) as new:
            last = new.execute("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1").fetchone()
            ids = [row[0] for row in new.execute("SELECT id FROM mailbox ORDER BY id")]
    except sqlite3.DatabaseError:
        return None
    # A database that was begun anew knows nothing of the mailboxes of the backup.
    return [mailbox_id for mailbox_id in ids if mailbox_id not in living] if last in history else None


def _make_fit(staged: Path, vault: Vault, now: int, gone: list[int]) -> None:
    """Bring a backup to the schema of this program, and do what a restore demands.

    Raises:
        StoreFailed: it was made by a newer program.
    """
    with closing(sqlite3.connect(staged)) as database, database:
        # A copy that somebody has made by other means has no mark.
        database.execute("INSERT OR REPLACE INTO counter (name, value) VALUES (?, 1)", (RESTORED,))
    handle = open_database("", staged)
    try:
        commit(handle, vault, [FinishRestore()], now)
        for start in range(0, len(gone), _PART):
            commit(handle, vault, [EndLifetime(tuple(gone[start : start + _PART]))], now)
        handle.run("PRAGMA main.wal_checkpoint(TRUNCATE)")
        handle.run("PRAGMA keys.wal_checkpoint(TRUNCATE)")
    finally:
        handle.close()


def _replace(staged: Path, target: Path, *, with_keys: bool) -> Path | None:
    """Put the new files in the place of the old ones; the file that the old database has become.

    There is a database at any moment: a daemon that found none would begin anew. The keys of today stay where they
    are: of a copy that is moved away, something might be left on the disk.
    """
    kept = target.with_suffix(f".{_BEFORE}.db") if target.exists() else None
    if kept:
        kept.unlink(missing_ok=True)
        kept.hardlink_to(target)
        # The sweep goes by it.
        os.utime(kept)
    for path in (target, keys_beside(target)) if with_keys else (target,):
        for suffix in _LOGS:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    # A log that a loss of power brought back would be taken over into the new file.
    flush(target.parent)
    if with_keys:
        keys_beside(staged).replace(keys_beside(target))
        flush(target.parent)
    staged.replace(target)
    sync(target)
    return kept
