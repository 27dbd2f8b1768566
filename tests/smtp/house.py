"""Mailboxes with an SMTP server in front of them, for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.mailbox import INBOX
from tempmaild.log import get_log
from tempmaild.net.conversation import Memory, Peer
from tempmaild.smtp.dialogue import Rules, Services
from tempmaild.smtp.session import SmtpSession
from tests.dialog import TLS, Dialog
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.service.checking import Examiner

ME, YOU, GREEN = "me@box.test", "you@box.test", "grün@box.test"
RULES = Rules(
    host="mx.box.test",
    lmtp=False,
    offers_tls=True,
    largest_message=100_000,
    most_recipients=4,
    most_messages=50,
    most_received=50,
    longest_data_line=65_536,
    refuses_bare_newlines=False,
    soft_errors=4,
    hard_errors=6,
    patience=300,
    data_patience=600,
    minimum_rate=100,
)
GREETING = b"220 mx.box.test ESMTP tempmaild\r\n"
BEGIN = b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<me@box.test>\r\nDATA\r\n"
"""Everything up to a message, to be sent at once."""
GO_ON = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End the message with <CRLF>.<CRLF>\r\n"
"""How the answer to `BEGIN` ends."""


class House:
    """The appliance on a fresh database, with mailboxes for `ME`, `YOU` and `GREEN`."""

    def __init__(self, folder: Path, examiner: Examiner | None = None) -> None:
        self.appliance = make_appliance(folder, examiner)
        self.clock = self.appliance.clock
        self.memory = Memory(1 << 20)
        parts = self.appliance.appliance
        self.services = Services(parts.deliveries, parts.checks, parts.limiter, parts.statistics, parts.mail_log)
        self.accounts = {address: self.appliance.create(address) for address in (ME, YOU, GREEN)}

    def connect(self, rules: Rules = RULES, *, tls: bool = False, address: str = "192.0.2.1") -> Dialog:
        peer = Peer(address, tls=TLS if tls else "")
        return Dialog(SmtpSession(peer, "s1", get_log("smtp"), rules, self.services, self.memory, self.clock))

    def connect_to_data(self, rules: Rules = RULES) -> Dialog:
        """Connect and say everything up to the message itself."""
        dialog = self.connect(rules)
        assert dialog.send(BEGIN).endswith(GO_ON)
        return dialog

    def messages(self, address: str = ME) -> list[bytes]:
        """Everything that an inbox holds."""
        inbox = run(self.appliance.logins.login(address, self.accounts[address].secret))
        folder = run(inbox.folder(INBOX))
        contents = [run(inbox.content(folder.id, entry.uid)) for entry in run(inbox.entries(folder))]
        return [content for content in contents if content is not None]

    def contents(self, address: str = ME) -> list[bytes]:
        """The same, without our trace fields."""
        return [_without_trace(message) for message in self.messages(address)]


def _without_trace(message: bytes) -> bytes:
    trace, date, rest = message.partition(b"\r\n\tThu, 28 May 2026 20:26:40 ")
    assert trace.startswith(b"Return-Path: <")
    assert date
    return rest.partition(b"\r\n")[2]
