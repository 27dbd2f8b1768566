"""Mail with a word in it that is nowhere else: what of it is on the disk, while its mailbox lives and afterwards."""

from __future__ import annotations

import base64
import imaplib
import os
import poplib
import random
import shutil
import smtplib
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core import secret as secrets
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.core.sealing import unwrap
from tempmaild.errors import WrongCredentials
from tempmaild.settings import Settings
from tests.daemon import HOST, Account, start_daemon
from tests.integration.traces import findable, forms, found, opens_anything
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.daemon import RunningDaemon
    from tests.postgres import Postgres

_PATIENCE = 60.0
"""Seconds; the most that may pass between the end of a mailbox and that of its last trace."""
_UNSEALED = ("content", "summary")
"""Tables with what is to be forgotten of unsealed mailboxes."""
_WORD_LENGTH = 30
_PIECE = 24
"""Octets by which something is recognised in a file."""


@pytest.fixture
def word() -> str:
    """A word that no file has by chance; of letters only, so that no encoding needs to change it."""
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=_WORD_LENGTH))


@pytest.fixture
def daemon(database_url: str, tmp_path: Path) -> Iterator[RunningDaemon]:
    """A daemon on each kind of database that writes all it ever writes into its log."""
    daemon = start_daemon(tmp_path, store={"url": database_url, "readers": 2}, log={"level": "debug"})
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        run(appliance.domains.add("open.test", sealed=False))
    yield daemon
    daemon.close()


@pytest.fixture
def disk(daemon: RunningDaemon, request: pytest.FixtureRequest) -> list[Path]:
    """All folders in which there may be anything of the mail."""
    folders = [daemon.state.parent]
    if daemon.settings.store.url:
        postgres: Postgres = request.getfixturevalue("postgres")
        folders.append(postgres.folder)
    return folders


def _everywhere(needles: Sequence[bytes], disk: Sequence[Path], daemon: RunningDaemon | None = None) -> list[str]:
    return [place for folder in disk for place in found(needles, folder, daemon)]


def _letter(word: str) -> bytes:
    """Write a message that has the word in every place and every encoding in which mail has words."""
    encoded = base64.b64encode(word.encode()).decode()
    quoted = "".join(f"={octet:02X}" for octet in word.encode())
    return (
        f"From: {word} <{word}@sender.test>\r\nTo: =?utf-8?b?{encoded}?= <b@box.test>\r\n"
        f"Subject: {word} =?utf-8?q?{quoted}?=\r\nMessage-ID: <{word}@sender.test>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="cut"\r\n\r\n'
        f"--cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe code is {word}.\r\n"
        "--cut\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"<p>{quoted}</p>\r\n"
        "--cut\r\nContent-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{base64.b64encode(word.encode('utf-16')).decode()}\r\n"
        f"--cut\r\nContent-Type: application/octet-stream; name*=utf-8''{quoted.replace('=', '%')}\r\n"
        f'Content-Disposition: attachment; filename="{word}.txt"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{encoded}\r\n--cut--\r\n"
    ).encode()


def _large_letter(word: str) -> bytes:
    """Write a message of 1 MiB that cannot be compressed, so that it fills many pages of a database."""
    line_ends = bytes.maketrans(b"\r\n\0", b"abc")
    lines = (os.urandom(900).translate(line_ends) + b"\r\n" for _ in range(1160))
    return f"Subject: {word}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{word}\r\n".encode() + b"".join(lines)


def _send(daemon: RunningDaemon, account: Account, message: bytes) -> None:
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        assert client.sendmail("a@sender.test", [account.address], message, ["BODY=8BITMIME"]) == {}


@contextmanager
def _others_at_work(daemon: RunningDaemon) -> Iterator[None]:
    """Have other mailboxes get mail and be read all the time."""
    busy = daemon.create_many(3)
    over = threading.Event()

    def work(account: Account) -> None:
        with imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE) as client:
            client.login(*account)
            while not over.is_set():
                _send(daemon, account, b"Subject: something else\r\n\r\nNothing.\r\n")
                client.select(INBOX)
                client.fetch("*", "(ENVELOPE BODY[])")

    threads = [threading.Thread(target=work, args=(account,)) for account in busy]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _use_imap(daemon: RunningDaemon, account: Account, word: str) -> None:
    """Do what makes the daemon handle the word: reading, searching, appending, copying, and mistakes."""
    client = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
    client.login(*account)
    assert client.select(INBOX)[1] == [b"1"]
    _, answers = client.fetch("1", "(ENVELOPE BODYSTRUCTURE BODY[])")
    assert word.encode() in b"".join(part for answer in answers if isinstance(answer, tuple) for part in answer)
    for key in ("SUBJECT", "TEXT", "BODY", "FROM"):
        assert client.search(None, key, word)[1] == [b"1"]
    draft = f"Subject: draft {word}\r\n\r\n{word}\r\n".encode()
    assert client.append("Drafts", r"(\Draft)", imaplib.Time2Internaldate(0), draft)[0] == "OK"
    assert client.copy("1", "Trash")[0] == "OK"
    assert client.search(None, "BODY", f'"{word[::-1]}"')[1] == [b""]
    client.fetch("1", f"(BODY[HEADER.FIELDS (X-{word})])")
    client.logout()


def _use_pop3(daemon: RunningDaemon, account: Account, word: str) -> None:
    client = poplib.POP3(HOST, daemon.ports.pop3, timeout=_PATIENCE)
    client.user(account.address)
    client.pass_(account.secret)
    assert word.encode() in b"".join(client.retr(1)[1])
    client.top(1, 5)
    client.quit()


class TestSealed:
    """A mailbox whose content only its secret opens."""

    def test_nothing_of_it_is_on_the_disk(self, daemon: RunningDaemon, disk: list[Path], word: str) -> None:
        account, control = daemon.create(), daemon.create("open.test")
        typed = account.secret.replace("-", "")
        with _others_at_work(daemon):
            _send(daemon, account, _letter(word))
            _use_imap(daemon, account, word)
            _use_pop3(daemon, account, word)
            assert _everywhere([*forms(word), *forms(account.secret), *forms(typed)], disk, daemon) == []
            # The same mail where it is not sealed: this search finds what there is.
            _send(daemon, control, _letter(word))
            places = _everywhere([word.encode()], disk, daemon)
        assert any("tempmaild.db" in place or "tempmaild-pg-" in place for place in places)
        assert daemon.stop() == 0
        assert account.address in daemon.log.read_text()

    def test_restarts_leave_nothing_either(self, daemon: RunningDaemon, disk: list[Path], word: str) -> None:
        account = daemon.create()
        _send(daemon, account, _letter(word))
        _send(daemon, account, _large_letter(word))
        daemon.kill()
        assert _everywhere(forms(word), disk) == []
        daemon.start()
        client = imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE)
        client.login(*account)
        assert client.select(INBOX)[1] == [b"2"]
        client.logout()
        assert daemon.stop() == 0
        assert _everywhere(forms(word), disk) == []

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_no_copy_opens_it_after_its_destruction(self, daemon: RunningDaemon, tmp_path: Path, word: str) -> None:
        account, bystander = daemon.create(), daemon.create()
        for reader in (account, bystander):
            _send(daemon, reader, _letter(word))
        before, keys_before = tmp_path / "before.db", tmp_path / "keys-before.db"
        _copy_database(daemon.settings.sqlite_path, before)
        _copy_database(daemon.state / "keys.db", keys_before)
        daemon.command("backup", str(tmp_path / "backup.db"))
        key = _wrapped_key(daemon, account)
        attempt = _unwrapping(daemon, account)
        attempt(key)

        daemon.command("mailbox", "destroy", account.address)
        _wait_until(lambda: not found([key], daemon.state, daemon))
        now = daemon.settings.sqlite_path
        assert daemon.stop() == 0

        # With the product's own means: the database as it was, with no keys and with the keys that there are now.
        keys_now = now.with_name("keys.db")
        assert not _reads(tmp_path / "bare", account, word, before)
        assert not _reads(tmp_path / "keys", account, word, before, keys_now)
        assert not _reads(tmp_path / "backup", account, word, tmp_path / "backup.db", keys_now)
        assert not _reads(tmp_path / "after", account, word, now, keys_before)
        # The others are none the worse for it; and had the key not been destroyed, it would open.
        assert _reads(tmp_path / "bystander", bystander, word, before, keys_now)
        assert _reads(tmp_path / "both", account, word, before, keys_before)

        # By hand: no octets in any file that is left are the key under this secret.
        assert opens_anything(attempt, len(key), daemon.state) == []
        for name in ("keys", "backup"):
            assert opens_anything(attempt, len(key), tmp_path / name) == []
        assert opens_anything(attempt, len(key), tmp_path / "both") != []


class TestUnsealed:
    """A mailbox whose content anybody who has the disk can read, as long as it is there."""

    @pytest.mark.parametrize("letter", [_letter, _large_letter])
    @pytest.mark.parametrize("end", ["destroyed", "expired", "expunged"])
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_leaves_no_trace(
        self, daemon: RunningDaemon, disk: list[Path], word: str, end: str, letter: Callable[[str], bytes]
    ) -> None:
        account = _create_unsealed(daemon, 15 if end == "expired" else 3600)
        _send(daemon, account, letter(word))
        traces = findable([word.encode(), *_pieces(daemon, account)], daemon.state, daemon)
        assert len(traces) > 10
        assert traces[0] == word.encode()
        with ExitStack() as stack:
            if end == "destroyed":
                # Otherwise it is quiet, and nobody happens to overwrite what is left.
                stack.enter_context(_others_at_work(daemon))
            reader = stack.enter_context(imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE))
            reader.login(*account)
            reader.select(INBOX)
            reader.fetch("1", "(ENVELOPE BODY.PEEK[])")
            # Somebody reads the database when its mail is deleted, as a backup does.
            other = stack.enter_context(_reading(daemon.settings.sqlite_path))
            if end == "destroyed":
                daemon.command("mailbox", "destroy", account.address)
            elif end == "expunged":
                reader.store("1", "+FLAGS", r"(\Deleted)")
                assert reader.expunge()[1] == [b"1"]
            else:
                _wait_until(lambda: not _exists(daemon, account))
            other.close()
            _wait_until(lambda: not _everywhere(traces, disk, daemon))
            if end == "expunged":
                reader.logout()

    @pytest.mark.parametrize("end", ["destroyed", "expunged"])
    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_is_vacuumed_away(self, daemon: RunningDaemon, word: str, end: str) -> None:
        """What PostgreSQL keeps in its log and its pages is its administrator's; rows are gone and vacuumed."""
        account = _create_unsealed(daemon, 3600)
        _send(daemon, account, _letter(word))
        with closing(psycopg.connect(daemon.settings.store.url, autocommit=True)) as database:
            before = _vacuums(database, *_UNSEALED)
            assert _rows(database, "content") == _rows(database, "summary") == 1
            if end == "destroyed":
                daemon.command("mailbox", "destroy", account.address)
            else:
                with imaplib.IMAP4(HOST, daemon.ports.imap, timeout=_PATIENCE) as reader:
                    reader.login(*account)
                    reader.select(INBOX)
                    reader.store("1", "+FLAGS", r"(\Deleted)")
                    assert reader.expunge()[1] == [b"1"]
            assert _rows(database, "content") == _rows(database, "summary") == 0
            _wait_until(lambda: all(later > before[table] for table, later in _vacuums(database, *_UNSEALED).items()))

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_the_keys_of_what_is_sealed_are_vacuumed_away(self, daemon: RunningDaemon) -> None:
        account = daemon.create()
        with closing(psycopg.connect(daemon.settings.store.url, autocommit=True)) as database:
            before = _vacuums(database, "wrapped_key")
            daemon.command("mailbox", "destroy", account.address)
            assert _rows(database, "keys.wrapped_key") == 0
            _wait_until(lambda: _vacuums(database, "wrapped_key")["wrapped_key"] > before["wrapped_key"])


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _create_unsealed(daemon: RunningDaemon, seconds: int) -> Account:
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        new = run(appliance.mailboxes.create("open.test", Lifetime(seconds)))
    assert new.mailbox.public_key is None
    return Account(new.mailbox.address, new.secret)


def _exists(daemon: RunningDaemon, account: Account) -> bool:
    with closing(sqlite3.connect(daemon.settings.sqlite_path)) as database:
        return bool(database.execute("SELECT 1 FROM mailbox WHERE address = ?", (account.address,)).fetchall())


def _pieces(daemon: RunningDaemon, account: Account) -> list[bytes]:
    """Give octets by which what is kept of the only message of a mailbox is recognised wherever they lie."""
    with closing(sqlite3.connect(daemon.settings.sqlite_path)) as database:
        (kept,) = database.execute(
            "SELECT c.data, s.data FROM mailbox m JOIN entry e ON e.folder_id = m.inbox_id"
            " JOIN content c ON c.id = e.content_id JOIN summary s ON s.entry_id = e.id WHERE m.address = ?",
            (account.address,),
        ).fetchall()
    return [
        octets[start : start + _PIECE]
        for octets in kept
        for start in range(0, len(octets) - _PIECE, max(_PIECE, len(octets) // 100))
    ]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Have a reader hold the database as it is at this moment."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM content").fetchone()
        yield database


def _copy_database(path: Path, to: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM INTO ?", (str(to),))


def _wrapped_key(daemon: RunningDaemon, account: Account) -> bytes:
    with closing(sqlite3.connect(daemon.settings.sqlite_path)) as database:
        database.execute("ATTACH ? AS keys", (str(daemon.state / "keys.db"),))
        ((key,),) = database.execute(
            "SELECT k.data FROM keys.wrapped_key k JOIN mailbox m ON m.id = k.mailbox_id WHERE m.address = ?",
            (account.address,),
        ).fetchall()
    assert isinstance(key, bytes)
    return key


def _unwrapping(daemon: RunningDaemon, account: Account) -> Callable[[bytes], bytes]:
    """Give what tries to unwrap the mailbox's private key with its secret."""
    with closing(sqlite3.connect(daemon.settings.sqlite_path)) as database:
        ((public_key,),) = database.execute(
            "SELECT public_key FROM mailbox WHERE address = ?", (account.address,)
        ).fetchall()
    wrapping_key = secrets.keys_of_code(account.secret).wrapping_key
    return lambda octets: unwrap(octets, wrapping_key, public_key)


def _reads(state: Path, account: Account, word: str, database: Path, keys: Path | None = None) -> bool:
    """Say whether the owner reads the word in a tempmaild to which these files were restored."""
    state.mkdir()
    settings = Settings.model_validate({"host": {"name": "mx.box.test", "state": state}})
    shutil.copy(database, settings.sqlite_path)
    if keys:
        shutil.copy(keys, state / "keys.db")
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        try:
            inbox = run(appliance.logins.login(*account))
        except WrongCredentials:
            return False
        content = run(inbox.content(run(inbox.folder(INBOX)).id, 1))
        inbox.close()
    assert content is not None
    return word.encode() in content


def _vacuums(database: psycopg.Connection[tuple[object, ...]], *tables: str) -> dict[str, int]:
    """Give how often each of these tables was vacuumed."""
    rows = database.execute(
        "SELECT relname, vacuum_count FROM pg_stat_user_tables WHERE relname = ANY(%s)", (list(tables),)
    ).fetchall()
    return {str(table): int(str(count)) for table, count in rows}


def _rows(database: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    row = database.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row
    return int(str(row[0]))
