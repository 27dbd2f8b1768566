"""What the processes of a daemon know of each other without asking: numbers in memory that all of them see.

Each process writes its own row and nobody else does, so no number needs a lock; what is together in all rows is the
sum of them. Two who look at the same moment may each find room for one more: a limit is passed by no more than the
number of processes. What has to be exact takes a lock that ends with its process (fcntl(2), advisory record locking).

What has happened in a folder is counted before whoever did it is answered. Others are told of it through pipes; who
looks here misses nothing that a client may know from elsewhere, however late the pipe is.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECTIONS: Final = 0
"""The column of the connections that a process has."""
OCTETS: Final = 1
"""The column of the octets of messages that it has in memory."""
_NAMED = 2
_NETWORKS = 1 << 16
_WATCHED = 1 << 14
"""Columns that stand for many networks, or many folders, by a hash. Networks are many times fewer than columns, so it
is seldom that two are counted together; of a folder somebody is told more than concerns him, which does no harm."""
_COLUMNS = _NAMED + _NETWORKS + _WATCHED
_CELL = 8
_ANYWHERE = 0
_IN_ALL = 1
_HAPPENED = 2 + _WATCHED
"""Counters of what has happened, which the first process writes: anywhere, in all, and in folders as in columns."""
_MARKS = 1 << 15
"""Folders for which it is known what was told; a folder has the place of its id, and may take it from another."""
_MARK = struct.Struct("=qq")
_MAILDROPS = 1 << 40
"""Where the locks of maildrops begin, by the mailbox's id; nothing is stored there."""
_LOOKS_AT_A_LOCK = 10_000
"""How often a lock is asked for that is held for microseconds, or until its process has its turn."""


def network_column(network: str) -> int:
    """Give the column in which the connections of a network are counted."""
    return _NAMED + crc32(network.encode()) % _NETWORKS


def folder_column(folder_id: int) -> int:
    """Give the column in which the watchers of a folder are counted."""
    return _NAMED + _NETWORKS + folder_id % _WATCHED


def _happened(folder_id: int) -> int:
    return 2 + folder_id % _WATCHED


class Shared:
    """The memory, as one of the processes sees it.

    Args:
        processes: how many there are.
        number: which of them this is; the first, 0, is the one that makes the memory.
        descriptor: the memory that the first has made; -1 to make it.

    Attributes:
        descriptor: to be given to the other processes, -1 where there are none; never closed here, for that would end
            all locks.
    """

    def __init__(self, processes: int = 1, number: int = 0, descriptor: int = -1) -> None:
        octets = _MARKS * _MARK.size + (_HAPPENED + processes * _COLUMNS) * _CELL
        if descriptor < 0 and processes > 1:
            descriptor = os.memfd_create("tempmaild")
            os.truncate(descriptor, octets)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, octets)
        self._number = number
        cells = memoryview(self._memory)[_MARKS * _MARK.size :].cast("q")
        self._happened, cells = cells[:_HAPPENED], cells[_HAPPENED:]
        self._rows = [cells[row * _COLUMNS : (row + 1) * _COLUMNS] for row in range(processes)]
        self._own = self._rows[number]
        self._others = [row for row in self._rows if row is not self._own]

    def add(self, column: int, amount: int) -> None:
        """Count so much more in this process, or less."""
        self._own[column] += amount

    def own(self, column: int) -> int:
        """Give what this process has counted."""
        return self._own[column]

    def others(self, column: int) -> int:
        """Give what the other processes have counted together."""
        return sum([row[column] for row in self._others])

    def total(self, column: int) -> int:
        """Give what all processes have counted together."""
        return sum([row[column] for row in self._rows])

    def of(self, number: int, column: int) -> int:
        """Give what one process has counted."""
        return self._rows[number][column]

    def clear(self, number: int) -> None:
        """Forget what a process has counted that has ended."""
        self._rows[number][:] = memoryview(bytes(_COLUMNS * _CELL)).cast("q")

    def note(self, folder_ids: Iterable[int] | None) -> None:
        """Count that something has happened in these folders, None for anywhere; only the first process does."""
        self._happened[_IN_ALL] += 1
        for place in (_ANYWHERE,) if folder_ids is None else map(_happened, folder_ids):
            self._happened[place] += 1
        # Once more: who finds it unchanged since a look at the folders has missed nothing in them.
        self._happened[_IN_ALL] += 1

    def happened(self, folder_id: int | None = None) -> int:
        """Give a number that grows with everything that happens in a folder, or in all; maybe with something else."""
        if folder_id is None:
            return self._happened[_IN_ALL]
        return self._happened[_ANYWHERE] + self._happened[_happened(folder_id)]

    def lock_maildrop(self, mailbox_id: int) -> bool:
        """Keep other processes from a maildrop until `unlock_maildrop` or our end; False if one of them has it."""
        return self._lock(_MAILDROPS + mailbox_id)

    def unlock_maildrop(self, mailbox_id: int) -> None:
        """Let other processes have a maildrop."""
        self._unlock(_MAILDROPS + mailbox_id)

    def first_recent(self, folder_id: int) -> int:
        r"""Give the first UID of a folder of which no session was told that it is \\Recent (RFC 3501 §2.3.2)."""
        known, first = _MARK.unpack_from(self._memory, self._mark(folder_id))
        return first if known == folder_id else 1

    def claim_recent(self, folder_id: int, uid_next: int) -> int:
        r"""Give the first UID that is \\Recent for who asks; the next to ask gets those from `uid_next` on.

        It is kept in memory only, for the folders used last: of the others messages are recent once more, as when it
        cannot be told who comes first because a process was stopped in the middle of this.
        """
        if (first := self.first_recent(folder_id)) >= uid_next:
            # Mostly nothing has come since somebody was here.
            return first
        place = self._mark(folder_id)
        for _ in range(_LOOKS_AT_A_LOCK):
            if self._lock(place):
                break
            os.sched_yield()
        else:
            return self.first_recent(folder_id)
        try:
            first = self.first_recent(folder_id)
            _MARK.pack_into(self._memory, place, folder_id, max(first, uid_next))
        finally:
            self._unlock(place)
        return first

    def _mark(self, folder_id: int) -> int:
        return folder_id % _MARKS * _MARK.size

    def _lock(self, place: int) -> bool:
        if not self._others:
            return True
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except BlockingIOError:
            return False
        return True

    def _unlock(self, place: int) -> None:
        if self._others:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, place)
