"""Runs mail programs, each in a home of its own with nothing of the user's, against a running daemon."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from enum import Enum
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

from tests.needs import needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon

_PATIENCE = 60
"""Seconds; whatever takes longer hangs."""


class Security(Enum):
    """How a connection is protected."""

    PLAIN = "plain"
    STARTTLS = "starttls"
    TLS = "tls"


class Site(NamedTuple):
    """What a client is told: where to go, how, and who it is; `home` is its home folder."""

    daemon: RunningDaemon
    account: Account
    security: Security
    home: Path

    @property
    def host(self) -> str:
        """The server's name, as its certificate has it; without TLS its address, which needs no resolver."""
        return "127.0.0.1" if self.security is Security.PLAIN else "localhost"

    @property
    def certificate(self) -> Path:
        """The certificate to trust."""
        return self.daemon.certificate

    def port(self, protocol: str) -> int:
        """Give the port of smtp, imap or pop3 for this kind of security."""
        port: int = getattr(self.daemon.ports, protocol + ("s" if self.security is Security.TLS else ""))
        return port

    def run(
        self,
        program: str,
        *arguments: str | Path,
        stdin: bytes = b"",
        fails: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run a program to its end.

        Args:
            fails: the program is expected to fail.
            environ: what its environment has besides.

        Returns:
            what it wrote to standard output.

        Raises:
            AssertionError: it did not do as expected; what it wrote is told.
        """
        process = subprocess.run(
            [needs(program), *map(str, arguments)],
            cwd=self.home,
            env=self._environ("dumb") | dict(environ or {}),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
        if (process.returncode != 0) != fails:
            said = (process.stdout[-3000:] + b"\n" + process.stderr[-3000:]).decode(errors="replace")
            raise AssertionError(f"{program} ended with {process.returncode}:\n{said}")
        return process.stdout

    def run_on_screen(self, program: str, *arguments: str | Path) -> None:
        """Run a program that wants a terminal, with nobody at it.

        Raises:
            AssertionError: it failed; what it showed is told.
        """
        ours, its = os.openpty()
        process = subprocess.Popen(
            [needs(program), *map(str, arguments)],
            cwd=self.home,
            env=self._environ("xterm"),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        killer = Timer(_PATIENCE, process.kill)
        killer.start()
        shown = b""
        try:
            # Reading fails when the program has closed its terminal, that is, at its end.
            with suppress(OSError):
                while piece := os.read(ours, 65536):
                    shown += piece
            code = process.wait()
        finally:
            killer.cancel()
            os.close(ours)
        assert code == 0, f"{program} ended with {code}:\n{shown[-3000:].decode(errors='replace')}"

    def _environ(self, terminal: str) -> dict[str, str]:
        self.home.mkdir(exist_ok=True)
        return {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local"),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TERM": terminal,
            "USER": "tester",
            "LOGNAME": "tester",
            "TMPDIR": str(self.home),
        }

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file of the client's home."""
        self.home.mkdir(exist_ok=True)
        path = self.home / name
        path.write_text(text)
        path.chmod(mode)
        return path
