"""Domains, mailboxes and folders are made, renamed and destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.flags import NO_FLAGS
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import (
    AddressTaken,
    DomainExists,
    DomainInUse,
    FolderExists,
    NoSuchDomain,
    NoSuchFolder,
    NoSuchMailbox,
    TooManyFolders,
)
from tempmaild.store.domains import AddDomain, RemoveDomain
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder, Subscribe
from tempmaild.store.mailboxes import DestroyMailbox, DestroyMailboxes
from tempmaild.store.messages import Copy
from tempmaild.store.transaction import LIFETIMES
from tempmaild.store.writer import commit
from tests.store.house import CREDENTIAL, creation
from tests.support import LIFETIME, NOW

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Mailbox
    from tests.store.house import Store


class TestDomains:
    def test_are_given_by_name(self, store: Store) -> None:
        for name in ("xn--9ca.test", "a.test", "b-c.test", "b.test"):
            store.write(AddDomain(name))
        names = [domain.name for domain in store.queries.domains()]
        assert names == ["a.test", "b-c.test", "b.test", "box.test", "xn--9ca.test"]
        domain = store.queries.domain("a.test")
        assert domain is not None
        assert (domain.kind, domain.created_at) == ("claimed", NOW)
        assert store.queries.domain("c.test") is None

    def test_are_there_once(self, store: Store) -> None:
        with pytest.raises(DomainExists):
            store.write(AddDomain("box.test"))

    def test_go_when_they_are_empty(self, store: Store) -> None:
        mailbox = store.mailbox()
        with pytest.raises(DomainInUse):
            store.write(RemoveDomain("box.test"))
        store.write(DestroyMailbox(mailbox.id, 0))
        store.write(RemoveDomain("box.test"))
        with pytest.raises(NoSuchDomain):
            store.write(RemoveDomain("box.test"))
        with pytest.raises(NoSuchDomain):
            store.write(creation(store.domain.id, "a@box.test", 1))


class TestMailboxes:
    def test_have_what_clients_expect(self, store: Store) -> None:
        mailbox = store.mailbox("a@box.test", lifetime=600)
        assert (mailbox.address, mailbox.created_at, mailbox.expires_at) == ("a@box.test", NOW, NOW + 600)
        assert store.queries.mailbox("a@box.test") == mailbox
        assert store.queries.expires_at(mailbox.id) == NOW + 600
        folders = store.queries.folders(mailbox.id)
        # RFC 6154 §2
        assert [(folder.name, folder.special_use) for folder in folders] == [
            ("Drafts", "\\Drafts"),
            (INBOX, ""),
            ("Junk", "\\Junk"),
            ("Sent", "\\Sent"),
            ("Trash", "\\Trash"),
        ]
        assert {(f.uid_next, f.highest_modseq, f.messages, f.subscribed) for f in folders} == {(1, 1, 0, True)}
        assert store.recipient(mailbox).inbox_id == store.folder(mailbox).id
        found = store.queries.locks("a@box.test")
        assert found
        assert found[0] == mailbox
        (lock,) = found[1]
        assert (lock.verifier, lock.read_only, lock.salt) == (CREDENTIAL.verifier, False, None)

    def test_are_not_there(self, store: Store) -> None:
        assert store.queries.mailbox("a@box.test") is None
        assert store.queries.recipient("a@box.test") is None
        assert store.queries.locks("a@box.test") is None
        assert store.queries.expires_at(999_999) == 0
        assert store.queries.folders(999_999) == []

    def test_have_an_address_of_their_own(self, store: Store) -> None:
        store.mailbox("a@box.test")
        with pytest.raises(AddressTaken):
            store.mailbox("a@box.test")

    def test_are_listed_in_pages(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.store.queries._PAGE", 2)
        other = store.write(AddDomain("other.test"))
        stranger = store.write(creation(other.id, "a@other.test", 1))
        mailboxes = [store.mailbox() for _ in range(4)]
        assert list(store.queries.mailboxes()) == [stranger, *mailboxes]
        assert list(store.queries.mailboxes(store.domain.id)) == mailboxes
        assert list(store.queries.mailboxes(other.id)) == [stranger]

    def test_expire_the_oldest_first(self, store: Store) -> None:
        late, soon, first = (store.mailbox(lifetime=seconds) for seconds in (61, 60, 10))
        assert store.queries.expired(NOW + 9, 10) == []
        assert store.queries.expired(NOW + 60, 10) == [first, soon]
        assert store.queries.expired(NOW + 61, 2) == [first, soon]
        assert store.queries.expired(NOW + 61, 3) == [first, soon, late]

    def test_are_destroyed_with_everything(self, store: Store) -> None:
        mailbox, other = store.mailbox(), store.mailbox()
        store.write(store.delivery(mailbox, other, text="for both"))
        store.fill(store.folder(mailbox, "Sent"), 2)
        folders = {folder.id for folder in store.queries.folders(mailbox.id)}
        assert store.write(DestroyMailbox(mailbox.id, 0)) == 3
        assert store.touched == folders | {LIFETIMES}
        assert store.queries.folders(mailbox.id) == []
        for table, left in (("mailbox", 1), ("credential", 1), ("folder", 5), ("content", 1), ("quarantine", 0)):
            assert store.count(table) == left, table
        with pytest.raises(NoSuchMailbox):
            store.write(DestroyMailbox(mailbox.id, 0))

    def test_leave_their_address_in_quarantine(self, store: Store) -> None:
        mailbox = store.mailbox("a@box.test")
        store.write(DestroyMailbox(mailbox.id, NOW + 100))
        store.now += 99
        with pytest.raises(AddressTaken):
            store.mailbox("a@box.test")
        store.now += 1
        successor = store.mailbox("a@box.test")
        assert successor.id != mailbox.id
        assert store.count("quarantine") == 0

    def test_are_destroyed_with_quarantines_that_are_over(self, store: Store) -> None:
        store.write(DestroyMailbox(store.mailbox().id, NOW + 10))
        store.now += 10
        store.write(DestroyMailbox(store.mailbox("b@box.test").id, NOW + 100))
        assert store.handle.rows("SELECT address FROM quarantine") == [("b@box.test",)]


@pytest.fixture
def mailbox(store: Store) -> Mailbox:
    return store.mailbox()


def names(store: Store, mailbox: Mailbox) -> list[str]:
    """Give the names of the folders beside those that each mailbox has."""
    first = {INBOX, "Drafts", "Junk", "Sent", "Trash"}
    return [folder.name for folder in store.queries.folders(mailbox.id) if folder.name not in first]


class TestFolders:
    def test_are_made_with_those_above(self, store: Store, mailbox: Mailbox) -> None:
        # RFC 9051 §6.3.4
        folder = store.write(CreateFolder(mailbox.id, "a/b/c"))
        assert folder == store.folder(mailbox, "a/b/c")
        assert names(store, mailbox) == ["a", "a/b", "a/b/c"]
        store.write(CreateFolder(mailbox.id, "a/d"))
        for name in ("a", "a/b/c", INBOX):
            with pytest.raises(FolderExists):
                store.write(CreateFolder(mailbox.id, name))

    def test_keep_names_as_they_are(self, store: Store, mailbox: Mailbox) -> None:
        spelled = ["A", "Straße", "a", "aa", "\N{GRINNING FACE}'\";--%", "é", "e\N{COMBINING ACUTE ACCENT}"]
        for name in spelled:
            store.write(CreateFolder(mailbox.id, name))
        assert names(store, mailbox) == sorted(spelled)

    def test_are_made_for_a_mailbox_that_is_there(self, store: Store) -> None:
        with pytest.raises(NoSuchMailbox):
            store.write(CreateFolder(999_999, "a"))

    def test_are_a_hundred_at_most(self, store: Store, mailbox: Mailbox) -> None:
        store.group(*(CreateFolder(mailbox.id, f"f{number}") for number in range(94)))
        for change in (CreateFolder(mailbox.id, "x/y"), RenameFolder(mailbox.id, "f1", "x/y/z")):
            with pytest.raises(TooManyFolders):
                store.write(change)
        store.write(CreateFolder(mailbox.id, "x"))
        with pytest.raises(TooManyFolders):
            store.write(CreateFolder(mailbox.id, "y"))

    def test_are_deleted_and_those_below_stay(self, store: Store, mailbox: Mailbox) -> None:
        # RFC 9051 §6.3.5
        store.write(CreateFolder(mailbox.id, "a/b"))
        folder = store.folder(mailbox, "a")
        store.fill(folder, 2)
        store.write(DeleteFolder(mailbox.id, "a"))
        assert store.touched == {folder.id, mailbox.id}
        assert names(store, mailbox) == ["a/b"]
        assert store.count("content") == 0
        with pytest.raises(NoSuchFolder):
            store.write(DeleteFolder(mailbox.id, "a"))

    def test_share_contents_with_those_that_are_deleted(self, store: Store, mailbox: Mailbox) -> None:
        source = store.write(CreateFolder(mailbox.id, "a"))
        store.fill(source, 2)
        store.write(Copy(source.id, (2,), store.folder(mailbox).id))
        store.write(DeleteFolder(mailbox.id, "a"))
        assert store.count("content") == 1
        assert store.queries.content(store.folder(mailbox).id, 1) is not None

    def test_are_subscribed(self, store: Store, mailbox: Mailbox) -> None:
        # RFC 9051 §6.3.7
        store.write(Subscribe(mailbox.id, "Junk", subscribed=False))
        assert not store.folder(mailbox, "Junk").subscribed
        store.write(Subscribe(mailbox.id, "Junk", subscribed=True))
        assert store.folder(mailbox, "Junk").subscribed
        with pytest.raises(NoSuchFolder):
            store.write(Subscribe(mailbox.id, "junk", subscribed=True))

    def test_stay_subscribed_when_they_go(self, store: Store, mailbox: Mailbox) -> None:
        # RFC 9051 §6.3.7
        store.group(CreateFolder(mailbox.id, "a"), CreateFolder(mailbox.id, "b"))
        store.write(Subscribe(mailbox.id, "a", subscribed=True))
        store.group(DeleteFolder(mailbox.id, "a"), DeleteFolder(mailbox.id, "b"))
        assert store.queries.lost_subscriptions(mailbox.id) == ["a"]
        assert [store.write(CreateFolder(mailbox.id, name)).subscribed for name in ("b", "a")] == [False, True]
        assert store.folder(mailbox, "a").subscribed
        assert store.queries.lost_subscriptions(mailbox.id) == []
        store.write(DeleteFolder(mailbox.id, "a"))
        store.write(Subscribe(mailbox.id, "a", subscribed=False))
        assert store.queries.lost_subscriptions(mailbox.id) == []
        with pytest.raises(NoSuchFolder):
            store.write(Subscribe(mailbox.id, "a", subscribed=False))

    def test_stay_subscribed_in_bounds(self, store: Store, mailbox: Mailbox) -> None:
        for number in range(120):
            store.group(
                CreateFolder(mailbox.id, f"f{number}"),
                Subscribe(mailbox.id, f"f{number}", subscribed=True),
                DeleteFolder(mailbox.id, f"f{number}"),
            )
        assert len(store.queries.lost_subscriptions(mailbox.id)) == 100
        store.write(DestroyMailbox(mailbox.id, 0))
        assert store.count("lost_subscription") == 0

    def test_are_given_by_name(self, store: Store, mailbox: Mailbox) -> None:
        with pytest.raises(NoSuchFolder):
            store.queries.folder(mailbox.id, "inbox")


class TestRename:
    def test_takes_those_below_along(self, store: Store, mailbox: Mailbox) -> None:
        # RFC 9051 §6.3.6
        for name in ("a/b/c", "ab"):
            store.write(CreateFolder(mailbox.id, name))
        store.fill(store.folder(mailbox, "a/b"), 3)
        before = store.folder(mailbox, "a/b")
        store.write(RenameFolder(mailbox.id, "a", "x/y"))
        assert names(store, mailbox) == ["ab", "x", "x/y", "x/y/b", "x/y/b/c"]
        after = store.folder(mailbox, "x/y/b")
        assert store.queries.lost_subscriptions(mailbox.id) == []
        assert (after.id, after.messages, after.uid_next) == (before.id, 3, 4)

    def test_refuses_names_that_are_taken(self, store: Store, mailbox: Mailbox) -> None:
        for name in ("a/b", "x", "y/b"):
            store.write(CreateFolder(mailbox.id, name))
        store.write(DeleteFolder(mailbox.id, "y"))
        for new in ("x", INBOX, "a", "y"):
            with pytest.raises(FolderExists):
                store.write(RenameFolder(mailbox.id, "a", new))
        with pytest.raises(NoSuchFolder):
            store.write(RenameFolder(mailbox.id, "none", "z"))
        assert names(store, mailbox) == ["a", "a/b", "x", "y/b"]

    def test_of_inbox_gives_its_messages_away(self, store: Store, mailbox: Mailbox) -> None:
        inbox = store.folder(mailbox)
        store.write(CreateFolder(mailbox.id, "INBOX/below"))
        store.fill(inbox, 3)
        store.write(RenameFolder(mailbox.id, INBOX, "old/mail"))
        assert names(store, mailbox) == ["INBOX/below", "old", "old/mail"]
        assert store.uids(store.folder(mailbox, "old/mail")) == [1, 2, 3]
        assert store.uids(inbox) == []
        assert store.fill(inbox, 1) == [4]


class TestUidValidity:
    """It only ever grows for a name (RFC 9051 §2.3.1.1), whatever the clock does."""

    @pytest.mark.parametrize("later", [0, 1, -5000])
    def test_grows_over_delete_and_create(self, store: Store, mailbox: Mailbox, later: int) -> None:
        seen = []
        for _ in range(3):
            seen.append(store.write(CreateFolder(mailbox.id, "a")).uid_validity)
            store.write(DeleteFolder(mailbox.id, "a"))
            store.now += later
        assert seen == sorted(set(seen))

    @pytest.mark.parametrize("later", [0, 1, -5000])
    def test_grows_over_a_name_that_was_renamed_away(self, store: Store, mailbox: Mailbox, later: int) -> None:
        first = store.write(CreateFolder(mailbox.id, "a/b"))
        above = store.folder(mailbox, "a")
        store.now += later
        store.write(RenameFolder(mailbox.id, "a", "x"))
        moved = store.folder(mailbox, "x/b")
        store.now += later
        assert store.write(CreateFolder(mailbox.id, "a/b")).uid_validity > first.uid_validity
        assert store.folder(mailbox, "a").uid_validity > above.uid_validity
        store.write(DeleteFolder(mailbox.id, "x"))
        store.write(DeleteFolder(mailbox.id, "x/b"))
        store.write(RenameFolder(mailbox.id, "a", "x"))
        assert store.folder(mailbox, "x/b").uid_validity > moved.uid_validity

    @pytest.mark.parametrize("later", [0, 1, -5000])
    def test_grows_over_the_mailbox(self, store: Store, later: int) -> None:
        seen = []
        for _ in range(3):
            mailbox = store.mailbox("a@box.test")
            seen.append({folder.name: folder.uid_validity for folder in store.queries.folders(mailbox.id)})
            store.write(DestroyMailbox(mailbox.id, 0))
            store.now += later
        for name in seen[0]:
            validities = [validity[name] for validity in seen]
            assert validities == sorted(set(validities))

    def test_does_not_run_ahead_of_the_clock(self, store: Store) -> None:
        for _ in range(20):
            mailbox = store.mailbox("a@box.test", LIFETIME)
            assert store.folder(mailbox).uid_validity == store.now
            store.write(DestroyMailbox(mailbox.id, 0))
            store.now += 1


def test_ids_are_never_given_again(store: Store) -> None:
    seen: set[int] = set()
    for _ in range(3):
        mailbox = store.mailbox("a@box.test")
        store.fill(store.folder(mailbox), 2, NO_FLAGS)
        ids = {mailbox.id, *(folder.id for folder in store.queries.folders(mailbox.id))}
        ids |= {row[0] for table in ("entry", "content") for row in store.handle.rows(f"SELECT id FROM {table}")}
        assert not ids & seen
        seen |= ids
        store.write(DestroyMailbox(mailbox.id, 0))


def test_a_wrong_counter_keeps_no_mailbox_from_its_end(store: Store) -> None:
    mailbox = store.mailbox()
    store.fill(store.folder(mailbox), 2)
    with store.handle.transaction():
        store.handle.run("UPDATE folder SET messages = 1000000 WHERE id = ?", store.folder(mailbox).id)
    change = DestroyMailboxes(((mailbox.id, 0),), most=10)
    # Past the check that counters are right, which is after each commit of the tests.
    (result,), _ = commit(store.handle, store.vault, [change], store.now)
    assert not isinstance(result, Exception)
    assert result.left == (mailbox.id,)
    assert store.write(change).mailboxes == 1
    assert store.count("entry") == 0
