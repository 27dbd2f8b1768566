"""How a session hears of what happens in its mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.transaction import LIFETIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tempmaild.notify.hub import Hub

    Watched = tuple[tuple[int, Callable[[], None]], ...]


class Watcher:
    """What one session watches: the folder that it has open, and others besides.

    Args:
        forget: called before each notice of the open folder, of which something else may be true now.
    """

    __slots__ = ("_besides", "_forget", "_heard", "_hub", "_open")

    def __init__(self, hub: Hub, forget: Callable[[], None]) -> None:
        self._hub = hub
        self._forget = forget
        self._open: Watched = ()
        self._besides: Watched = ()
        self._heard = -1

    def watch(self, folder_id: int, notice: Callable[[], None]) -> None:
        """Call `notice` after each commit that changes the folder, in place of what was watched before; 0 ends it."""

        def forget_and_notice() -> None:
            self._forget()
            notice()

        self._open = self._replace(self._open, ((folder_id, forget_and_notice),) if folder_id else ())

    def watch_besides(self, ids: Iterable[int], notice: Callable[[], None]) -> None:
        """Call `notice` after each commit that changes one of these folders, in place of those watched so before.

        For the id of the mailbox it is called after folders were made, renamed, deleted, subscribed to or no longer,
        and after something that is kept with the whole mailbox was changed, its end among it.
        """
        self._besides = self._replace(self._besides, tuple((watched_id, notice) for watched_id in ids))

    def end(self) -> None:
        """Watch nothing any more."""
        self._open = self._replace(self._open, ())
        self._besides = self._replace(self._besides, ())

    def hear(self) -> None:
        """Give notice now of what has happened in the folders that are watched, if that is still on its way."""
        happened = self.happened()
        if happened == self._heard:
            return
        self._heard = happened
        self._hub.hear((LIFETIMES, *(watched_id for watched_id, _ in (*self._open, *self._besides))))

    def happened(self) -> int:
        """Give a number that grows with all that happens in any folder of anybody."""
        return self._hub.shared.happened()

    def _replace(self, former: Watched, watched: Watched) -> Watched:
        for one in former:
            self._hub.unwatch(*one)
        for one in watched:
            self._hub.watch(*one)
        return watched
