"""The process that writes, beside a daemon that serves."""

from __future__ import annotations

import os
import select
import signal
import smtplib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon import RunningDaemon

_MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
_PATIENCE = 60.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A daemon whose writer may be killed."""
    daemon = start_daemon(tmp_path)
    yield daemon
    daemon.close()


def writers(daemon: RunningDaemon) -> list[int]:
    """Give the processes that the daemon has started, but for those that read."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"tempmaild.reading" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def send(daemon: RunningDaemon, address: str) -> int:
    """Send a message; what the daemon answers in the end."""
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.ehlo()
        client.mail("a@sender.test")
        assert client.rcpt(address)[0] == 250
        return client.data(_MESSAGE)[0]


def test_a_writer_that_dies_is_started_again(daemon: RunningDaemon) -> None:
    address = daemon.create().address
    assert send(daemon, address) == 250
    (writer,) = writers(daemon)
    os.kill(writer, signal.SIGKILL)
    replies = [send(daemon, address)]
    deadline = time.monotonic() + _PATIENCE
    while replies[-1] != 250:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        replies.append(send(daemon, address))
    # RFC 5321 §4.2.1: try later
    assert set(replies[:-1]) <= {451}
    assert "writer-died" in daemon.log.read_text()
    (successor,) = writers(daemon)
    assert successor != writer
    assert f": {1 + 1} messages" in daemon.command("mailbox", "show", address)
    assert daemon.stop() == 0


def test_signals_to_the_whole_group_do_not_end_the_writer_first(daemon: RunningDaemon) -> None:
    """Ctrl-C and systemd tell every process of the service to stop."""
    address = daemon.create().address
    assert send(daemon, address) == 250
    (writer,) = writers(daemon)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(writer, number)
    assert send(daemon, address) == 250
    assert writers(daemon) == [writer]
    assert daemon.stop() == 0
    assert not Path(f"/proc/{writer}").exists()


def test_the_password_of_a_database_is_in_no_list_of_processes(daemon: RunningDaemon) -> None:
    (writer,) = writers(daemon)
    command = Path(f"/proc/{writer}/cmdline")
    deadline = time.monotonic() + _PATIENCE
    # A process that is just becoming another program has no arguments.
    while not (arguments := command.read_bytes()) and time.monotonic() < deadline:
        os.sched_yield()
    assert arguments.split(b"\0")[1:] == [b"-m", b"tempmaild.store", b""]


def test_the_writer_ends_with_a_daemon_that_is_killed(daemon: RunningDaemon) -> None:
    (writer,) = writers(daemon)
    process = os.pidfd_open(writer)
    try:
        daemon.kill()
        # It becomes readable when the process has ended.
        assert select.select([process], [], [], _PATIENCE)[0]
    finally:
        os.close(process)
