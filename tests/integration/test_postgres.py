"""Daemons on one PostgreSQL database, and what becomes of them when its server is away."""

from __future__ import annotations

import imaplib
import json
import smtplib
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import SHORTEST
from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon
    from tests.postgres import Postgres

_PATIENCE = 60.0
_MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def daemons(postgres_url: str, tmp_path: Path) -> Iterator[list[RunningDaemon]]:
    """Two daemons with one database, in which an address is free again as soon as its mailbox is gone."""
    started: list[RunningDaemon] = []
    try:
        store, mailbox = {"url": postgres_url, "readers": 2}, {"quarantine_seconds": 0}
        started += [start_daemon(tmp_path / name, store=store, mailbox=mailbox) for name in "ab"]
        yield started
        assert [daemon.stop() for daemon in started] == [0, 0]
    finally:
        for daemon in started:
            daemon.close()


class Idler:
    """A client in IDLE."""

    def __init__(self, daemon: RunningDaemon, account: Account) -> None:
        self.client = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
        self.client.login(*account)
        self.client.select("INBOX")
        self.client.send(b"x IDLE\r\n")
        assert self.client.readline().startswith(b"+ ")

    def hear(self) -> bytes:
        return self.client.readline()

    def close(self) -> None:
        self.client.shutdown()


def send(daemon: RunningDaemon, account: Account, message: bytes = _MESSAGE) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        assert client.sendmail("a@sender.test", [account.address], message) == {}


def has_ended(client: imaplib.IMAP4) -> bool:
    """Say whether the session is over at this command."""
    try:
        client.select("INBOX")
    except imaplib.IMAP4.abort as error:
        return "UNAVAILABLE" in str(error)
    return False


def test_who_waits_at_one_hears_of_what_came_by_the_other(daemons: list[RunningDaemon]) -> None:
    account = daemons[0].create()
    for sending, waiting in (daemons, daemons[::-1]):
        idler = Idler(waiting, account)
        send(sending, account)
        line = idler.hear()
        assert line.endswith(b" EXISTS\r\n"), line
        idler.close()


def test_who_waits_hears_of_the_end_of_the_mailbox(daemons: list[RunningDaemon]) -> None:
    account = daemons[0].create()
    idler = Idler(daemons[0], account)
    daemons[1].command("mailbox", "destroy", account.address)
    assert idler.hear().startswith(b"* BYE ")
    idler.close()


def test_an_address_changes_hands_at_the_other(daemons: list[RunningDaemon]) -> None:
    here, there = daemons
    account = here.create("reused@box.test")
    send(here, account)
    idler, reader = Idler(here, account), imaplib.IMAP4(HOST, here.ports.imap, timeout=_PATIENCE)
    reader.login(*account)
    reader.select("INBOX")
    there.command("mailbox", "destroy", account.address)
    successor = there.create(account.address)
    send(there, successor, b"Subject: for the new owner\r\n\r\n")
    assert idler.hear().startswith(b"* BYE ")
    idler.close()
    with pytest.raises(imaplib.IMAP4.abort, match="UNAVAILABLE"):
        reader.fetch("1:*", "(UID ENVELOPE)")
    reader.shutdown()
    with imaplib.IMAP4(HOST, here.ports.imap, timeout=_PATIENCE) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(*account)
        client.login(*successor)
        assert client.select("INBOX")[1] == [b"1"]


def test_a_secret_that_is_revoked_at_the_other_ends_sessions(daemons: list[RunningDaemon], tmp_path: Path) -> None:
    here, there = daemons
    account = here.create()
    (tmp_path / "secret").write_text(account.secret)
    words = ("credential", "add", account.address, "--secret-file", str(tmp_path / "secret"), "--json")
    added = json.loads(there.command(*words))
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(imaplib.IMAP4(HOST, here.ports.imap, timeout=_PATIENCE)) for _ in range(2)
        )
        first.login(*account)
        second.login(account.address, added["secret"])
        there.command("credential", "revoke", account.address, str(added["id"]))
        deadline = time.monotonic() + _PATIENCE
        while not has_ended(second):
            assert time.monotonic() < deadline
        assert first.select("INBOX")[0] == "OK"


def test_both_sweep_and_each_mailbox_is_destroyed_once(daemons: list[RunningDaemon]) -> None:
    living = daemons[0].create()
    doomed = [account for daemon in daemons for account in daemon.create_many(30, lifetime=SHORTEST)]
    for daemon in daemons:
        with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
            recipients = [account.address for account in (living, *doomed)]
            assert client.sendmail("a@sender.test", recipients, _MESSAGE) == {}
    deadline = time.monotonic() + SHORTEST + _PATIENCE
    while len(daemons[0].command("mailbox", "list").splitlines()) > 1:
        assert time.monotonic() < deadline
    audited = [json.loads(line) for line in daemons[1].command("audit", "list", "--json").splitlines()]
    destroyed = [row for row in audited if row["action"] == "mailbox-destroy"]
    assert len({row["subject"] for row in destroyed}) == len(destroyed) == len(doomed)
    # What both have added is one chain.
    daemons[0].command("audit", "verify")
    with imaplib.IMAP4(HOST, daemons[1].ports.imap, timeout=_PATIENCE) as client:
        client.login(*living)
        assert client.select("INBOX")[1] == [b"2"]


def test_both_deliver_into_one_folder(daemons: list[RunningDaemon]) -> None:
    account = daemons[0].create()
    each = 30

    def work(number: int) -> None:
        for turn in range(each):
            send(daemons[number % 2], account, b"Subject: %d-%d\r\n\r\n" % (number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = []
    for daemon in daemons:
        client = imaplib.IMAP4(HOST, daemon.ports.imap)
        client.login(*account)
        client.select("INBOX", readonly=True)
        _, answers = client.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = [
            (answer[0].split(b"UID ")[1].split()[0], answer[1]) for answer in answers if isinstance(answer, tuple)
        ]
        assert [int(uid) for uid, _ in found] == list(range(1, 6 * each + 1))
        assert len({subject for _, subject in found}) == 6 * each
        seen.append(found)
        client.logout()
    assert seen[0] == seen[1]


def test_a_server_that_is_away_and_comes_back(daemons: list[RunningDaemon], postgres: Postgres) -> None:
    daemon, other = daemons
    account = daemon.create()
    reader = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
    reader.login(*account)
    reader.select("INBOX")
    sender = smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE)
    sender.ehlo()
    sender.mail("a@sender.test")
    assert sender.rcpt(account.address)[0] == 250
    postgres.stop()
    try:
        # RFC 5321 §4.2.1: try later
        assert sender.data(_MESSAGE)[0] == 451
        sender.mail("a@sender.test")
        assert sender.rcpt(account.address)[0] == 451
        newcomer = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
            newcomer.login(*account)
        assert newcomer.logout()[0] == "BYE"
        assert reader.status("Junk", "(MESSAGES)")[0] == "NO"
        assert reader.append("INBOX", "", imaplib.Time2Internaldate(0), _MESSAGE)[0] == "NO"
    finally:
        postgres.start()
    sender.rset()
    sender.mail("a@sender.test")
    assert sender.rcpt(account.address)[0] == 250
    assert sender.data(_MESSAGE)[0] == 250
    sender.quit()
    assert reader.noop()[0] == "OK"
    assert reader.select("INBOX")[1] == [b"1"]
    reader.logout()
    idler = Idler(other, account)
    send(daemon, account)
    assert idler.hear().endswith(b" EXISTS\r\n")
    idler.close()
    send(other, account)
