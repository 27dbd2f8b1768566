"""A whole host for the browser: a daemon, its console beside it, and people who are signed in."""

from __future__ import annotations

import os
import random
import selectors
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from tempmaild.appliance import open_appliance
from tempmaild.service.sign_ins import Client
from tempmaild.store.people import AddPerson
from tempmaild_admin.sessions import TOKEN
from tests.daemon import HOST, start_daemon
from tests.support import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from tempmaild.appliance import Appliance
    from tempmaild.core.person import Person, Role
    from tempmaild.store.transaction import Change

T = TypeVar("T")

NAMES: Final[dict[Role, str]] = {"viewer": "vera", "operator": "otto", "owner": "olivia"}
"""What those are called who `Site.page` signs in."""
DESKTOP: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}
"""Pixels."""
PATIENCE: Final = 60_000
"""Milliseconds; a machine that is busy with other tests is slow."""
_PROJECT = Path(__file__).parents[2]
_READY_WITHIN: Final = 60.0
"""Seconds; a machine that is busy with other tests needs a few."""
_LOOK_EVERY: Final = 0.02
# Above the ports of `tests.daemon`, and below those that Linux gives to outgoing connections.
_PORTS: Final = range(32_000, 32_700)
_MOST_WORKERS: Final = 16
_POLICY_BROKEN: Final = "Content Security Policy"
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Site:
    """A daemon and its console.

    Attributes:
        url: of the console.
        appliance: the services on the same database, for what a test does not do by the browser.
        problems: what browsers have complained about on their consoles, with the page that it was on.
    """

    def __init__(self, folder: Path, browser: Browser, **sections: dict[str, Any]) -> None:
        port = _free_port()
        self.url = f"http://{HOST}:{port}"
        self._browser = browser
        self.problems: list[str] = []
        self._contexts: list[BrowserContext] = []
        self._cookies: dict[tuple[Role, bool], str] = {}
        admin = {"listen": f"{HOST}:{port}", "url": self.url}
        self.daemon = start_daemon(folder, admin=admin, **sections)
        self._log = folder / "console.log"
        self.appliance: Appliance = open_appliance(self.daemon.settings)
        self._process = self._start_console(port)

    def close(self) -> None:
        """Leave nothing running."""
        for context in self._contexts:
            context.close()
        self._process.terminate()
        self._process.wait()
        self.appliance.handle.close()
        self.daemon.close()

    def context(self, role: Role | None = None, verified: bool = True, **options: Any) -> BrowserContext:
        """Give a browser of its own, by which somebody of this role is signed in, or nobody.

        Args:
            verified: False for who has given the password, and not yet a code.
            options: of `Browser.new_context`.
        """
        options = {"viewport": DESKTOP, "reduced_motion": "reduce", "locale": "en"} | options
        context = self._browser.new_context(base_url=self.url, **options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._note)
        context.on("weberror", lambda failed: self.problems.append(str(failed.error)))
        if role:
            context.add_cookies([{"name": "tempmaild", "value": self._cookie(role, verified), "url": self.url}])
        return context

    def page(self, role: Role | None = None, path: str = "/", **options: Any) -> Page:
        """Open a page in a browser of its own."""
        page = self.context(role, **options).new_page()
        page.goto(path)
        return page

    def person(self, role: Role) -> Person:
        """Give somebody of this role, whose password nobody knows: that would take time."""
        for person in run(self.appliance.people.list_all()):
            if person.name == NAMES[role]:
                return person
        return self.write(AddPerson(NAMES[role], role, b"\x01" * 32, b"\x02" * 16))

    def write(self, change: Change[T]) -> T:
        """Have a change committed that no service makes."""

        async def commit() -> T:
            return await self.appliance.people._access.write(change)

        return run(commit())

    def _cookie(self, role: Role, verified: bool) -> str:
        """Begin a session, once for each role; what the browser keeps of it."""
        if cookie := self._cookies.get((role, verified)):
            return cookie
        token = run(self.appliance.sign_ins.begin(self.person(role), Client(HOST, _AGENT), verified=verified))
        signer = Flask("signer")
        signer.secret_key = self.daemon.settings.admin_key_path.read_bytes()
        serializer = SecureCookieSessionInterface().get_signing_serializer(signer)
        assert serializer is not None
        cookie = self._cookies[role, verified] = str(serializer.dumps({TOKEN: token}))
        return cookie

    def _note(self, said: ConsoleMessage) -> None:
        if said.type != "error" and _POLICY_BROKEN not in said.text:
            return
        page = said.page.url if said.page else ""
        # That the page itself answers 403 or 404 may be what a test wants.
        if not (said.text.startswith("Failed to load resource") and said.location["url"] == page):
            self.problems.append(f"{page}: {said.text} ({said.location['url']})")

    def _start_console(self, port: int) -> subprocess.Popen[bytes]:
        """Start it as `tempmaild trial` does, and come back when it listens."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TEMPMAILD_")}
        command = [sys.executable, "-m", "tempmaild_admin", "--config", str(self.daemon.config)]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                command, cwd=_PROJECT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        ended = os.pidfd_open(process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ended, selectors.EVENT_READ)
                for _ in range(int(_READY_WITHIN / _LOOK_EVERY)):
                    with closing(socket.socket()) as attempt:
                        if attempt.connect_ex((HOST, port)) == 0:
                            return process
                    if selector.select(_LOOK_EVERY):
                        break
        finally:
            os.close(ended)
        process.kill()
        process.wait()
        self.daemon.close()
        raise AssertionError(self._log.read_text() or "the console was silent")


def _free_port() -> int:
    """Give a port that no other worker of pytest will take meanwhile."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ours = _PORTS[worker % _MOST_WORKERS :: _MOST_WORKERS]
    for port in random.sample(ours, len(ours)):
        with closing(socket.socket()) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((HOST, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
