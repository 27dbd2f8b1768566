from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tests.clients.programs import Security, Site
from tests.daemon import start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon


@pytest.fixture(scope="session")
def strict_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon that takes no password without TLS, so that a client cannot go on without it unnoticed."""
    running = start_daemon(tmp_path_factory.mktemp("strict"), login={"plaintext": "never"})
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(params=list(Security), ids=lambda security: security.value)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A fresh mailbox and home for a client, over each kind of connection."""
    security = cast("Security", request.param)
    daemon = request.getfixturevalue("daemon" if security is Security.PLAIN else "strict_daemon")
    return Site(daemon, daemon.create(), security, tmp_path / "home")


@pytest.fixture
def plain_site(daemon: RunningDaemon, tmp_path: Path) -> Site:
    """A fresh mailbox and home for a client, without TLS."""
    return Site(daemon, daemon.create(), Security.PLAIN, tmp_path / "home")
