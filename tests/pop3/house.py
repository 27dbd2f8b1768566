"""A mailbox with a POP3 server in front of it, for the tests."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import INBOX
from tempmaild.log import get_log
from tempmaild.net.conversation import Peer
from tempmaild.pop3.session import Pop3Session, Rules
from tests.dialog import TLS, Dialog
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.lifetime import Lifetime
    from tempmaild.core.mailbox import Entry
    from tempmaild.service.inbox import Inbox

ADDRESS = "me@box.test"
DAY = 86_400
LIFETIME = 2 * DAY + 5
GREETING = b"+OK mx.box.test tempmaild POP3 ready\r\n"
RULES = Rules("mx.box.test", "always", tls_available=True, login_seconds=60, idle_seconds=600)

PLAIN = b"Subject: one\r\n\r\nhello\r\nworld\r\n"
DOTS = b".Subject: two\r\n\r\n.\r\n..\r\n.a\r\n"
UNTERMINATED = b"Subject: three\r\n\r\n.last"


class House:
    """The appliance on a fresh database, with one mailbox; `values` is what the scripts speak of."""

    def __init__(self, folder: Path, lifetime: int | Lifetime = LIFETIME) -> None:
        self.appliance = make_appliance(folder)
        self.clock = self.appliance.clock
        self.logins = self.appliance.logins
        account = self.appliance.create(ADDRESS, lifetime)
        self.mailbox, self.secret = account.mailbox, account.secret
        self.values = {
            "address": ADDRESS,
            "secret": self.secret,
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

    def entries(self) -> list[Entry]:
        inbox = self.inbox()
        return run(inbox.entries(run(inbox.folder(INBOX))))

    def expunge(self, *uids: int) -> None:
        inbox = self.inbox()
        assert run(inbox.remove(run(inbox.folder(INBOX)).id, uids)) == list(uids)

    def connect(self, rules: Rules = RULES, *, tls: bool = False, on_this_host: bool = False) -> Dialog:
        peer = Peer("192.0.2.1", on_this_host, TLS if tls else "")
        log = get_log("pop3").bind(session="1")
        return Dialog(Pop3Session(peer, "1", log, rules, self.logins, self.appliance.appliance.limiter, self.clock))

    def log_in(self) -> Dialog:
        dialog = self.connect()
        dialog.read()
        answer = dialog.send(f"USER {ADDRESS}\r\nPASS {self.secret}\r\n".encode())
        assert answer.endswith((b" message\r\n", b" messages\r\n"))
        return dialog


def plain(identity: str, name: str, password: str) -> str:
    return b64encode(f"{identity}\0{name}\0{password}".encode()).decode()
