from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tempmaild.log import get_log
from tempmaild.net.conversation import Peer
from tempmaild.settings import Settings
from tempmaild.settings.tree import Host, Lmtp, Smtp, Tls
from tempmaild.smtp.dialogue import Rules
from tempmaild.smtp.server import TURNED_AWAY, rules_of, session_factory
from tests.dialog import Dialog

if TYPE_CHECKING:
    from tests.smtp.house import House

SETTINGS = Settings(
    host=Host(name="mx.example.org"),
    smtp=Smtp(
        max_message_bytes=70_000,
        max_recipients=7,
        max_received=8,
        bare_newline="refuse",
        max_data_line_bytes=2000,
        soft_errors=3,
        hard_errors=5,
        idle_seconds=17,
        data_seconds=18,
        minimum_data_rate_bytes=19,
        max_messages_per_connection=20,
    ),
    lmtp=Lmtp(max_recipients=21, idle_seconds=22),
    tls=Tls(certificate=Path("/cert.pem"), key=Path("/key.pem")),
)


@pytest.mark.parametrize("lmtp", [False, True])
def test_rules_follow_the_settings(lmtp: bool) -> None:
    assert rules_of(SETTINGS, lmtp=lmtp) == Rules(
        host="mx.example.org",
        lmtp=lmtp,
        offers_tls=True,
        largest_message=70_000,
        most_recipients=21 if lmtp else 7,
        most_messages=20,
        most_received=8,
        longest_data_line=2000,
        refuses_bare_newlines=True,
        soft_errors=3,
        hard_errors=5,
        patience=22 if lmtp else 17,
        data_patience=18,
        minimum_rate=19,
    )


def test_the_defaults_are_those_that_were_promised() -> None:
    rules = rules_of(Settings(), lmtp=False)
    assert (rules.most_recipients, rules.most_received, rules.longest_data_line) == (100, 50, 65_536)
    assert (rules.soft_errors, rules.hard_errors, rules.refuses_bare_newlines) == (10, 20, False)
    assert not rules.offers_tls


@pytest.mark.parametrize(("lmtp", "protocol"), [(False, b"ESMTP"), (True, b"LMTP")])
def test_sessions(house: House, lmtp: bool, protocol: bytes) -> None:
    make = session_factory(SETTINGS, house.services, house.memory, house.clock, get_log("smtp"), lmtp=lmtp)
    session = make(Peer("192.0.2.1"), "s7")
    assert session.id == "s7"
    dialog = Dialog(session)
    assert dialog.read() == b"220 mx.example.org " + protocol + b" tempmaild\r\n"
    assert (b"\r\n250-LIMITS MAILMAX=20 RCPTMAX=%d\r\n" % (21 if lmtp else 7)) in dialog.send(
        b"LHLO a\r\n" if lmtp else b"EHLO a\r\n"
    )


def test_whom_there_is_no_room_for_may_try_again() -> None:
    assert TURNED_AWAY.startswith(b"421 4.")
    assert TURNED_AWAY.endswith(b"\r\n")
