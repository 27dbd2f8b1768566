"""What sessions are told of modification sequences while others change the folder, and afterwards (RFC 7162 §3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.mailbox import INBOX
from tempmaild.errors import StoreFailed
from tempmaild.service.inbox import Inbox
from tempmaild.store import queries
from tests.imap.house import NESTED, OTHER, PLAIN
from tests.support import run

if TYPE_CHECKING:
    from tests.dialog import Dialog
    from tests.imap.house import House


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, OTHER, NESTED, PLAIN)


def resyncing(house: House, enabled: str = "QRESYNC") -> Dialog:
    dialog = house.log_in()
    dialog.send(f"a ENABLE {enabled}\r\na SELECT INBOX\r\n".encode())
    return dialog


def lines_of(said: bytes) -> list[bytes]:
    return said.split(b"\r\n")[:-1]


def modseq(house: House) -> int:
    return run(house.inbox().folder(INBOX)).highest_modseq


# Several sessions


def test_flags_and_expunges_of_others(house: House) -> None:
    idling, other = resyncing(house), house.select()
    idling.send(b"a IDLE\r\n")
    other.send(b"a STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\n")
    assert idling.read() == (
        b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent) MODSEQ (6))\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent) MODSEQ (7))\r\n"
    )
    assert other.send(b"b EXPUNGE\r\n") == b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\nb OK Expunged\r\n"
    assert idling.read() == b"* VANISHED 1:2\r\n"
    house.deliver(OTHER)
    assert idling.read() == b"* 3 EXISTS\r\n* 3 RECENT\r\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (b"FETCH 2 (MODSEQ)", b"* 2 FETCH (UID 2 FLAGS (x \\Recent) MODSEQ (7))"),
        (b"STORE 2 +FLAGS.SILENT (\\Seen)", b"* 2 FETCH (UID 2 MODSEQ (8))"),
    ],
)
def test_expunges_held_back_hold_back_the_modification_sequence(house: House, command: bytes, told: bytes) -> None:
    """RFC 7162 §3.2, §6: a client whose connection breaks would never ask for them otherwise."""
    dialog = resyncing(house)
    house.expunge(1)  # 6
    house.select().send(b"a UID STORE 2 +FLAGS (x)\r\n")  # 7
    said = lines_of(dialog.send(b"a %b\r\n" % command))
    assert told in said
    assert said[-2] == b"* OK [HIGHESTMODSEQ 5] The latest change"
    assert dialog.send(b"b NOOP\r\n") == b"* VANISHED 1\r\nb OK Done\r\n"
    assert dialog.send(b"c NOOP\r\n") == b"c OK Done\r\n"


def test_condstore_enabled_while_expunges_are_held_back(house: House) -> None:
    dialog = house.select()
    house.expunge(1)
    dialog.send(b"a FETCH 2 UID\r\n")
    assert lines_of(dialog.send(b"b FETCH 2 MODSEQ\r\n"))[0] == b"* OK [HIGHESTMODSEQ 5] The latest change"


def test_what_is_stored_meanwhile(house: House) -> None:
    """RFC 7162 §3.1.3: what has changed after the client looked is not changed but told."""
    dialog = resyncing(house)
    house.select().send(b"a STORE 2 FLAGS (\\Flagged)\r\n")
    assert dialog.send(b"a STORE 1:2 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Seen)\r\n") == (
        b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (6))\r\n"
        b"* 1 FETCH (UID 1 MODSEQ (7))\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (6))\r\n"
        b"a OK [MODIFIED 2] Stored\r\n"
    )


def test_what_is_gone_and_what_was_modified(house: House) -> None:
    """RFC 7162 §3.1.3, example 11."""
    dialog = resyncing(house)
    house.expunge(1)
    house.select().send(b"a UID STORE 3 FLAGS (\\Flagged)\r\n")
    said = lines_of(dialog.send(b"a STORE 1:3 (UNCHANGEDSINCE 5) +FLAGS (\\Seen)\r\n"))
    assert b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) MODSEQ (8))" in said
    assert said[-1] == b"a NO [MODIFIED 3] Some of the messages are gone"
    assert dialog.send(b"b NOOP\r\n") == b"* VANISHED 1\r\nb OK Done\r\n"


def test_numbers_of_what_was_modified_are_those_that_the_client_has(house: House) -> None:
    house.expunge(1)
    dialog = resyncing(house)
    assert dialog.send(b"a STORE 1:3 (UNCHANGEDSINCE 3) +FLAGS (x)\r\n").endswith(b"a OK [MODIFIED 2:3] Stored\r\n")
    assert dialog.send(b"b UID STORE 3:4 (UNCHANGEDSINCE 3) +FLAGS (x)\r\n").endswith(
        b"b OK [MODIFIED 3:4] Stored\r\n"
    )


def test_what_will_be_told_is_not_told_as_earlier(house: House) -> None:
    dialog = resyncing(house)
    house.expunge(4)
    assert dialog.send(b"a UID FETCH 1:* (UID) (CHANGEDSINCE 5 VANISHED)\r\n") == (
        b"* VANISHED 4\r\na OK Fetched\r\n"
    )
    assert dialog.send(b"b UID FETCH 1:* (UID) (CHANGEDSINCE 5 VANISHED)\r\n") == (
        b"* VANISHED (EARLIER) 4\r\nb OK Fetched\r\n"
    )


def test_an_expunge_whose_news_cannot_be_read_is_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = resyncing(house)
    dialog.send(b"a STORE 1 +FLAGS (\\Deleted)\r\n")
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "changes", fails)
        assert dialog.send(b"b EXPUNGE\r\n") == b"b OK Expunged\r\n"
    assert dialog.send(b"c NOOP\r\n") == b"* VANISHED 1\r\nc OK Done\r\n"


def test_a_folder_that_another_session_deletes(house: House) -> None:
    dialog = house.log_in()
    dialog.send(b"a CREATE x\r\na ENABLE QRESYNC\r\n")
    inbox = house.inbox()
    run(inbox.append("x", PLAIN, frozenset(), None))
    dialog.send(b"b SELECT x\r\n")
    run(inbox.delete_folder("x"))
    assert dialog.send(b"c NOOP\r\n") == b"* VANISHED 1\r\nc OK Done\r\n"
    assert dialog.send(b"d UID FETCH 1:* UID (CHANGEDSINCE 1 VANISHED)\r\n") == (
        b"d NO [NONEXISTENT] There is no such mailbox\r\n"
    )


# Coming back


def missed(house: House, known: str) -> list[bytes]:
    """Give what SELECT tells who comes back, beyond what it tells everybody."""
    dialog = house.log_in()
    dialog.send(b"a ENABLE QRESYNC\r\n")
    said = lines_of(dialog.send(f"b SELECT INBOX (QRESYNC ({house.values['validity']} {known}))\r\n".encode()))
    assert said[-1].startswith(b"b OK ")
    return [line for line in said if b"VANISHED" in line or b" FETCH " in line]


def test_what_was_missed(house: House) -> None:
    before = modseq(house)
    house.expunge(2)
    house.select().send(b"a UID STORE 1,4 FLAGS (\\Seen)\r\n")
    house.deliver(OTHER)
    changed = [
        b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (7))",
        b"* 3 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (8))",
        b"* 4 FETCH (UID 5 FLAGS () MODSEQ (9))",
    ]
    # The last one has never been told of, so that it is recent.
    assert missed(house, f"{before}") == [
        b"* VANISHED (EARLIER) 2",
        *changed[:2],
        changed[2].replace(b"()", b"(\\Recent)", 1),
    ]
    assert missed(house, f"{before} 1:3,5") == [b"* VANISHED (EARLIER) 2", changed[0], changed[2]]
    assert missed(house, f"{before} 3:4") == [changed[1]]
    assert missed(house, "9") == []
    assert missed(house, "100") == []


def test_what_was_expunged_too_long_ago_to_tell(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7162 §5.3: then it is all that was ever expunged."""
    house.deliver(*[PLAIN] * 6)
    house.expunge(1, 2, 5, 9)
    now = modseq(house)
    monkeypatch.setattr(queries, "CHANGES_REMEMBERED", 0)
    assert missed(house, f"{now}") == []
    assert missed(house, f"{now - 1}") == [b"* VANISHED (EARLIER) 1:2,5,9"]
    assert missed(house, f"{now - 1} 2:7,30:40") == [b"* VANISHED (EARLIER) 2,5"]
    # UIDs 3 and 4 still are the first two messages; 8 was the eighth, and is the fifth.
    assert missed(house, f"{now - 1} 1:10 (1:2,5 3:4,7)") == [b"* VANISHED (EARLIER) 5,9"]
    assert missed(house, f"{now - 1} 1:10 (1,8,900 3,8,900)") == [b"* VANISHED (EARLIER) 5,9"]
    assert missed(house, f"{now - 1} 1:10 (7 8)") == [b"* VANISHED (EARLIER) 1:2,5,9"]
    house.expunge(10)
    assert missed(house, f"{now}")[0] == b"* VANISHED (EARLIER) 1:2,5,9:10"


def test_a_session_that_was_silent_for_too_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select()
    house.expunge(1, 3)
    house.deliver(OTHER)
    inbox = house.inbox()
    folder = run(inbox.folder(INBOX))
    changes = Inbox.changes

    async def changes_without_memory(self: Inbox, folder_id: int, since: int) -> object:
        found = await changes(self, folder_id, since)
        return type(found)(found.changed, (), found.highest_modseq, forgotten=True)

    monkeypatch.setattr(Inbox, "changes", changes_without_memory)
    assert dialog.send(b"a NOOP\r\n") == (b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\na OK Done\r\n")
    assert folder.messages == 3


def test_a_folder_of_which_cannot_be_told_what_was_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9051 §6.3.2: when SELECT fails, nothing is selected."""

    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = house.log_in()
    dialog.send(b"a ENABLE QRESYNC\r\n")
    monkeypatch.setattr(Inbox, "gone", fails)
    said = dialog.send(f"b SELECT INBOX (QRESYNC ({house.values['validity']} 1))\r\n".encode())
    assert said.endswith(b"b NO [UNAVAILABLE] Not possible now, try later\r\n")
    house.deliver(PLAIN)
    assert dialog.send(b"c NOOP\r\nd CHECK\r\n") == b"c OK Done\r\nd BAD Not allowed in this state\r\n"


def test_a_folder_that_never_had_a_message(house: House) -> None:
    dialog = house.log_in()
    dialog.send(b"a ENABLE QRESYNC\r\n")
    said = dialog.send(f"b SELECT Junk (QRESYNC ({house.values['validity']} 1 1:100))\r\n".encode())
    assert b"VANISHED" not in said
    assert b"FETCH" not in said


# UIDONLY and IMAP4rev2


def test_uidonly_alone_tells_uids(house: House) -> None:
    dialog, other = resyncing(house, "UIDONLY"), house.select()
    other.send(b"a STORE 3 FLAGS (\\Deleted)\r\na EXPUNGE\r\na STORE 3 FLAGS (\\Seen)\r\n")
    assert dialog.send(b"a NOOP\r\n") == (b"* VANISHED 3\r\n* 4 UIDFETCH (FLAGS (\\Seen \\Recent))\r\na OK Done\r\n")


def test_a_session_of_imap4rev2_takes_recent_from_nobody(house: House) -> None:
    dialog = resyncing(house, "IMAP4rev2")
    assert b"* 4 RECENT\r\n" in house.log_in().send(b"a SELECT INBOX\r\n")
    house.deliver(OTHER)
    assert dialog.send(b"a NOOP\r\n") == b"* 5 EXISTS\r\na OK Done\r\n"
