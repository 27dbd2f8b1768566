"""sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tempmaild.net.listeners import CannotListen, handed_over
from tempmaild.net.systemd import Notifier

if TYPE_CHECKING:
    from pathlib import Path

US = str(os.getpid())


@pytest.mark.parametrize("abstract", [False, True])
def test_notices(tmp_path: Path, abstract: bool) -> None:
    name = f"@tempmaild-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if abstract else name)
        listening.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.ready()
        notifier.reloading(12.5)
        notifier.alive()
        notifier.stopping()
        assert [listening.recv(1000) for _ in range(4)] == [
            b"READY=1",
            b"RELOADING=1\nMONOTONIC_USEC=12500000",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_nobody_needs_to_listen(environ: dict[str, str]) -> None:
    Notifier(environ).ready()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": US}, 15),
        ({"WATCHDOG_USEC": "30000000"}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({}, 0),
    ],
)
def test_signs_of_life(environ: dict[str, str], interval: float) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **environ}).watchdog_interval == interval
    assert Notifier(environ).watchdog_interval == 0


@pytest.mark.parametrize(
    ("environ", "sockets"),
    [
        ({}, {}),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "smtp"}, {}),
        ({"LISTEN_PID": US, "LISTEN_FDS": "0", "LISTEN_FDNAMES": ""}, {}),
        ({"LISTEN_PID": US, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "smtp"}, {"smtp": [3]}),
        (
            {"LISTEN_PID": US, "LISTEN_FDS": "4", "LISTEN_FDNAMES": "smtp:imap:smtp:lmtp"},
            {"smtp": [3, 5], "imap": [4], "lmtp": [6]},
        ),
    ],
)
def test_sockets(environ: dict[str, str], sockets: dict[str, list[int]]) -> None:
    assert handed_over(environ, ("smtp", "lmtp", "imap")) == sockets


@pytest.mark.parametrize("names", ["", "tempmaild.socket:smtp", "smtp", "smtp:"])
def test_sockets_that_nobody_knows(names: str) -> None:
    """A daemon that quietly listens nowhere would be found out much later."""
    with pytest.raises(CannotListen, match="FileDescriptorName="):
        handed_over({"LISTEN_PID": US, "LISTEN_FDS": "2", "LISTEN_FDNAMES": names}, ("smtp", "lmtp"))
