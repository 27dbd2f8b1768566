"""The whole road of mail through a daemon that checks it: from who sends it to who reads it."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from smtplib import LMTP, SMTP
from typing import TYPE_CHECKING, Any, NamedTuple

from imapclient import IMAPClient

from tempmaild.appliance import open_appliance
from tempmaild.core.policy import Policy
from tests.core.results_reader import read, told
from tests.daemon import HOST, Account, RunningDaemon
from tests.dns_server import Answer, DnsServer
from tests.support import run

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from tests.core.results_reader import Told
    from tests.dns_server import Zones

BALANCER = "127.0.0.2"
"""Not our usual address, so that a mailbox can be read without a PROXY header."""
CLIENT = "192.0.2.7"
HELO = "mail.sender.example"
SENDER = "bounces@sender.example"
RELAY = "198.51.100.200"
"""A host of ours that passes on what others have sent."""
SPF = f"v=spf1 ip4:{CLIENT} -all"
"""Of domains for which our usual client may send."""
USUAL: Zones = {
    "sender.example": {"TXT": [SPF]},
    HELO: {"A": [CLIENT]},
    "7.2.0.192.in-addr.arpa": {"PTR": [HELO]},
}
"""What DNS says of our usual client, with which everything is in order."""
FOLDERS = ("INBOX", "Junk")


def letter(domain: str) -> bytes:
    """Give a message whose author is in this domain."""
    return f"From: Somebody <a@{domain}>\r\nSubject: hello\r\n\r\nHello.\r\n".encode()


class ProxiedClient(SMTP):
    """A client for which a load balancer speaks."""

    def __init__(self, port: int, address: str) -> None:
        family, here = ("TCP6", "::1") if ":" in address else ("TCP4", HOST)
        self._header = f"PROXY {family} {address} {here} 4000 25\r\n".encode()
        super().__init__(HOST, port, timeout=30, source_address=(BALANCER, 0))

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        connected.sendall(self._header)
        return connected


class Arrived(NamedTuple):
    """A message as its reader finds it."""

    folder: str
    flags: set[str]
    content: bytes

    def fields(self, name: str = "") -> list[bytes]:
        """Give the header fields, or those of one name, as they are stored."""
        header = re.split(rb"(?m)^\r\n", self.content, maxsplit=1)[0]
        fields = re.findall(rb"(?m)^[^ \t\r\n].*\r\n(?:[ \t].*\r\n)*", header)
        return [field for field in fields if field.lower().startswith(name.lower().encode())]

    def results(self, method: str = "") -> list[Told]:
        """Give what our Authentication-Results, which is the first one, says of all methods or of one."""
        results = told(read(self.fields("Authentication-Results:")[0]))
        return [result for result in results if method in {"", result.method}]

    def one(self, method: str) -> Told:
        """Give the only result of a method."""
        (result,) = self.results(method)
        return result


class Reply(NamedTuple):
    """What a client hears in the end."""

    code: int
    text: str


class Road:
    """A daemon that checks mail, and the DNS server that it asks.

    Args:
        domains: what those beside the usual one want otherwise of the checks.
        sections: options of the daemon, by section.
    """

    def __init__(
        self,
        folder: Path,
        names: DnsServer,
        domains: Mapping[str, dict[str, dict[str, Any]]],
        **sections: dict[str, Any],
    ) -> None:
        usual: dict[str, dict[str, Any]] = {
            "proxy": {"trusted": [f"{BALANCER}/32"]},
            "checks": {"enabled": True, "processes": 1},
            "dns": {"servers": [str(names.address)]},
        }
        self._names = names
        self._readers: dict[str, IMAPClient] = {}
        self._accounts: dict[str, Account] = {}
        self._following: dict[tuple[str, str], int] = {}
        self.daemon = RunningDaemon(
            folder, {name: usual.get(name, {}) | sections.get(name, {}) for name in usual | sections}
        )
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            for name, checks in domains.items():
                run(appliance.domains.add(name, policy=Policy(checks=checks)))
        self.daemon.start()

    def stop(self) -> int:
        """Stop the daemon, which waits for no reader then; its exit code."""
        for reader in self._readers.values():
            reader.logout()
        self._readers.clear()
        return self.daemon.stop()

    def close(self) -> None:
        """Leave nothing running."""
        for reader in self._readers.values():
            reader.shutdown()
        self.daemon.close()

    def publish(self, zones: Zones) -> None:
        """Have names mean this from now on, beside those of our usual client; nothing is kept in caches."""
        self._names.zones = {**USUAL, **{name: _uncached(records) for name, records in zones.items()}}

    def account(self, domain: str = "box.test") -> Account:
        """Give the mailbox of a domain."""
        if domain not in self._accounts:
            self._accounts[domain] = self.daemon.create(domain)
        return self._accounts[domain]

    def send(
        self,
        content: bytes,
        domain: str = "box.test",
        *,
        client: str = CLIENT,
        helo: str = HELO,
        sender: str = SENDER,
        utf8: bool = False,
    ) -> Reply:
        """Send a message by SMTP, and give the first reply that is no success, or the last one."""
        with ProxiedClient(self.daemon.ports.smtp, client) as smtp:
            smtp.command_encoding = "utf-8"
            for command in (
                f"EHLO {helo}",
                f"MAIL FROM:<{sender}> BODY=8BITMIME" + " SMTPUTF8" * utf8,
                f"RCPT TO:<{self.account(domain).address}>",
            ):
                code, text = smtp.docmd(command)
                if code != 250:
                    return Reply(code, text.decode())
            code, text = smtp.data(content)
        return Reply(code, text.decode())

    def hand_over(self, content: bytes, *, socket: bool, sender: str = SENDER) -> Reply:
        """Send a message by LMTP, over the Unix socket or from the address of this host."""
        address = str(self.daemon.lmtp_socket) if socket else HOST
        with LMTP(address, 0 if socket else self.daemon.ports.lmtp) as lmtp:
            lmtp.ehlo()
            lmtp.mail(sender)
            lmtp.rcpt(self.account().address)
            code, text = lmtp.data(content)
        return Reply(code, text.decode())

    def take(self, domain: str = "box.test") -> list[Arrived]:
        """Give the messages that have come into a mailbox since the last time."""
        account = self.account(domain)
        reader = self._reader(account)
        found = []
        for folder in FOLDERS:
            following = reader.select_folder(folder, readonly=True)[b"UIDNEXT"]
            uids = range(self._following.get((domain, folder), 1), following)
            self._following[domain, folder] = following
            for data in reader.fetch(uids, ["FLAGS", "BODY.PEEK[]"]).values():
                flags = {flag.decode() for flag in data[b"FLAGS"]} - {"\\Recent"}
                found.append(Arrived(folder, flags, data[b"BODY[]"]))
        return found

    def through(self, content: bytes, domain: str = "box.test", **how: Any) -> Arrived:
        """Send a message as `send` does, and give what arrives."""
        reply = self.send(content, domain, **how)
        assert reply.code == 250, reply
        (arrived,) = self.take(domain)
        return arrived

    def _reader(self, account: Account) -> IMAPClient:
        if account.address not in self._readers:
            reader = IMAPClient(HOST, self.daemon.ports.imaps, ssl_context=self.daemon.tls_context(), timeout=30)
            reader.login(account.address, account.secret)
            self._readers[account.address] = reader
        return self._readers[account.address]


def _uncached(records: Any) -> Any:
    """Give records that are to be asked for each time, as other cases have others."""
    if isinstance(records, Answer):
        return replace(records, ttl=0)
    return {
        kind: replace(values, ttl=0) if isinstance(values, Answer) else Answer(values, ttl=0)
        for kind, values in records.items()
    }
