"""What is written past the database, and has to stay."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from tempmaild.errors import StoreFailed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO


def sync(path: Path) -> None:
    """Have a file on the disk, and its name."""
    flush(path)
    flush(path.absolute().parent)


def flush(path: Path) -> None:
    """Have on the disk what is in a file; of a folder, which names it has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_state(state: Path) -> TextIO:
    """Make sure that no daemon works on this state folder, as long as the file stays open.

    Raises:
        StoreFailed: one does, or the folder cannot be used.
    """
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = (state / "daemon.lock").open("w")
    except OSError as error:
        raise StoreFailed(f"cannot use {state}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StoreFailed(f"another tempmaild runs on {state}") from None
    return lock
