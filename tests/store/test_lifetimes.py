"""The time that mailboxes and messages have left; `Store.check` runs after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.flags import FLAGGED, SEEN, FlagChange
from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.mailbox import NewMessage
from tempmaild.errors import MailboxFull, NoSuchMailbox, NotExtendable
from tempmaild.store.arriving import Append
from tempmaild.store.lifetimes import ExtendMailbox, UseMailbox
from tempmaild.store.mailboxes import DestroyMailbox, EndLifetime
from tempmaild.store.messages import ChangeFlags, Copy, ExpireRead, Move, Remove
from tests.store.house import creation, message
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder, Mailbox
    from tests.store.house import Store


def create(store: Store, lifetime: Lifetime) -> Mailbox:
    change = msgspec.structs.replace(creation(store.domain.id, "me@box.test"), lifetime=lifetime)
    mailbox: Mailbox = store.write(change)
    return mailbox


def times(store: Store) -> tuple[int, int, int]:
    """Give when the mailbox ends at the latest, was last used, and expires; seconds since `NOW`."""
    mailbox = store.queries.mailbox("me@box.test")
    assert mailbox is not None
    ends_at = mailbox.ends_at if mailbox.ends_at == FOREVER else mailbox.ends_at - NOW
    return ends_at, mailbox.used_at - NOW, mailbox.expires_at - NOW


class TestUseMailbox:
    def test_begins_the_idle_time_anew(self, store: Store) -> None:
        mailbox = create(store, Lifetime(100, idle=30))
        assert times(store) == (100, 0, 30)
        store.now = NOW + 29
        store.write(UseMailbox(mailbox.id, 30))
        assert times(store) == (100, 29, 59)
        assert store.touched == set()

    def test_goes_no_further_than_the_end(self, store: Store) -> None:
        mailbox = create(store, Lifetime(100, idle=60))
        for used_at, expires_at in ((39, 99), (40, 100), (41, 100), (99, 100)):
            store.now = NOW + used_at
            store.write(UseMailbox(mailbox.id, 60))
            assert times(store) == (100, used_at, expires_at)

    @pytest.mark.parametrize("late", [30, 31, 1000])
    def test_brings_nothing_back(self, store: Store, late: int) -> None:
        mailbox = create(store, Lifetime(2000, idle=30))
        store.now = NOW + late
        store.write(UseMailbox(mailbox.id, 30))
        assert times(store) == (2000, 0, 30)
        store.write(DestroyMailbox(mailbox.id, 0))
        store.write(UseMailbox(mailbox.id, 30))

    def test_by_a_daemon_whose_clock_is_behind_takes_nothing_away(self, store: Store) -> None:
        mailbox = create(store, Lifetime(100, idle=30))
        store.now = NOW + 20
        store.write(UseMailbox(mailbox.id, 30))
        store.now = NOW + 10
        store.write(UseMailbox(mailbox.id, 30))
        assert times(store) == (100, 20, 50)


class TestExtendMailbox:
    LIFETIME = Lifetime(100, extend=1000)

    def test_puts_off_the_end(self, store: Store) -> None:
        mailbox = create(store, self.LIFETIME)
        store.now = NOW + 99
        assert store.write(ExtendMailbox(mailbox.id, NOW + 1000, bounded=True)) == NOW + 1000
        assert times(store) == (1000, 0, 1000)

    @pytest.mark.parametrize(("ends_at", "bounded"), [(1001, True), (100, True), (99, True), (100, False)])
    def test_has_bounds(self, store: Store, ends_at: int, bounded: bool) -> None:
        mailbox = create(store, self.LIFETIME)
        with pytest.raises(NotExtendable):
            store.write(ExtendMailbox(mailbox.id, NOW + ends_at, bounded))
        assert times(store) == (100, 0, 100)

    def test_is_not_for_the_owner_of_every_mailbox(self, store: Store) -> None:
        mailbox = create(store, Lifetime(100))
        with pytest.raises(NotExtendable):
            store.write(ExtendMailbox(mailbox.id, NOW + 101, bounded=True))
        store.write(ExtendMailbox(mailbox.id, NOW + 101, bounded=False))

    def test_for_ever_is_the_most(self, store: Store) -> None:
        mailbox = create(store, self.LIFETIME)
        with pytest.raises(NotExtendable):
            store.write(ExtendMailbox(mailbox.id, FOREVER + 1, bounded=False))
        store.write(ExtendMailbox(mailbox.id, FOREVER, bounded=False))
        assert times(store) == (FOREVER, 0, FOREVER - NOW)

    def test_leaves_the_idle_time(self, store: Store) -> None:
        mailbox = create(store, Lifetime(100, idle=50, extend=1000))
        store.now = NOW + 20
        assert store.write(ExtendMailbox(mailbox.id, NOW + 500, bounded=True)) == NOW + 50
        store.write(UseMailbox(mailbox.id, 50))
        assert times(store) == (500, 20, 70)

    @pytest.mark.parametrize("end", ["time", "ended", "destroyed"])
    def test_comes_too_late(self, store: Store, end: str) -> None:
        mailbox = create(store, self.LIFETIME)
        if end == "time":
            store.now = NOW + 100
        elif end == "ended":
            store.write(EndLifetime((mailbox.id,)))
        else:
            store.write(DestroyMailbox(mailbox.id, 0))
        with pytest.raises(NoSuchMailbox):
            store.write(ExtendMailbox(mailbox.id, NOW + 200, bounded=False))

    def test_is_noted_without_the_address(self, store: Store) -> None:
        mailbox = create(store, self.LIFETIME)
        store.write(ExtendMailbox(mailbox.id, NOW + 200, bounded=True, actor="owner"))
        rows = store.handle.rows("SELECT actor, subject, details FROM audit WHERE action = 'mailbox-extend'")
        assert rows == [("owner", str(mailbox.id), '{"seconds":100}')]


@pytest.fixture
def inbox(store: Store) -> Folder:
    """Five messages, of which those with UID 1 and 2 end after 10 and 20 seconds."""
    folder = store.folder(store.mailbox())
    for retention in (10, 20, 0, 0, 0):
        store.write(Append(folder.id, (NewMessage(message()),), retention=retention))
    return store.queries.folder(folder.mailbox_id, folder.name)


def ends(store: Store, folder: Folder) -> list[int]:
    """Give when the messages of a folder end, seconds since `NOW`; 0 for those that stay."""
    return [0 if e.expires_at == FOREVER else e.expires_at - NOW for e in store.queries.entries(folder.id)]


class TestExpireRead:
    def test_ends_what_would_stay_longer(self, store: Store, inbox: Folder) -> None:
        store.write(ExpireRead(inbox.id, (1, 2, 3, 99), 15))
        assert ends(store, inbox) == [10, 15, 15, 0, 0]
        # The first reading counts, and none prolongs anything.
        store.now = NOW + 5
        store.write(ExpireRead(inbox.id, (1, 2, 3, 4), 15))
        assert ends(store, inbox) == [10, 15, 15, 20, 0]

    def test_is_a_change_that_others_learn_of(self, store: Store, inbox: Folder) -> None:
        store.write(ExpireRead(inbox.id, (1, 3), 15))
        assert store.touched == {inbox.id}
        changes = store.queries.changes(inbox.id, inbox.highest_modseq)
        assert [(entry.uid, entry.expires_at) for entry in changes.changed] == [(3, NOW + 15)]
        store.write(ExpireRead(inbox.id, (1, 3), 15))
        assert store.touched == set()
        assert store.queries.highest_modseq(inbox.id) == changes.highest_modseq

    def test_at_once(self, store: Store, inbox: Folder) -> None:
        store.write(ExpireRead(inbox.id, (4,), 0))
        assert store.queries.content(inbox.id, 4, NOW) is None
        assert store.queries.expired_entries(NOW, 10) == [(inbox.id, 4)]


class TestMessagesWhoseTimeIsOver:
    def test_are_not_read(self, store: Store, inbox: Folder) -> None:
        for now, uids in ((9, {1, 2, 3}), (10, {2, 3}), (19, {2, 3}), (20, {3})):
            assert store.queries.summaries(inbox.id, [1, 2, 3], NOW + now).keys() == uids
            assert {uid for uid in (1, 2, 3) if store.queries.content(inbox.id, uid, NOW + now)} == uids

    def test_are_counted_apart(self, store: Store, inbox: Folder) -> None:
        store.write(ChangeFlags(inbox.id, (2,), FlagChange.ADD, frozenset({SEEN})))
        size = len(message())
        assert store.queries.ended(inbox.mailbox_id, NOW + 9) == {}
        ended = store.queries.ended(inbox.mailbox_id, NOW + 20)
        assert {folder_id: sorted(rows) for folder_id, rows in ended.items()} == {
            inbox.id: [(False, size), (True, size)]
        }

    def test_are_not_changed(self, store: Store, inbox: Folder) -> None:
        store.now = NOW + 10
        result = store.write(ChangeFlags(inbox.id, (1, 2), FlagChange.ADD, frozenset({FLAGGED})))
        assert [entry.uid for entry in result.changed] == [2]

    @pytest.mark.parametrize("kind", [Copy, Move])
    def test_are_not_copied(self, store: Store, inbox: Folder, kind: type[Copy | Move]) -> None:
        trash = store.queries.folder(inbox.mailbox_id, "Trash")
        store.now = NOW + 10
        placement = store.write(kind(inbox.id, (1, 2, 3), trash.id))
        assert [old for old, _ in placement.uids] == [2, 3]
        assert ends(store, trash) == [20, 0]

    def test_are_removed_like_others(self, store: Store, inbox: Folder) -> None:
        store.now = NOW + 10
        assert store.write(Remove(inbox.id, (1,))) == [1]


@pytest.mark.parametrize("room", [0, 1, 2])
def test_one_commit_takes_no_more_than_there_is_room_for(store: Store, inbox: Folder, room: int) -> None:
    appends = [Append(inbox.id, (NewMessage(message()),), most=5 + room) for _ in range(3)]
    results = store.group(*appends)
    assert [isinstance(result, MailboxFull) for result in results] == [number >= room for number in range(3)]
    assert len(store.uids(inbox)) == 5 + room


@pytest.mark.parametrize("kind", [Copy, Move])
def test_copies_fit_in_or_none_is_made(store: Store, inbox: Folder, kind: type[Copy | Move]) -> None:
    trash = store.queries.folder(inbox.mailbox_id, "Trash")
    with pytest.raises(MailboxFull):
        store.write(kind(inbox.id, (1, 2, 3), trash.id, most=2))
    assert (store.uids(trash), store.uids(inbox)) == ([], [1, 2, 3, 4, 5])
    store.write(kind(inbox.id, (1, 2), trash.id, most=2))
    assert store.uids(trash) == [1, 2]
