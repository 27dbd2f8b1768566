"""Failed logins: a growing delay, then a ban."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.imap.house import ADDRESS
from tests.pauses import pauses
from tests.support import run

if TYPE_CHECKING:
    import pytest

    from tests.imap.house import House

WRONG = b"a NO [AUTHENTICATIONFAILED] Wrong address or password\r\n"
BYE = b"* BYE Too many failed logins\r\n"


def test_the_answer_comes_later_and_later_whether_the_mailbox_exists_or_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = pauses(monkeypatch)
    for number in range(6):
        dialog = house.connect()
        dialog.read()
        address = (ADDRESS, "nobody@box.test")[number % 2]
        assert dialog.send(f"a LOGIN {address} wrong\r\n".encode()) == WRONG
    assert waited == [1, 2, 4]


def test_a_wrong_login_by_any_mechanism_counts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = pauses(monkeypatch)
    for command in (
        b"a LOGIN me@box.test wrong\r\n",
        f"a AUTHENTICATE PLAIN {house.values['plain_wrong']}\r\n".encode(),
        f"a AUTHENTICATE PLAIN {house.values['plain_as_other']}\r\n".encode(),
        b"a LOGIN me@box.test {1+}\r\n\xff\r\n",
    ):
        dialog = house.connect()
        dialog.read()
        assert WRONG in dialog.send(command)
    assert waited == [1]


def test_a_right_login_is_not_delayed_and_forgives_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = house.appliance.appliance.limiter
    for _ in range(3):
        run(limiter.failed_login("192.0.2.1"))
    waited = pauses(monkeypatch)
    house.log_in()
    assert waited == []
    assert run(limiter.failed_login("192.0.2.1")) == 1


def test_a_ban_ends_open_sessions_at_their_next_login(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    run(house.appliance.appliance.bans.add("192.0.2.0/24", 60))
    assert dialog.send(f"a LOGIN {ADDRESS} {house.secret}\r\n".encode()) == WRONG + BYE
    assert dialog.closed


def test_who_is_logged_in_stays(house: House) -> None:
    dialog = house.log_in()
    run(house.appliance.appliance.bans.add("192.0.2.0/24", 60))
    assert dialog.send(b"a NOOP\r\n") == b"a OK Done\r\n"
