"""Messages arrive, are flagged, copied and expunged; `Store.check` runs after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from tempmaild.core.delivery import Recipient
from tempmaild.core.flags import ANSWERED, DELETED, FLAGGED, NO_FLAGS, SEEN, FlagChange
from tempmaild.core.mailbox import Changes, NewMessage
from tempmaild.core.summary import encode, summarise
from tempmaild.core.verdict import Finding
from tempmaild.errors import MailboxFull, NoSuchFolder
from tempmaild.store.arriving import Append, Deliver, Replace
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder
from tempmaild.store.mailboxes import DestroyMailbox
from tempmaild.store.messages import ChangeFlags, Copy, Move, Remove
from tempmaild.store.queries import CHANGES_REMEMBERED
from tests.store.house import message
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder, Mailbox
    from tests.store.house import Store


class TestDeliver:
    def test_reaches_every_recipient(self, store: Store) -> None:
        mailboxes = [store.mailbox() for _ in range(4)]
        delivery = store.delivery(*mailboxes, text="for four")
        assert store.write(delivery) == []
        # Two of them are sealed.
        assert store.count("content") == 2
        for mailbox in mailboxes:
            inbox = store.folder(mailbox)
            (entry,) = store.queries.entries(inbox.id)
            assert (entry.uid, entry.flags, entry.internal_date, entry.unterminated) == (1, NO_FLAGS, NOW, False)
            assert entry.size == inbox.size == len(delivery.content)
            assert store.content(inbox.id, 1) == delivery.content
            assert store.queries.summaries(inbox.id, [1])[1].summary(store.opener).envelope.subject == b"test"
        assert store.touched == {recipient.inbox_id for recipient in delivery.recipients}

    def test_of_many_together_keeps_their_order(self, store: Store) -> None:
        mailbox = store.mailbox()
        store.group(*(store.delivery(mailbox, text=f"{number}") for number in range(25)))
        inbox = store.folder(mailbox)
        assert store.uids(inbox) == list(range(1, 26))
        for uid in (1, 13, 25):
            content = store.content(inbox.id, uid)
            assert content is not None
            assert content.endswith(b"\r\n%d\r\n" % (uid - 1))

    def test_passes_over_a_mailbox_that_was_destroyed(self, store: Store) -> None:
        first, second = store.mailbox(), store.mailbox()
        delivery = store.delivery(first, second)
        store.write(DestroyMailbox(first.id, 0))
        assert store.write(delivery) == [delivery.recipients[0]]

    def test_to_nobody_keeps_nothing(self, store: Store) -> None:
        mailbox = store.mailbox()
        delivery = store.delivery(mailbox)
        store.write(DestroyMailbox(mailbox.id, 0))
        assert store.write(delivery) == list(delivery.recipients)
        assert store.count("content") == 0

    def test_never_reaches_who_has_the_address_now(self, store: Store) -> None:
        mailbox = store.mailbox("same@box.test")
        delivery = store.delivery(mailbox)
        store.write(DestroyMailbox(mailbox.id, 0))
        successor = store.mailbox("same@box.test")
        assert store.write(delivery) == list(delivery.recipients)
        assert store.folder(successor).messages == 0

    def test_and_the_end_of_the_mailbox_in_one_group(self, store: Store) -> None:
        mailbox = store.mailbox()
        before, after = store.delivery(mailbox), store.delivery(mailbox)
        results = store.group(before, DestroyMailbox(mailbox.id, 0), after)
        assert results == [[], 1, list(after.recipients)]

    def test_to_more_inboxes_than_a_statement_has_parameters(self, store: Store) -> None:
        delivery = store.delivery(store.mailbox())
        others = [Recipient("gone@box.test", 0, 10**6 + number, 0) for number in range(300_000)]
        assert store.write(Deliver(delivery.content, (*others, *delivery.recipients))) == others

    @pytest.mark.parametrize("content", [b"", b"\0\xff\r\n", b"no end", b"x" * 3_000_000 + b"\r\n"])
    def test_gives_back_every_octet(self, store: Store, content: bytes) -> None:
        mailbox = store.mailbox()
        delivery = store.delivery(mailbox)
        store.write(Deliver(content, delivery.recipients))
        (entry,) = store.queries.entries(store.folder(mailbox).id)
        assert store.content(store.folder(mailbox).id, 1) == content
        assert (entry.size, entry.unterminated) == (len(content), not content.endswith(b"\r\n"))


@pytest.fixture
def mailbox(store: Store) -> Mailbox:
    return store.mailbox()


@pytest.fixture
def inbox(store: Store, mailbox: Mailbox) -> Folder:
    """An INBOX with four messages, the first of which was seen."""
    folder = store.folder(mailbox)
    store.fill(folder, 1, frozenset({SEEN}))
    store.fill(folder, 3)
    return store.folder(mailbox)


class TestAppend:
    def test_places_the_message(self, store: Store, mailbox: Mailbox) -> None:
        folder = store.folder(mailbox, "Drafts")
        placement = store.write(Append(folder.id, (NewMessage(message(), frozenset({SEEN, "$Draft"}), NOW - 1000),)))
        assert placement.uid_validity == folder.uid_validity
        assert placement.uids == ((0, 1),)
        (entry,) = store.queries.entries(folder.id)
        assert (entry.flags, entry.internal_date) == (frozenset({SEEN, "$Draft"}), NOW - 1000)
        assert store.folder(mailbox, "Drafts").unseen == 0

    def test_needs_the_folder(self, store: Store) -> None:
        with pytest.raises(NoSuchFolder):
            store.write(Append(999_999, (NewMessage(message()),)))

    def test_places_all_or_none(self, store: Store, inbox: Folder, mailbox: Mailbox) -> None:
        # RFC 3502 §6.3.11
        messages = (
            NewMessage(message("a"), frozenset({SEEN})),
            NewMessage(message("b")),
            NewMessage(message("b"), NO_FLAGS, 7),
        )
        with pytest.raises(MailboxFull):
            store.write(Append(inbox.id, messages, mailbox.public_key, most=6))
        assert store.folder(mailbox) == inbox
        placement = store.write(Append(inbox.id, messages, mailbox.public_key, most=7))
        assert placement.uids == ((0, 5), (0, 6), (0, 7))
        entries = store.queries.entries(inbox.id)[4:]
        assert [(entry.flags, entry.internal_date, entry.save_date) for entry in entries] == [
            (frozenset({SEEN}), NOW, NOW),
            (NO_FLAGS, NOW, NOW),
            (NO_FLAGS, 7, NOW),
        ]
        assert len({entry.modseq for entry in entries}) == 3
        assert store.folder(mailbox).unseen == inbox.unseen + 2


class TestReplace:
    """RFC 8508 §3: one change, or none."""

    def test_takes_the_place(self, store: Store, inbox: Folder, mailbox: Mailbox) -> None:
        append = Append(inbox.id, (NewMessage(message("new")),), mailbox.public_key, most=4)
        placement = store.write(Replace(append, inbox.id, 2))
        assert placement is not None
        assert placement.uids == ((0, 5),)
        assert [entry.uid for entry in store.queries.entries(inbox.id)] == [1, 3, 4, 5]
        changes = store.queries.changes(inbox.id, inbox.highest_modseq)
        assert ([entry.uid for entry in changes.changed], changes.gone) == ([5], (2,))

    def test_in_another_folder(self, store: Store, inbox: Folder, mailbox: Mailbox) -> None:
        drafts = store.folder(mailbox, "Drafts")
        append = Append(drafts.id, (NewMessage(message("new")),), mailbox.public_key, most=1)
        assert store.write(Replace(append, inbox.id, 2)) is not None
        assert [entry.uid for entry in store.queries.entries(drafts.id)] == [1]
        with pytest.raises(MailboxFull):
            store.write(Replace(append, inbox.id, 3))
        assert [entry.uid for entry in store.queries.entries(inbox.id)] == [1, 3, 4]

    def test_what_is_gone_is_replaced_by_nothing(self, store: Store, inbox: Folder, mailbox: Mailbox) -> None:
        append = Append(inbox.id, (NewMessage(message("new")),), mailbox.public_key)
        assert store.write(Replace(append, inbox.id, 9)) is None
        assert store.folder(mailbox) == inbox

    @pytest.mark.parametrize("missing", ["source", "target"])
    def test_needs_both_folders(self, store: Store, inbox: Folder, missing: str) -> None:
        append = Append(inbox.id if missing == "source" else 999_999, (NewMessage(message()),))
        with pytest.raises(NoSuchFolder):
            store.write(Replace(append, 999_999 if missing == "source" else inbox.id, 1))
        assert len(store.queries.entries(inbox.id)) == 4


class TestChangeFlags:
    @pytest.mark.parametrize(
        ("change", "flags", "then", "unseen"),
        [
            (FlagChange.ADD, {SEEN, FLAGGED}, {SEEN, FLAGGED}, 2),
            (FlagChange.REMOVE, {SEEN}, set(), 4),
            (FlagChange.REPLACE, {ANSWERED}, {ANSWERED}, 4),
        ],
    )
    def test_counts_the_unseen(
        self, store: Store, inbox: Folder, change: FlagChange, flags: set[str], then: set[str], unseen: int
    ) -> None:
        result = store.write(ChangeFlags(inbox.id, (1, 2), change, frozenset(flags)))
        changed = {entry.uid: entry.flags for entry in result.changed}
        assert changed[1] == then
        assert result.modified == ()
        assert store.queries.folders(inbox.mailbox_id)[1].unseen == unseen
        assert {e.uid: e for e in store.queries.entries(inbox.id)} | {e.uid: e for e in result.changed} == {
            e.uid: e for e in store.queries.entries(inbox.id)
        }

    def test_gives_each_changed_message_a_new_modseq(self, store: Store, inbox: Folder) -> None:
        result = store.write(ChangeFlags(inbox.id, (1, 2, 3), FlagChange.ADD, frozenset({SEEN})))
        before = {1: 2, 2: 3, 3: 4}
        modseqs = {entry.uid: entry.modseq for entry in result.changed}
        assert modseqs[1] == before[1], "it was \\Seen already"
        assert inbox.highest_modseq < modseqs[2] < modseqs[3]
        assert store.queries.highest_modseq(inbox.id) == modseqs[3]

    def test_that_changes_nothing_tells_nobody(self, store: Store, inbox: Folder) -> None:
        store.write(ChangeFlags(inbox.id, (1,), FlagChange.ADD, frozenset({SEEN})))
        assert store.touched == set()
        assert store.queries.highest_modseq(inbox.id) == inbox.highest_modseq

    def test_leaves_what_changed_since(self, store: Store, inbox: Folder) -> None:
        # RFC 7162 §3.1.3
        store.write(ChangeFlags(inbox.id, (2,), FlagChange.ADD, frozenset({FLAGGED})))
        change = ChangeFlags(inbox.id, (1, 2, 3), FlagChange.ADD, frozenset({DELETED}), inbox.highest_modseq)
        result = store.write(change)
        assert result.modified == (2,)
        assert [entry.uid for entry in result.changed] == [1, 3]

    def test_passes_over_what_is_not_there(self, store: Store, inbox: Folder) -> None:
        result = store.write(ChangeFlags(inbox.id, (4, 5, 99), FlagChange.ADD, frozenset({SEEN})))
        assert [entry.uid for entry in result.changed] == [4]

    def test_needs_the_folder(self, store: Store) -> None:
        with pytest.raises(NoSuchFolder):
            store.write(ChangeFlags(999_999, (1,), FlagChange.ADD, NO_FLAGS))


class TestCopyAndMove:
    def test_copy_shares_the_content(self, store: Store, mailbox: Mailbox, inbox: Folder) -> None:
        store.now += 100
        target = store.folder(mailbox, "Trash")
        placement = store.write(Copy(inbox.id, (4, 1, 77), target.id))
        assert placement.uid_validity == target.uid_validity
        assert placement.uids == ((1, 1), (4, 2))
        assert store.touched == {target.id}
        assert store.count("content") == 4
        originals = {entry.uid: entry for entry in store.queries.entries(inbox.id)}
        for old, new in placement.uids:
            (entry,) = [entry for entry in store.queries.entries(target.id) if entry.uid == new]
            original = originals[old]
            assert (entry.flags, entry.internal_date, entry.size) == (
                original.flags,
                original.internal_date,
                original.size,
            )
            assert store.content(target.id, new) == store.content(inbox.id, old)
            assert store.queries.summaries(target.id, [new])[new] == store.queries.summaries(inbox.id, [old])[old]

    def test_copy_into_the_same_folder(self, store: Store, inbox: Folder) -> None:
        assert store.write(Copy(inbox.id, (2,), inbox.id)).uids == ((2, 5),)
        assert store.uids(inbox) == [1, 2, 3, 4, 5]

    def test_move_leaves_nothing_behind(self, store: Store, mailbox: Mailbox, inbox: Folder) -> None:
        target = store.folder(mailbox, "Trash")
        placement = store.write(Move(inbox.id, (2, 3), target.id))
        assert placement.uids == ((2, 1), (3, 2))
        assert store.touched == {inbox.id, target.id}
        assert store.uids(inbox) == [1, 4]
        assert store.queries.changes(inbox.id, inbox.highest_modseq).gone == (2, 3)
        assert store.count("content") == 4

    def test_move_of_all(self, store: Store, mailbox: Mailbox, inbox: Folder) -> None:
        target = store.folder(mailbox, "Junk")
        assert len(store.write(Move(inbox.id, None, target.id)).uids) == 4
        assert store.uids(inbox) == []

    def test_move_within_a_folder_gives_new_uids(self, store: Store, inbox: Folder) -> None:
        assert store.write(Move(inbox.id, (1, 2), inbox.id)).uids == ((1, 5), (2, 6))
        assert store.uids(inbox) == [3, 4, 5, 6]

    @pytest.mark.parametrize("kind", [Copy, Move])
    def test_needs_both_folders(self, store: Store, inbox: Folder, kind: type[Copy | Move]) -> None:
        for pair in ((inbox.id, 999_999), (999_999, inbox.id)):
            with pytest.raises(NoSuchFolder):
                store.write(kind(pair[0], (1,), pair[1]))
        assert store.uids(inbox) == [1, 2, 3, 4]

    def test_the_last_reference_takes_the_content_along(self, store: Store, mailbox: Mailbox, inbox: Folder) -> None:
        target = store.folder(mailbox, "Trash")
        store.write(Copy(inbox.id, (1,), target.id))
        store.write(Remove(inbox.id, (1,)))
        assert store.content(target.id, 1) is not None
        assert store.count("content") == 4
        store.write(Remove(target.id, (1,)))
        assert store.count("content") == 3


class TestRemove:
    def test_those_named(self, store: Store, inbox: Folder) -> None:
        assert store.write(Remove(inbox.id, (3, 1, 99))) == [1, 3]
        assert store.uids(inbox) == [2, 4]
        assert store.content(inbox.id, 1) is None
        assert store.queries.summaries(inbox.id, [1, 2]).keys() == {2}

    def test_those_flagged(self, store: Store, inbox: Folder) -> None:
        store.write(ChangeFlags(inbox.id, (2, 4), FlagChange.ADD, frozenset({DELETED})))
        assert store.write(Remove(inbox.id, (1, 2, 3), having=DELETED)) == [2]
        assert store.write(Remove(inbox.id, None, having=DELETED)) == [4]
        assert store.write(Remove(inbox.id, None)) == [1, 3]
        assert store.write(Remove(inbox.id, None)) == []
        assert store.touched == set()

    def test_is_remembered_and_the_uid_not_given_again(self, store: Store, inbox: Folder) -> None:
        store.write(Remove(inbox.id, None))
        assert store.queries.changes(inbox.id, inbox.highest_modseq).gone == (1, 2, 3, 4)
        assert store.fill(inbox, 1) == [5]

    def test_needs_the_folder(self, store: Store) -> None:
        with pytest.raises(NoSuchFolder):
            store.write(Remove(999_999, None))


class TestChanges:
    def test_tell_what_happened_since(self, store: Store, inbox: Folder) -> None:
        store.write(ChangeFlags(inbox.id, (2,), FlagChange.ADD, frozenset({SEEN})))
        store.write(Remove(inbox.id, (3,)))
        store.fill(inbox, 1)
        changes = store.queries.changes(inbox.id, inbox.highest_modseq)
        assert [entry.uid for entry in changes.changed] == [2, 5]
        assert changes.gone == (3,)
        assert store.queries.changes(inbox.id, changes.highest_modseq) == Changes((), (), changes.highest_modseq)

    def test_of_a_folder_that_was_deleted(self, store: Store) -> None:
        for query in (store.queries.changes, store.queries.gone):
            with pytest.raises(NoSuchFolder):
                query(999_999, 0)

    def test_what_was_expunged(self, store: Store, inbox: Folder) -> None:
        store.write(Remove(inbox.id, (3,)))
        store.write(Remove(inbox.id, (1, 2)))
        since = inbox.highest_modseq
        assert store.queries.gone(inbox.id, since) == (1, 2, 3)
        assert store.queries.gone(inbox.id, since + 1) == (1, 2)
        assert store.queries.gone(inbox.id, since + 3) == ()
        assert store.queries.gone(inbox.id, since + 100) == ()

    def test_what_was_expunged_long_ago_is_forgotten(self, store: Store, inbox: Folder) -> None:
        """RFC 7162 §5.3: readers are told so, long before it is."""
        store.write(Remove(inbox.id, (1,)))
        store.fill(inbox, 1000)
        uids = tuple(store.uids(inbox))
        since, rounds = inbox.highest_modseq, 0
        while store.count("expunged"):
            changes = store.queries.changes(inbox.id, since)
            assert changes.gone == (1,)
            assert changes.forgotten is (changes.highest_modseq > since + CHANGES_REMEMBERED)
            assert store.queries.gone(inbox.id, since) == (None if changes.forgotten else (1,))
            change = FlagChange.REMOVE if rounds % 2 else FlagChange.ADD
            store.write(ChangeFlags(inbox.id, uids, change, frozenset({SEEN})))
            rounds += 1
            assert rounds < 20
        assert store.queries.changes(inbox.id, since).forgotten
        assert store.queries.gone(inbox.id, since) is None
        # The latest are still known.
        store.write(Remove(inbox.id, (2,)))
        assert store.queries.changes(inbox.id, since).gone == (2,)


def test_summaries_of_nothing(store: Store, inbox: Folder) -> None:
    assert store.queries.summaries(inbox.id, []) == {}


def test_numbers_beyond_32_bits(store: Store, mailbox: Mailbox) -> None:
    large = 2**40
    inbox = store.folder(mailbox)
    store.handle.run("UPDATE folder SET highest_modseq = ? WHERE id = ?", large, inbox.id)
    store.write(store.delivery(mailbox))
    (entry,) = store.queries.entries(inbox.id)
    assert entry.modseq == large + 1
    store.write(Append(inbox.id, (NewMessage(message(), NO_FLAGS, -large),)))
    assert store.queries.entries(inbox.id)[1].internal_date == -large
    # Not through a commit: what is in the folder does not add up to this.
    store.handle.run("UPDATE folder SET size = ? WHERE id = ?", large, inbox.id)
    assert store.folder(mailbox).size == large


def test_an_append_after_a_rename_in_one_group_tells_the_new_uidvalidity(store: Store, mailbox: Mailbox) -> None:
    created = store.write(CreateFolder(mailbox.id, "old"))
    append = Append(created.id, (NewMessage(message()),))
    _, _, placement = store.group(append, RenameFolder(mailbox.id, "old", "new"), append)
    assert placement.uid_validity == store.folder(mailbox, "new").uid_validity


class TestJunk:
    def test_goes_into_junk_with_its_keywords(self, store: Store) -> None:
        mailbox, other = store.mailbox(), store.mailbox()
        delivery = store.delivery(mailbox, other)
        junk = Deliver(delivery.content, delivery.recipients, junk=True, keywords=("$Junk",))
        assert store.group(junk, delivery) == [[], []]
        for owner in (mailbox, other):
            (entry,) = store.queries.entries(store.folder(owner, "Junk").id)
            assert entry.flags == {"$Junk"}
            (entry,) = store.queries.entries(store.folder(owner).id)
            assert entry.flags == NO_FLAGS

    def test_goes_into_the_inbox_where_there_is_no_junk(self, store: Store) -> None:
        mailbox = store.mailbox()
        store.write(DeleteFolder(mailbox.id, "Junk"))
        delivery = store.delivery(mailbox)
        store.write(Deliver(delivery.content, delivery.recipients, junk=True, keywords=("$Junk",)))
        (entry,) = store.queries.entries(store.folder(mailbox).id)
        assert entry.flags == {"$Junk"}

    def test_fills_nobodys_inbox(self, store: Store) -> None:
        mailbox = store.mailbox()
        store.write(store.delivery(mailbox))
        full = structs.replace(store.recipient(mailbox), messages=1, replaces_oldest=False)
        assert isinstance(store.group(Deliver(message(), (full,)))[0], MailboxFull)
        assert store.write(Deliver(message(), (full,), junk=True)) == []


def test_who_has_mail_with_attachments_is_told(store: Store) -> None:
    mailbox = store.mailbox()
    attached = b"Content-Type: application/pdf\r\n\r\n%PDF\r\n"
    store.write(Deliver(attached, (store.recipient(mailbox),), keywords=("spf-fail",)))
    (entry,) = store.queries.entries(store.folder(mailbox).id)
    assert entry.flags == {"$HasAttachment", "spf-fail"}


def test_a_summary_that_is_made_is_not_made_again(store: Store) -> None:
    mailbox = store.mailbox()
    trace, sent = b"Received: from x\r\n", b"Subject: hello\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n"
    made = structs.replace(summarise(sent), preview="made before", findings=(Finding("spf", "pass"),))
    store.write(Deliver(trace + sent, (store.recipient(mailbox),), sent=encode(made)))
    folder = store.folder(mailbox)
    (kept,) = store.queries.summaries(folder.id, [1]).values()
    assert kept.summary(store.opener) == structs.replace(made, structure=summarise(trace + sent).structure)
    (entry,) = store.queries.entries(folder.id)
    assert entry.flags == {"$HasAttachment"}


def test_what_was_found_out_is_kept_with_the_summary(store: Store) -> None:
    finding = Finding("spf", "pass", (("smtp.mailfrom", "example.org"),), "because")
    mailboxes = [store.mailbox(), store.mailbox()]
    store.write(Deliver(message(), tuple(map(store.recipient, mailboxes)), findings=(finding,)))
    for mailbox in mailboxes:
        (kept,) = store.queries.summaries(store.folder(mailbox).id, [1]).values()
        assert kept.summary(store.opener).findings == (finding,)
