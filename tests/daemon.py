"""A tempmaild that really runs: `python -m tempmaild run` on free loopback ports, with a state folder of its own."""

from __future__ import annotations

import os
import random
import selectors
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tempmaild import trial
from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.settings import load
from tempmaild.settings.tree import Reading
from tempmaild.settings.values import toml
from tests.support import run

if TYPE_CHECKING:
    from tempmaild.settings import Settings

HOST = "127.0.0.1"
DOMAIN = trial.DOMAIN
LIFETIME = 86_400
AS_SHIPPED = {"processes": Reading().processes}
"""The processes in which mailboxes are read; without it the daemon reads by itself, which starts sooner."""
_PROJECT = Path(__file__).parents[1]
_READY_WITHIN = 60.0
"""Seconds; a machine that is busy with other tests needs a few."""
_ATTEMPTS = 5
# Below the ports that Linux gives to outgoing connections, so that a port which is free now stays so.
_PORTS = range(20_000, 32_000)


class Account(NamedTuple):
    """A mailbox and the secret that opens it."""

    address: str
    secret: str


@dataclass(frozen=True)
class Ports:
    """Where a daemon listens on `HOST`; a name with an `s` speaks TLS from the first byte."""

    smtp: int
    smtps: int
    lmtp: int
    imap: int
    imaps: int
    pop3: int
    pop3s: int


class RunningDaemon:
    """A daemon in a process of its own, which may be stopped, killed and started again.

    Attributes:
        state: its state folder; `config` in it are its settings, `certificate` is what its clients may trust.
        log: what it wrote to standard error, over all its starts.
        lmtp_socket: where it listens for LMTP beside `ports.lmtp`.
        ports: the same over all its starts.
    """

    def __init__(self, folder: Path, sections: dict[str, dict[str, Any]]) -> None:
        self.state = folder / "state"
        self.config = self.state / "tempmaild.toml"
        self.certificate = self.state / "certificate.pem"
        self.log = folder / "tempmaild.log"
        self.lmtp_socket = self.state / "lmtp.sock"
        self.ports = _free_ports()
        self._sections = sections
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("TEMPMAILD_")}
        self._process: subprocess.Popen[bytes] | None = None
        self._notified: socket.socket
        self.state.mkdir(parents=True, exist_ok=True)
        if not self.certificate.exists():
            trial.make_certificate(self.certificate, self.state / "key.pem", datetime.now(UTC))
        self._write_settings()
        appliance = open_appliance(self.settings)
        with closing(appliance.handle):
            trial.add_domain(appliance)

    @property
    def settings(self) -> Settings:
        """The settings as they stand in the file."""
        return load(self.config, self._environ)

    @property
    def pid(self) -> int:
        """The running daemon's process."""
        assert self._process, "the daemon does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it, and come back when it says that it is ready.

        Raises:
            AssertionError: it does not get there; what it wrote is told.
        """
        assert self._process is None, "the daemon runs already"
        for _ in range(_ATTEMPTS):
            problem = self._try_to_start()
            if problem is None:
                return
            if "cannot listen" not in problem:
                break
            # Another program was faster at one of the ports that were free.
            self.ports = _free_ports()
            self._write_settings()
        raise AssertionError(problem)

    def stop(self, within: float = 60.0) -> int:
        """Ask it to stop, and wait; its exit code, 0 when all went well."""
        return self._end(signal.SIGTERM, within)

    def kill(self) -> None:
        """End it as a loss of power would, as far as a process can tell."""
        self._end(signal.SIGKILL, 60.0)

    def reload(self) -> None:
        """Have it read its settings and certificates again, and come back when it has."""
        os.kill(self.pid, signal.SIGHUP)
        assert self._is_ready(), "the daemon is gone"

    def restart(self) -> None:
        """Stop it when it runs, and start it again on the same ports and state."""
        if self._process:
            self.stop()
        self.start()

    def create(self, address: str = DOMAIN, lifetime: int = LIFETIME) -> Account:
        """Make a mailbox of this address, or one with a made-up name in this domain, for `lifetime` seconds."""
        return self.create_many(1, address, lifetime)[0]

    def create_many(self, count: int, address: str = DOMAIN, lifetime: int = LIFETIME) -> list[Account]:
        """Make several mailboxes, as the command line does it: beside the daemon, on its database."""
        appliance = open_appliance(self.settings)
        with closing(appliance.handle):
            made = [run(appliance.mailboxes.create(address, Lifetime(lifetime))) for _ in range(count)]
        return [Account(new.mailbox.address, new.secret) for new in made]

    def command(self, *arguments: str) -> str:
        """Call the `tempmaild` command with the daemon's settings; what it prints."""
        command = [sys.executable, "-m", "tempmaild", "--config", str(self.config), *arguments]
        called = subprocess.run(
            command, cwd=_PROJECT, env=self._environ, capture_output=True, text=True, check=False, timeout=60
        )
        assert called.returncode == 0, called.stderr
        return called.stdout

    def tls_context(self) -> ssl.SSLContext:
        """Give what a Python client needs to trust the daemon's certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def _write_settings(self) -> None:
        ports = self.ports
        sections: dict[str, dict[str, Any]] = {
            "host": {"name": "mx.box.test", "state": str(self.state)},
            "tls": {"certificate": str(self.certificate), "key": str(self.state / "key.pem")},
            "smtp": {"listen": [_on(ports.smtp)], "listen_tls": [_on(ports.smtps)]},
            "lmtp": {"listen": [_on(ports.lmtp), f"unix:{self.lmtp_socket}"]},
            "imap": {"listen": [_on(ports.imap)], "listen_tls": [_on(ports.imaps)]},
            "pop3": {"listen": [_on(ports.pop3)], "listen_tls": [_on(ports.pop3s)]},
            # Most tests are about something else, and there is no DNS for them.
            "checks": {"enabled": False},
            # So much less to start for each daemon; see AS_SHIPPED.
            "reading": {"processes": int(os.environ.get("TESTS_READING_PROCESSES", "0"))},
        }
        for name, options in self._sections.items():
            sections.setdefault(name, {}).update(options)
        lines = []
        for name, options in sections.items():
            lines += [f"[{name}]", *(f"{option} = {toml(value)}" for option, value in options.items()), ""]
        self.config.write_text("\n".join(lines))

    def _try_to_start(self) -> str | None:
        """Start it; None when it is ready, otherwise what it wrote."""
        written = self.log.stat().st_size if self.log.exists() else 0
        notify = self.state / "notify.sock"
        notify.unlink(missing_ok=True)
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(notify))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tempmaild", "--config", str(self.config), "run"],
                cwd=_PROJECT,
                env=self._environ | {"NOTIFY_SOCKET": str(notify)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self._is_ready():
            return None
        self._end(signal.SIGKILL, _READY_WITHIN)
        return self.log.read_bytes()[written:].decode(errors="replace") or "the daemon was silent"

    def _is_ready(self) -> bool:
        """Wait until the daemon says that it is ready, or ends."""
        process = os.pidfd_open(self.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._notified, selectors.EVENT_READ)
                selector.register(process, selectors.EVENT_READ)
                while ready := [key.fileobj for key, _ in selector.select(_READY_WITHIN)]:
                    if self._notified not in ready:
                        return False
                    if b"READY=1" in self._notified.recv(4096).split(b"\n"):
                        return True
            return False
        finally:
            os.close(process)

    def _end(self, how: signal.Signals, within: float) -> int:
        assert self._process, "the daemon does not run"
        process = self._process
        process.send_signal(how)
        try:
            code = process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            self._process = None
            self._notified.close()
        return code

    def close(self) -> None:
        """Leave nothing running."""
        if self._process:
            self.kill()


def start_daemon(folder: Path, **sections: dict[str, Any]) -> RunningDaemon:
    """Start a daemon whose files are in `folder`; who starts it closes it.

    Args:
        folder: a folder for this daemon alone.
        sections: options, by the section of the settings: `smtp={"max_message_bytes": 65536}`.
    """
    daemon = RunningDaemon(folder, sections)
    daemon.start()
    return daemon


def _on(port: int) -> str:
    return f"{HOST}:{port}"


def _free_ports() -> Ports:
    names = Ports.__dataclass_fields__
    found: dict[int, socket.socket] = {}
    try:
        # None of them twice: two sockets that do not listen yet may be bound to the same port.
        for port in random.sample(_PORTS, len(_PORTS)):
            if len(found) == len(names):
                break
            attempt = socket.socket()
            try:
                # As the daemon does it: connections that linger from another test do not keep a port.
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                attempt.bind((HOST, port))
            except OSError:
                attempt.close()
            else:
                found[port] = attempt
    finally:
        for attempt in found.values():
            attempt.close()
    return Ports(**dict(zip(names, found, strict=True)))
