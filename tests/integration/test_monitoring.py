"""A running daemon tells how it is: by HTTP, and in its database for everybody else."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import smtplib
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, RunningDaemon, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MESSAGE = "Subject: hello\r\n\r\nHello.\r\n"


@contextmanager
def watched(folder: Path) -> Iterator[RunningDaemon]:
    """Run a daemon that answers on a socket in its state folder."""
    daemon = start_daemon(folder, metrics={"listen": ["unix:metrics.sock"]})
    try:
        yield daemon
    finally:
        daemon.close()


class Connection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, daemon: RunningDaemon) -> None:
        super().__init__("localhost", timeout=30)
        self._path = str(daemon.state / "metrics.sock")

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def ask(daemon: RunningDaemon, path: str, accept: str = "*/*") -> tuple[int, str]:
    connection = Connection(daemon)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def figure(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


def test_the_daemon_tells_how_it_is(tmp_path: Path) -> None:
    with watched(tmp_path) as daemon:
        assert (daemon.state / "metrics.sock").stat().st_mode & 0o777 == 0o660
        assert ask(daemon, "/health/live") == (200, "The daemon lives.\n")
        code, text = ask(daemon, "/health/ready")
        told = json.loads(text)
        assert (code, told["ready"]) == (200, True)
        states = {finding["name"]: finding["state"] for finding in told["findings"]}
        listeners = {name.removeprefix("listener ") for name in states if name.startswith("listener ")}
        assert listeners == {"smtp", "smtps", "lmtp", "imap", "imaps", "pop3", "pop3s"}
        assert states["store"] == states["sweep"] == states["clock"] == "fine"
        where = next(finding["text"] for finding in told["findings"] if finding["name"] == "listener lmtp")
        assert where == f"It listens on {HOST}:{daemon.ports.lmtp}, unix:{daemon.lmtp_socket}."

        shown = daemon.command("alert", "show")
        assert "fine      daemon: It runs since" in shown
        assert f"fine      listener imaps: It listens on {HOST}:{daemon.ports.imaps}." in shown

        assert daemon.stop() == 0
        assert daemon.command("alert", "show").startswith("problem   daemon: No daemon runs")
        assert not (daemon.state / "metrics.sock").exists()


def test_figures_move_with_the_mail(tmp_path: Path) -> None:
    with watched(tmp_path) as daemon:
        account = daemon.create()
        code, before = ask(daemon, "/metrics")
        assert code == 200
        assert figure(before, "tempmaild_ready") == 1
        assert figure(before, 'tempmaild_mail_total{disposition="accept"}') == 0
        with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=30) as client:
            client.sendmail("a@example.org", [account.address], _MESSAGE)
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@example.org", ["nobody@box.test"], _MESSAGE)
        # What was counted is put away when the daemon ends, and every ten seconds.
        daemon.stop()
        assert json.loads(daemon.command("statistics", "--json"))["accept"] == 1
        daemon.start()
        _, after = ask(daemon, "/metrics", "application/openmetrics-text")
        assert after.endswith("# EOF\n")
        assert figure(after, 'tempmaild_mail_total{disposition="accept"}') == 0, "counters begin with the daemon"
        assert figure(after, "tempmaild_mailboxes") == 1
        assert account.address not in after
        assert "box.test" not in after


def test_a_daemon_that_hangs_does_not_say_that_it_lives(tmp_path: Path) -> None:
    with watched(tmp_path) as daemon:
        assert ask(daemon, "/health/ready")[0] == 200
        os.kill(daemon.pid, signal.SIGSTOP)
        connection = Connection(daemon)
        connection.request("GET", "/health/live")
        connection.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.getresponse()
        os.kill(daemon.pid, signal.SIGCONT)
        connection.close()
        assert ask(daemon, "/health/live")[0] == 200


def test_an_address_that_is_taken_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        where = f"{HOST}:{other.getsockname()[1]}"
        daemon = RunningDaemon(tmp_path, {"metrics": {"listen": [where]}})
        problem = daemon._try_to_start()
        assert problem
        assert f"metrics cannot listen on {where}" in problem
