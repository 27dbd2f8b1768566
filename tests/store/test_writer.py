"""Changes that wait together are committed together, and are answered after the commit."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from tempmaild import log
from tempmaild.core.flags import SEEN, FlagChange
from tempmaild.core.mailbox import Mailbox
from tempmaild.core.sealing import Sealer
from tempmaild.errors import AddressTaken, DomainExists, NoSuchDomain, NoSuchFolder, StoreFailed
from tempmaild.frames import Frames, to_frame
from tempmaild.store.domains import AddDomain, RemoveDomain
from tempmaild.store.mailboxes import DestroyMailbox
from tempmaild.store.messages import ChangeFlags, Remove
from tempmaild.store.opening import open_database
from tempmaild.store.transaction import SETTINGS
from tempmaild.store.writer import Configuration, Writer, _Pending, commit
from tests.store.house import creation
from tests.support import NOW

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Change, Transaction
    from tempmaild.store.writer import Committed
    from tests.store.house import Store


class Statement(Struct, frozen=True):
    """A change that is one SQL statement, right or wrong."""

    sql: str

    def apply(self, transaction: Transaction) -> None:
        transaction.db.run(self.sql)


class Defect(Struct, frozen=True):
    """A change that has a defect, after it has changed something."""

    def apply(self, transaction: Transaction) -> None:
        AddDomain("defect.test").apply(transaction)
        raise ZeroDivisionError


class Transactions:
    """Counts the transactions of a database."""

    def __init__(self, db: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._begin = db.transaction
        monkeypatch.setattr(db, "transaction", self._counted)

    def _counted(self) -> Any:
        self.count += 1
        return self._begin()


def domains(store: Store) -> list[str]:
    return [domain.name for domain in store.queries.domains()]


class TestCommit:
    def test_of_a_mixed_group_is_one_transaction(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = store.mailbox(), store.mailbox()
        deliveries = [store.delivery(first), store.delivery(first, second), store.delivery(second)]
        inbox = store.folder(first)
        transactions = Transactions(store.handle, monkeypatch)
        results = store.group(
            deliveries[0], deliveries[1], AddDomain("a.test"), Remove(inbox.id, (1,)), deliveries[2]
        )
        assert transactions.count == 1
        assert results[:2] == [[], []]
        assert results[2].name == "a.test"
        assert results[3:] == [[1], []]
        assert store.uids(inbox) == [2]
        assert store.touched == {SETTINGS, inbox.id, store.folder(second).id}

    def test_of_a_refused_change_does_not_concern_the_others(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transactions = Transactions(store.handle, monkeypatch)
        results = store.group(
            AddDomain("a.test"),
            AddDomain("box.test"),
            Remove(999_999, None),
            RemoveDomain("c.test"),
            AddDomain("b.test"),
        )
        assert [type(result) for result in results[1:4]] == [DomainExists, NoSuchFolder, NoSuchDomain]
        assert transactions.count == 1
        assert domains(store) == ["a.test", "b.test", "box.test"]

    @pytest.mark.parametrize("wrong", [Defect(), Statement("INSERT INTO nowhere VALUES (1)")])
    def test_of_a_defect_does_not_concern_the_others(self, store: Store, wrong: Change[None]) -> None:
        mailbox = store.mailbox()
        delivery = store.delivery(mailbox)
        results = store.group(delivery, wrong, AddDomain("a.test"), delivery)
        assert results[0] == results[3] == []
        assert isinstance(results[1], Exception)
        assert domains(store) == ["a.test", "box.test"]
        assert store.uids(store.folder(mailbox)) == [1, 2]

    def test_leaves_ids_that_were_fetched_to_the_next(self, store: Store) -> None:
        delivery = store.delivery(store.mailbox())
        store.group(delivery, delivery)
        fetched = store.next_object
        store.write(delivery)
        assert store.next_object == fetched
        store.group(delivery, Defect(), delivery)
        ids = [row[0] for table in ("content", "entry") for row in store.handle.rows(f"SELECT id FROM {table}")]
        assert len(set(ids)) == 10
        assert max(ids) < store.next_object

    def test_of_a_defect_alone_raises_it(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError):
            store.write(Defect())
        assert domains(store) == ["box.test"]

    def test_of_what_fails_leaves_no_transaction_open(self, store: Store) -> None:
        failures: tuple[type[Exception], ...] = (ZeroDivisionError, *store.handle.failures)
        for wrong in (Defect(), Statement("NOT SQL")):
            with pytest.raises(failures):
                store.write(wrong)
            store.write(store.delivery(store.mailbox()))


class House:
    """A writer at work in a thread, with the daemon's ends of its pipes."""

    def __init__(self, store: Store, group: int = 200, octets: int = 8 << 20) -> None:
        self.store = store
        self.lines = io.StringIO()
        log.configure("error", "text", self.lines)
        source, self.sink = os.pipe()
        self.source, sink = os.pipe()
        configuration = Configuration(
            url=store.url,
            sqlite_path=str(store.path),
            host="mx.box.test",
            signing_key=str(store.path.with_name("receipts.key")),
            group=group,
            octets=octets,
            log_level="error",
            log_format="text",
        )
        self.db = open_database(store.url, store.path)
        self.db.close()
        self._frames = Frames()
        self._heard: list[Committed] = []
        self._tickets = 0
        writer = Writer(self.db, store.vault, source, sink, configuration, log.get_log("writer"))

        def work() -> None:
            try:
                writer.work()
            finally:
                self.db.close()
                os.close(source)
                os.close(sink)

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def submit(self, *changes: Change[Any]) -> list[int]:
        """Hand over changes together; their tickets."""
        tickets = [self._tickets + number for number in range(1, len(changes) + 1)]
        self._tickets += len(changes)
        frame = memoryview(to_frame((NOW, tickets, list(changes))))
        while frame:
            frame = frame[os.write(self.sink, frame) :]
        return tickets

    def hear(self) -> Committed:
        """Wait for what the writer says next."""
        while not self._heard:
            self._heard += self._frames.feed(os.read(self.source, 65536))
        return self._heard.pop(0)

    def answer(self) -> Committed:
        """Wait for the next answers, past what is said of other processes."""
        while not (committed := self.hear())[0]:
            pass
        return committed

    def hear_of_others(self) -> set[int] | None:
        """Wait until something is said of other processes."""
        answers, touched = self.hear()
        assert answers == []
        return touched

    def close(self) -> None:
        os.close(self.sink)
        self.thread.join()
        os.close(self.source)


@pytest.fixture
def house(store: Store) -> Iterator[House]:
    house = House(store)
    assert house.hear_of_others() is None, "at first it may be anything"
    yield house
    house.close()


class TestWriter:
    def test_answers_after_the_commit(self, house: House) -> None:
        store = house.store
        mailbox = store.mailbox()
        delivery = store.delivery(mailbox)
        tickets = house.submit(delivery, Remove(999_999, None), delivery)
        answers, touched = house.answer()
        inbox = store.folder(mailbox)
        assert store.uids(inbox) == [1, 2]
        assert [ticket for ticket, _ in answers] == tickets
        assert answers[0][1] == []
        assert isinstance(answers[1][1], NoSuchFolder)
        assert touched == {inbox.id}

    def test_survives_everything(self, house: House) -> None:
        house.submit(Defect())
        ((_, result),), _ = house.answer()
        assert isinstance(result, StoreFailed)
        house.submit(Statement("NOT SQL"))
        ((_, result),), _ = house.answer()
        assert isinstance(result, StoreFailed)
        house.submit(AddDomain("a.test"))
        ((_, result),), _ = house.answer()
        assert result.name == "a.test"
        defect, statement = house.lines.getvalue().splitlines()
        assert "write-failed change=Defect" in defect
        assert "ZeroDivisionError" in defect
        assert "traceback" not in statement

    def test_commits_what_came_before_the_end(self, store: Store) -> None:
        house = House(store)
        names = [f"d{number}.test" for number in range(50)]
        for name in names:
            house.submit(AddDomain(name))
        house.close()
        assert domains(store) == sorted(["box.test", *names])

    def test_cuts_groups(self, store: Store) -> None:
        house = House(store, group=4, octets=1000)
        try:
            mailbox = store.mailbox()
            small, large = store.delivery(mailbox), store.delivery(mailbox, text="x" * 1000)
            house.submit(*[small] * 6, large, large, small)
            sizes: list[int] = []
            while sum(sizes) < 9:
                sizes.append(len(house.answer()[0]))
            # Four are enough, so are 1,000 octets; the first change of a group always goes.
            assert sizes == [4, 3, 1, 1]
        finally:
            house.close()

    def test_tells_what_another_process_does(self, house: House) -> None:
        store = house.store
        mailbox = store.mailbox()
        inbox = store.folder(mailbox)
        store.write(store.delivery(mailbox))
        heard = house.hear_of_others()
        # SQLite only says that something has happened, and may say it of the mailbox that was made before.
        assert heard is None if store.handle.sqlite else heard == {inbox.id}

    def test_tells_it_though_there_is_always_something_to_do(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The writer never gets to wait, and another process comes in between."""
        turns = iter(range(10))
        half, others = threading.Event(), threading.Event()

        def take(writer: Writer, waiting: deque[Any], patience: float) -> bool:
            turn = next(turns, None)
            if turn == 5:
                half.set()
                others.wait(60)
            if turn is None:
                return original(writer, waiting, patience)
            waiting.extend(_Pending(turn, AddDomain(f"d{turn}-{number}.test"), 0) for number in range(9))
            return True

        original = Writer._take
        monkeypatch.setattr("tempmaild.store.writer._LOOK_AROUND", 0)
        monkeypatch.setattr(Writer, "_take", take)
        assert half.wait(60)
        house.store.write(AddDomain("others.test"))
        others.set()
        told: list[bool] = []
        while told.count(True) < 10:
            told.append(bool(house.hear()[0]))
        assert False in told[6:]

    def test_does_not_tell_what_it_does_itself(self, house: House) -> None:
        store = house.store
        mailbox = store.mailbox()
        house.submit(store.delivery(mailbox))
        house.answer()
        heard = []
        house.submit(AddDomain("a.test"))
        while not (committed := house.hear())[0]:
            heard.append(committed[1])
        # Beside that of the mailbox, which SQLite cannot tell from other changes, there is nothing.
        assert heard in ([], [None])
        if not store.handle.sqlite:
            assert heard == []

    def test_says_when_all_folders_are_meant(self, postgres_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.store.database._LONGEST_PAYLOAD", 40)
        house = House(postgres_store)
        try:
            assert house.hear_of_others() is None
            mailboxes = [postgres_store.mailbox() for _ in range(25)]
            postgres_store.write(postgres_store.delivery(mailboxes[0]))
            assert house.hear_of_others() == {postgres_store.folder(mailboxes[0]).id}
            postgres_store.write(postgres_store.delivery(*mailboxes))
            assert house.hear_of_others() is None
        finally:
            house.close()

    def test_forgets_the_keys_of_a_minute_though_nothing_comes(self, house: House) -> None:
        store = house.store
        now, forgotten = [1000.0], threading.Event()

        class Watched(Sealer):
            def forget_old(self) -> None:
                super().forget_old()
                if now[0] > 1000 and not self._private:
                    forgotten.set()

        store.vault.sealer = Watched(lambda: now[0])
        house.submit(store.delivery(store.mailbox(), store.mailbox()))
        house.answer()
        assert store.vault.sealer._private
        now[0] += 61
        assert forgotten.wait(60)

    def test_goes_on_when_it_cannot_see_others(self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        house = House(sqlite_store)
        assert house.hear_of_others() is None
        failing = threading.Event()

        def others() -> None:
            failing.set()
            raise house.db.failures[0]("gone")

        monkeypatch.setattr(house.db, "others", others)
        failing.wait()
        house.submit(AddDomain("a.test"))
        ((_, result),), _ = house.answer()
        assert result.name == "a.test"
        house.close()
        assert house.lines.getvalue().count("database-gone") == 1


class TestFullDisk:
    """SQLite says that the disk is full when the file may have no more pages."""

    def test_fails_and_recovers(self, sqlite_store: Store) -> None:
        store = sqlite_store
        mailbox = store.mailbox()
        store.write(store.delivery(mailbox))
        pages = store.handle.row("PRAGMA page_count")
        assert pages is not None
        store.handle.run(f"PRAGMA max_page_count = {pages[0] + 2}")
        large = store.delivery(mailbox, text=os.urandom(100_000).hex())
        results = store.group(large, AddDomain("a.test"), large)
        assert [isinstance(result, Exception) for result in results] == [True, False, True]
        assert "full" in str(results[0])
        store.handle.run("PRAGMA max_page_count = 1000000")
        assert store.write(large) == []
        assert store.uids(store.folder(mailbox)) == [1, 2]
        assert store.handle.row("PRAGMA integrity_check") == ("ok",)


class TestTwoProcesses:
    def test_wait_for_each_other(self, sqlite_store: Store) -> None:
        """The command line writes while the daemon is in a transaction."""
        other = open_database("", sqlite_store.path)
        begun, done = threading.Event(), []

        def write() -> None:
            begun.set()
            done.append(commit(other, sqlite_store.vault, [AddDomain("b.test")], 0))
            other.close()

        thread = threading.Thread(target=write)
        with sqlite_store.handle.transaction():
            thread.start()
            begun.wait()
            sqlite_store.handle.run("UPDATE domain SET enabled = enabled")
            assert not done
        thread.join()
        assert done
        assert domains(sqlite_store) == ["b.test", "box.test"]


def test_sqlite_flushes_each_commit(sqlite_store: Store) -> None:
    """What a thread gets from its own connection is what durability rests on."""
    seen: dict[str, Any] = {}

    def look() -> None:
        for pragma in ("journal_mode", "synchronous", "foreign_keys"):
            row = sqlite_store.handle.row(f"PRAGMA {pragma}")
            assert row is not None
            seen[pragma] = row[0]
        sqlite_store.handle.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    full = 2
    assert seen == {"journal_mode": "wal", "synchronous": full, "foreign_keys": 1}


def test_two_daemons_on_one_database(postgres_store: Store, tmp_path: Path) -> None:
    """Each commits groups of its own, which lock in other orders; nothing is lost, doubled or left over."""
    store = postgres_store
    kept = [store.mailbox() for _ in range(3)]
    doomed = [store.mailbox() for _ in range(20)]
    groups: tuple[list[list[Change[Any]]], ...] = ([], [])
    for number, mailbox in enumerate(doomed):
        for side in (0, 1):
            many, doubtful = store.delivery(*kept[:: 1 if side else -1]), store.delivery(kept[side], mailbox)
            last: list[Change[Any]] = [DestroyMailbox(mailbox.id, 0)] if number % 2 == side else [many]
            groups[side].append([store.delivery(kept[2 - side]), doubtful, *last])
    together = threading.Barrier(2)
    results: list[Any] = []

    def work(side: int) -> None:
        handle = open_database(store.url, tmp_path / "none")
        for group in groups[side]:
            together.wait()
            results.extend(commit(handle, store.vault, group, store.now)[0])
        handle.close()

    threads = [threading.Thread(target=work, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result for result in results if isinstance(result, Exception)] == []
    store.check()
    # Twenty times from each side: ten messages for all, and one or two for one.
    assert [store.folder(mailbox).messages for mailbox in kept] == [40, 60, 40]


def two_sides(store: Store, folder: Path, groups: Callable[[int, int], list[Change[Any]]]) -> list[list[list[Any]]]:
    """Have two daemons commit thirty groups each at the same time; `groups` gives them by side and turn."""
    together = threading.Barrier(2)
    results: list[list[list[Any]]] = [[], []]

    def work(side: int) -> None:
        handle = open_database(store.url, folder / "none")
        try:
            for turn in range(30):
                group = groups(side, turn)
                together.wait()
                results[side].append(commit(handle, store.vault, group, store.now)[0])
        except BaseException:
            together.abort()
            raise
        finally:
            handle.close()

    threads = [threading.Thread(target=work, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.check()
    return results


class TestTwoDaemons:
    """On one PostgreSQL database, each with groups of its own."""

    def test_take_away_the_last_references(self, postgres_store: Store, tmp_path: Path) -> None:
        store = postgres_store
        mailboxes = [store.mailbox(), store.mailbox()]
        inboxes = [store.folder(mailbox).id for mailbox in mailboxes]
        store.group(*[store.delivery(*mailboxes)] * 30)
        two_sides(store, tmp_path, lambda side, turn: [Remove(inboxes[side], (turn + 1,))])
        assert store.count("content") == 0

    def test_count_together(self, postgres_store: Store, tmp_path: Path) -> None:
        store = postgres_store
        mailbox = store.mailbox()
        inbox, delivery = store.folder(mailbox), store.delivery(mailbox)
        store.fill(inbox, 30)

        def groups(side: int, turn: int) -> list[Change[Any]]:
            return [ChangeFlags(inbox.id, (turn + 1,), FlagChange.ADD, frozenset({SEEN}))] if side else [delivery]

        two_sides(store, tmp_path, groups)
        assert (store.folder(mailbox).messages, store.folder(mailbox).unseen) == (60, 30)

    def test_give_an_address_once(self, postgres_store: Store, tmp_path: Path) -> None:
        store = postgres_store

        def groups(_: int, turn: int) -> list[Change[Any]]:
            return [creation(store.domain.id, f"box{turn}@box.test", 60)]

        for (first,), (second,) in zip(*two_sides(store, tmp_path, groups), strict=True):
            assert sorted([type(first), type(second)], key=str) == sorted([AddressTaken, Mailbox], key=str)

    def test_do_not_wait_for_each_other_for_ever(self, postgres_store: Store, tmp_path: Path) -> None:
        store = postgres_store
        inboxes = [store.folder(store.mailbox()) for _ in range(2)]
        for inbox in inboxes:
            store.fill(inbox, 60)

        def groups(side: int, turn: int) -> list[Change[Any]]:
            order = inboxes[:: 1 if side else -1]
            return [Remove(inbox.id, (2 * turn + side + 1,)) for inbox in order]

        for side, results in enumerate(two_sides(store, tmp_path, groups)):
            assert results == [[[2 * turn + side + 1]] * 2 for turn in range(30)]
