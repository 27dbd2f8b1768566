"""Connections to PostgreSQL that are lost, and what is heard of other processes."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct

from tempmaild.store.domains import AddDomain
from tempmaild.store.opening import open_database
from tempmaild.store.writer import commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction
    from tests.store.house import Store

_PATIENCE = 60.0


@pytest.fixture
def other(postgres_store: Store, tmp_path: Path) -> Iterator[Handle]:
    """Another process's connection."""
    handle = open_database(postgres_store.url, tmp_path / "none")
    yield handle
    handle.close()


def lose(handle: Handle, other: Handle) -> None:
    """Have the server end a connection, and come back when it has."""
    row = handle.row("SELECT pg_backend_pid()")
    assert row is not None
    assert other.row("SELECT pg_terminate_backend(?, 60000)", row[0]) == (True,)


class Lose(Struct, frozen=True):
    """A change in which the connection is lost."""

    def apply(self, transaction: Transaction) -> None:
        transaction.db.row("SELECT pg_terminate_backend(pg_backend_pid())")


class TestLostConnection:
    def test_does_not_concern_who_reads(self, postgres_store: Store, other: Handle) -> None:
        lose(postgres_store.handle, other)
        assert postgres_store.handle.row("SELECT 1") == (1,)

    def test_does_not_concern_the_next_transaction(self, postgres_store: Store, other: Handle) -> None:
        lose(postgres_store.handle, other)
        postgres_store.write(AddDomain("a.test"))
        assert postgres_store.queries.domain("a.test") is not None

    def test_ends_the_transaction_it_happens_in(self, postgres_store: Store, other: Handle) -> None:
        handle = postgres_store.handle

        def transact() -> None:
            with handle.transaction():
                handle.run("DELETE FROM domain")
                lose(handle, other)
                handle.run("DELETE FROM counter")

        with pytest.raises(handle.failures):
            transact()
        assert handle.lost
        assert postgres_store.count("counter") > 0, "what follows does not run outside of the transaction"
        assert postgres_store.queries.domain("box.test") is not None

    def test_fails_the_whole_group(self, postgres_store: Store) -> None:
        handle = postgres_store.handle
        with pytest.raises(handle.failures):
            commit(handle, postgres_store.vault, [AddDomain("a.test"), Lose(), AddDomain("b.test")], 0)
        assert [domain.name for domain in postgres_store.queries.domains()] == ["box.test"]
        postgres_store.write(AddDomain("a.test"))


def hear(handle: Handle) -> set[int] | None:
    """Wait for news of other processes."""
    assert select.select(handle.alarms, [], [], _PATIENCE)[0]
    return handle.others()


def hear_all(handle: Handle) -> None:
    """Listen for as long as there is nothing new."""
    while hear(handle) == set():
        pass


class TestOthers:
    def test_are_heard(self, postgres_store: Store, other: Handle) -> None:
        mailbox = postgres_store.mailbox()
        inbox = postgres_store.folder(mailbox)
        assert other.others() is None
        assert other.others() == set()
        for _ in range(2):
            postgres_store.write(postgres_store.delivery(mailbox))
            assert hear(other) == {inbox.id}
        assert other.others() == set()

    def test_are_heard_though_this_one_was_busy(self, postgres_store: Store, other: Handle) -> None:
        mailbox = postgres_store.mailbox()
        inbox = postgres_store.folder(mailbox)
        other.others()
        postgres_store.write(postgres_store.delivery(mailbox))
        # What is read from the connection meanwhile is not lost.
        commit(other, postgres_store.vault, [postgres_store.delivery(mailbox), AddDomain("a.test")], 0)
        assert other.others() == {inbox.id}

    def test_are_heard_after_a_lost_connection(self, postgres_store: Store, other: Handle) -> None:
        mailbox = postgres_store.mailbox()
        other.others()
        lose(other, postgres_store.handle)
        # What the server says last comes first.
        with pytest.raises(other.failures):
            hear_all(other)
        assert other.alarms == ()
        assert other.others() is None
        postgres_store.write(postgres_store.delivery(mailbox))
        assert hear(other) == {postgres_store.folder(mailbox).id}
