from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.bench.peers import CannotStart, Dovecot
from tests.differential.connection import Connection
from tests.differential.messages import load_messages
from tests.differential.pair import Pair
from tests.needs import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon import RunningDaemon


@pytest.fixture(scope="package")
def dovecot() -> Iterator[Dovecot]:
    """Dovecot on loopback, as the benches run it."""
    # Not in pytest's folder: its mail belongs to `nobody`, to whom each run of pytest closes that again.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            running = Dovecot(folder / "dovecot")
            running.start()
        except CannotStart as problem:
            missing(str(problem))
        yield running
        running.stop()


@pytest.fixture(scope="package")
def pair(daemon: RunningDaemon, dovecot: Dovecot) -> Iterator[Pair]:
    """Both servers, with the same messages in the folder that is selected."""
    account = daemon.create()
    with (
        Connection(daemon.ports.imap, account.address, account.secret) as ours,
        Connection(dovecot.ports["imap"], "reader0", "pw") as theirs,
    ):
        yield Pair(ours, theirs, load_messages())
