from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.imap.server import TURNED_AWAY, session_factory
from tempmaild.net.conversation import Memory, Peer
from tempmaild.settings import Settings
from tests.dialog import Dialog

if TYPE_CHECKING:
    from tests.imap.house import House


@pytest.mark.parametrize(
    ("sections", "on_this_host", "offers"),
    [
        ({}, False, b"MOVE LOGINDISABLED]"),
        ({}, True, b"MOVE AUTH=PLAIN]"),
        ({"tls": {"certificate": "a.pem", "key": "b.pem"}}, False, b"MOVE STARTTLS LOGINDISABLED]"),
        ({"login": {"plaintext": "always"}}, False, b"MOVE AUTH=PLAIN]"),
    ],
)
def test_sessions_follow_the_settings(
    house: House, sections: dict[str, dict[str, str]], on_this_host: bool, offers: bytes
) -> None:
    settings = Settings.model_validate({**sections, "imap": {"login_seconds": 7, "idle_seconds": 1801}})
    appliance = house.appliance.appliance
    make = session_factory(settings, house.logins, appliance.lifetimes, appliance.limiter, Memory(1), house.clock)
    dialog = Dialog(make(Peer("192.0.2.1", on_this_host), "s7"))
    assert offers in dialog.read()
    assert dialog.awaited
    assert dialog.awaited.patience == 7
    assert dialog.session.id == "s7"


def test_who_is_turned_away_is_told_so() -> None:
    assert TURNED_AWAY.startswith(b"* BYE ")
