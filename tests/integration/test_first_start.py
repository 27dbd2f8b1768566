"""A daemon starts where nothing was prepared: no database, and nobody but itself to make one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tests.daemon import start_daemon

if TYPE_CHECKING:
    from pathlib import Path


def test_a_daemon_makes_its_own_database(tmp_path: Path) -> None:
    with closing(start_daemon(tmp_path)) as daemon:
        daemon.stop()
        for file in daemon.state.glob("tempmaild.db*"):
            file.unlink()
        daemon.start()
        assert daemon.command("domain", "add", "new.test") == "new.test added (claimed, sealed)\n"
        assert daemon.create("anna@new.test").address == "anna@new.test"


def test_a_daemon_removes_what_a_restore_left_that_came_to_no_end(tmp_path: Path) -> None:
    with closing(start_daemon(tmp_path)) as daemon:
        daemon.stop()
        staged = daemon.state / "restoring"
        staged.mkdir()
        (staged / "keys.db").write_bytes(b"keys")
        daemon.start()
        assert not staged.exists()
