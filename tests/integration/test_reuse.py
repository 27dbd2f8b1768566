"""An address changes hands while clients of the one who had it are connected: they learn nothing of the new one."""

from __future__ import annotations

import imaplib
import smtplib
import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.daemon import DOMAIN, HOST, Account, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon

_PATIENCE = 60.0
_ADDRESS = f"reused@{DOMAIN}"
_OLD = b"Subject: old\r\n\r\nFor the one who had the address.\r\n"
_NEW = b"Subject: new\r\n\r\nFor the one who has it now.\r\n"

_SELECTED = (
    b"NOOP",
    b"CHECK",
    b"FETCH 1 (UID FLAGS ENVELOPE BODY.PEEK[])",
    b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
    b"SEARCH ALL",
    b"UID SEARCH SUBJECT new",
    rb"STORE 1 +FLAGS (\Deleted)",
    rb"UID STORE 1 +FLAGS.SILENT (\Deleted)",
    b"COPY 1 Trash",
    b"UID MOVE 1 Trash",
    b"EXPUNGE",
    b"UID EXPUNGE 1",
    b"CLOSE",
)
_AUTHENTICATED = (
    b"SELECT INBOX",
    b"EXAMINE INBOX",
    b"STATUS INBOX (MESSAGES UIDVALIDITY)",
    b'LIST "" *',
    b"CREATE mine",
    b"DELETE Junk",
    b"RENAME Junk mine",
    b"APPEND INBOX {18+}\r\nSubject: mine\r\n\r\n.",
)
_POP3 = (b"STAT", b"LIST", b"UIDL", b"RETR 1", b"TOP 1 0", b"DELE 1", b"NOOP", b"RSET", b"QUIT")


@pytest.fixture
def daemon(database_url: str, tmp_path: Path) -> Iterator[RunningDaemon]:
    """A daemon on each kind of database that gives an address away as soon as it is free."""
    store, mailbox = {"url": database_url, "readers": 2}, {"quarantine_seconds": 0}
    daemon = start_daemon(tmp_path, store=store, mailbox=mailbox)
    yield daemon
    daemon.close()


class Client:
    """A connection on which lines go out and come in."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), _PATIENCE)
        self._replies = self._socket.makefile("rb")
        self.line()

    def send(self, line: bytes) -> None:
        self._socket.sendall(line + b"\r\n")

    def line(self) -> bytes:
        """Wait for a line; nothing when the connection was closed."""
        return self._replies.readline()

    def rest(self) -> bytes:
        """Wait for the end of the connection; what came before it."""
        return self._replies.read()

    def close(self) -> None:
        self._replies.close()
        self._socket.close()


class Imap(Client):
    """An IMAP session that is logged in."""

    def __init__(self, daemon: RunningDaemon, account: Account) -> None:
        super().__init__(daemon.ports.imap)
        self.call(b'LOGIN "%s" "%s"' % (account.address.encode(), account.secret.encode()))

    def call(self, command: bytes) -> list[bytes]:
        """Give a command that is done; what came before it was."""
        self.send(b"x " + command)
        lines = []
        while not (line := self.line()).startswith(b"x "):
            assert line
            lines.append(line)
        assert line.startswith(b"x OK"), line
        return lines

    def idle(self) -> None:
        self.send(b"x IDLE")
        assert self.line().startswith(b"+ ")


class Pop3(Client):
    """A POP3 session that is logged in."""

    def __init__(self, daemon: RunningDaemon, account: Account) -> None:
        super().__init__(daemon.ports.pop3)
        for command in (b"USER %s" % account.address.encode(), b"PASS %s" % account.secret.encode()):
            assert self.call(command).startswith(b"+OK")

    def call(self, command: bytes) -> bytes:
        self.send(command)
        return self.line()


def _send(daemon: RunningDaemon, message: bytes, address: str = _ADDRESS) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        assert client.sendmail("a@sender.test", [address], message) == {}


def _second_secret(daemon: RunningDaemon, account: Account, tmp_path: Path) -> Account:
    file = tmp_path / "secret"
    file.write_text(f"{account.secret}\n")
    printed = daemon.command("credential", "add", account.address, "--secret-file", str(file), "--label", "phone")
    (secret,) = [line.split()[1] for line in printed.splitlines() if line.startswith("secret ")]
    return Account(account.address, secret)


def _move_out_and_in(daemon: RunningDaemon, account: Account) -> Account:
    """Destroy the mailbox, make a new one of its address, and send that a message."""
    daemon.command("mailbox", "destroy", account.address)
    successor = daemon.create(account.address)
    assert successor.secret != account.secret
    _send(daemon, _NEW)
    return successor


def _has_its_own_only(daemon: RunningDaemon, account: Account) -> None:
    """See that the new owner has the one message that was sent to them, untouched."""
    with imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE) as client:
        client.login(*account)
        names = {line.split(b' "/" ')[1].strip(b'"') for line in client.list()[1] if isinstance(line, bytes)}
        assert names == {b"INBOX", b"Drafts", b"Junk", b"Sent", b"Trash"}
        for name in names - {b"INBOX"}:
            assert client.select(name.decode(), readonly=True)[1] == [b"0"]
        assert client.select("INBOX", readonly=True)[1] == [b"1"]
        answers = client.fetch("1", "(UID FLAGS BODY.PEEK[])")[1]
        (head, content) = next(answer for answer in answers if isinstance(answer, tuple))
        assert b"UID 1 " in head
        assert content.endswith(_NEW)
        assert b"\\Seen" not in head
        assert b"\\Deleted" not in head


@pytest.mark.parametrize("second", [False, True], ids=["first-secret", "second-secret"])
def test_open_sessions_end_without_a_word_of_the_new_mailbox(
    daemon: RunningDaemon, tmp_path: Path, second: bool
) -> None:
    account = daemon.create(_ADDRESS)
    _send(daemon, _OLD)
    login = _second_secret(daemon, account, tmp_path) if second else account
    with ExitStack() as stack:
        sessions = {command: stack.enter_context(closing(Imap(daemon, login))) for command in _SELECTED}
        for session in sessions.values():
            session.call(b"SELECT INBOX")
            session.call(b"FETCH 1 (FLAGS)")
        for command in _AUTHENTICATED:
            sessions[command] = stack.enter_context(closing(Imap(daemon, login)))
        idlers = [stack.enter_context(closing(Imap(daemon, login))) for _ in range(2)]
        for idler in idlers:
            idler.call(b"SELECT INBOX")
            idler.idle()
        successor = _move_out_and_in(daemon, account)
        for idler in idlers:
            assert idler.line().startswith(b"* BYE [UNAVAILABLE]")
            assert idler.rest() == b""
        for command, session in sessions.items():
            session.send(b"y " + command)
            assert session.line().startswith(b"* BYE [UNAVAILABLE]"), command
            assert session.rest() == b"", command
    _has_its_own_only(daemon, successor)


def test_maildrops_that_are_open_end(daemon: RunningDaemon) -> None:
    # RFC 3206 §5: only somebody who does something about it makes it work again.
    accounts = {command: daemon.create() for command in _POP3}
    with ExitStack() as stack:
        sessions = {}
        for command, account in accounts.items():
            _send(daemon, _OLD, account.address)
            sessions[command] = stack.enter_context(closing(Pop3(daemon, account)))
            assert sessions[command].call(b"DELE 1").startswith(b"+OK")
        daemon.command("mailbox", "destroy", *(account.address for account in accounts.values()))
        successors = [daemon.create(account.address) for account in accounts.values()]
        for successor in successors:
            _send(daemon, _NEW, successor.address)
        for command, session in sessions.items():
            session.send(command)
            assert session.line().startswith(b"-ERR [SYS/PERM]"), command
            assert session.rest() == b"", command
    for successor in successors:
        # The old session has kept nobody from the new maildrop.
        with closing(Pop3(daemon, successor)) as session:
            assert session.call(b"STAT").startswith(b"+OK 1 ")
        _has_its_own_only(daemon, successor)


def test_old_secrets_open_nothing(daemon: RunningDaemon, tmp_path: Path) -> None:
    account = daemon.create(_ADDRESS)
    second = _second_secret(daemon, account, tmp_path)
    for login in (account, second):
        Imap(daemon, login).close()
    successor = _move_out_and_in(daemon, account)
    for login in (account, second):
        with closing(Client(daemon.ports.imap)) as session:
            session.send(b'x LOGIN "%s" "%s"' % (login.address.encode(), login.secret.encode()))
            assert session.line().startswith(b"x NO [AUTHENTICATIONFAILED]")
        with closing(Client(daemon.ports.pop3)) as session:
            session.send(b"USER %s" % login.address.encode())
            assert session.line().startswith(b"+OK")
            session.send(b"PASS %s" % login.secret.encode())
            assert session.line().startswith(b"-ERR [AUTH]")
    _has_its_own_only(daemon, successor)


def test_mail_under_way_does_not_reach_the_new_mailbox(daemon: RunningDaemon) -> None:
    account = daemon.create(_ADDRESS)
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as sender:
        sender.ehlo()
        sender.mail("a@sender.test")
        assert sender.rcpt(_ADDRESS)[0] == 250
        successor = _move_out_and_in(daemon, account)
        # RFC 5321 §4.2.5: nobody has taken it.
        assert sender.data(_OLD)[0] == 550
        sender.mail("a@sender.test")
        assert sender.rcpt(_ADDRESS)[0] == 250
    _has_its_own_only(daemon, successor)


def test_mail_under_way_to_others_as_well_reaches_them(daemon: RunningDaemon) -> None:
    account, other = daemon.create(_ADDRESS), daemon.create()
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as sender:
        sender.ehlo()
        sender.mail("a@sender.test")
        for address in (_ADDRESS, other.address):
            assert sender.rcpt(address)[0] == 250
        successor = _move_out_and_in(daemon, account)
        assert sender.data(_OLD)[0] == 250
    with closing(Imap(daemon, other)) as session:
        assert b"* 1 EXISTS\r\n" in session.call(b"SELECT INBOX")
    _has_its_own_only(daemon, successor)


def test_what_a_client_remembers_is_void(daemon: RunningDaemon) -> None:
    # RFC 9051 §2.3.1.1: with another UIDVALIDITY every UID is another message's.
    account = daemon.create(_ADDRESS)
    _send(daemon, _OLD)
    before = _validities(daemon, account)
    successor = account
    for _ in range(3):
        successor = _move_out_and_in(daemon, successor)
        after = _validities(daemon, successor)
        assert all(after[name] > before[name] for name in before)
        before = after
    _has_its_own_only(daemon, successor)


def _validities(daemon: RunningDaemon, account: Account) -> dict[bytes, int]:
    """Give the UIDVALIDITY of each folder."""
    found = {}
    with closing(Imap(daemon, account)) as session:
        for name in (b"INBOX", b"Drafts", b"Junk", b"Sent", b"Trash"):
            (line,) = [line for line in session.call(b"SELECT " + name) if b"UIDVALIDITY" in line]
            found[name] = int(line.split(b"UIDVALIDITY ")[1].split(b"]")[0])
    return found
