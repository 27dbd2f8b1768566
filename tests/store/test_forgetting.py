"""Of what was deleted nothing stays in the files, though others are reading when it should be taken out."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import INBOX
from tempmaild.store.mailboxes import DestroyMailbox, EndLifetime
from tempmaild.store.opening import open_database
from tests.store.test_writer import House

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pytest

    from tests.store.house import Store

_CANARY = b"3b0e7d7f6f1b4b7e8a4c"
_PATIENCE = 30.0


def files_with(store: Store, canary: bytes) -> list[str]:
    return [file.name for file in store.path.parent.iterdir() if canary in file.read_bytes()]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_forgetting_leaves_nothing(sqlite_store: Store) -> None:
    store = sqlite_store
    plain = [store.mailbox() for _ in range(2)][1]
    store.write(store.delivery(plain, text=_CANARY.decode()))
    assert files_with(store, _CANARY)
    store.write(DestroyMailbox(plain.id, 0))
    assert store.vault.traces == {"main"}
    assert not store.handle.forget()
    assert not files_with(store, _CANARY)
    assert not store.path.with_name("tempmaild.db-wal").stat().st_size


def test_logs_stay_empty_when_the_power_is_lost(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[int, int]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        file = os.fstat(descriptor)
        flushed.append((file.st_ino, file.st_size))

    monkeypatch.setattr(os, "fsync", noted)
    assert not sqlite_store.handle.forget()
    logs = [sqlite_store.path.with_name(name) for name in ("tempmaild.db-wal", "keys.db-wal")]
    assert {(log.stat().st_ino, 0) for log in logs} <= set(flushed)


def test_forgetting_says_when_a_reader_was_in_the_way(sqlite_store: Store) -> None:
    store = sqlite_store
    plain = [store.mailbox() for _ in range(2)][1]
    store.write(store.delivery(plain, text=_CANARY.decode()))
    reader = open_database("", store.path)
    reader.run("BEGIN")
    reader.rows("SELECT id FROM mailbox")
    store.write(DestroyMailbox(plain.id, 0))
    assert store.handle.forget() == {"main"}
    reader.run("ROLLBACK")
    assert not store.handle.forget()
    assert not files_with(store, _CANARY)
    reader.close()


def test_a_key_is_gone_without_the_rest(sqlite_store: Store) -> None:
    store = sqlite_store
    mailbox = store.mailbox()
    store.handle.run("INSERT INTO keys.wrapped_key VALUES (1, ?, ?)", mailbox.id, _CANARY)
    assert files_with(store, _CANARY)
    store.write(EndLifetime((mailbox.id,)))
    assert store.vault.traces == {"keys"}
    assert not store.handle.forget(store.vault.traces)
    assert not files_with(store, _CANARY)
    assert store.folder(mailbox, INBOX)


class TestWriter:
    def test_tries_again_until_it_could(self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = iter([{"main"}, {"main"}, set[str]()])
        asked: list[float] = []
        house = House(sqlite_store)

        def forget(_schemas: set[str]) -> set[str]:
            asked.append(time.monotonic())
            return next(answers)

        monkeypatch.setattr(house.db, "forget", forget)
        try:
            # The first look at what others have done, which may be anything, is a reason to forget as well.
            wait_for(lambda: len(asked) == 3)
            assert asked[2] - asked[1] < 20, "it does not wait as long as after a success"
            wait_for(lambda: not house.store.vault.traces)
        finally:
            monkeypatch.undo()
            house.close()

    def test_forgets_what_it_deletes_on_every_database(self, store: Store) -> None:
        mailbox = [store.mailbox() for _ in range(2)][1]
        house = House(store)
        forgotten = threading.Event()
        forget = house.db.forget

        def noted(schemas: Collection[str]) -> set[str]:
            left = forget(schemas)
            if not house.db.row("SELECT id FROM mailbox WHERE id = ?", mailbox.id):
                forgotten.set()
            return left

        house.db.forget = noted  # type: ignore[assignment,method-assign]
        try:
            house.submit(DestroyMailbox(mailbox.id, 0))
            house.answer()
            assert forgotten.wait(_PATIENCE)
        finally:
            house.close()

    def test_forgets_before_it_ends(self, sqlite_store: Store) -> None:
        plain = [sqlite_store.mailbox() for _ in range(2)][1]
        sqlite_store.write(sqlite_store.delivery(plain, text=_CANARY.decode()))
        house = House(sqlite_store)
        house.submit(DestroyMailbox(plain.id, 0))
        house.close()
        assert not files_with(sqlite_store, _CANARY)

    def test_forgets_what_another_process_has_deleted(self, sqlite_store: Store) -> None:
        store = sqlite_store
        plain = [store.mailbox() for _ in range(2)][1]
        store.write(store.delivery(plain, text=_CANARY.decode()))
        house = House(store)
        try:
            store.write(DestroyMailbox(plain.id, 0))
            wait_for(lambda: not files_with(store, _CANARY))
        finally:
            house.close()
