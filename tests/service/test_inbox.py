"""Logins, and what the holder of a secret can do with the mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.flags import DELETED, SEEN, FlagChange
from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.mailbox import INBOX, Listing, NewMessage
from tempmaild.core.secret import Keys
from tempmaild.errors import (
    FolderExists,
    FolderRefused,
    MailboxGone,
    MaildropLocked,
    MessageTooLarge,
    MetadataTooLarge,
    NoSuchFolder,
    ReadOnly,
    StoreFailed,
    TooMuchMetadata,
    WrongCredentials,
)
from tempmaild.service.inbox import LARGEST_METADATA
from tempmaild.service.logins import Listings
from tempmaild.store.transaction import LIFETIMES
from tests.support import MESSAGE, NOW, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tempmaild.core.mailbox import Folder
    from tempmaild.service.inbox import Inbox
    from tests.support import Account, TestAppliance

    Use = Callable[[Inbox, Folder], Coroutine[Any, Any, Any]]

READING: dict[str, Use] = {
    "folders": lambda inbox, _: inbox.folders(),
    "folder": lambda inbox, _: inbox.folder(INBOX),
    "entries": lambda inbox, folder: inbox.entries(folder),
    "changes": lambda inbox, folder: inbox.changes(folder.id, 0),
    "gone": lambda inbox, folder: inbox.gone(folder.id, 0),
    "summaries": lambda inbox, folder: inbox.summaries(folder.id, [1]),
    "content": lambda inbox, folder: inbox.content(folder.id, 1),
    "examine": lambda inbox, folder: inbox.examine(folder.id, 1, len),
    "use": lambda inbox, _: inbox.use(),
    "lost_subscriptions": lambda inbox, _: inbox.lost_subscriptions(),
    "deleted": lambda inbox, folder: inbox.deleted(folder.id),
    "metadata": lambda inbox, folder: inbox.metadata(folder.id),
    "ending": lambda inbox, _: inbox.ending(),
}
WRITING: dict[str, Use] = {
    "create_folder": lambda inbox, _: inbox.create_folder("new"),
    "delete_folder": lambda inbox, _: inbox.delete_folder("Junk"),
    "rename_folder": lambda inbox, _: inbox.rename_folder("Junk", "new"),
    "subscribe": lambda inbox, _: inbox.subscribe("Junk", False),
    "set_metadata": lambda inbox, folder: inbox.set_metadata(folder.id, {"/private/comment": b"x"}),
    "change_flags": lambda inbox, folder: inbox.change_flags(folder.id, [1], FlagChange.ADD, frozenset({SEEN})),
    "append": lambda inbox, _: inbox.append(INBOX, MESSAGE, frozenset(), None),
    "check_append": lambda inbox, _: inbox.check_append(INBOX),
    "replace": lambda inbox, folder: inbox.replace(folder.id, 1, INBOX, NewMessage(MESSAGE)),
    "copy": lambda inbox, folder: inbox.copy(folder.id, [1], "Junk"),
    "move": lambda inbox, folder: inbox.move(folder.id, [1], "Junk"),
    "expunge": lambda inbox, folder: inbox.expunge(folder.id, None),
    "remove": lambda inbox, folder: inbox.remove(folder.id, [1]),
}
USES = READING | WRITING


@pytest.fixture
def account(house: TestAppliance) -> Account:
    """A mailbox that lives a hundred seconds and has a message."""
    account = house.create("joe@box.test", lifetime=100)
    house.deliver(account.address)
    return account


@pytest.fixture
def inbox(house: TestAppliance, account: Account) -> Inbox:
    return run(house.logins.login(account.address, account.secret))


@pytest.fixture
def folder(inbox: Inbox) -> Folder:
    return run(inbox.folder(INBOX))


class TestLogin:
    def test_takes_address_and_secret_as_they_are_typed(self, house: TestAppliance, account: Account) -> None:
        for name, secret in ((account.address, account.secret), ("JOE@BOX.test.", account.secret.upper())):
            inbox = run(house.logins.login(name, secret))
            assert (inbox.mailbox, inbox.read_only) == (account.mailbox, False)

    @pytest.mark.parametrize(
        "name", ["ann@box.test", "joe@other.test", "joe", "", "joe@box.test\0", "\udc80@box.test"]
    )
    def test_of_nobody(self, house: TestAppliance, account: Account, name: str) -> None:
        with pytest.raises(WrongCredentials):
            run(house.logins.login(name, account.secret))

    @pytest.mark.parametrize("secret", ["", "x", "\udc80", "00000-00000-00000-00000-00000-0"])
    def test_with_a_wrong_secret(self, house: TestAppliance, account: Account, secret: str) -> None:
        other = house.create()
        for wrong in (secret, other.secret):
            with pytest.raises(WrongCredentials):
                run(house.logins.login(account.address, wrong))

    def test_ends_with_the_mailbox(self, house: TestAppliance, account: Account) -> None:
        house.clock.now = NOW + 99.999
        run(house.logins.login(account.address, account.secret))
        house.clock.now = NOW + 100.0
        with pytest.raises(WrongCredentials):
            run(house.logins.login(account.address, account.secret))

    def test_takes_as_long_for_nobody(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        compared = []

        def fit(_keys: Keys, verifier: bytes) -> bool:
            compared.append(len(verifier))
            return False

        monkeypatch.setattr(Keys, "fit", fit)
        account = house.create()
        for name in (account.address, "nobody@box.test", "no address"):
            with pytest.raises(WrongCredentials):
                run(house.logins.login(name, "typed"))
        assert compared == [32] * 3

    def test_fails_with_the_store(self, house: TestAppliance, account: Account) -> None:
        house.appliance.handle.run("ALTER TABLE credential RENAME TO elsewhere")
        with pytest.raises(StoreFailed):
            run(house.logins.login(account.address, account.secret))


@pytest.mark.parametrize("use", USES.values(), ids=USES)
class TestEveryUse:
    def test_works_up_to_the_last_moment(self, house: TestAppliance, inbox: Inbox, folder: Folder, use: Use) -> None:
        house.clock.now = NOW + 99.999
        run(use(inbox, folder))

    def test_ends_with_the_lifetime(self, house: TestAppliance, inbox: Inbox, folder: Folder, use: Use) -> None:
        house.clock.now = NOW + 100.0
        with pytest.raises(MailboxGone):
            run(use(inbox, folder))

    def test_goes_on_when_the_lifetime_was_extended(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, use: Use
    ) -> None:
        house.appliance.handle.run("UPDATE mailbox SET expires_at = ?", NOW + 200)
        house.clock.now = NOW + 199.0
        run(use(inbox, folder))
        house.clock.now = NOW + 200.0
        with pytest.raises(MailboxGone):
            run(use(inbox, folder))

    def test_ends_when_the_lifetime_is_shortened(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, use: Use
    ) -> None:
        house.appliance.handle.run("UPDATE mailbox SET expires_at = ?", NOW + 50)
        house.appliance.hub.publish({LIFETIMES})
        house.clock.now = NOW + 49.999
        run(use(inbox, folder))
        house.clock.now = NOW + 50.0
        with pytest.raises(MailboxGone):
            run(use(inbox, folder))

    @pytest.mark.parametrize("told", [{LIFETIMES}, None])
    def test_ends_when_the_secret_is_revoked(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, use: Use, told: set[int] | None
    ) -> None:
        run(use(inbox, folder))
        house.appliance.handle.run("DELETE FROM credential")
        house.appliance.hub.publish(told)
        with pytest.raises(MailboxGone):
            run(use(inbox, folder))

    def test_ends_when_the_mailbox_is_destroyed(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, account: Account, use: Use
    ) -> None:
        run(house.mailboxes.destroy(account.mailbox))
        with pytest.raises(MailboxGone):
            run(use(inbox, folder))


@pytest.mark.parametrize("use", WRITING.values(), ids=WRITING)
def test_a_secret_that_only_lets_read(house: TestAppliance, account: Account, use: Use) -> None:
    house.appliance.handle.run("UPDATE credential SET read_only = ?", True)
    inbox = run(house.logins.login(account.address, account.secret))
    assert inbox.read_only
    folder = run(inbox.folder(INBOX))
    with pytest.raises(ReadOnly):
        run(use(inbox, folder))
    for read in READING.values():
        run(read(inbox, folder))
    assert run(inbox.folder(INBOX)) == folder


class TestFolders:
    def test_inbox_is_one_however_it_is_written(self, inbox: Inbox) -> None:
        # RFC 9051 §5.1
        assert run(inbox.folder("inBox")).name == INBOX
        with pytest.raises(FolderExists):
            run(inbox.create_folder("inbox"))
        with pytest.raises(FolderRefused):
            run(inbox.delete_folder("Inbox"))
        assert run(inbox.create_folder("inbox/below")).name == "INBOX/below"
        run(inbox.subscribe("inbox", False))
        assert not run(inbox.folder(INBOX)).subscribed

    def test_are_neither_made_nor_renamed_with_such_names(self, inbox: Inbox) -> None:
        with pytest.raises(FolderRefused):
            run(inbox.create_folder("a*"))
        with pytest.raises(FolderRefused):
            run(inbox.rename_folder("Junk", "a*"))

    @pytest.mark.parametrize("name", ["x" * 255, "/".join("a" * 20), "é/ü", "&", " ", "~", "."])
    def test_have_such_names(self, inbox: Inbox, name: str) -> None:
        assert run(inbox.create_folder(name)) == run(inbox.folder(name))

    @pytest.mark.parametrize("name", ["none", "", "a\0b", "junk"])
    def test_that_are_not_there(self, inbox: Inbox, folder: Folder, name: str) -> None:
        for use in (
            inbox.folder(name),
            inbox.delete_folder(name),
            inbox.rename_folder(name, "new"),
            inbox.subscribe(name, True),
            inbox.append(name, MESSAGE, frozenset(), None),
            inbox.copy(folder.id, [1], name),
            inbox.move(folder.id, [1], name),
        ):
            with pytest.raises(NoSuchFolder):
                run(use)

    def test_are_renamed(self, inbox: Inbox) -> None:
        run(inbox.rename_folder("Junk", "a/Spam"))
        assert run(inbox.folder("a/Spam")).special_use == "\\Junk"
        with pytest.raises(FolderRefused):
            run(inbox.rename_folder("a", "a/b"))

    def test_take_the_mail_of_inbox(self, inbox: Inbox) -> None:
        # RFC 9051 §6.3.6
        run(inbox.rename_folder("inbox", "INBOX/old"))
        assert run(inbox.folder("INBOX/old")).messages == 1
        assert run(inbox.folder(INBOX)).messages == 0

    def test_are_made_for_a_special_use(self, inbox: Inbox) -> None:
        # RFC 6154 §3: that of the folder itself, not of those above it
        assert run(inbox.create_folder("a/b", "\\Archive")) == run(inbox.folder("a/b"))
        assert [run(inbox.folder(name)).special_use for name in ("a", "a/b")] == ["", "\\Archive"]

    def test_are_put_on_a_list_and_taken_off_it(self, inbox: Inbox) -> None:
        # RFC 9051 §6.3.7, §6.3.8
        run(inbox.delete_folder("Junk"))
        assert run(inbox.lost_subscriptions()) == ["Junk"]
        for _ in range(2):
            run(inbox.subscribe("Junk", False))
        assert run(inbox.lost_subscriptions()) == []

    def test_count_what_is_deleted(self, inbox: Inbox, folder: Folder) -> None:
        assert run(inbox.deleted(folder.id)) == (0, 0)
        for flags in ({DELETED}, {DELETED, SEEN}, {SEEN}, {"Deleted"}):
            run(inbox.append(INBOX, MESSAGE, frozenset(flags), None))
        assert run(inbox.deleted(folder.id)) == (2, 2 * len(MESSAGE))

    def test_that_were_deleted_hold_nothing(self, inbox: Inbox) -> None:
        folder = run(inbox.create_folder("a"))
        run(inbox.append("a", MESSAGE, frozenset(), None))
        run(inbox.delete_folder("a"))
        assert run(inbox.entries(folder)) == []
        assert run(inbox.content(folder.id, 1)) is None
        for name in ("changes", "change_flags", "copy", "move", "expunge", "remove"):
            with pytest.raises(NoSuchFolder):
                run(USES[name](inbox, folder))


class TestMetadata:
    def test_is_kept(self, inbox: Inbox, folder: Folder) -> None:
        values = {"/private/b": b"x" * LARGEST_METADATA, "/private/a": b"\0"}
        run(inbox.set_metadata(folder.id, values))
        assert list(run(inbox.metadata(folder.id)).items()) == sorted(values.items())
        assert run(inbox.metadata()) == {}
        run(inbox.set_metadata(folder.id, {"/private/b": None}, "\\Archive"))
        assert run(inbox.metadata(folder.id)) == {"/private/a": b"\0"}
        assert run(inbox.folder(INBOX)).special_use == "\\Archive"

    def test_is_refused(self, inbox: Inbox, folder: Folder) -> None:
        with pytest.raises(MetadataTooLarge):
            run(inbox.set_metadata(folder.id, {"/private/a": b"", "/private/b": b"x" * (LARGEST_METADATA + 1)}))
        with pytest.raises(TooMuchMetadata):
            run(inbox.set_metadata(folder.id, {f"/private/{number}": b"" for number in range(101)}))
        assert run(inbox.metadata(folder.id)) == {}
        run(inbox.create_folder("a"))
        gone = run(inbox.folder("a"))
        run(inbox.delete_folder("a"))
        with pytest.raises(NoSuchFolder):
            run(inbox.set_metadata(gone.id, {"/private/a": b""}))


class TestMessages:
    def test_expunge_takes_what_is_deleted(self, inbox: Inbox, folder: Folder) -> None:
        for _ in range(3):
            run(inbox.append(INBOX, MESSAGE, frozenset({DELETED}), None))
        assert run(inbox.expunge(folder.id, [1, 3])) == [3]
        assert run(inbox.expunge(folder.id, None)) == [2, 4]
        assert [entry.uid for entry in run(inbox.entries(folder))] == [1]

    def test_append_takes_what_smtp_takes(self, inbox: Inbox, folder: Folder) -> None:
        run(inbox.append(INBOX, b"x" * 65536, frozenset(), None))
        with pytest.raises(MessageTooLarge):
            run(inbox.append(INBOX, b"x" * 65537, frozenset(), None))
        assert len(run(inbox.entries(folder))) == 2

    def test_copy_and_move(self, inbox: Inbox, folder: Folder) -> None:
        assert run(inbox.copy(folder.id, [1], "Junk")).uids == ((1, 1),)
        assert run(inbox.move(folder.id, [1], "junk".title())).uids == ((1, 2),)
        assert run(inbox.entries(folder)) == []


class TestWatch:
    def test_tells_of_every_commit(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, account: Account
    ) -> None:
        notices: list[str] = []
        inbox.watcher.watch(folder.id, lambda: notices.append("INBOX"))
        house.deliver(account.address)
        assert notices == ["INBOX"]
        house.deliver(house.create().address)
        assert notices == ["INBOX"]
        junk = run(inbox.folder("Junk"))
        inbox.watcher.watch(junk.id, lambda: notices.append("Junk"))
        run(inbox.move(folder.id, [1], "Junk"))
        assert notices == ["INBOX", "Junk"]
        run(house.mailboxes.destroy(account.mailbox))
        assert notices == ["INBOX", "Junk", "Junk"]

    def test_ends_with_the_login(self, house: TestAppliance, inbox: Inbox, folder: Folder, account: Account) -> None:
        notices: list[str] = []
        inbox.watcher.watch(folder.id, lambda: notices.append("heard"))
        inbox.close()
        inbox.close()
        house.deliver(account.address)
        assert notices == []


class TestMaildrop:
    def test_is_one_sessions_alone(self, house: TestAppliance, account: Account, inbox: Inbox) -> None:
        # RFC 1939 §3
        other = run(house.logins.login(account.address, account.secret))
        inbox.lock_maildrop()
        with pytest.raises(MaildropLocked):
            other.lock_maildrop()
        other.close()
        with pytest.raises(MaildropLocked):
            other.lock_maildrop()
        inbox.close()
        other.lock_maildrop()

    def test_of_another_mailbox_is_free(self, house: TestAppliance, inbox: Inbox) -> None:
        inbox.lock_maildrop()
        account = house.create()
        run(house.logins.login(account.address, account.secret)).lock_maildrop()


class TestListings:
    def test_are_shared_until_something_changes(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, account: Account
    ) -> None:
        other = run(house.logins.login(account.address, account.secret))
        entries = run(inbox.entries(folder))
        assert run(other.entries(run(other.folder(INBOX)))) is entries
        run(other.change_flags(folder.id, [1], FlagChange.ADD, frozenset({SEEN})))
        (entry,) = run(inbox.entries(run(inbox.folder(INBOX))))
        assert entry.flags == {SEEN}
        house.deliver(account.address)
        assert len(run(inbox.entries(run(inbox.folder(INBOX))))) == 2
        run(inbox.remove(folder.id, [1, 2]))
        assert run(inbox.entries(run(inbox.folder(INBOX)))) == []

    def test_are_kept_within_bounds(self, inbox: Inbox, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Listings, "_MOST_ENTRIES", 5)
        listings = Listings()
        one, two, three, four = [Listing(run(inbox.entries(folder)) * count) for count in range(1, 5)]

        def of(folder_id: int, modseq: int = 1) -> Folder:
            return msgspec.structs.replace(folder, id=folder_id, highest_modseq=modseq)

        listings.put(of(1), two)
        listings.put(of(2), three)
        assert listings.get(of(1)) is two
        listings.put(of(3), one)
        assert listings.get(of(2)) is None
        assert listings.get(of(1, 2)) is None
        listings.put(of(1, 2), four)
        assert listings.get(of(1, 2)) is four
        assert listings.get(of(3)) is one
        for number in range(4, 20):
            listings.put(of(number), Listing([]))
        assert listings._listings.keys() == {1, 3}
        listings.put(of(1, 3), Listing([]))
        assert listings._listings.keys() == {3}
        listings.put(of(4), four)
        assert listings._listings.keys() == {3, 4}


class TestRecents:
    def test_are_told_to_one_session(self, house: TestAppliance, account: Account, inbox: Inbox) -> None:
        assert inbox.claim_recent(run(inbox.folder(INBOX))) == 1
        house.deliver(account.address)
        assert inbox.claim_recent(run(inbox.folder(INBOX))) == 2
        other = run(house.logins.login(account.address, account.secret))
        assert other.claim_recent(run(other.folder(INBOX))) == 3

    def test_are_counted_without_being_told(self, house: TestAppliance, account: Account, inbox: Inbox) -> None:
        def count() -> int:
            return run(inbox.count_recent(run(inbox.folder(INBOX))))

        assert count() == 1
        house.deliver(account.address)
        assert (count(), count()) == (2, 2)
        inbox.claim_recent(run(inbox.folder(INBOX)))
        assert count() == 0
        house.deliver(account.address)
        assert count() == 1
        folder = run(inbox.folder(INBOX))
        assert inbox.first_recent(folder) == 3
        run(inbox.remove(folder.id, [3]))
        assert count() == 0


def expires_at(house: TestAppliance, address: str) -> int:
    """Give when the mailbox expires as others see it, seconds since `NOW`."""
    return run(house.mailboxes.find(address)).expires_at - NOW


class TestIdleTime:
    @pytest.fixture
    def account(self, house: TestAppliance) -> Account:
        """A mailbox that expires when nobody uses it for a hundred seconds, and after a thousand anyhow."""
        account = house.create("joe@box.test", Lifetime(1000, idle=100))
        house.deliver(account.address)
        return account

    def test_begins_with_the_mailbox(self, house: TestAppliance, account: Account) -> None:
        house.clock.now = NOW + 100.0
        with pytest.raises(WrongCredentials):
            run(house.logins.login(account.address, account.secret))

    @pytest.mark.parametrize("at", [1.0, 99.0, 99.999])
    def test_begins_anew_with_each_login(self, house: TestAppliance, account: Account, at: float) -> None:
        house.clock.now = NOW + at
        run(house.logins.login(account.address, account.secret))
        assert expires_at(house, account.address) == int(at) + 100
        house.clock.now = NOW + int(at) + 99.999
        run(house.logins.login(account.address, account.secret))

    def test_a_refused_login_is_no_use(self, house: TestAppliance, account: Account) -> None:
        house.clock.now = NOW + 50
        with pytest.raises(WrongCredentials):
            run(house.logins.login(account.address, "wrong"))
        assert expires_at(house, account.address) == 100

    def test_mail_that_arrives_is_no_use(self, house: TestAppliance, account: Account, inbox: Inbox) -> None:
        folder = run(inbox.folder(INBOX))
        house.clock.now = NOW + 50
        house.deliver(account.address)
        assert len(run(inbox.changes(folder.id, 0)).changed) == 2
        assert expires_at(house, account.address) == 100

    def test_uses_of_one_session_are_noted_now_and_then(
        self, house: TestAppliance, account: Account, inbox: Inbox
    ) -> None:
        for at, noted in ((0, 0), (9.999, 0), (10, 10), (19, 10), (20, 20), (85, 85), (94, 85), (95, 95)):
            house.clock.now = NOW + at
            run(inbox.use())
            assert expires_at(house, account.address) == noted + 100
        house.clock.now = NOW + 194.999
        run(inbox.check_alive())
        house.clock.now = NOW + 195
        with pytest.raises(MailboxGone):
            run(inbox.use())

    def test_uses_are_noted_at_least_every_minute(self, house: TestAppliance) -> None:
        account = house.create("ann@box.test", Lifetime(100_000, idle=50_000))
        inbox = run(house.logins.login(account.address, account.secret))
        for at, noted in ((59.999, 0), (60, 60), (119, 60), (120, 120)):
            house.clock.now = NOW + at
            run(inbox.use())
            assert expires_at(house, account.address) == noted + 50_000

    def test_one_session_keeps_the_mailbox_for_another(self, house: TestAppliance, account: Account) -> None:
        waiting = run(house.logins.login(account.address, account.secret))
        house.clock.now = NOW + 90
        run(house.logins.login(account.address, account.secret))
        house.clock.now = NOW + 189.999
        run(waiting.check_alive())
        house.clock.now = NOW + 190
        with pytest.raises(MailboxGone):
            run(waiting.check_alive())

    def test_ends_with_the_mailbox_at_the_latest(self, house: TestAppliance, account: Account) -> None:
        for at in range(90, 1000, 90):
            house.clock.now = NOW + at
            run(house.logins.login(account.address, account.secret))
        assert expires_at(house, account.address) == 1000

    def test_a_store_that_takes_nothing_lets_read(
        self, house: TestAppliance, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fails(_: object) -> None:
            raise StoreFailed

        house.clock.now = NOW + 20
        with monkeypatch.context() as patch:
            patch.setattr(inbox._access, "write", fails)
            run(inbox.use())
        run(inbox.use())
        assert expires_at(house, inbox.mailbox.address) == 120


def test_a_use_asks_nothing_while_nothing_speaks_against_it(
    house: TestAppliance, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(inbox.use())
    monkeypatch.setattr(inbox, "_access", None)
    for at in (0, 50, 99.999):
        house.clock.now = NOW + at
        run(inbox.use())


class TestMessagesThatEnd:
    """A mailbox whose messages end 50 seconds after they arrived; one of them 20 seconds after it was read."""

    @pytest.fixture
    def account(self, house: TestAppliance) -> Account:
        account = house.create("joe@box.test", Lifetime(1000, retention=50, after_reading=20))
        for at in (0, 10, 20):
            house.clock.now = NOW + at
            house.deliver(account.address)
        return account

    ENDS: tuple[tuple[float, set[int]], ...] = (
        (49.999, {1, 2, 3}),
        (50, {2, 3}),
        (59.999, {2, 3}),
        (60, {3}),
        (69.999, {3}),
        (70, set()),
    )

    @pytest.mark.parametrize(("at", "uids"), ENDS)
    def test_end_to_the_second(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, at: float, uids: set[int]
    ) -> None:
        run(inbox.entries(folder))
        run(inbox.content(folder.id, 1))
        run(inbox.summaries(folder.id, [1]))
        house.clock.now = NOW + at
        assert {entry.uid for entry in run(inbox.entries(folder))} == uids
        assert {entry.uid for entry in run(inbox.changes(folder.id, 0)).changed} == uids
        assert run(inbox.summaries(folder.id, [1, 2, 3])).keys() == uids
        for uid in (1, 2, 3):
            assert (run(inbox.content(folder.id, uid)) is not None) == (uid in uids)
            assert (run(inbox.examine(folder.id, uid, len)) is not None) == (uid in uids)
            assert bool(run(inbox.summaries(folder.id, [uid]))) == (uid in uids)

    @pytest.mark.parametrize(("at", "uids"), ENDS)
    def test_do_not_count(
        self, house: TestAppliance, inbox: Inbox, folder: Folder, at: float, uids: set[int]
    ) -> None:
        run(inbox.change_flags(folder.id, [3], FlagChange.ADD, frozenset({SEEN})))
        house.clock.now = NOW + at
        now = run(inbox.folder(INBOX))
        assert (now.messages, now.unseen, now.size) == (len(uids), len(uids - {3}), len(uids) * len(MESSAGE))
        assert now in run(inbox.folders())

    def test_after_they_were_read(self, house: TestAppliance, inbox: Inbox, folder: Folder) -> None:
        run(inbox.entries(folder))
        house.clock.now = NOW + 45
        run(inbox.note_read(folder.id, [1, 3]))
        house.clock.now = NOW + 49
        run(inbox.note_read(folder.id, [3]))
        for at, uids in ((49.999, [1, 2, 3]), (50, [2, 3]), (60, [3]), (64.999, [3]), (65, [])):
            house.clock.now = NOW + at
            # The listing that was read before the message was is not what is gone by.
            assert [entry.uid for entry in run(inbox.entries(run(inbox.folder(INBOX))))] == uids

    def test_looking_is_not_reading(self, house: TestAppliance, account: Account, folder: Folder) -> None:
        house.appliance.handle.run("UPDATE credential SET read_only = ?", True)
        looking = run(house.logins.login(account.address, account.secret))
        run(looking.content(folder.id, 3))
        run(looking.note_read(folder.id, [3]))
        house.clock.now = NOW + 69.999
        assert len(run(looking.entries(folder))) == 1

    def test_are_appended_like_others(self, house: TestAppliance, inbox: Inbox) -> None:
        run(inbox.append("Drafts", MESSAGE, frozenset(), None))
        drafts = run(inbox.folder("Drafts"))
        house.clock.now = NOW + 69.999
        assert len(run(inbox.entries(drafts))) == 1
        house.clock.now = NOW + 70
        assert run(inbox.entries(drafts)) == []
        assert run(inbox.content(drafts.id, 1)) is None


def test_reading_ends_nothing_where_no_such_rule_is(inbox: Inbox, folder: Folder) -> None:
    run(inbox.note_read(folder.id, [1]))
    (entry,) = run(inbox.entries(run(inbox.folder(INBOX))))
    assert entry.expires_at == FOREVER
