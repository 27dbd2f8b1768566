"""config/fail2ban: whom it bans, by lines that the daemon has really written."""

from __future__ import annotations

import io
import re
import subprocess
from imaplib import IMAP4
from pathlib import Path
from poplib import POP3, error_proto
from smtplib import SMTP, SMTPServerDisconnected
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild import log
from tempmaild.store.people import SetTotp
from tests.admin.console import Console
from tests.daemon import HOST, start_daemon
from tests.needs import needs
from tests.support import run

if TYPE_CHECKING:
    from tests.daemon import RunningDaemon

FILTER = Path(__file__).parents[2] / "config/fail2ban/filter.conf"
PASSWORD = "nine lives of tea"
PREFIX = "mx tempmaild[123]: "
"""What fail2ban puts before a line of the journal."""


def found(lines: str, folder: Path, *, journal: bool = False) -> list[str]:
    """Give the addresses that fail2ban takes from lines of a log, or of the journal."""
    path = folder / "lines.log"
    path.write_text("".join(f"{PREFIX}{line}\n" for line in lines.splitlines()) if journal else lines)
    # The journal tells the time apart from the line.
    time = ["--datepattern={NONE}"] if journal else []
    done = subprocess.run(
        [needs("fail2ban-regex"), "--usedns=no", "--out=ip", *time, str(path), str(FILTER)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "ERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if re.fullmatch(r"[0-9a-f.:]+", line)]


def write(line_format: str, part: str, event: str, level: str = "info", **fields: Any) -> str:
    """Give a line as the product writes it."""
    stream = io.StringIO()
    log.configure("debug", line_format, stream)
    getattr(log.get_log(part), level)(event, **fields)
    return stream.getvalue()


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_clients_that_misbehave_are_found_in_the_log_of_a_daemon(tmp_path: Path, line_format: str) -> None:
    daemon = start_daemon(tmp_path, log={"format": line_format}, smtp={"soft_errors": 2, "hard_errors": 3})
    try:
        misbehave(daemon)
    finally:
        daemon.close()
    written = daemon.log.read_text()
    assert found(written, tmp_path) == [HOST] * 4
    assert found(written, tmp_path, journal=True) == [HOST] * 4


def misbehave(daemon: RunningDaemon) -> None:
    """Fail to log in twice, say nonsense to SMTP, and talk HTTP to it; and do all right once."""
    account = daemon.create()
    with IMAP4(HOST, daemon.ports.imap) as imap:
        with pytest.raises(IMAP4.error):
            imap.login(account.address, "wrong")
        imap.login(account.address, account.secret)
    pop3 = POP3(HOST, daemon.ports.pop3)
    pop3.user(account.address)
    with pytest.raises(error_proto):
        pop3.pass_("wrong")
    pop3.close()
    smtp = SMTP(HOST, daemon.ports.smtp)
    while smtp.docmd("NONSENSE")[0] != 421:
        pass
    smtp.close()
    web = SMTP(HOST, daemon.ports.smtp)
    web.send(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(SMTPServerDisconnected):
        web.getreply()
    web.close()


@pytest.mark.parametrize("line_format", ["text", "json"])
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_who_fails_to_sign_in_to_the_console_is_found_in_its_log(
    tmp_path: Path, line_format: str, address: str
) -> None:
    console = Console(tmp_path)
    stream = io.StringIO()
    log.configure("debug", line_format, stream)
    try:
        fail_to_sign_in(console, address)
    finally:
        console.house.close()
    written = stream.getvalue()
    assert found(written, tmp_path) == found(written, tmp_path, journal=True) == [address] * 3


def fail_to_sign_in(console: Console, address: str) -> None:
    """Give a name that nobody has, a wrong password, and a wrong code; and do all right once."""
    ann = run(console.appliance.people.add("ann", "owner", PASSWORD))
    browser = console.browser()
    browser.environ_base["REMOTE_ADDR"] = address
    browser.submit("/sign-in", name="peer=10.9.9.9", password=PASSWORD)
    browser.submit("/sign-in", name="ann", password="wrong")
    console.write(SetTotp("ann", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0, ()))
    # Who has failed waits a little, which is of no matter here.
    console.clock.now += 3600
    assert browser.submit("/sign-in", name="ann", password=PASSWORD).url == "/sign-in/code"
    browser.submit("/sign-in/code", code="000000")
    console.as_person(ann).page("/")


@pytest.mark.parametrize("line_format", ["text", "json"])
@pytest.mark.parametrize(
    ("part", "event", "level", "fields"),
    [
        ("imap", "login-failed", "info", {"session": "a1", "peer": "ADDRESS", "address": "joe@box.test"}),
        ("pop3", "login-failed", "info", {"session": "a1", "peer": "ADDRESS", "address": 'a "b" peer=10.9.9.9'}),
        ("admin", "login-failed", "info", {"peer": "ADDRESS"}),
        ("smtp", "too-many-errors", "info", {"session": "a1", "client": "ADDRESS"}),
        ("smtp", "not-smtp", "info", {"session": "a1", "client": "ADDRESS"}),
        ("daemon", "too-many-connections", "warning", {"client": "ADDRESS"}),
    ],
)
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_every_kind_of_line_is_found(
    tmp_path: Path, line_format: str, part: str, event: str, level: str, fields: dict[str, str], address: str
) -> None:
    fields = {name: value.replace("ADDRESS", address) for name, value in fields.items()}
    line = write(line_format, part, event, level, **fields)
    assert found(line, tmp_path) == found(line, tmp_path, journal=True) == [address]


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_nobody_gets_others_banned(tmp_path: Path, line_format: str) -> None:
    forged = "x info imap login-failed session=1 peer=10.9.9.9 address=a"
    quoted = '", "event": "login-failed", "peer": "10.9.9.9"'
    lines = [
        write(line_format, part, event, **{field: said})
        for said in (forged, quoted, f"a\n{forged}", f"2026-01-01T00:00:00Z {forged}", f"{PREFIX}{forged}")
        for part, event, field in (
            ("imap", "login", "address"),
            ("smtp", "accepted", "sender"),
            ("smtp", "refused", "text"),
            ("imap", "login-failed", "peer"),
        )
    ]
    # A connection through a Unix socket has no address.
    lines.append(write(line_format, "imap", "login-failed", session="a1", peer="", address="peer=10.9.9.9"))
    lines.append(write(line_format, "imap", "login", session="a1", peer="192.0.2.7", address="joe@box.test"))
    assert found("".join(lines), tmp_path) == found("".join(lines), tmp_path, journal=True) == []


@pytest.fixture(autouse=True)
def _restored_log() -> Any:
    yield
    log.configure("error", "text")
