"""Watchers of a folder are told what happens in it, whichever process did it, and by whichever way it comes first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tempmaild.notify.hub import Hub
from tempmaild.shared import Shared, folder_column

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = 7
OTHER = 8


class Pair:
    """The daemon's memory, and the watchers of two folders in a process beside it."""

    def __init__(self) -> None:
        self.daemon = Shared(2)
        self.hub = Hub(Shared(2, 1, self.daemon.descriptor))
        self.told: list[int] = []
        self.watch(FOLDER)
        self.watch(OTHER)

    def watch(self, folder_id: int) -> None:
        self.hub.watch(folder_id, lambda: self.told.append(folder_id))


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    os.close(pair.daemon.descriptor)


def test_what_has_happened_is_heard_before_it_is_told(pair: Pair) -> None:
    pair.daemon.note({FOLDER})
    pair.hub.hear((OTHER, FOLDER))
    assert pair.told == [FOLDER]


def test_it_is_heard_once(pair: Pair) -> None:
    pair.daemon.note({FOLDER, OTHER})
    for folder_ids in ((FOLDER,), {FOLDER, OTHER}, None, (FOLDER,)):
        pair.hub.hear(folder_ids)
    assert pair.told == [FOLDER, OTHER]
    pair.daemon.note({FOLDER})
    pair.hub.hear({FOLDER})
    assert pair.told == [FOLDER, OTHER, FOLDER]


def test_all_hear_what_has_happened_anywhere(pair: Pair) -> None:
    pair.daemon.note(None)
    pair.hub.hear((OTHER,))
    assert pair.told == [OTHER]
    pair.hub.hear(None)
    assert pair.told == [OTHER, FOLDER]


def test_what_was_before_it_was_watched_is_not_heard(pair: Pair) -> None:
    pair.daemon.note({9})
    pair.watch(9)
    pair.hub.hear((9,))
    assert pair.told == []


def test_who_watches_no_more_hears_nothing(pair: Pair) -> None:
    told: list[str] = []

    def notice() -> None:
        told.append("told")

    pair.hub.watch(9, notice)
    pair.hub.unwatch(9, notice)
    assert not pair.hub.shared.own(folder_column(9))
    pair.daemon.note({9})
    pair.hub.hear((9,))
    pair.hub.hear(None)
    assert told == []


def test_what_is_published_is_known(pair: Pair) -> None:
    """The daemon notes what it tells its own watchers, too."""
    pair.daemon.note({FOLDER})
    pair.hub.publish({FOLDER})
    pair.hub.hear((FOLDER,))
    assert pair.told == [FOLDER]
