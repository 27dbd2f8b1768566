"""How fast the console answers beside a daemon that takes mail, with much to show: `make bench BENCH_ARGS=--console`.

Each page is opened many times by somebody who is signed in, in turn with all others. What it is to reach: 95 of 100
answers within 200 ms, on the same machine as the daemon under load.
"""

from __future__ import annotations

import html
import http.client
import os
import random
import re
import secrets as randomness
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from msgspec import Struct, structs

from tempmaild.core.limit import Ban
from tempmaild.core.mail_log import Concealer, Event, Ids, Outcome
from tempmaild.service.sign_ins import Client
from tempmaild.store.arriving import Deliver
from tempmaild.store.audit import record
from tempmaild.store.console_key import console_key
from tempmaild.store.limits import AddBans
from tempmaild.store.mail_log import AddToMailLog
from tempmaild.store.people import AddPerson
from tempmaild_admin.sessions import TOKEN
from tests.bench.measure import percentile
from tests.bench.scale import commit_all
from tests.bench.servers import free_ports
from tests.bench.sweep import CrowdedTempmaild, SteadyMail
from tests.daemon import DOMAIN, HOST
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tempmaild.appliance import Appliance
    from tempmaild.store.transaction import Transaction

REACH = 0.2
"""Seconds within which 95 of 100 answers have to be there."""
_PROJECT = Path(__file__).parents[2]
_READY_WITHIN = 60.0
_PATIENCE = 60.0
"""Seconds for one answer; whatever takes longer hangs."""
_WARM_UP = 3
_PIECE = 10_000
"""Rows that are made in one go while the store is filled."""
_UNSEALED = "plain.test"
"""A domain whose mail can be read here."""
_LISTED = 500
"""Messages of a mailbox that is listed."""
_DAY = 86_400
_DAYS = 14
"""Over which what is in the mail log has happened."""
_OUTCOMES = (
    *[Outcome("accept", "", "250 2.0.0 Taken.")] * 6,
    Outcome("junk", "x-spam", "250 2.0.0 Taken."),
    Outcome("refuse", "no-such-mailbox", "550 5.1.1 There is no such mailbox."),
    Outcome("refuse", "dmarc", "550 5.7.1 The author's domain wants this refused."),
    Outcome("later", "too-fast", "451 4.7.1 Too much at once."),
)


class Scope(NamedTuple):
    """How much there is to show, and how often each page is opened."""

    mailboxes: int
    log_rows: int
    audit_rows: int
    bans: int
    rounds: int


FULL = Scope(100_000, 1_000_000, 100_000, 20_000, 40)
QUICK = Scope(500, 5_000, 500, 100, 3)


class Taken(NamedTuple):
    """What opening a page has taken; seconds."""

    page: str
    seconds: list[float]

    @property
    def p95(self) -> float:
        """Within which 95 of 100 answers were there."""
        return percentile(self.seconds, 95)

    def line(self) -> str:
        """Give a line of the table, in milliseconds."""
        figures = (percentile(self.seconds, 50), self.p95, max(self.seconds))
        verdict = "reached" if self.p95 <= REACH else "MISSED "
        return "  ".join([*(f"{figure * 1e3:9,.1f}" for figure in figures), verdict, self.page])


class AddToAudit(Struct, frozen=True):
    """Have more rows of the audit log."""

    rows: int

    def apply(self, transaction: Transaction) -> None:
        """Add them."""
        for number in range(self.rows):
            record(transaction, f"operator{number % 7}", "ban-add", f"192.0.{number % 200}.0/24", {"seconds": number})


def measure(scope: Scope, folder: Path, message: Path, tell: Callable[[str], None]) -> list[Taken]:
    """Fill a store, open all pages, and tell what each has taken."""
    tell(f"filling a store: {scope.mailboxes:,} mailboxes, {scope.log_rows:,} rows of the mail log")
    server = CrowdedTempmaild(folder / "server", scope.mailboxes, message)
    with server.look() as appliance:
        _fill(appliance, scope, message.read_bytes())
        token = _signed_in(appliance)
    cookie = _cookie(token, console_key(server.daemon.settings.admin_key_path))
    server.start()
    try:
        with _console(server.daemon.config, folder / "console.log") as port:
            visitor = Visitor(port, cookie)
            paths = list(_paths(visitor))
            tell(f"opening {len(paths)} pages {scope.rounds} times while mail arrives")
            with SteadyMail(server) as mail:
                taken = _walk(visitor, paths, scope.rounds)
                mail.taken()  # raises what went wrong with the mail
            return taken
    finally:
        server.stop()


def table(taken: Sequence[Taken]) -> str:
    """Give a line for each page, the slowest first."""
    lines = [page.line() for page in sorted(taken, key=lambda page: -page.p95)]
    return "\n".join(["   p50 ms     p95 ms     max ms  within 200 ms", *lines])


class Visitor:
    """A browser that keeps its connection."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
        self._headers = {"Cookie": f"tempmaild={cookie}", "Accept-Language": "de"}

    def get(self, path: str) -> str:
        """Open a page, which has to be there."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == http.client.OK, f"{path}: {answer.status} {answer.headers.get('Location', '')}"
        return text

    def first(self, path: str, pattern: str) -> str:
        """Give the first link on a page that looks like this."""
        found = self.links(path, pattern)
        assert found, f"{path} has no link {pattern}"
        return found[0]

    def links(self, path: str, pattern: str) -> list[str]:
        """Give the links on a page that look like this."""
        return [html.unescape(link) for link in re.findall(f'href="({pattern})"', self.get(path))]


def _walk(visitor: Visitor, paths: Sequence[str], rounds: int) -> list[Taken]:
    taken = [Taken(path, []) for path in paths]
    for turn in range(_WARM_UP + rounds):
        for page in taken:
            begun = time.perf_counter()
            visitor.get(page.page)
            if turn >= _WARM_UP:
                page.seconds.append(time.perf_counter() - begun)
    return taken


def _paths(visitor: Visitor) -> Iterator[str]:
    """Give every kind of page that shows much, or works on much."""
    for period in ("24h", "7d", "30d"):
        yield f"/?period={period}"
    yield "/overview/live"
    yield "/mailboxes/"
    for search in (
        {"part": "crowd77777"},
        {"part": "crowd1", "where": "start"},
        {"part": "nowhere-to-be-found"},
        {"domain": DOMAIN, "order": "address"},
        {"life": "soon"},
        {"sealed": "no", "order": "soonest"},
        {"part": "7", "life": "living", "sealed": "yes", "order": "latest"},
    ):
        yield f"/mailboxes/?{urlencode(search)}"
    yield visitor.first("/mailboxes/", r"/mailboxes/\?[^\"]*after=[^\"]*")
    yield visitor.first("/mailboxes/", r"/mailboxes/\d+/")
    plain = visitor.first(f"/mailboxes/?{urlencode({'domain': _UNSEALED})}", r"/mailboxes/\d+/")
    yield plain
    for folder in visitor.links(plain, r"/mailboxes/\d+/\d+/"):
        if messages := visitor.links(folder, r"/mailboxes/\d+/\d+/\d+/"):
            yield from (folder, messages[0])
    yield "/domains/"
    yield "/mailboxes/destroy"
    for page in ("", "settings", "checks", "dns", "delete"):
        yield f"/domains/{DOMAIN}/{page}"
    for page in ("limits/", "limits/now", "limits/try", "schedules/", "schedules/lifetimes", "block-rules/", "bans/"):
        yield f"/{page}"
    yield f"/bans/?{urlencode({'address': '10.0.7.1'})}"
    yield visitor.first("/bans/", r"/bans/\?[^\"]*after=[^\"]*")
    yield from _log_paths(visitor)
    yield "/audit/"
    for search in ({"action": "ban-add", "actor": "operator3"}, {"actor": "nobody"}):
        yield f"/audit/?{urlencode(search)}"
    yield from ("/receipts/", "/people/", "/keys/", "/profile/")


def _log_paths(visitor: Visitor) -> Iterator[str]:
    yield "/mail-log/"
    for search in (
        {"recipient": f"crowd77@{DOMAIN}"},
        {"recipient": "nobody@nowhere.example"},
        {"sender": "joe7@sender3.example"},
        {"sender": "sender3.example"},
        {"client": "198.51.100.7"},
        {"client": "198.51.0.0/16"},
        {"disposition": "refuse"},
        {"why": "no-such-mailbox", "within": "day"},
        {"disposition": "junk", "sender": "sender3.example"},
        {"disposition": "later", "client": "198.51.0.0/16"},
        {"why": "malware"},
        {"queue_id": "nowhere"},
    ):
        yield f"/mail-log/?{urlencode(search)}"
    yield visitor.first("/mail-log/", r"/mail-log/\?[^\"]*before=[^\"]*")
    yield visitor.first("/mail-log/", r"/mail-log/\d+")
    yield "/mail-log/quarantine"


# What there is to show


def _fill(appliance: Appliance, scope: Scope, message: bytes) -> None:
    commit_all(appliance, [AddToMailLog(rows) for rows in _log_rows(appliance, scope.log_rows)])
    commit_all(appliance, [AddToAudit(min(_PIECE, scope.audit_rows)) for _ in range(0, scope.audit_rows, _PIECE)])
    until = int(time.time()) + _DAY
    bans = [Ban(f"10.{number >> 8}.{number & 255}.0/24", "", "mail", until) for number in range(scope.bans)]
    commit_all(appliance, [AddBans(tuple(bans[start : start + _PIECE])) for start in range(0, len(bans), _PIECE)])
    _fill_unsealed(appliance, message)


def _fill_unsealed(appliance: Appliance, message: bytes) -> None:
    domain = run(appliance.domains.add(_UNSEALED))
    run(appliance.domains.change(structs.replace(domain, sealed=False)))
    new = run(appliance.mailboxes.create(f"reader@{_UNSEALED}"))
    recipient = run(appliance.deliveries.recipient(*new.mailbox.address.split("@")))
    commit_all(appliance, [Deliver(message, (recipient,))] * _LISTED)


def _log_rows(appliance: Appliance, count: int) -> Iterator[list[tuple[object, ...]]]:
    chance = random.Random(1)
    begun, step = appliance.now() - _DAYS * _DAY, _DAYS * _DAY / count
    concealer, ids = Concealer("shown", b""), Ids(1)
    for start in range(0, count, _PIECE):
        events = (
            _event(chance, begun + number * step, number) for number in range(start, min(count, start + _PIECE))
        )
        yield [structs.astuple(concealer.entry(event, ids.next(event.at))) for event in events]


def _event(chance: random.Random, at: float, number: int) -> Event:
    return Event(
        at=at,
        queue_id=f"{number:010x}",
        stage="data",
        client=f"198.51.{chance.randrange(256)}.{chance.randrange(256)}",
        helo=f"mail{chance.randrange(1000)}.example.org",
        sender=f"joe{chance.randrange(1000)}@sender{chance.randrange(100)}.example",
        recipient=f"crowd{chance.randrange(100_000)}@{DOMAIN}",
        size=chance.randrange(1_000, 100_000),
        tls="TLSv1.3",
        outcome=chance.choice(_OUTCOMES),
    )


def _signed_in(appliance: Appliance) -> str:
    """Have an owner, and begin a session of theirs; its token."""

    async def add() -> str:
        change = AddPerson("bench", "owner", randomness.token_bytes(32), randomness.token_bytes(16))
        person = await appliance.people._access.write(change)
        return await appliance.sign_ins.begin(person, Client(HOST, "bench"))

    return run(add())


def _cookie(token: str, key: bytes) -> str:
    """Write the cookie that a browser has of a session."""
    signer = Flask("signer")
    signer.secret_key = key
    serializer = SecureCookieSessionInterface().get_signing_serializer(signer)
    assert serializer is not None
    return str(serializer.dumps({TOKEN: token}))


@contextmanager
def _console(config: Path, log: Path) -> Iterator[int]:
    """Run the console; its port."""
    port = free_ports("http")["http"]
    address = f"{HOST}:{port}"
    environ = os.environ | {"TEMPMAILD_ADMIN_LISTEN": address, "TEMPMAILD_ADMIN_URL": f"http://{address}"}
    command = [sys.executable, "-m", "tempmaild_admin", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=_PROJECT, env=environ, stdout=output, stderr=output)
    try:
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < _READY_WITHIN:
            with closing(socket.socket()) as attempt:
                if attempt.connect_ex((HOST, port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text() or "the console was silent")
        yield port
    finally:
        process.terminate()
        process.wait()
