"""SEARCH, SORT and THREAD in a session: what they keep, what they make others wait, what goes wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.imap.house import OTHER, PLAIN, RULES, House

RE = b"Message-ID: <2@x>\r\nReferences: <1@x>\r\nSubject: Re: s\r\n\r\n"
FIRST = b"Message-ID: <1@x>\r\nSubject: s\r\n\r\n"
SUMMARY = "UPDATE summary SET data = ? WHERE entry_id = (SELECT id FROM entry WHERE uid = 2)"
CONTENT = "UPDATE content SET data = ? WHERE id = (SELECT content_id FROM entry WHERE uid = 2)"
LATE = b"a NO [LIMIT] The search takes too long, look into fewer messages\r\n"


def enable(name: str) -> bytes:
    return f"a ENABLE {name}\r\na SELECT INBOX\r\n".encode()


# RFC 9051 Appendix E: there is no SEARCH response any more.
def test_rev2_has_no_plain_results(house: House) -> None:
    house.deliver(PLAIN, OTHER)
    dialog = house.log_in()
    dialog.send(enable("IMAP4rev2"))
    assert dialog.send(b"a SEARCH ALL\r\n") == b'* ESEARCH (TAG "a") ALL 1:2\r\na OK Searched\r\n'
    assert dialog.send(b"a UID SEARCH 2\r\n") == b'* ESEARCH (TAG "a") UID ALL 2\r\na OK Searched\r\n'
    assert dialog.send(b"a SEARCH SEEN\r\n") == b'* ESEARCH (TAG "a")\r\na OK Searched\r\n'


# RFC 7162 §3.1.5
def test_modseq_is_told_to_who_asks_for_it(house: House) -> None:
    house.deliver(PLAIN, OTHER)
    first, second = (entry.modseq for entry in house.entries())
    dialog = house.select()
    said = dialog.send(b"a SEARCH MODSEQ %d\r\n" % second)
    # Using it enables CONDSTORE, which is said before the result.
    assert said == (
        b"* OK [HIGHESTMODSEQ %d] The latest change\r\n* SEARCH 2 (MODSEQ %d)\r\na OK Searched\r\n" % (second, second)
    )
    assert dialog.send(b"a SEARCH RETURN (MIN) MODSEQ 1\r\n") == (
        b'* ESEARCH (TAG "a") MIN 1 MODSEQ %d\r\na OK Searched\r\n' % first
    )
    assert dialog.send(b"a SORT (REVERSE ARRIVAL) UTF-8 MODSEQ 1\r\n") == (
        b"* SORT 1 2 (MODSEQ %d)\r\na OK Sorted\r\n" % second
    )
    assert dialog.send(b"a SEARCH MODSEQ %d\r\n" % (second + 1)) == b"* SEARCH\r\na OK Searched\r\n"
    assert dialog.send(b"a THREAD REFERENCES UTF-8 MODSEQ 1\r\n").startswith(b"* THREAD (1)(2)\r\n")
    assert b"MODSEQ (" in dialog.send(b"a STORE 1 +FLAGS (x)\r\n")


# RFC 9586 §3
@pytest.mark.parametrize(
    "command",
    [
        *(b"SEARCH ALL", b"SORT (DATE) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL", b"UID SEARCH 1"),
        *(b"UID SORT (DATE) UTF-8 1:*", b"UID THREAD REFERENCES UTF-8 *"),
    ],
)
def test_sequence_numbers_where_there_are_only_uids(house: House, command: bytes) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    dialog.send(enable("UIDONLY"))
    assert dialog.send(b"a %b\r\n" % command).startswith(b"a BAD [UIDREQUIRED] ")
    assert dialog.send(b"a UID SEARCH UID 1 ALL\r\n") == b"* SEARCH 1\r\na OK Searched\r\n"


# RFC 6855 §3
def test_no_charset_is_named_where_everything_is_utf_8(house: House) -> None:
    house.deliver(PLAIN)
    dialog = house.log_in()
    dialog.send(enable("UTF8=ACCEPT"))
    assert dialog.send(b"a SEARCH CHARSET UTF-8 ALL\r\n").startswith(b"a BAD ")
    assert dialog.send(b"a SORT (DATE) UTF-8 ALL\r\n") == b"* SORT 1\r\na OK Sorted\r\n"


# -- what `$` stands for (RFC 5182)


@pytest.mark.parametrize("command", [b"SELECT INBOX", b"EXAMINE INBOX"])
def test_selecting_a_folder_forgets_what_was_saved(house: House, command: bytes) -> None:
    house.deliver(PLAIN)
    dialog = house.select()
    dialog.send(b"a SEARCH RETURN (SAVE) ALL\r\n")
    assert dialog.send(b"a SEARCH $\r\n") == b"* SEARCH 1\r\na OK Searched\r\n"
    dialog.send(b"a %b\r\n" % command)
    assert dialog.send(b"a SEARCH $\r\n") == b"* SEARCH\r\na OK Searched\r\n"


def test_what_another_session_expunges_leaves_the_result(house: House) -> None:
    house.deliver(PLAIN, OTHER, PLAIN)
    dialog = house.select()
    dialog.send(b"a SEARCH RETURN (SAVE) 2:3\r\n")
    house.expunge(2)
    assert dialog.send(b"a NOOP\r\n") == b"* 2 EXPUNGE\r\na OK Done\r\n"
    house.deliver(PLAIN)
    assert dialog.send(b"a FETCH $ UID\r\n").startswith(b"* 2 FETCH (UID 3)\r\n")
    assert b"FETCH (UID 4)" not in dialog.send(b"a UID FETCH $ UID\r\n")


def test_a_search_without_save_leaves_what_was_saved(house: House) -> None:
    house.deliver(PLAIN, OTHER)
    dialog = house.select()
    dialog.send(b"a SEARCH RETURN (SAVE) 2\r\na SEARCH RETURN (ALL) 1\r\na SEARCH 1\r\na SORT (DATE) UTF-8 1\r\n")
    assert dialog.send(b"a SEARCH $\r\n") == b"* SEARCH 2\r\na OK Searched\r\n"


# -- time


def test_a_search_that_takes_too_long_saves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deliver(PLAIN, OTHER)
    slow(house, monkeypatch)
    dialog = house.select(rules=replace(RULES, search_seconds=7))
    dialog.send(b"a SEARCH RETURN (SAVE) ALL\r\n")
    assert dialog.send(b"a SEARCH RETURN (SAVE) BODY x\r\n") == LATE
    assert dialog.send(b"a SEARCH $\r\n") == b"* SEARCH\r\na OK Searched\r\n"


@pytest.mark.parametrize("command", [b"SORT (SUBJECT) UTF-8 BODY x", b"THREAD REFERENCES UTF-8 BODY x"])
def test_sorting_ends_in_time(house: House, monkeypatch: pytest.MonkeyPatch, command: bytes) -> None:
    house.deliver(PLAIN, OTHER)
    slow(house, monkeypatch)
    assert house.select(rules=replace(RULES, search_seconds=7)).send(b"a %b\r\n" % command) == LATE


def slow(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have looking into one message take eight seconds."""
    inbox_type = type(house.inbox())
    examine = inbox_type.examine

    async def slowly(*args: object) -> object:
        house.clock.now += 8
        return await examine(*args)  # type: ignore[arg-type] # whatever it is called with

    monkeypatch.setattr(inbox_type, "examine", slowly)


@pytest.mark.parametrize("command", [b"SORT (SUBJECT) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL"])
def test_others_have_their_turn_while_summaries_are_read(house: House, command: bytes) -> None:
    house.deliver(*[PLAIN] * 250)
    dialog = house.select()
    before = dialog.drains
    assert b"a OK" in dialog.send(b"a %b\r\n" % command)
    assert dialog.drains - before == 2


def test_others_have_their_turn_while_many_keys_are_asked(house: House) -> None:
    house.deliver(*[PLAIN] * 10)
    dialog = house.select()
    before = dialog.drains
    assert dialog.send(b"a SEARCH%b\r\n" % (b" ALL" * 10_000)).startswith(b"* SEARCH 1 2 3")
    assert dialog.drains - before >= 3


# -- threads of messages as they are kept


def test_references_of_messages_from_before_they_were_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tempmaild.core.summary.references", lambda *_: None)
        house.deliver(FIRST, RE.replace(b"Re: s", b"other"))
    house.deliver(RE.replace(b"<2@x>", b"<3@x>").replace(b"Re: s", b"third"))
    dialog = house.select()
    assert dialog.send(b"a THREAD REFERENCES UTF-8 ALL\r\n") == b"* THREAD (1 (2)(3))\r\na OK Threaded\r\n"
    assert house.appliance.appliance.handle.run(CONTENT, b"garbage")
    assert dialog.send(b"a THREAD REFERENCES UTF-8 ALL\r\n") == b"* THREAD (1 3)(2)\r\na OK Threaded\r\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"SORT (SUBJECT) UTF-8 ALL", b"* SORT 1 3\r\n"),
        (b"SORT (ARRIVAL) UTF-8 ALL", b"* SORT 1 2 3\r\n"),
        (b"THREAD REFERENCES UTF-8 ALL", b"* THREAD (1)(3)\r\n"),
    ],
)
def test_a_message_that_cannot_be_read_hides_no_other(house: House, command: bytes, said: bytes) -> None:
    house.deliver(b"Subject: a\r\n\r\n", OTHER, b"Subject: b\r\n\r\n")
    dialog = house.select()
    assert house.appliance.appliance.handle.run(SUMMARY, b"garbage")
    assert dialog.send(b"a %b\r\n" % command).startswith(said)


def test_too_many_identifiers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild.imap.searching._MOST_NAMES", 2)
    house.deliver(FIRST, RE)
    dialog = house.select()
    assert dialog.send(b"a THREAD REFERENCES UTF-8 ALL\r\n") == b"* THREAD (1 2)\r\na OK Threaded\r\n"
    house.deliver(RE.replace(b"<1@x>", b"<3@x>"))
    said = dialog.send(b"a THREAD REFERENCES UTF-8 ALL\r\n")
    assert said.endswith(b"a NO [LIMIT] The messages refer to too many others, thread fewer of them\r\n")
    assert dialog.send(b"a THREAD ORDEREDSUBJECT UTF-8 ALL\r\n").endswith(b"a OK Threaded\r\n")
