"""The daemon is killed while it takes mail: what it has said it has, it has.

Three rounds; `TESTS_KILL_ROUNDS=50` makes it more.
"""

from __future__ import annotations

import hashlib
import imaplib
import os
import poplib
import random
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, Account, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon

_ROUNDS = int(os.environ.get("TESTS_KILL_ROUNDS", "3"))
_SENDERS = 20
_LONGEST_START = 5.0
"""Seconds from the start to readiness, whatever was left behind; a requirement, and far more than it takes."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A daemon that may be killed."""
    daemon = start_daemon(tmp_path)
    yield daemon
    daemon.close()


class Sender:
    """Sends one message after the other until the daemon is gone; keeps what was taken.

    Attributes:
        taken: digests of the messages that got their 250, by their number.
    """

    def __init__(self, daemon: RunningDaemon, account: Account, name: str, seed: int) -> None:
        self.taken: dict[int, str] = {}
        self._port = daemon.ports.smtp
        self._address = account.address
        self._name = name
        self._random = random.Random(seed)
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            with socket.create_connection((HOST, self._port)) as connection, connection.makefile("rb") as replies:
                self._expect(replies.readline(), b"220")
                connection.sendall(b"HELO sender.test\r\n")
                self._expect(replies.readline(), b"250")
                for number in range(1_000_000):
                    content = self._content(number)
                    connection.sendall(b"MAIL FROM:<a@sender.test>\r\n")
                    self._expect(replies.readline(), b"250")
                    connection.sendall(b"RCPT TO:<%s>\r\n" % self._address.encode())
                    self._expect(replies.readline(), b"250")
                    connection.sendall(b"DATA\r\n")
                    self._expect(replies.readline(), b"354")
                    connection.sendall(content + b".\r\n")
                    self._expect(replies.readline(), b"250")
                    self.taken[number] = hashlib.sha256(content).hexdigest()
        except OSError:
            pass  # the daemon is gone

    def _expect(self, reply: bytes, code: bytes) -> None:
        if not reply.endswith(b"\r\n"):
            raise ConnectionResetError
        assert reply.startswith(code), reply

    def _content(self, number: int) -> bytes:
        lines = [self._random.randbytes(30).hex().encode() for _ in range(self._random.randrange(1, 200))]
        header = b"Subject: %s %d\r\nFrom: a@sender.test\r\n\r\n" % (self._name.encode(), number)
        return header + b"".join(line + b"\r\n" for line in lines)


def read_imap(daemon: RunningDaemon, account: Account) -> dict[str, list[str]]:
    """Give the digests of all messages by subject, as IMAP shows them."""
    client = imaplib.IMAP4(HOST, daemon.ports.imap)
    client.login(*account)
    _, (count,) = client.select("INBOX", readonly=True)
    assert count is not None
    found: dict[str, list[str]] = {}
    if int(count):
        _, answers = client.fetch("1:*", "(BODY.PEEK[])")
        for answer in answers:
            if isinstance(answer, tuple):
                _note(found, answer[1])
    client.logout()
    return found


def read_pop3(daemon: RunningDaemon, account: Account) -> dict[str, list[str]]:
    """Give the digests of all messages by subject, as POP3 shows them."""
    client = poplib.POP3(HOST, daemon.ports.pop3)
    client.user(account.address)
    client.pass_(account.secret)
    found: dict[str, list[str]] = {}
    for number in range(1, client.stat()[0] + 1):
        _note(found, b"".join(line + b"\r\n" for line in client.retr(number)[1]))
    client.quit()
    return found


def _note(found: dict[str, list[str]], message: bytes) -> None:
    # What was sent begins behind the headers that the daemon has added.
    sent = message[message.index(b"Subject: ") :]
    subject = sent[len(b"Subject: ") : sent.index(b"\r\n")].decode()
    found.setdefault(subject, []).append(hashlib.sha256(sent).hexdigest())


def test_what_was_taken_survives(daemon: RunningDaemon) -> None:
    chance = random.Random()
    accounts = daemon.create_many(_SENDERS)
    kept: list[dict[str, str]] = [{} for _ in accounts]
    for turn in range(_ROUNDS):
        senders = [
            Sender(daemon, account, f"{turn}-{number}", chance.getrandbits(64))
            for number, account in enumerate(accounts)
        ]
        for sender in senders:
            sender.thread.start()
        # A random moment while they send is what this is about.
        time.sleep(chance.uniform(0.05, 1.0))
        daemon.kill()
        for sender in senders:
            sender.thread.join()
        began = time.monotonic()
        daemon.start()
        assert time.monotonic() - began < _LONGEST_START
        for number, (sender, account) in enumerate(zip(senders, accounts, strict=True)):
            kept[number] |= {f"{turn}-{number} {place}": digest for place, digest in sender.taken.items()}
            by_imap, by_pop3 = read_imap(daemon, account), read_pop3(daemon, account)
            assert by_imap == by_pop3
            for subject, digest in kept[number].items():
                assert by_imap.get(subject) == [digest], subject
            # What was under way may be there or not, but neither broken nor twice.
            assert len(by_imap.keys() - kept[number].keys()) <= turn + 1
            assert all(len(digests) == 1 for digests in by_imap.values())
    assert sum(map(len, kept)) > _SENDERS
