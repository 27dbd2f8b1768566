"""Failed logins: a growing delay, then a ban."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pauses import pauses
from tests.pop3.house import ADDRESS
from tests.support import run

if TYPE_CHECKING:
    from tests.pop3.house import House

WRONG = b"-ERR [AUTH] wrong address or password\r\n"
GO_ON = b"+OK send the password\r\n"


@pytest.mark.parametrize("address", [ADDRESS, "nobody@box.test"])
def test_the_answer_comes_later_and_later(house: House, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = pauses(monkeypatch)
    for _ in range(6):
        dialog = house.connect()
        dialog.read()
        assert dialog.send(f"USER {address}\r\nPASS wrong\r\n".encode()) == GO_ON + WRONG
    assert waited == [1, 2, 4]


def test_all_protocols_count_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = house.appliance.appliance.limiter
    # As if over IMAP.
    for _ in range(3):
        run(limiter.failed_login("192.0.2.1"))
    waited = pauses(monkeypatch)
    for command in (f"AUTH PLAIN {house.values['plain_wrong']}", f"AUTH PLAIN {house.values['plain_as_other']}"):
        dialog = house.connect()
        dialog.read()
        assert dialog.send(f"{command}\r\n".encode()) == WRONG
    assert waited == [1, 2]


def test_a_right_login_is_not_delayed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        run(house.appliance.appliance.limiter.failed_login("192.0.2.1"))
    waited = pauses(monkeypatch)
    house.log_in()
    assert waited == []


def test_a_ban_ends_open_sessions_at_their_next_login(house: House) -> None:
    dialog = house.connect()
    dialog.read()
    run(house.appliance.appliance.bans.add("192.0.2.0/24", 60))
    assert dialog.send(f"USER {ADDRESS}\r\nPASS {house.secret}\r\n".encode()) == GO_ON + WRONG
    assert dialog.closed
