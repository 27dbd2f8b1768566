"""A backup is made while mail comes in, and a daemon goes on from it."""

from __future__ import annotations

import poplib
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.daemon import DOMAIN, start_daemon
from tests.net.client import Client, envelope, inbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon


def deliver(daemon: RunningDaemon, address: str, count: int) -> None:
    with Client(daemon.ports.smtp) as client:
        for number in range(count):
            client.send(envelope(address))
            while client.reply()[:3] != b"354":
                pass
            assert client.ask(f"Subject: {number}\r\n\r\n.".encode())[:3] == b"250"


def refusal(daemon: RunningDaemon, account: Account) -> str:
    with pytest.raises(poplib.error_proto) as refused:
        inbox_of(daemon, account)
    return str(refused.value)


def test_a_daemon_goes_on_from_a_backup(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    (tmp_path / "daemon").mkdir()
    with closing(start_daemon(tmp_path / "daemon")) as daemon, ThreadPoolExecutor(1) as pool:
        account, destroyed = daemon.create(), daemon.create()
        deliver(daemon, account.address, 20)
        coming = pool.submit(deliver, daemon, account.address, 100)
        daemon.command("backup", str(backup))
        coming.result()
        assert len(inbox_of(daemon, account)) == 120
        daemon.command("mailbox", "destroy", destroyed.address)
        daemon.stop()
        for name in ("tempmaild.db-wal", "tempmaild.db-shm"):
            (daemon.state / name).unlink(missing_ok=True)
        shutil.copy(backup, daemon.state / "tempmaild.db")
        daemon.start()
        # Mail that came after the backup is gone, and what was here then is read with the keys that are here.
        kept = inbox_of(daemon, account)
        assert 20 <= len(kept) <= 120
        nobody = destroyed._replace(address=f"nobody@{DOMAIN}")
        assert refusal(daemon, destroyed) == refusal(daemon, nobody)
        deliver(daemon, account.address, 1)
        assert len(inbox_of(daemon, account)) == len(kept) + 1
        assert "restore" in daemon.command("audit", "list", "--action", "restore")
        assert "rows in order" in daemon.command("audit", "verify")
