"""The end of the mailbox and of its messages, as POP3 clients see it (RFC 1939 §6, RFC 2449 §6.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import StoreFailed
from tempmaild.service.inbox import Inbox
from tempmaild.store.transaction import LIFETIMES
from tests.pop3.house import DAY, DOTS, LIFETIME, PLAIN, UNTERMINATED
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.pop3.house import House

GONE = b"-ERR [SYS/PERM] this mailbox no longer exists\r\n"


@pytest.fixture(autouse=True)
def mail(house: House) -> None:
    house.deliver(PLAIN, DOTS, UNTERMINATED)


def uids(house: House) -> list[int]:
    return [entry.uid for entry in house.entries()]


@pytest.mark.parametrize(
    "command",
    [b"NOOP", b"STAT", b"LIST", b"LIST 1", b"UIDL", b"RETR 1", b"TOP 1 0", b"DELE 1", b"RSET", b"CAPA", b"QUIT"],
)
@pytest.mark.parametrize("end", ["time", "shortened", "revoked", "destroyed"])
def test_every_command_learns_of_the_end(house: House, command: bytes, end: str) -> None:
    dialog = house.log_in()
    house.clock.now = house.mailbox.expires_at - 0.001
    assert dialog.send(b"DELE 2\r\n") == b"+OK deleted\r\n"
    appliance = house.appliance.appliance
    if end == "time":
        house.clock.now += 0.001
    elif end == "destroyed":
        run(appliance.mailboxes.destroy(house.mailbox))
    else:
        appliance.handle.run(
            "DELETE FROM credential" if end == "revoked" else "UPDATE mailbox SET expires_at = expires_at - 1"
        )
        appliance.hub.publish({LIFETIMES})
    assert dialog.send(command + b"\r\n") == GONE
    assert dialog.closed


def test_quit_ends_the_session_though_the_store_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> None:
        raise StoreFailed

    dialog = house.log_in()
    monkeypatch.setattr(Inbox, "use", fails)
    assert dialog.send(b"NOOP\r\n") == b"-ERR [SYS/TEMP] not possible now, try later\r\n"
    assert dialog.send(b"QUIT\r\n") == b"-ERR [SYS/TEMP] some deleted messages not removed\r\n"
    assert dialog.closed


class TestIdleTime:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(LIFETIME, idle=100)

    @pytest.mark.parametrize("command", [b"NOOP", b"STAT", b"QUIT"])
    def test_begins_anew_with_each_command(self, house: House, command: bytes) -> None:
        dialog = house.log_in()
        house.clock.now = NOW + 99
        assert dialog.send(command + b"\r\n").startswith(b"+OK")
        assert run(house.appliance.mailboxes.find(house.mailbox.address)).expires_at == NOW + 199


class TestDeleteAfterReading:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime(LIFETIME, after_reading=0)

    @pytest.mark.parametrize(
        ("commands", "left"),
        [
            (b"RETR 2\r\nQUIT\r\n", [1, 3]),
            (b"RETR 1\r\nRETR 2\r\nRETR 2\r\nQUIT\r\n", [3]),
            (b"RETR 1\r\nDELE 1\r\nRETR 2\r\nQUIT\r\n", [3]),
            (b"RETR 1\r\nDELE 1\r\nRSET\r\nQUIT\r\n", [2, 3]),
            (b"TOP 1 99\r\nUIDL\r\nLIST\r\nQUIT\r\n", [1, 2, 3]),
            (b"RETR 9\r\nQUIT\r\n", [1, 2, 3]),
            (b"RETR 1\r\nNOOP\r\n", [1, 2, 3]),
            (b"QUIT\r\n", [1, 2, 3]),
        ],
    )
    def test_reading_is_retr_and_quit(self, house: House, commands: bytes, left: list[int]) -> None:
        dialog = house.log_in()
        dialog.send(commands)
        if b"QUIT" not in commands:
            dialog.hang_up()
        assert uids(house) == left

    def test_a_login_that_only_looks_does_not_read(self, house: House) -> None:
        house.appliance.appliance.handle.run("UPDATE credential SET read_only = ?", True)
        assert house.log_in().send(b"RETR 1\r\nQUIT\r\n").endswith(b"+OK bye\r\n")
        assert uids(house) == [1, 2, 3]

    def test_numbers_stay_while_the_session_lasts(self, house: House) -> None:
        dialog, first = house.log_in(), b"RETR 1\r\n"
        house.logins.unlock_maildrop(house.mailbox.id)
        house.log_in().send(first + b"QUIT\r\n")
        assert dialog.send(first) == b"-ERR no such message\r\n"
        assert dialog.send(b"LIST 1\r\n") == b"+OK 1 30\r\n"
        assert dialog.send(b"RETR 2\r\n").startswith(b"+OK")


@pytest.mark.parametrize(
    ("lifetime", "says"),
    [
        (Lifetime(9 * DAY, retention=4 * DAY, after_reading=5 * DAY), b"4"),
        (Lifetime(2 * DAY - 1, retention=2 * DAY), b"1"),
        (Lifetime(9 * DAY, idle=7 * DAY), b"7"),
    ],
)
def test_expire_says_how_long_a_message_is_sure_to_stay(house: House, says: bytes) -> None:
    assert b"\r\nEXPIRE %b\r\n" % says in house.log_in().send(b"CAPA\r\n")


@pytest.mark.parametrize(
    ("lifetime", "says"),
    [
        (Lifetime(LIFETIME), b"NEVER"),
        (Lifetime(LIFETIME, retention=3 * DAY + 5), b"3"),
        (Lifetime(LIFETIME, after_reading=2 * DAY), b"2"),
        (Lifetime(LIFETIME, after_reading=0), b"0"),
        (Lifetime(LIFETIME, idle=DAY), b"1"),
    ],
)
def test_expire_in_a_mailbox_that_lives_for_ever(house: House, says: bytes) -> None:
    run(house.appliance.appliance.lifetimes.extend(house.mailbox.address))
    assert b"\r\nEXPIRE %b\r\n" % says in house.log_in().send(b"CAPA\r\n")


@pytest.mark.parametrize("lifetime", [Lifetime(LIFETIME, retention=50)])
def test_a_message_whose_time_is_over_is_no_longer_there(house: House) -> None:
    dialog = house.log_in()
    house.clock.now = NOW + 49.999
    assert dialog.send(b"RETR 1\r\n").startswith(b"+OK 30 octets\r\n")
    house.clock.now = NOW + 50
    assert dialog.send(b"RETR 1\r\nTOP 1 0\r\n") == b"-ERR no such message\r\n" * 2
    house.deliver(PLAIN)
    house.logins.unlock_maildrop(house.mailbox.id)
    assert house.log_in().send(b"STAT\r\n") == b"+OK 1 30\r\n"
