"""What a database needs beside the commits: its logs are taken over, and the traces of what was deleted taken off."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tempmaild.log import Log
    from tempmaild.store.database import Handle
    from tempmaild.store.vault import Vault

_FORGET_AFTER = 2.0
_FORGET_AT_LAST = 20.0
"""Seconds between two times that the traces of what was deleted are taken off the disk: while the writer is idle, and
while it is not."""
_FORGET_AGAIN = 1.0
"""Seconds after which it is tried again, because somebody was just reading."""


class Upkeep:
    """Does what takes long in a thread of its own, and little of it between two commits."""

    def __init__(self, db: Handle, vault: Vault, log: Log) -> None:
        self._db = db
        self._vault = vault
        self._log = log
        self._thread = ThreadPoolExecutor(1, "upkeep")
        self._begun: Future[None] | None = None
        self._finish: Callable[[], None] = db.catch_up
        self._forgot_at = 0.0
        self._forgot_all = True
        db.spare_commits()

    def look(self, *, idle: bool = False) -> None:
        """Begin what is due, or finish it: by the thread that commits, after each commit and now and then."""
        try:
            if self._begun is None:
                self._begin(idle)
            elif self._begun.done():
                begun, self._begun = self._begun, None
                begun.result()
                self._finish()
        except self._db.failures as error:
            self._log.error("upkeep-failed", problem=error)

    def close(self) -> None:
        """Leave no traces, and end the thread."""
        self._thread.submit(self._db.close)
        self._thread.shutdown()
        try:
            self._forget()
        except self._db.failures as error:
            self._log.error("upkeep-failed", problem=error)

    def _begin(self, idle: bool) -> None:
        if self._vault.traces and time.monotonic() - self._forgot_at >= self._rest(idle):
            self._forgot_at, self._forgot_all = time.monotonic(), False
            self._begun, self._finish = self._thread.submit(self._db.work_off, set(self._vault.traces)), self._forget
        elif self._db.is_behind():
            self._begun, self._finish = self._thread.submit(self._db.work_off), self._db.catch_up

    def _rest(self, idle: bool) -> float:
        rest = _FORGET_AFTER if idle else _FORGET_AT_LAST
        return rest if self._forgot_all else min(rest, _FORGET_AGAIN)

    def _forget(self) -> None:
        self._vault.traces = self._db.forget(self._vault.traces)
        self._forgot_all = not self._vault.traces
