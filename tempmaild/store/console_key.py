"""The console's key: a file that only the console's user reads, made when it is first needed.

It signs cookies, and what the database must not show in clear is locked, or hashed (the addresses of the mail log),
with keys that come of it. Consoles and daemons that work on one database have to have the same.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from tempmaild.core import totp
from tempmaild.errors import StoreFailed
from tempmaild.store.disk import sync

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.log import Log

_KEY_OCTETS = 32


class FactorLock:
    """Locks the secrets of second factors, so that a copy of the database, or a backup, makes no codes.

    Args:
        path: of the console's key, which is not read before it is needed: only the console needs it.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._log = log

    @cached_property
    def _key(self) -> bytes:
        return totp.locking_key(console_key(self._path))

    def lock(self, person_id: int, secret: str) -> str:
        """Give the secret of somebody as it is kept.

        Raises:
            StoreFailed: the console's key cannot be used.
        """
        return totp.lock(secret, self._key, person_id)

    def unlock(self, person_id: int, kept: str) -> str | None:
        """Give the secret of somebody; None where the key with which it was locked is lost.

        Raises:
            StoreFailed: the console's key cannot be used.
        """
        try:
            return totp.unlock(kept, self._key, person_id)
        except totp.Locked:
            remedy = "sign in with a recovery code and set it up anew, or `tempmaild operator reset`"
            self._log.error("second-factor-unreadable", person_id=person_id, remedy=remedy)
            return None


def console_key(path: Path) -> bytes:
    """Read the key; one that is missing is made.

    Raises:
        StoreFailed: the file cannot be read or written, or is too short for a key.
    """
    try:
        if not path.exists():
            _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise StoreFailed(f"cannot use the console's key {path}: {error}") from error
    if len(key) < _KEY_OCTETS:
        raise StoreFailed(f"cannot use the console's key {path}: it has not {_KEY_OCTETS} octets")
    return key


def _create(path: Path) -> None:
    # Whole or not at all; of two that start together, one has its key taken from the other.
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        sync(path)
    finally:
        fresh.unlink()
