"""Metadata as IMAP clients reach it: who may change what, and how much of it there can be (RFC 5464)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.errors import NoSuchMailbox
from tempmaild.imap.replies import GONE
from tests.imap.house import ADDRESS
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.dialog import Dialog
    from tests.imap.house import House

GET_EXPIRES = b'GETMETADATA "" /private/vendor/tempmaild/expires\r\n'
SET_EXPIRES = b'SETMETADATA "" (/private/vendor/tempmaild/expires "2026-05-28T22:00:00Z")\r\n'
DESTROY = b'SETMETADATA "" (/private/vendor/tempmaild/destroy "%b")\r\n' % ADDRESS.encode()


@pytest.fixture
def lifetime() -> Lifetime:
    """An hour, or up to two if the owner wants."""
    return Lifetime(3600, extend=7200)


def log_in_with_another_secret(house: House, *, read_only: bool) -> Dialog:
    credentials = house.appliance.appliance.credentials
    secret = run(credentials.add(ADDRESS, house.secret, read_only=read_only)).secret
    dialog = house.connect()
    assert b"\r\na OK " in dialog.send(f"a LOGIN {ADDRESS} {secret}\r\n".encode())
    return dialog


@pytest.mark.parametrize("read_only", [False, True])
def test_only_the_owner_puts_off_the_end(house: House, read_only: bool) -> None:
    dialog = log_in_with_another_secret(house, read_only=read_only)
    assert dialog.send(b"b " + SET_EXPIRES) == b"b NO [NOPERM] Only the owner's first secret may do this\r\n"
    assert b'"2026-05-28T21:26:40Z"' in dialog.send(b"c " + GET_EXPIRES)
    assert dialog.send(b'd SETMETADATA "" (/private/comment "x")\r\n').startswith(
        b"d NO [NOPERM] This login" if read_only else b"d OK "
    )


def test_all_sessions_live_as_long_as_the_mailbox(house: House) -> None:
    owner, other = house.log_in(), house.log_in()
    assert owner.send(b"b " + SET_EXPIRES) == b"b OK Set\r\n"
    house.clock.now = NOW + 5000
    assert b'"2026-05-28T22:00:00Z"' in other.send(b"c " + GET_EXPIRES)
    house.clock.now = NOW + 5600
    assert b"* BYE " in owner.send(b"d NOOP\r\n")


def test_values_are_bounded(house: House) -> None:
    dialog = house.log_in()
    largest = b"x" * 16384
    assert dialog.send(b"b SETMETADATA INBOX (/private/a {16384+}\r\n" + largest + b")\r\n") == b"b OK Set\r\n"
    assert dialog.send(b"c SETMETADATA INBOX (/private/a {16385+}\r\n" + largest + b"x)\r\n") == (
        b"c NO [METADATA MAXSIZE 16384] The value is too large\r\n"
    )
    assert dialog.send(b"d GETMETADATA INBOX /private/a\r\n") == (
        b'* METADATA "INBOX" (/private/a "%b")\r\nd OK Told\r\n' % largest
    )


def test_entries_are_bounded(house: House) -> None:
    dialog = house.log_in()
    for folder in (b"INBOX", b"Sent"):
        values = b" ".join(b'/private/%d "x"' % number for number in range(50))
        assert dialog.send(b"b SETMETADATA %b (%b)\r\n" % (folder, values)) == b"b OK Set\r\n"
    assert dialog.send(b'c SETMETADATA Junk (/private/1 "x")\r\n').startswith(b"c NO [METADATA TOOMANY] ")
    assert dialog.send(b"d SETMETADATA INBOX (/private/1 NIL)\r\n") == b"d OK Set\r\n"
    assert dialog.send(b'e SETMETADATA Junk (/private/1 "x")\r\n') == b"e OK Set\r\n"
    names = b" ".join([b"/private/1"] * 101)
    assert dialog.send(b"f GETMETADATA INBOX (%b)\r\n" % names).startswith(b"f NO [LIMIT] ")
    assert dialog.send(b'g SETMETADATA INBOX (/private/%b "x")\r\n' % (b"n" * 192)).startswith(b"g NO [LIMIT] ")
    assert dialog.send(b"h SETMETADATA INBOX (/private/%b NIL)\r\n" % (b"n" * 191)) == b"h OK Set\r\n"


ALERT = b"* OK [ALERT] This mailbox and all mail in it will be gone at %b\r\n"


@pytest.mark.parametrize(("left", "warns"), [(361, False), (360, False), (359, True), (1, True)])
def test_the_end_is_announced_once(house: House, left: int, warns: bool) -> None:
    house.clock.now = NOW + 3600 - left
    dialog = house.log_in()
    assert (ALERT % b"2026-05-28T21:26:40Z" in dialog.send(b"b SELECT INBOX\r\n")) is warns
    assert b"ALERT" not in dialog.send(b"c SELECT Junk\r\n")


def test_an_end_that_was_put_off_is_not_announced(house: House) -> None:
    dialog = house.log_in()
    assert dialog.send(b"b " + SET_EXPIRES) == b"b OK Set\r\n"
    house.clock.now = NOW + 3590
    assert b"ALERT" not in dialog.send(b"c EXAMINE INBOX\r\n")
    house.clock.now = NOW + 5599
    assert ALERT % b"2026-05-28T22:00:00Z" in dialog.send(b"d EXAMINE INBOX\r\n")


def test_a_mailbox_without_an_end(house: House) -> None:
    run(house.appliance.appliance.lifetimes.extend(ADDRESS, by=FOREVER))
    house.clock.now = FOREVER - 1
    dialog = house.log_in()
    assert b"ALERT" not in dialog.send(b"b SELECT INBOX\r\n")
    assert b'"9999-12-31T23:59:59Z"' in dialog.send(b"c " + GET_EXPIRES)


def test_the_owner_destroys_the_mailbox(house: House) -> None:
    house.deliver(b"one\r\n")
    other, dialog = house.log_in(), house.log_in()
    for each in (other, dialog):
        assert b"1 EXISTS" in each.send(b"b SELECT INBOX\r\n")
    assert dialog.send(b"c " + DESTROY) == b"c OK Destroyed\r\n" + GONE
    assert dialog.closed
    assert other.send(b"c NOOP\r\n") == GONE
    with pytest.raises(NoSuchMailbox):
        run(house.appliance.mailboxes.find(ADDRESS))


@pytest.mark.parametrize("read_only", [False, True])
def test_only_the_owner_destroys_it(house: House, read_only: bool) -> None:
    dialog = log_in_with_another_secret(house, read_only=read_only)
    assert dialog.send(b"b " + DESTROY) == b"b NO [NOPERM] Only the owner's first secret may do this\r\n"
    assert run(house.appliance.mailboxes.find(ADDRESS))


class TestIdleTime:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(86_400, idle=100)

    def test_is_not_announced(self, house: House) -> None:
        for elapsed in range(90, 5000, 90):
            house.clock.now = NOW + elapsed
            assert b"ALERT" not in house.log_in().send(b"b SELECT INBOX\r\n")
        assert b'"2026-05-28T21:50:50Z"' in house.log_in().send(b"b " + GET_EXPIRES)
