from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from tempmaild import shared as module
from tempmaild.shared import _WATCHED, CONNECTIONS, OCTETS, Shared, folder_column, network_column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

MANY = 5_000_000_000
"""More octets, and a higher id, than 32 bits hold."""


@pytest.fixture
def family() -> Iterator[list[Shared]]:
    """Three processes' views of one memory, in this process."""
    first = Shared(3)
    yield [first, Shared(3, 1, first.descriptor), Shared(3, 2, first.descriptor)]
    os.close(first.descriptor)


class TestNumbers:
    def test_of_others_are_added_up(self, family: list[Shared]) -> None:
        for shared, amount in zip(family, (1, 20, MANY), strict=True):
            shared.add(OCTETS, amount)
        assert [shared.own(OCTETS) for shared in family] == [1, 20, MANY]
        assert [shared.others(OCTETS) for shared in family] == [MANY + 20, MANY + 1, 21]
        assert family[0].of(2, OCTETS) == MANY
        assert not any(shared.others(CONNECTIONS) for shared in family)

    def test_of_one_who_is_alone(self) -> None:
        alone = Shared()
        alone.add(CONNECTIONS, 1)
        assert (alone.own(CONNECTIONS), alone.others(CONNECTIONS), alone.descriptor) == (1, 0, -1)

    def test_of_a_process_that_has_ended_are_forgotten(self, family: list[Shared]) -> None:
        columns = (CONNECTIONS, OCTETS, network_column("192.0.2.0/24"), folder_column(7))
        for column in columns:
            family[1].add(column, 5)
            family[2].add(column, 3)
        family[0].clear(1)
        assert [family[0].others(column) for column in columns] == [3, 3, 3, 3]
        assert [family[1].own(column) for column in columns] == [0, 0, 0, 0]

    def test_have_columns_apart(self) -> None:
        networks = {network_column(f"192.0.{n}.0/24") for n in range(256)}
        assert len(networks) > 250
        folders = {folder_column(folder_id) for folder_id in (-1, 0, 1, 2, MANY)}
        assert len(folders) == 5
        assert not networks & folders
        assert not {CONNECTIONS, OCTETS} & (networks | folders)


class TestRecent:
    @pytest.mark.parametrize("folder_id", [1, MANY])
    def test_never_goes_back(self, folder_id: int, family: list[Shared]) -> None:
        assert family[0].claim_recent(folder_id, 10) == 1
        assert family[1].claim_recent(folder_id, 5) == 10
        assert family[2].first_recent(folder_id) == 10
        assert family[0].claim_recent(folder_id, 11) == 10
        assert family[0].first_recent(folder_id) == 11

    def test_is_forgotten_where_another_folder_takes_the_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_MARKS", 2)
        shared = Shared()
        for folder_id in (1, 2, 3):
            shared.claim_recent(folder_id, 7)
        assert [shared.claim_recent(folder_id, 7) for folder_id in (2, 3)] == [7, 7]
        assert shared.claim_recent(1, 7) == 1

    def test_is_for_one_of_two_processes_that_ask_at_the_same_time(self) -> None:
        shared = Shared(2)
        ours, theirs = multiprocessing.Pipe()
        other = multiprocessing.get_context("fork").Process(target=claim, args=(shared.descriptor, theirs))
        other.start()
        try:
            ours.recv()
            ours.send("begin")
            claimed = claim_many(shared) + ours.recv()
        finally:
            other.kill()
            other.join()
        os.close(shared.descriptor)
        assert claimed == CLAIMS


CLAIMS = 20_000


def claim_many(shared: Shared) -> int:
    """Claim the messages of a folder as they arrive; how many were claimed."""
    return sum(max(0, uid_next - shared.claim_recent(9, uid_next)) for uid_next in range(2, CLAIMS + 2))


def claim(descriptor: int, pipe: Connection) -> None:
    """Claim in a process of its own."""
    shared = Shared(2, 1, descriptor)
    pipe.send("ready")
    pipe.recv()
    pipe.send(claim_many(shared))


class TestHappened:
    def test_grows_where_something_has_happened(self, family: list[Shared]) -> None:
        folders = (-1, 0, 1, MANY)
        before = [family[1].happened(folder) for folder in folders]
        family[0].note({1, MANY})
        assert [family[2].happened(folder) for folder in folders] == [*before[:2], *(n + 1 for n in before[2:])]

    def test_grows_everywhere_when_it_is_not_known_where(self, family: list[Shared]) -> None:
        folders = (-1, 0, 1, MANY)
        before = [family[1].happened(folder) for folder in folders]
        family[0].note(None)
        assert [family[2].happened(folder) for folder in folders] == [n + 1 for n in before]

    def test_grows_in_all_before_and_after_it_does_in_a_folder(self, family: list[Shared]) -> None:
        """Whoever looks at the folders in between looks once more; who looks at all first knows of what is new."""
        seen = []

        def look() -> Iterator[int]:
            seen.append(family[1].happened())
            yield 1
            seen.append(family[1].happened())

        before = family[1].happened()
        family[0].note(look())
        assert before < seen[0] == seen[1] < family[1].happened()

    def test_is_no_number_of_a_process(self, family: list[Shared]) -> None:
        family[0].note({0, 1, _WATCHED - 1})
        assert not any(family[0].of(number, CONNECTIONS) for number in range(3))
        assert family[0].first_recent(MANY) == 1


def hold(descriptor: int, pipe: Connection) -> None:
    """Take a maildrop and the mark of a folder in a process of its own, until it is ended."""
    shared = Shared(2, 1, descriptor)
    shared.claim_recent(9, 4)
    pipe.send(shared.lock_maildrop(MANY))
    pipe.recv()
    shared.unlock_maildrop(MANY)
    pipe.send(shared.lock_maildrop(MANY + 1))
    pipe.recv()


def test_a_maildrop_is_locked_against_other_processes_while_they_live() -> None:
    shared = Shared(2)
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("fork").Process(target=hold, args=(shared.descriptor, theirs))
    other.start()
    try:
        assert ours.recv() is True
        assert not shared.lock_maildrop(MANY)
        assert shared.lock_maildrop(1)
        assert shared.claim_recent(9, 4) == 4
        ours.send("let it go")
        assert ours.recv() is True
        assert shared.lock_maildrop(MANY)
        assert not shared.lock_maildrop(MANY + 1)
    finally:
        other.kill()
        other.join()
    assert shared.lock_maildrop(MANY + 1)
    os.close(shared.descriptor)
