"""Tells those who watch a folder that something in it has changed. What it was they ask the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.shared import Shared, folder_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Hub:
    """The watchers of one process; used in one thread only.

    Attributes:
        shared: tells other processes what is watched here, so that this one is not woken for all else.
    """

    def __init__(self, shared: Shared | None = None) -> None:
        self.shared = shared or Shared()
        self._watchers: dict[int, list[Callable[[], None]]] = {}

    def watch(self, folder_id: int, notice: Callable[[], None]) -> None:
        """Call `notice` after each commit that changes the folder."""
        self._watchers.setdefault(folder_id, []).append(notice)
        self.shared.add(folder_column(folder_id), 1)

    def unwatch(self, folder_id: int, notice: Callable[[], None]) -> None:
        """Do not call it any more."""
        watchers = self._watchers.get(folder_id, [])
        if notice in watchers:
            watchers.remove(notice)
            self.shared.add(folder_column(folder_id), -1)
        if not watchers:
            self._watchers.pop(folder_id, None)

    def publish(self, folder_ids: Iterable[int] | None) -> None:
        """Tell the watchers of these folders, of all folders when it is None."""
        # What is no folder comes first (`store.transaction`): who then looks into a folder finds what it is to know.
        for folder_id in sorted(self._watchers if folder_ids is None else folder_ids):
            # A notice may end its own watching.
            for notice in list(self._watchers.get(folder_id, ())):
                notice()
