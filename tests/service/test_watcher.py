"""A session hears of what happens where it watches, and of nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tempmaild.notify.hub import Hub
from tempmaild.service.watcher import Watcher
from tempmaild.shared import Shared, folder_column
from tempmaild.store.transaction import LIFETIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPEN, OTHER, THIRD = 7, 8, 9


class House:
    """The daemon's memory, and a session in a process beside it."""

    def __init__(self) -> None:
        self.daemon = Shared(2)
        self.hub = Hub(Shared(2, 1, self.daemon.descriptor))
        self.told: list[str] = []
        self.watcher = Watcher(self.hub, self.note("forgotten"))

    def note(self, what: str) -> Callable[[], None]:
        return lambda: self.told.append(what)

    def heard(self) -> list[str]:
        """What was told since this was asked last."""
        told = self.told.copy()
        self.told.clear()
        return told


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    os.close(house.daemon.descriptor)


def test_one_folder_is_open(house: House) -> None:
    house.watcher.watch(OPEN, house.note("first"))
    house.watcher.watch(OTHER, house.note("second"))
    house.hub.publish({OPEN, OTHER})
    assert house.heard() == ["forgotten", "second"]
    house.watcher.watch(0, house.note("none"))
    house.hub.publish({0, OPEN, OTHER})
    assert house.heard() == []


def test_a_notice_may_end_the_watching(house: House) -> None:
    def once() -> None:
        house.told.append("once")
        house.watcher.watch(0, once)

    house.watcher.watch(OPEN, once)
    house.hub.publish(None)
    house.hub.publish(None)
    house.hub.publish({OPEN})
    assert house.heard() == ["forgotten", "once"]


def test_others_are_watched_besides(house: House) -> None:
    house.watcher.watch(OPEN, house.note("open"))
    house.watcher.watch_besides((OPEN, OTHER), house.note("besides"))
    house.hub.publish({OPEN})
    assert house.heard() == ["forgotten", "open", "besides"]
    house.watcher.watch_besides((OTHER, THIRD), house.note("others"))
    house.watcher.watch(0, house.note("none"))
    house.hub.publish({OPEN, OTHER, THIRD})
    assert house.heard() == ["others", "others"]


def test_all_of_it_ends(house: House) -> None:
    house.watcher.watch(OPEN, house.note("open"))
    house.watcher.watch_besides((OTHER,), house.note("besides"))
    for _ in range(2):
        house.watcher.end()
    house.hub.publish(None)
    assert house.heard() == []
    assert not any(house.hub.shared.own(folder_column(folder)) for folder in (OPEN, OTHER))


@pytest.mark.parametrize("folder_id", [OPEN, OTHER, LIFETIMES])
def test_what_is_on_its_way_is_heard_once(house: House, folder_id: int) -> None:
    house.hub.watch(LIFETIMES, house.note("lifetimes"))
    house.watcher.watch(OPEN, house.note("open"))
    house.watcher.watch_besides((OTHER,), house.note("besides"))
    before = house.watcher.happened()
    house.daemon.note({folder_id})
    assert house.watcher.happened() > before
    house.watcher.hear()
    assert house.heard() == {OPEN: ["forgotten", "open"], OTHER: ["besides"], LIFETIMES: ["lifetimes"]}[folder_id]
    house.watcher.hear()
    assert house.heard() == []


def test_what_others_watch_is_not_heard(house: House) -> None:
    house.hub.watch(THIRD, house.note("another session"))
    house.watcher.watch(OPEN, house.note("open"))
    house.daemon.note({THIRD})
    house.watcher.hear()
    assert house.heard() == []
