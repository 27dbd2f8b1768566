from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tests.clients.programs import Security, Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon import RunningDaemon


@pytest.fixture(params=list(Security), ids=lambda security: security.value)
def site(request: pytest.FixtureRequest, daemon: RunningDaemon, tmp_path: Path) -> Site:
    """A fresh mailbox and home for a client, over each kind of connection."""
    return Site(daemon, daemon.create(), cast("Security", request.param), tmp_path / "home")


@pytest.fixture
def plain_site(daemon: RunningDaemon, tmp_path: Path) -> Site:
    """A fresh mailbox and home for a client, without TLS."""
    return Site(daemon, daemon.create(), Security.PLAIN, tmp_path / "home")
