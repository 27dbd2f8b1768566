"""The self test of a domain: with a daemon that really runs, and where something is in the way."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.policy import Policy
from tempmaild.settings import load
from tempmaild_admin import create_app
from tests.admin.console import Browser, Console
from tests.daemon import DOMAIN, HOST, start_daemon
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon


class LiveConsole(Console):
    """The console beside a daemon, on its database and by its clock."""

    def __init__(self, daemon: RunningDaemon) -> None:
        self.settings = load(daemon.config, {})
        self.appliance = open_appliance(self.settings)
        self.app = create_app(self.settings, self.appliance, b"k" * 32)
        self.app.test_client_class = Browser


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveConsole]:
    daemon = start_daemon(tmp_path)
    with closing(daemon):
        console = LiveConsole(daemon)
        with closing(console.appliance.handle):
            yield console


def left(console: Console) -> list[str]:
    return [mailbox.address for mailbox in run(console.appliance.mailboxes.list_all())]


def test_a_message_arrives_in_domains_of_each_kind(live: LiveConsole) -> None:
    add = live.appliance.domains.add
    run(add("claimed.test"))
    run(add("unsealed.test", sealed=False))
    run(add("open.test", "open"))
    run(add("*.wild.test"))
    run(add("all.test", "catch-all", policy=Policy(catch_all="all@all.test")))
    browser = live.as_("operator")
    for name in ("claimed.test", "unsealed.test", "open.test", "*.wild.test", "all.test", DOMAIN):
        page = browser.press(f"/domains/{name}/dns", f"/domains/{name}/test")
        assert "Mail for this domain arrives" in page.text, page.text
        assert "It is in INBOX." in page.text
        assert "failed" not in page.text
    assert left(live) == []
    assert {actor for actor, _ in live.audited("mailbox-destroy")} == {"op"}


def test_a_domain_that_is_disabled(live: LiveConsole) -> None:
    domain = run(live.appliance.domains.get(DOMAIN))
    run(live.appliance.domains.change(msgspec.structs.replace(domain, enabled=False)))
    page = live.as_("operator").press(f"/domains/{DOMAIN}/dns", f"/domains/{DOMAIN}/test")
    assert "The domain takes no mail and gets no mailboxes for the time being." in page.text
    assert "does not arrive" in page.text


def silent_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("smtp", "said"),
    [
        ({"listen": []}, "By the settings, no port takes mail without TLS."),
        ({"listen": [f"{HOST}:{silent_port()}"]}, "connect: "),
    ],
)
def test_a_daemon_that_is_not_there(tmp_path: Path, smtp: dict[str, Any], said: str) -> None:
    console = Console(tmp_path, smtp=smtp)
    page = console.as_("operator").press("/domains/box.test/dns", "/domains/box.test/test")
    assert said in page.text
    assert "does not arrive" in page.text
    assert left(console) == []
    console.house.close()
