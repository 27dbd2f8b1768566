"""Copies of the database to go back to, and what has to be done when one is gone back to.

A backup does not hold the wrapped keys unless that is asked for: it must not open what is destroyed later. On
PostgreSQL backups are made with its own tools.
"""

from __future__ import annotations

import calendar
import os
import shlex
import sqlite3
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tempmaild.errors import InvalidValue, StoreFailed
from tempmaild.store.api_keys import end_keys
from tempmaild.store.audit import record
from tempmaild.store.disk import sync

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

RESTORED = "restored"
"""The counter that stands in a backup alone, for whoever opens it to see that it was gone back to."""
_STAMP = "%Y%m%dT%H%M%SZ"
_IDS_SINCE = 1 << 32
"""More ids than are given between a backup and its return."""


def back_up(handle: Handle, target: Path, keys_target: Path | None = None) -> None:
    """Copy an SQLite database as it is at one moment, while others work with it.

    Args:
        target: the new file for everything but the keys.
        keys_target: the new file for the keys; None for leaving them out.

    Raises:
        InvalidValue: there is such a file.
        StoreFailed: it could not be written; nothing of it is left.
    """
    try:
        with ExitStack() as on_failure:
            _copy(handle, "main", target, on_failure)
            with closing(sqlite3.connect(target)) as copy, copy:
                copy.execute("INSERT INTO counter (name, value) VALUES (?, 1)", (RESTORED,))
            sync(target)
            if keys_target:
                # After the rest: a key too many opens nothing, a key too few is lost mail.
                _copy(handle, "keys", keys_target, on_failure)
                sync(keys_target)
            on_failure.pop_all()
    except FileExistsError as error:
        raise InvalidValue(str(error.filename), "there is such a file, which is not overwritten") from None
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"cannot write the backup: {error}") from error


def _copy(handle: Handle, schema: str, target: Path, on_failure: ExitStack) -> None:
    # SQLite takes a file that is empty, and leaves its mode as it is.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    on_failure.callback(target.unlink, missing_ok=True)
    handle.run(f"VACUUM {schema} INTO ?", str(target))


def file_in(folder: Path, now: int) -> Path:
    """Give the name of a backup that is made now (UTC epoch seconds), which sorts by time.

    Raises:
        StoreFailed: there is no such folder, and it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot make {folder}: {error.strerror}") from error
    return folder / f"tempmaild-{time.strftime(_STAMP, time.gmtime(now))}.db"


def remove_old(folder: Path, before: int) -> list[Path]:
    """Delete the backups in a folder that are of before this time (UTC epoch seconds), by their names; the files.

    What has another name is not ours, and the latest one stays whatever its age.

    Raises:
        StoreFailed: one cannot be deleted.
    """
    backups = sorted((made, path) for path in folder.iterdir() if (made := _made(path.name)) is not None)
    old = [path for made, path in backups[:-1] if made < before]
    try:
        for path in old:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot remove an old backup: {error}") from error
    return old


def _made(name: str) -> int | None:
    """Give the time in the name of a backup; None for another file."""
    stamp = name.removeprefix("tempmaild-").removesuffix(".db")
    if name != f"tempmaild-{stamp}.db":
        return None
    try:
        return calendar.timegm(time.strptime(stamp, _STAMP))
    except ValueError:
        return None


def dump_command(url: str, target: Path) -> str:
    """Give the command that backs up a PostgreSQL database without the keys; a password is not shown."""
    options = {name: str(value) for name, value in conninfo_to_dict(url).items() if name != "password"}
    words = ("pg_dump", "--format=custom", "--exclude-schema=keys", f"--file={target}", make_conninfo(**options))
    return shlex.join(words)


class FinishRestore(Struct, frozen=True):
    """Do what has to be done once when a backup was gone back to.

    Mail, folders and mailboxes that came after it are gone, and clients may remember them. So every folder gets a
    UIDVALIDITY that it never had (RFC 9051 §2.3.1.1), and no id is given again. The latest time that was seen is
    forgotten with them: it is the backup's, and what has expired since is not to live again.
    """

    def apply(self, transaction: Transaction) -> bool:
        """Do it, unless that was done; whether it was to be done."""
        db = transaction.db
        if not db.run("DELETE FROM counter WHERE name = ?", RESTORED):
            return False
        _renew_uid_validities(transaction)
        if db.sqlite:
            db.run("UPDATE counter SET value = value + ? WHERE name = 'object'", _IDS_SINCE)
        else:
            db.row("SELECT setval('object_id', nextval('object_id') + ?)", _IDS_SINCE)
        db.run("UPDATE counter SET value = 0 WHERE name = 'clock'")
        # Who has signed out since is not to be in again, and no link is good a second time.
        db.run("DELETE FROM admin_session")
        db.run("DELETE FROM invitation")
        # Nor is a key that was removed, or rotated because somebody knew it.
        end_keys(transaction)
        transaction.settings_changed()
        record(transaction, "host", "restore", "", {})
        return True


def _renew_uid_validities(transaction: Transaction) -> None:
    db = transaction.db
    highest = db.row("SELECT max(uid_validity) FROM folder")
    transaction.retire_uid_validity((highest and highest[0]) or 0)
    uid_validity = transaction.new_uid_validity()
    db.run("UPDATE folder SET uid_validity = ?", uid_validity)
    # Nor does a folder that is made from now on get one that another had before.
    transaction.retire_uid_validity(uid_validity)
