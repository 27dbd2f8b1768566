"""The sweep: what is over is erased."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from tempmaild.core.timespan import DAY, HOUR
from tempmaild.errors import NoSuchFolder
from tempmaild.service.mailboxes import Purged, go_on
from tempmaild.store.mailboxes import RemoveLostKeys
from tempmaild.store.messages import Remove
from tempmaild.store.opening import remove_old_backups
from tempmaild.store.sweep import ClaimSweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tempmaild.log import Log
    from tempmaild.service.mailboxes import Breather, Mailboxes
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

ACTOR = "sweep"
"""Whom the audit log names for what was destroyed because its time was over."""
_CLAIM = 15
"""Seconds after which another daemon takes over from one that has died."""
_RENEWED = 5
"""Seconds of a claim that have passed when it is made longer."""
_MESSAGES = 100
"""Single messages that are removed in one portion, so that others need not wait long for the writer."""
_KEYS = 5000
"""Wrapped keys that are looked at in one go, to see whether their credentials exist."""


class Sweep:
    """Erases mailboxes and messages whose time is over, and what else is not to be kept.

    Of several daemons on one database one sweeps at a time: they would wait for the same disk, and for each other.
    """

    def __init__(
        self,
        access: Access,
        queries: Queries,
        mailboxes: Mailboxes,
        clock: Callable[[], float],
        sqlite_path: Path,
        log: Log,
    ) -> None:
        self._access = access
        self._queries = queries
        self._mailboxes = mailboxes
        self._clock = clock
        self._sqlite_path = sqlite_path
        self._log = log
        self._claimed_until = 0
        self._looked_for_backups = float("-inf")
        self._keys_seen: int | None = 0

    async def round(self, breathe: Breather = go_on) -> Purged:
        """Erase everything whose time is over; what was erased, whole mailboxes and all messages.

        Args:
            breathe: awaited between two portions of the work, so that others get at the writer.

        Raises:
            StoreFailed: the database failed; what is left is for the next round.
        """
        swept = Purged(0, 0)
        if await self._is_needed() and await self._claim():
            swept = await self._sweep(breathe)
        await self._look_for_lost_keys()
        await self._remove_old_backups()
        return swept

    async def _is_needed(self) -> bool:
        now, read = int(self._clock()), self._access.read
        queries = self._queries
        return bool(await read(queries.expired, now, 1) or await read(queries.expired_entries, now, 1))

    async def _claim(self) -> bool:
        self._claimed_until = await self._access.write(ClaimSweep(_CLAIM, self._claimed_until))
        return self._claimed_until > 0

    async def _sweep(self, breathe: Breather) -> Purged:
        async def breathe_and_keep_claim() -> None:
            await breathe()
            if self._clock() >= self._claimed_until - _CLAIM + _RENEWED and not await self._claim():
                raise _TakenOver

        swept = Purged(0, 0)
        try:
            swept += Purged(0, await self._remove_messages(breathe_and_keep_claim))
            swept += await self._mailboxes.purge(ACTOR, breathe_and_keep_claim)
        except _TakenOver:
            self._log.info("sweep-taken-over")
        if swept != Purged(0, 0):
            self._log.info("swept", mailboxes=swept.mailboxes, messages=swept.messages)
        return swept

    async def _remove_messages(self, breathe: Breather) -> int:
        """Expunge single messages whose time is over; how many."""
        removed = 0
        while expired := await self._access.read(self._queries.expired_entries, int(self._clock()), _MESSAGES):
            for folder_id, entries in groupby(sorted(expired), itemgetter(0)):
                try:
                    removed += len(await self._access.write(Remove(folder_id, tuple(uid for _, uid in entries))))
                except NoSuchFolder:
                    continue
            await breathe()
        return removed

    async def _look_for_lost_keys(self) -> None:
        """Look at some of the wrapped keys, a part of them in each round until all were seen once."""
        if self._keys_seen is None:
            return
        lost, last = await self._access.read_long(self._queries.lost_keys, self._keys_seen, _KEYS)
        if lost:
            removed = await self._access.write(RemoveLostKeys(tuple(lost)))
            self._log.info("lost-keys-removed", keys=removed)
        self._keys_seen = last or None

    async def _remove_old_backups(self) -> None:
        now = self._clock()
        if now - self._looked_for_backups < HOUR:
            return
        self._looked_for_backups = now
        try:
            removed = await self._access.read_long(remove_old_backups, self._sqlite_path, now - DAY)
        except OSError as error:
            self._log.error("backup-not-removed", problem=error)
            return
        for name in removed:
            self._log.info("backup-removed", file=name)


class _TakenOver(Exception):
    """Another daemon has the sweep, because this one was too slow to keep it."""
