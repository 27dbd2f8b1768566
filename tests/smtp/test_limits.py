"""Limits of messages, recipients and octets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.limit import Limit
from tests.pauses import pauses
from tests.smtp.house import BEGIN, GO_ON, ME, RULES, YOU
from tests.support import run

if TYPE_CHECKING:
    from tests.smtp.house import House

HELLO = b"EHLO client.example\r\n"
MAIL = b"MAIL FROM:<a@example.org>\r\n"
OK, TAKEN = b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n"
TOO_FAST = b"450 4.7.0 Too much at once; please try again later\r\n"
NOT_NOW = b"421 4.7.0 Not now; please try again later\r\n"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n.\r\n"


def limit(house: House, *of: Any, **fields: Any) -> None:
    run(house.appliance.appliance.limits.add(Limit("test", *of, **fields)))


def test_messages_of_a_network(house: House) -> None:
    limit(house, "message", "network", 2, 60, "fixed-window", ipv4_prefix=24)
    dialog = house.connect()
    dialog.send(HELLO)
    assert dialog.send(MAIL + b"RSET\r\n" + MAIL) == OK + b"250 2.0.0 Ok\r\n" + OK
    other = house.connect(address="192.0.2.200")
    other.send(HELLO)
    assert other.send(MAIL) == TOO_FAST
    # It is no error of the client, which may go on as soon as the window is over.
    assert [other.send(MAIL) for _ in range(20)] == [TOO_FAST] * 20
    house.clock.now += 60
    assert other.send(MAIL) == OK


def test_messages_of_a_sender_s_domain(house: House) -> None:
    limit(house, "message", "sender-domain", 1, 60)
    dialog = house.connect(address="127.0.0.1")
    dialog.send(HELLO)
    assert dialog.send(MAIL + b"RSET\r\nMAIL FROM:<b@EXAMPLE.org>\r\n").endswith(TOO_FAST)
    assert dialog.send(b"MAIL FROM:<b@example.net>\r\n") == OK
    assert dialog.send(b"RSET\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n").endswith(OK)


def test_recipients(house: House) -> None:
    limit(house, "recipient", "mailbox", 1, 60)
    dialog = house.connect(address="127.0.0.1")
    dialog.send(HELLO + MAIL)
    assert dialog.send(f"RCPT TO:<{ME}>\r\nRCPT TO:<ME@box.test>\r\nRCPT TO:<{YOU}>\r\n".encode()) == (
        TAKEN + TOO_FAST + TAKEN
    )


def test_who_does_not_exist_is_not_counted(house: House) -> None:
    limit(house, "recipient", "network", 1, 60)
    dialog = house.connect()
    dialog.send(HELLO + MAIL)
    assert dialog.send(b"RCPT TO:<nobody@box.test>\r\n").startswith(b"550 ")
    assert dialog.send(f"RCPT TO:<{ME}>\r\nRCPT TO:<{YOU}>\r\n".encode()) == TAKEN + TOO_FAST


@pytest.mark.parametrize("lmtp", [False, True])
def test_octets(house: House, lmtp: bool) -> None:
    limit(house, "bytes", "network", 40, 60, "fixed-window")
    begin = BEGIN.replace(b"EHLO", b"LHLO") if lmtp else BEGIN
    dialog = house.connect(replace(RULES, lmtp=lmtp))
    assert dialog.send(begin).endswith(GO_ON)
    assert dialog.send(MESSAGE).startswith(b"250 ")
    assert dialog.send(begin).endswith(GO_ON)
    assert dialog.send(MESSAGE) == TOO_FAST
    assert len(house.messages()) == 1


def test_a_delay(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(house, "message", "network", 1, 60, action="delay")
    waited = pauses(monkeypatch)
    dialog = house.connect()
    dialog.send(HELLO)
    assert dialog.send(MAIL + b"RSET\r\n" + MAIL + b"RSET\r\n" + MAIL).count(OK) == 3
    assert waited == [1, 2]


@pytest.mark.parametrize(
    ("event", "subject", "before"),
    [("message", "network", MAIL), ("recipient", "network", MAIL + f"RCPT TO:<{ME}>\r\n".encode())],
)
def test_a_ban_ends_the_session(house: House, event: str, subject: str, before: bytes) -> None:
    """RFC 5321 §3.8: 421 at any time; the sender keeps its mail and comes again."""
    limit(house, event, subject, 1, 60, action="ban", ban_seconds=600)
    dialog = house.connect()
    dialog.send(HELLO + before)
    assert dialog.send(b"RSET\r\n" + before).endswith(NOT_NOW)
    assert dialog.closed
    (ban,) = run(house.appliance.appliance.bans.list_all())
    assert (ban.network, ban.scope) == ("192.0.2.1/32", "mail")


def test_a_ban_while_a_message_arrives_refuses_it_for_now(house: House) -> None:
    dialog = house.connect_to_data()
    run(house.appliance.appliance.bans.add("192.0.2.0/24", 600))
    assert dialog.send(MESSAGE) == NOT_NOW
    assert dialog.closed
    assert house.messages() == []
