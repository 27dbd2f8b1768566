"""A mailbox with an IMAP server in front of it, for the tests."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import INBOX
from tempmaild.imap.dialogue import Rules, Shared
from tempmaild.imap.keywords import ToldKeywords
from tempmaild.imap.session import ImapSession
from tempmaild.log import get_log
from tempmaild.net.conversation import Memory, Peer
from tests.dialog import TLS, Dialog
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.lifetime import Lifetime
    from tempmaild.core.mailbox import Entry
    from tempmaild.service.inbox import Inbox

ADDRESS = "me@box.test"
LIFETIME = 86_400
RULES = Rules("always", tls_available=True, login_seconds=60, idle_seconds=1800, search_seconds=10)

PLAIN = b"From: a@example.org\r\nSubject: one\r\n\r\nhello\r\nworld\r\n"
OTHER = b"From: b@example.org\r\nSubject: two\r\n\r\nbye\r\n"
NESTED = (
    b"From: c@example.org\r\nSubject: three\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\nfirst\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>second\r\n--x--\r\n"
)


class House:
    """The appliance on a fresh database, with one mailbox; `values` is what the scripts speak of."""

    def __init__(self, folder: Path, lifetime: int | Lifetime = LIFETIME) -> None:
        self.appliance = make_appliance(folder)
        self.clock = self.appliance.clock
        self.logins = self.appliance.logins
        self.memory = Memory(4 << 20)
        self.keywords = ToldKeywords()
        account = self.appliance.create(ADDRESS, lifetime)
        self.mailbox, self.secret = account.mailbox, account.secret
        self.values = {
            "address": ADDRESS,
            "secret": self.secret,
            "address_length": str(len(ADDRESS)),
            "secret_length": str(len(self.secret)),
            "plain": plain("", ADDRESS, self.secret),
            "plain_as_self": plain(ADDRESS, ADDRESS, self.secret),
            "plain_as_other": plain("other@box.test", ADDRESS, self.secret),
            "plain_wrong": plain("", ADDRESS, "wrong"),
            "plain_two_parts": b64encode(f"{ADDRESS}\0{self.secret}".encode()).decode(),
            "validity": str(run(self.inbox().folder(INBOX)).uid_validity),
        }

    def deliver(self, *messages: bytes) -> None:
        for message in messages:
            self.appliance.deliver(ADDRESS, message)

    def inbox(self) -> Inbox:
        """Log in past every protocol."""
        return run(self.logins.login(ADDRESS, self.secret))

    def entries(self, name: str = INBOX) -> list[Entry]:
        inbox = self.inbox()
        return run(inbox.entries(run(inbox.folder(name))))

    def expunge(self, *uids: int) -> None:
        """Remove messages as another session does."""
        inbox = self.inbox()
        assert run(inbox.remove(run(inbox.folder(INBOX)).id, uids)) == list(uids)

    def connect(self, rules: Rules = RULES, *, tls: bool = False, on_this_host: bool = False) -> Dialog:
        peer = Peer("192.0.2.1", on_this_host, TLS if tls else "")
        log = get_log("imap").bind(session="1")
        appliance = self.appliance.appliance
        shared = Shared(
            rules, self.logins, appliance.lifetimes, appliance.limiter, self.memory, self.clock, self.keywords
        )
        return Dialog(ImapSession(peer, "1", log, shared))

    def log_in(self, rules: Rules = RULES) -> Dialog:
        dialog = self.connect(rules)
        dialog.read()
        assert b"\r\na OK " in b"\r\n" + dialog.send(f"a LOGIN {ADDRESS} {self.secret}\r\n".encode())
        return dialog

    def select(self, name: str = INBOX, rules: Rules = RULES, command: str = "SELECT") -> Dialog:
        dialog = self.log_in(rules)
        assert b"\r\na OK " in dialog.send(f"a {command} {name}\r\n".encode())
        return dialog


def plain(identity: str, name: str, password: str) -> str:
    return b64encode(f"{identity}\0{name}\0{password}".encode()).decode()
