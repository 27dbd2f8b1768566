from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.flags import NO_FLAGS, SEEN, Flags
from tempmaild.core.mailbox import Changes, Entry, Folder, Listing
from tempmaild.errors import ReadOnly
from tempmaild.imap.contexts import Contexts
from tempmaild.imap.grammar import Parser
from tempmaild.imap.keywords import ToldKeywords
from tempmaild.imap.replies import Refused
from tempmaild.imap.view import View

if TYPE_CHECKING:
    from collections.abc import Collection

    from tempmaild.imap.sequence import SequenceSet
    from tests.imap.house import House


def entry(uid: int, modseq: int = 1, flags: Flags = NO_FLAGS) -> Entry:
    return Entry(uid, uid, modseq, flags, 0, 1, 1, unterminated=False)


def view(*uids: int, uid_next: int = 0, read_only: bool = False, enabled: Collection[bytes] = ()) -> View:
    folder = Folder(1, 1, "INBOX", 77, uid_next or max(uids, default=0) + 1, 5, "", subscribed=True)
    listing = Listing([entry(uid) for uid in uids])
    return View(folder, listing, told_keywords=ToldKeywords(), read_only=read_only, enabled=enabled)


def numbers(text: str) -> SequenceSet:
    return Parser([text.encode()]).sequence_set()


def changes(*changed: Entry, gone: tuple[int, ...] = (), highest: int = 9) -> Changes:
    return Changes(changed, gone, highest)


def test_sequence_numbers_and_uids() -> None:
    seen = view(2, 5, 9)
    assert seen.indices(numbers("2:*"), by_uid=False) == [1, 2]
    assert seen.indices(numbers("2:*"), by_uid=True) == [0, 1, 2]
    assert seen.indices(numbers("6"), by_uid=True) == []


@pytest.mark.parametrize("text", ["4", "1:4", "4:*", "1,9"])
def test_numbers_beyond_the_last_message(text: str) -> None:
    with pytest.raises(Refused):
        view(2, 5, 9).indices(numbers(text), by_uid=False)


def test_new_messages_come_behind() -> None:
    seen = view(1, 2)
    assert list(seen.learn(changes(entry(3, 6), entry(4, 7)))) == [b"", b"* 4 EXISTS\r\n"]
    assert list(seen.uids) == [1, 2, 3, 4]
    assert seen.modseq == 9
    assert seen.uid_next == 5


def test_messages_that_are_gone_stay_until_it_is_told() -> None:
    seen = view(1, 2, 3, 4)
    assert list(seen.learn(changes(entry(5, 7), gone=(2, 3)))) == [b"", b"* 5 EXISTS\r\n"]
    assert seen.has_expunged
    assert seen.indices(numbers("5"), by_uid=False) == [4]
    assert set(seen.entries) == {1, 4, 5}
    # With flags that changed meanwhile, in the numbers that the client still has.
    assert list(seen.learn(changes(entry(4, 8, frozenset({SEEN}))))) == [b"", b"* 4 FETCH (UID 4 FLAGS (\\Seen))\r\n"]
    assert seen.expunged() == [b"* 3 EXPUNGE\r\n", b"* 2 EXPUNGE\r\n"]
    assert list(seen.uids) == [1, 4, 5]
    assert seen.expunged() == []
    assert not seen.has_expunged


def test_a_message_that_came_and_went_is_not_mentioned() -> None:
    seen = view(1)
    assert list(seen.learn(changes(gone=(2,)))) == [b""]
    assert not seen.has_expunged
    assert list(seen.learn(changes(gone=(1,)))) == [b""]
    assert list(seen.learn(changes(gone=(1,)))) == [b""]
    assert seen.expunged() == [b"* 1 EXPUNGE\r\n"]


def test_own_changes_are_told_once() -> None:
    seen = view(1, 2)
    seen.changed_here([entry(1, 6, frozenset({SEEN}))])
    both = changes(entry(1, 6, frozenset({SEEN})), entry(2, 7, frozenset({SEEN})))
    assert list(seen.learn(both)) == [b"", b"* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n"]
    assert list(seen.learn(both))[1:] == [
        b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n",
        b"* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n",
    ]


def test_a_later_change_of_what_was_changed_here_is_told() -> None:
    seen = view(1)
    seen.changed_here([entry(1, 6, frozenset({SEEN}))])
    assert list(seen.learn(changes(entry(1, 7))))[1:] == [b"* 1 FETCH (UID 1 FLAGS ())\r\n"]


def test_new_keywords_are_announced_once() -> None:
    seen = view(1)
    first, _ = seen.learn(changes(entry(1, 6, frozenset({"$Junk"}))))
    assert first == (
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk)\r\n"
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk \\*)] Flags that are kept\r\n"
    )
    assert next(seen.learn(changes(entry(1, 7, frozenset({"$Junk"}))))) == b""
    assert seen.spelled(frozenset({"$JUNK", SEEN, "x"})) == {"$Junk", SEEN, "x"}


# RFC 5267 §4.3: what the client itself changes may change the result of a search that it has open.
def test_own_changes_are_news_only_to_who_has_contexts(house: House) -> None:
    seen = view(1)
    seen.changed_here([entry(1, 6)])
    assert not seen.news
    seen.contexts = Contexts(house.select().session)  # type: ignore[arg-type]  # it is an ImapSession
    seen.changed_here([entry(1, 7)])
    assert seen.news


def test_messages_that_the_client_knows() -> None:
    messages = view(2, 5, 9).messages([entry(1), entry(5), entry(9), entry(11)])
    assert [(message.number, message.entry.uid) for message in messages] == [(2, 5), (3, 9)]


def test_what_is_forgotten_while_idle() -> None:
    seen = view(1, 2)
    seen.forget()
    assert not seen.remembers([1])
    seen.learn(changes(entry(3, 6), entry(2, 7), gone=(1,)))
    assert seen.remembers([1, 2, 3])
    seen.learn(changes(entry(4, 8)))
    seen.forget()
    assert not seen.remembers([4])
    seen.remember(Listing([entry(4, 8)]))
    assert seen.remembers([1, 2, 3, 4])
    assert set(seen.entries) == {4}


def test_sessions_share_a_listing_which_stays_as_it_is() -> None:
    folder = Folder(1, 1, "INBOX", 77, 4, 5, "", subscribed=True)
    listing = Listing([entry(1), entry(2), entry(3)])
    one, other, third = (View(folder, listing, told_keywords=ToldKeywords(), read_only=False) for _ in range(3))
    one.learn(changes(entry(1, 6), entry(4, 7), gone=(2,)))
    one.expunged()
    other.changed_here([entry(3, 8, frozenset({SEEN}))])
    assert [list(seen.uids) for seen in (one, other, third)] == [[1, 3, 4], [1, 2, 3], [1, 2, 3]]
    assert [one.entries[uid].modseq for uid in (1, 3, 4)] == [6, 1, 7]
    assert [entry.modseq for entry in other.entries.values()] == [1, 1, 8]
    assert list(third.entries.values()) == listing.entries == [entry(1), entry(2), entry(3)]


def test_recent_is_what_was_claimed() -> None:
    seen = view(1, 2, 5, uid_next=7)
    assert seen.recent == 0
    seen.claim(2)
    assert [seen.is_recent(uid) for uid in (1, 2, 5)] == [False, True, True]
    seen.learn(changes(entry(7, 6), entry(9, 6)))
    seen.claim(8)  # another session was faster with 7
    assert seen.recent == 3
    assert not seen.is_recent(7)
    seen.learn(changes(entry(10, 7)))
    seen.claim(10)
    seen.claim(11)
    assert seen.recent == 4
    assert seen.message(5, entry(10)).recent
    seen.learn(changes(gone=(2, 10)))
    seen.expunged()
    assert seen.recent == 2


def test_a_message_later_than_the_folder_counts_for_uidnext() -> None:
    seen = view(1, 2, 3, uid_next=3)
    assert b"[UIDNEXT 4]" in seen.opening()
    assert b"[UIDNEXT 8]" in view(1, uid_next=8).opening()


def test_opening() -> None:
    folder = Folder(1, 1, "INBOX", 77, 4, 5, "", subscribed=True)
    entries = [entry(1, 1, frozenset({SEEN})), entry(3, 1, frozenset({"b", "A"}))]
    seen = View(folder, Listing(entries), told_keywords=ToldKeywords(), read_only=True)
    assert seen.opening() == (
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft A b)\r\n"
        b"* 2 EXISTS\r\n* 0 RECENT\r\n"
        b"* OK [UNSEEN 2] The first unseen message\r\n"
        b"* OK [PERMANENTFLAGS ()] Flags that are kept\r\n"
        b"* OK [UIDNEXT 4] The next UID\r\n"
        b"* OK [UIDVALIDITY 77] UIDs are valid\r\n"
        b"* OK [HIGHESTMODSEQ 5] The latest change\r\n"
        b"* OK [MAILBOXID (F1)] Whatever its name\r\n"
    )
    with pytest.raises(ReadOnly):
        seen.check_writable()
    view(1).check_writable()


@pytest.mark.parametrize(
    ("enabled", "told"),
    [
        ({b"CONDSTORE"}, b"* 2 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (8))\r\n"),
        ({b"CONDSTORE", b"UIDONLY"}, b"* 5 UIDFETCH (FLAGS (\\Seen) MODSEQ (8))\r\n"),
        ({b"UIDONLY"}, b"* 5 UIDFETCH (FLAGS (\\Seen))\r\n"),
    ],
)
def test_how_flags_are_told(enabled: set[bytes], told: bytes) -> None:
    seen = view(2, 5, enabled=enabled)
    assert list(seen.learn(changes(entry(5, 8, frozenset({SEEN})))))[1:] == [told]
    assert seen.flags_of(entry(3, 8)) == b""
    assert seen.modseq_of(entry(3, 8)) == b""


@pytest.mark.parametrize("extension", [b"QRESYNC", b"UIDONLY"])
def test_messages_that_are_gone_are_told_by_uid(extension: bytes) -> None:
    seen = view(1, 2, 3, 7, enabled={extension})
    assert list(seen.learn(changes(gone=(2, 3, 5, 7)))) == [b""]
    assert seen.expunged() == [b"* VANISHED 2:3,7\r\n"]
    assert list(seen.uids) == [1]
    assert seen.expunged() == []


def test_up_to_which_change_all_is_told() -> None:
    seen = view(1, 2)
    seen.learn(changes(entry(2, 6), highest=6))
    assert seen.told_modseq == 6
    seen.learn(changes(gone=(1,), highest=7))
    seen.learn(changes(entry(2, 8), highest=8))
    assert (seen.told_modseq, seen.modseq) == (6, 8)
    seen.expunged()
    assert seen.told_modseq == 8
    seen.learn(changes(gone=(9,), highest=9))  # which the client has never heard of
    assert seen.told_modseq == 9


def test_what_imap4rev2_is_not_told() -> None:
    opening = view(1, enabled={b"IMAP4REV2"}).opening()
    assert b"RECENT" not in opening
    assert b"UNSEEN" not in opening
    opening = view(1, enabled={b"UIDONLY"}).opening()
    assert b"* 0 RECENT\r\n" in opening
    assert b"UNSEEN" not in opening
