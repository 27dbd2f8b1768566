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
        # What of `shared.happened` the watchers of each folder know.
        self._heard: dict[int, int] = {}

    def watch(self, folder_id: int, notice: Callable[[], None]) -> None:
        """Call `notice` after each commit that changes the folder."""
        self._watchers.setdefault(folder_id, []).append(notice)
        self._heard.setdefault(folder_id, self.shared.happened(folder_id))
        self.shared.add(folder_column(folder_id), 1)

    def unwatch(self, folder_id: int, notice: Callable[[], None]) -> None:
        """Do not call it any more."""
        watchers = self._watchers.get(folder_id, [])
        if notice in watchers:
            watchers.remove(notice)
            self.shared.add(folder_column(folder_id), -1)
        if not watchers:
            self._watchers.pop(folder_id, None)
            self._heard.pop(folder_id, None)

    def hear(self, folder_ids: Iterable[int] | None) -> None:
        """Tell the watchers of these folders, of all folders when it is None, if they do not know it yet.

        It is what another process has done; `Shared.note` has counted it.
        """
        happened, heard = self.shared.happened, self._heard
        new = [
            one for one in (self._watchers if folder_ids is None else folder_ids) if happened(one) != heard.get(one)
        ]
        if new:
            self.publish(new)

    def publish(self, folder_ids: Iterable[int] | None) -> None:
        """Tell the watchers of these folders, of all folders when it is None."""
        # What is no folder comes first (`store.transaction`): who then looks into a folder finds what it is to know.
        for folder_id in sorted(self._watchers if folder_ids is None else folder_ids):
            if folder_id in self._watchers:
                self._heard[folder_id] = self.shared.happened(folder_id)
            # A notice may end its own watching.
            for notice in list(self._watchers.get(folder_id, ())):
                notice()
