"""SQLite's logs are taken over beside the commits, and begin anew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.mailbox import INBOX
from tempmaild.store.database import SqliteHandle
from tempmaild.store.upkeep import Upkeep
from tests.store.test_forgetting import wait_for
from tests.store.test_writer import House

if TYPE_CHECKING:
    from tests.store.house import Store

_PIECE, _LONG = 20, 60


@pytest.fixture
def handle(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> SqliteHandle:
    """Give the handle of a writer whose logs are soon long."""
    monkeypatch.setattr("tempmaild.store.database._PIECE", _PIECE)
    monkeypatch.setattr("tempmaild.store.database._LONG", _LONG)
    handle = sqlite_store.handle
    assert isinstance(handle, SqliteHandle)
    handle.forget()
    handle.spare_commits()
    return handle


def pages(handle: SqliteHandle) -> int:
    """Give the length of the log; to ask SQLite for it would take the log over."""
    return handle._pages("main")


def test_a_commit_leaves_the_log_as_it_is(sqlite_store: Store, handle: SqliteHandle) -> None:
    assert not handle.is_behind()
    mailbox = sqlite_store.mailbox()
    for _ in range(_PIECE):
        sqlite_store.write(sqlite_store.delivery(mailbox))
    assert handle.is_behind()
    handle.work_off()
    assert not handle.is_behind()


def test_a_long_log_begins_anew(sqlite_store: Store, handle: SqliteHandle) -> None:
    mailbox = sqlite_store.mailbox()
    while pages(handle) < _LONG:
        sqlite_store.write(sqlite_store.delivery(mailbox))
    handle.work_off()
    # Whatever is committed meanwhile keeps the log from beginning anew.
    sqlite_store.write(sqlite_store.delivery(mailbox))
    handle.catch_up()
    sqlite_store.write(sqlite_store.delivery(mailbox))
    assert pages(handle) < _PIECE
    assert not handle.is_behind()


def test_a_reader_does_not_hold_up_commits(sqlite_store: Store, handle: SqliteHandle) -> None:
    mailbox = sqlite_store.mailbox()
    reader = SqliteHandle(sqlite_store.path)
    reader.run("BEGIN")
    reader.rows("SELECT id FROM mailbox")
    while pages(handle) < _LONG:
        sqlite_store.write(sqlite_store.delivery(mailbox))
    begun = time.monotonic()
    handle.work_off()
    handle.catch_up()
    assert time.monotonic() - begun < 20, "it waits as long as for another writer"
    sqlite_store.write(sqlite_store.delivery(mailbox))
    reader.run("ROLLBACK")
    handle.work_off()
    handle.catch_up()
    sqlite_store.write(sqlite_store.delivery(mailbox))
    assert pages(handle) < _PIECE
    reader.close()


def test_the_writer_keeps_the_log_short(sqlite_store: Store, handle: SqliteHandle) -> None:
    mailbox = sqlite_store.mailbox()
    house = House(sqlite_store)
    try:
        deliveries = 0

        def began_anew() -> bool:
            nonlocal deliveries
            before = pages(handle)
            house.submit(sqlite_store.delivery(mailbox))
            house.answer()
            deliveries += 1
            return pages(handle) < before

        wait_for(began_anew)
    finally:
        house.close()
    assert sqlite_store.folder(mailbox, INBOX).messages == deliveries


class TestFailures:
    def test_are_told_and_survived(
        self, sqlite_store: Store, handle: SqliteHandle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []

        class Log:
            def error(self, event: str, **_: object) -> None:
                told.append(event)

        def fail(_schemas: object = ()) -> None:
            raise handle.failures[0]("the disk is gone")

        upkeep = Upkeep(handle, sqlite_store.vault, Log())  # type: ignore[arg-type]

        def forgotten() -> bool:
            upkeep.look(idle=True)
            return not sqlite_store.vault.traces

        try:
            with monkeypatch.context() as broken:
                broken.setattr(handle, "work_off", fail)
                sqlite_store.vault.traces.add("main")
                wait_for(lambda: forgotten() or bool(told))
            assert sqlite_store.vault.traces
            wait_for(forgotten)
        finally:
            upkeep.close()
        assert told[0] == "upkeep-failed"
