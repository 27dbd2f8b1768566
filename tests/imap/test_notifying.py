"""NOTIFY (RFC 5465): what a client has chosen to be told comes at any time, and nothing else does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import StoreFailed
from tempmaild.imap import notifying as module
from tempmaild.service.inbox import Inbox
from tests.imap.house import ADDRESS, NESTED, OTHER, PLAIN
from tests.support import run

if TYPE_CHECKING:
    from tests.dialog import Dialog
    from tests.imap.house import House

MESSAGES = b"(MessageNew MessageExpunge)"
ALL = b"(MessageNew MessageExpunge FlagChange)"
NAMES = b"(MailboxName SubscriptionChange)"
BADEVENT = (
    b"NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
    b" MailboxMetadataChange ServerMetadataChange)]"
)
METADATA = b"(MailboxMetadataChange)"
SERVER_METADATA = b"(ServerMetadataChange)"


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, OTHER, NESTED)


def ask(dialog: Dialog, groups: bytes) -> bytes:
    """Say NOTIFY SET; what is said before its end."""
    said = dialog.send(b"n NOTIFY SET %b\r\n" % groups)
    assert said.endswith(b"n OK You will be told\r\n"), said
    return said.removesuffix(b"n OK You will be told\r\n")


def status(house: House, name: str, *, modseq: bool = False) -> bytes:
    folder = run(house.inbox().folder(name))
    told = b" HIGHESTMODSEQ %d" % folder.highest_modseq if modseq else b""
    return b'* STATUS "%b" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d%b)\r\n' % (
        name.encode(),
        *(folder.messages, folder.uid_next, folder.uid_validity, told),
    )


# The selected folder


def test_the_selected_folder_is_told_of_between_commands(house: House) -> None:
    dialog, other = house.select(), house.select()
    assert ask(dialog, b"(SELECTED %b)" % ALL) == b""
    house.deliver(PLAIN)
    assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    other.send(b"a STORE 2 +FLAGS (\\Deleted)\r\n")
    assert dialog.read() == b"* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))\r\n"
    other.send(b"a EXPUNGE\r\n")
    assert dialog.read() == b"* 2 EXPUNGE\r\n"
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"


def test_what_has_happened_before_is_told_with_the_command(house: House) -> None:
    dialog = house.select()
    house.expunge(1)
    house.deliver(PLAIN)
    assert ask(dialog, b"(SELECTED %b)" % ALL) == b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\n"


def test_expunges_can_wait_for_a_command_that_allows_them(house: House) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED-DELAYED %b)" % ALL)
    house.expunge(1)
    house.deliver(PLAIN)
    assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    assert dialog.send(b"a FETCH 2 UID\r\n") == b"* 2 FETCH (UID 2)\r\na OK Fetched\r\n"
    assert dialog.send(b"b NOOP\r\n") == b"* 1 EXPUNGE\r\nb OK Done\r\n"


def test_idle_tells_expunges_that_were_held_back(house: House) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED-DELAYED %b)" % ALL)
    house.expunge(1)
    assert dialog.read() == b""
    assert dialog.send(b"a IDLE\r\n") == b"+ Waiting for news\r\n* 1 EXPUNGE\r\n"
    house.expunge(2)
    assert dialog.read() == b"* 1 EXPUNGE\r\n"


def test_expunges_come_after_a_command_that_allows_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED %b)" % ALL)
    with monkeypatch.context() as patch:
        # The notice comes while the command is carried out.
        patch.setattr(dialog.session, "wake", lambda: None)
        house.expunge(1)
        house.deliver(PLAIN)
    assert dialog.send(b"a FETCH 1:* UID\r\n") == (
        b"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n"
        b"* 4 EXISTS\r\n* 4 RECENT\r\na OK Fetched\r\n* 1 EXPUNGE\r\n"
    )


def test_new_messages_are_described(house: House) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge))")
    house.deliver(OTHER)
    described = b"4 FETCH (UID 4 BODY[HEADER.FIELDS (Subject)] {16}\r\nSubject: two\r\n\r\n)\r\n"
    assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n* " + described


def test_new_messages_are_described_by_the_numbers_that_they_have_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED (MessageNew (UID) MessageExpunge))")
    with monkeypatch.context() as patch:
        patch.setattr(dialog.session, "wake", lambda: None)
        house.deliver(OTHER)
        house.expunge(1)
    assert dialog.send(b"a NOOP\r\n") == (
        b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\n* 3 FETCH (UID 4)\r\na OK Done\r\n"
    )


def test_flags_are_told_only_to_who_wants_them(house: House) -> None:
    dialog, other = house.select(), house.select()
    ask(dialog, b"(SELECTED %b)" % MESSAGES)
    other.send(b"a STORE 1 +FLAGS (\\Flagged)\r\n")
    assert dialog.read() == b""
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"
    assert dialog.send(b"b FETCH 1 FLAGS\r\n") == b"* 1 FETCH (FLAGS (\\Flagged \\Recent))\r\nb OK Fetched\r\n"
    # Whoever wants them later is told what was held back.
    assert ask(dialog, b"(SELECTED %b)" % ALL) == b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))\r\n"


@pytest.mark.parametrize(
    "command", [b"NOTIFY NONE", b"NOTIFY SET (SELECTED NONE)", b"NOTIFY SET (PERSONAL (MailboxName))"]
)
def test_who_wants_to_know_nothing_of_the_folder_is_told_nothing(house: House, command: bytes) -> None:
    dialog, other = house.select(), house.select()
    assert b"n OK " in dialog.send(b"n %b\r\n" % command)
    house.deliver(PLAIN)
    house.expunge(1)
    other.send(b"a UID STORE 2 +FLAGS (\\Flagged)\r\n")
    assert dialog.read() == b""
    assert (
        dialog.send(b"a NOOP\r\nb IDLE\r\nDONE\r\n") == b"a OK Done\r\n+ Waiting for news\r\nb OK Enough waited\r\n"
    )
    # What is asked for is answered as it is.
    assert dialog.send(b"c FETCH 2 FLAGS\r\n") == b"* 2 FETCH (FLAGS (\\Flagged \\Recent))\r\nc OK Fetched\r\n"
    # And nothing is lost.
    assert ask(dialog, b"(SELECTED %b)" % ALL) == (
        b"* 4 EXISTS\r\n"
        b"* 1 EXPUNGE\r\n"
        b"* 1 FETCH (UID 2 FLAGS (\\Flagged \\Recent))\r\n"
        b"* 3 FETCH (UID 4 FLAGS ())\r\n"
        b"* 2 RECENT\r\n"
    )
    assert dialog.send(b"d NOOP\r\n") == b"d OK Done\r\n"


def test_who_expunges_is_told_what_is_gone_all_the_same(house: House) -> None:
    dialog = house.select()
    dialog.send(b"n NOTIFY NONE\r\na STORE 2 +FLAGS.SILENT (\\Deleted)\r\n")
    house.deliver(PLAIN)
    assert dialog.send(b"b EXPUNGE\r\n") == (b"* 2 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\nb OK Expunged\r\n")
    house.deliver(PLAIN)
    assert dialog.send(b"c NOOP\r\n") == b"c OK Done\r\n"


def test_another_folder_that_is_selected_begins_anew(house: House) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED %b)" % ALL)
    house.deliver(PLAIN)
    dialog.send(b"a SELECT Trash\r\n")
    house.deliver(PLAIN)
    assert dialog.send(b"b NOOP\r\n") == b"b OK Done\r\n"
    other = house.select()
    other.send(b"a COPY 1 Trash\r\n")
    assert dialog.read() == b"* 1 EXISTS\r\n* 1 RECENT\r\n"


# Other folders


def test_other_folders_are_told_of_by_their_status(house: House) -> None:
    dialog, other = house.select(), house.select()
    ask(dialog, b"(SELECTED %b) (MAILBOXES (Trash Sent) %b)" % (ALL, MESSAGES))
    other.send(b"a COPY 1:2 Trash\r\n")
    assert dialog.read() == status(house, "Trash")
    other.send(b"a COPY 1:2 Drafts\r\n")
    assert dialog.read() == b""
    other.send(b"a SELECT Trash\r\nb STORE 1 +FLAGS (\\Deleted)\r\n")
    assert dialog.read() == b""
    other.send(b"c EXPUNGE\r\n")
    assert dialog.read() == status(house, "Trash")


def test_flags_in_other_folders(house: House) -> None:
    dialog, other = house.log_in(), house.select()
    ask(dialog, b"(PERSONAL %b)" % ALL)
    other.send(b"a STORE 1 +FLAGS (\\Flagged)\r\n")
    assert dialog.read() == status(house, INBOX, modseq=True)


def test_the_snapshot(house: House) -> None:
    dialog = house.select("Trash")
    said = ask(dialog, b"STATUS (MAILBOXES (Trash INBOX nowhere) %b) (MAILBOXES Sent NONE)" % MESSAGES)
    assert said == status(house, INBOX) + status(house, "Sent")
    assert dialog.send(b"a NOTIFY SET STATUS (SELECTED %b) (SUBSCRIBED (SubscriptionChange))\r\n" % ALL) == (
        b"a OK You will be told\r\n"
    )


def test_the_modification_sequence_for_who_knows_it(house: House) -> None:
    dialog = house.log_in()
    dialog.send(b"a ENABLE CONDSTORE\r\n")
    assert ask(dialog, b"STATUS (INBOXES %b)" % MESSAGES) == b"".join(
        status(house, name, modseq=True) for name in (INBOX, "Junk")
    )


@pytest.mark.parametrize(
    ("filter_", "told"),
    [
        (b"INBOXES", {INBOX, "Junk"}),
        (b"PERSONAL", {INBOX, "Drafts", "Junk", "Sent", "Trash", "Work", "Work/a", "Working"}),
        (b"SUBSCRIBED", {"Work/a"}),
        (b"SUBTREE Work", {"Work", "Work/a"}),
        (b"subtree (Work inbox)", {"Work", "Work/a", INBOX}),
        (b"MAILBOXES work", set()),
        (b'MAILBOXES ("Work" {5+}\r\nInbOX)', {"Work", INBOX}),
    ],
)
def test_which_folders_are_meant(house: House, filter_: bytes, told: set[str]) -> None:
    inbox = house.inbox()
    for name in ("Work/a", "Working"):
        run(inbox.create_folder(name))
    for folder in run(inbox.folders()):
        run(inbox.subscribe(folder.name, folder.name == "Work/a"))
    said = ask(house.log_in(), b"STATUS (%b %b)" % (filter_, MESSAGES))
    assert {line.split(b'"')[1].decode() for line in said.splitlines()} == told


def test_nothing_of_a_folder_is_told_twice(house: House) -> None:
    dialog, other = house.log_in(), house.select()
    ask(dialog, b"(INBOXES %b) (PERSONAL %b)" % (MESSAGES, ALL))
    other.send(b"a COPY 1 Trash\r\n")
    assert dialog.read() == status(house, "Trash", modseq=True)
    other.send(b"b NOOP\r\n")
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"


def test_what_happens_while_a_folder_is_selected_is_not_told_afterwards(house: House) -> None:
    dialog = house.select()
    ask(dialog, b"(SELECTED %b) (PERSONAL %b)" % (ALL, MESSAGES))
    house.deliver(PLAIN)
    assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    assert dialog.send(b"a UNSELECT\r\n") == b"a OK Left\r\n"
    house.deliver(PLAIN)
    assert dialog.read() == status(house, INBOX)


# Folders that come and go


def test_folders_that_come_go_and_are_renamed(house: House) -> None:
    dialog, inbox = house.log_in(), house.inbox()
    ask(dialog, b"(PERSONAL %b)" % NAMES)
    run(inbox.create_folder("Work/a"))
    assert dialog.read() == b'* LIST (\\HasChildren) "/" "Work"\r\n* LIST (\\HasNoChildren) "/" "Work/a"\r\n'
    run(inbox.subscribe("Work/a", True))
    assert dialog.read() == b'* LIST (\\Subscribed \\HasNoChildren) "/" "Work/a"\r\n'
    run(inbox.subscribe("Work/a", False))
    assert dialog.read() == b'* LIST (\\HasNoChildren) "/" "Work/a"\r\n'
    run(inbox.rename_folder("Work", "Play"))
    assert dialog.read() == (
        b'* LIST (\\HasChildren) "/" "Play" ("OLDNAME" ("Work"))\r\n'
        b'* LIST (\\HasNoChildren) "/" "Play/a" ("OLDNAME" ("Work/a"))\r\n'
    )
    run(inbox.delete_folder("Play/a"))
    assert dialog.read() == b'* LIST (\\NonExistent) "/" "Play/a"\r\n'


def test_messages_in_a_folder_that_is_new(house: House) -> None:
    dialog, inbox = house.log_in(), house.inbox()
    ask(dialog, b"(SUBTREE Work (MessageNew MessageExpunge MailboxName))")
    run(inbox.create_folder("Work"))
    assert dialog.read() == b'* LIST (\\HasNoChildren) "/" "Work"\r\n' + status(house, "Work")
    run(inbox.copy(run(inbox.folder(INBOX)).id, [1], "Work"))
    assert dialog.read() == status(house, "Work")
    # RFC 5465 §5.4: what is renamed out of the tree is still told.
    run(inbox.rename_folder("Work", "Play"))
    assert dialog.read() == b'* LIST (\\HasNoChildren) "/" "Play" ("OLDNAME" ("Work"))\r\n'
    run(inbox.copy(run(inbox.folder(INBOX)).id, [1], "Play"))
    assert dialog.read() == b""


def test_names_in_the_form_that_the_client_speaks(house: House) -> None:
    dialog, rev2, inbox = house.log_in(), house.log_in(), house.inbox()
    rev2.send(b"a ENABLE IMAP4rev2\r\n")
    for one in (dialog, rev2):
        ask(one, b"(PERSONAL %b)" % NAMES)
    run(inbox.create_folder("\u00e4"))
    assert dialog.read() == b'* LIST (\\HasNoChildren) "/" "&AOQ-"\r\n'
    assert rev2.read() == '* LIST (\\HasNoChildren) "/" "\u00e4"\r\n'.encode()


# Metadata


@pytest.fixture
def other(house: House) -> Dialog:
    return house.log_in()


def set_metadata(dialog: Dialog, name: bytes, values: bytes) -> None:
    assert dialog.send(b"m SETMETADATA %b (%b)\r\n" % (name, values)) == b"m OK Set\r\n"


def test_the_names_of_entries_that_change(house: House, other: Dialog) -> None:
    set_metadata(other, b"INBOX", b'/private/a "1" /private/same "1"')
    dialog = house.select()
    ask(dialog, b"(SELECTED %b) (PERSONAL %b)" % (ALL, METADATA))
    set_metadata(other, b"INBOX", b'/private/a "2" /private/b "1"')
    assert dialog.read() == b'* METADATA "INBOX" /private/a /private/b\r\n'
    set_metadata(other, b"INBOX", b"/private/a NIL /private/never NIL")
    assert dialog.read() == b'* METADATA "INBOX" /private/a\r\n'
    set_metadata(other, b"Trash", b'"/private/with space" "1"')
    assert dialog.read() == b'* METADATA "Trash" "/private/with space"\r\n'
    set_metadata(other, b'""', b'/private/a "1"')
    house.deliver(PLAIN)
    assert dialog.read() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"


def test_metadata_of_folders_that_are_not_meant(house: House, other: Dialog) -> None:
    dialog = house.log_in()
    ask(dialog, b"(MAILBOXES Trash %b) (MAILBOXES INBOX (SubscriptionChange))" % METADATA)
    set_metadata(other, b"INBOX", b'/private/a "1"')
    set_metadata(other, b'""', b'/private/a "1"')
    assert dialog.read() == b""
    set_metadata(other, b"Trash", b'/private/a "1"')
    assert dialog.read() == b'* METADATA "Trash" /private/a\r\n'


def test_the_special_use_is_metadata(house: House, other: Dialog) -> None:
    dialog, inbox = house.log_in(), house.inbox()
    run(inbox.create_folder("Old"))
    ask(dialog, b"(PERSONAL (MailboxName MailboxMetadataChange))")
    set_metadata(other, b"Old", b'/private/specialuse "\\\\Archive"')
    assert dialog.read() == b'* METADATA "Old" /private/specialuse\r\n'
    run(inbox.create_folder("Older", "\\Archive"))
    assert dialog.read() == (
        b'* LIST (\\HasNoChildren \\Archive) "/" "Older"\r\n* METADATA "Older" /private/specialuse\r\n'
    )
    # What is gone with its folder is not told apart.
    run(inbox.delete_folder("Older"))
    assert dialog.read() == b'* LIST (\\NonExistent) "/" "Older"\r\n'


def test_metadata_of_the_server(house: House, other: Dialog) -> None:
    dialog = house.log_in()
    ask(dialog, b"(MAILBOXES Trash %b)" % SERVER_METADATA)
    set_metadata(other, b'""', b'/private/a "1"')
    assert dialog.read() == b'* METADATA "" /private/a\r\n'
    run(house.appliance.appliance.lifetimes.extend(ADDRESS, by=60))
    assert dialog.read() == b'* METADATA "" /private/vendor/tempmaild/expires\r\n'
    set_metadata(other, b"Trash", b'/private/a "1"')
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"


class TestIdleTime:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(86_400, idle=3600)

    def test_its_new_beginning_is_not_told(self, house: House) -> None:
        dialog, other = house.log_in(), house.log_in()
        ask(dialog, b"(PERSONAL %b)" % SERVER_METADATA)
        house.clock.now += 600
        set_metadata(other, b'""', b'/private/a "1"')
        assert dialog.read() == b'* METADATA "" /private/a\r\n'


# When it is told


def test_a_client_that_goes_on_is_answered_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.log_in()
    ask(dialog, b"(INBOXES %b)" % MESSAGES)
    with monkeypatch.context() as patch:
        patch.setattr(dialog.session, "wake", lambda: None)
        house.deliver(PLAIN)
    assert dialog.send(b"a NOOP\r\nb NOOP\r\n") == b"a OK Done\r\nb OK Done\r\n" + status(house, INBOX)


def test_while_idle_everything_comes_as_well(house: House) -> None:
    dialog, other = house.select("Trash"), house.select()
    ask(dialog, b"(SELECTED %b) (INBOXES %b)" % (ALL, MESSAGES))
    assert dialog.send(b"a IDLE\r\n") == b"+ Waiting for news\r\n"
    house.deliver(PLAIN)
    assert dialog.read() == status(house, INBOX)
    other.send(b"a COPY 1 Trash\r\n")
    assert dialog.read() == b"* 1 EXISTS\r\n* 1 RECENT\r\n"
    assert dialog.send(b"DONE\r\n") == b"a OK Enough waited\r\n"


def test_the_end_of_the_mailbox_is_told_at_once(house: House) -> None:
    dialog, silent = house.log_in(), house.select()
    ask(dialog, b"(INBOXES %b)" % MESSAGES)
    silent.send(b"a NOTIFY NONE\r\n")
    run(house.appliance.mailboxes.destroy(house.mailbox))
    for one in (dialog, silent):
        assert one.read() == b"* BYE [UNAVAILABLE] This mailbox no longer exists\r\n"
        assert one.closed


def test_nothing_is_heard_after_the_end(house: House) -> None:
    for end in (b"a NOTIFY NONE\r\n", b"a LOGOUT\r\n", b""):
        dialog = house.log_in()
        ask(dialog, b"(PERSONAL %b)" % ALL)
        assert house.appliance.watched
        dialog.send(end)
        if not end:
            dialog.hang_up()
        assert not house.appliance.watched


# Failures


def test_what_cannot_be_told_ends_the_notifications(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = house.log_in()
    ask(dialog, b"(INBOXES %b)" % MESSAGES)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "folders", fails)
        caplog.set_level(logging.CRITICAL)
        house.deliver(PLAIN)
    overflow = b"* OK [NOTIFICATIONOVERFLOW] Not everything could be told; nothing is from now on\r\n"
    assert dialog.read() == overflow
    house.deliver(PLAIN)
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"


def test_a_command_that_fails_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("no")

    dialog = house.log_in()
    ask(dialog, b"(INBOXES %b)" % MESSAGES)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "folders", fails)
        assert dialog.send(b"a NOTIFY SET (PERSONAL %b)\r\n" % ALL).startswith(b"a NO [UNAVAILABLE]")
    house.deliver(PLAIN)
    assert dialog.read() == status(house, INBOX)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"NOTIFY", b"BAD Expected a space (octet 8)"),
        (b"NOTIFY ALL", b"BAD Expected SET or NONE before this (octet 12)"),
        (b"NOTIFY SET", b"BAD Expected a space and groups of events"),
        (b"NOTIFY SET STATUS", b"BAD Expected a space and groups of events"),
        (b"NOTIFY NONE x", b"BAD Expected the end of the command"),
        (b"NOTIFY SET (OTHERS %b)" % ALL, b"BAD Expected which mailboxes are meant before this"),
        (b"NOTIFY SET (PERSONAL)", b"BAD Expected a space"),
        (b"NOTIFY SET (PERSONAL ())", b"BAD Expected an atom"),
        (b"NOTIFY SET (PERSONAL ALL)", b"BAD Expected NONE or events in parentheses before this"),
        (b"NOTIFY SET (PERSONAL (MessageNew))", b"BAD MessageNew, MessageExpunge: each needs the other"),
        (b"NOTIFY SET (PERSONAL (MessageExpunge))", b"BAD MessageNew, MessageExpunge: each needs the other"),
        (b"NOTIFY SET (PERSONAL (FlagChange))", b"BAD MessageNew, MessageExpunge: each needs the other"),
        (b"NOTIFY SET (PERSONAL (MessageNew (UID) MessageExpunge))", b"BAD Expected data items only for"),
        (b"NOTIFY SET (SELECTED (MailboxName))", b"BAD Expected only events of messages"),
        (b"NOTIFY SET (SELECTED %b)" % METADATA, b"BAD Expected only events of messages"),
        (b"NOTIFY SET (SELECTED-DELAYED %b)" % SERVER_METADATA, b"BAD Expected only events of messages"),
        (
            b"NOTIFY SET (SELECTED %b) (SELECTED-DELAYED %b)" % (ALL, ALL),
            b"BAD Expected SELECTED or SELECTED-DELAYED",
        ),
        (b"NOTIFY SET (SELECTED (MessageNew () MessageExpunge))", b"BAD Expected an atom"),
        (b"NOTIFY SET (PERSONAL (AnnotationChange MessageNew MessageExpunge))", BADEVENT),
        (b"NOTIFY SET (PERSONAL (ServerMetadataChange)) (INBOXES (Other))", BADEVENT),
        (b"NOTIFY SET (MAILBOXES &&& %b)" % ALL, b"NO [CANNOT]"),
        (b"NOTIFY SET" + b" (PERSONAL NONE)" * 201, b"NO [NOTIFICATIONOVERFLOW]"),
    ],
)
def test_bad_commands(house: House, command: bytes, answer: bytes) -> None:
    dialog = house.log_in()
    assert dialog.send(b"a %b\r\n" % command).startswith(b"a " + answer)
    session: Any = dialog.session
    assert session.notifying is None


def test_every_event_that_is_named_in_badevent_is_known() -> None:
    assert {name.upper() for name in module._EVENTS.values()} == module._EVENTS.keys()
