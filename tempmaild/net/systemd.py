"""Telling systemd how the daemon is doing: sd_notify(3)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Sends to the socket that systemd has named; does nothing without one.

    Attributes:
        watchdog_interval: seconds between signs of life, 0 when none are wanted (sd_watchdog_enabled(3)).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with "@" for its leading NUL.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Half of what systemd waits for, as sd_watchdog_enabled(3) recommends.
        self.watchdog_interval = int(environ.get("WATCHDOG_USEC", "0")) / 2e6 if ours and path else 0.0

    def ready(self) -> None:
        """Everything listens; or, everything was reloaded."""
        self._send("READY=1")

    def reloading(self, monotonic: float) -> None:
        """The settings are being read again; `monotonic` as CLOCK_MONOTONIC has it, in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """The daemon goes down."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The reactor turns."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address:
            # Nobody there to hear it is no reason to stop.
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(message.encode(), self._address)
