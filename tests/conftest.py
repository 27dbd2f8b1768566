from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tempmaild import log
from tests.daemon import AS_SHIPPED, start_daemon
from tests.postgres import database_url, postgres, postgres_url  # noqa: F401 - fixtures, for all folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon import RunningDaemon

# How long an example takes says more of the machine's neighbours than of what is tested.
settings.register_profile("untimed", parent=settings.default, deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Have the log of one test be no other's."""
    yield
    log.reset()


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon for all tests of this worker: let each make its own mailbox, and leave the daemon as it was."""
    running = start_daemon(tmp_path_factory.mktemp("daemon"), reading=AS_SHIPPED)
    try:
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.log.read_text()
