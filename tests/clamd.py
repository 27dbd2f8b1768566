"""A clamd for tests: the real one, with the configuration that we document, and signatures of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tempmaild.settings.values import UnixAddress
from tests.needs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file that scanners take for malware, in pieces, so that none takes these tests for it (eicar.org)."""
SIGNATURE = "Eicar-Test-Signature.UNOFFICIAL"
PHISHING = b"A harmless text that stands for phishing"

_SIGNATURES = (
    # As in ClamAV's own signatures, the file begins with it; anywhere else it is nothing.
    f"Eicar-Test-Signature:0:0:{EICAR.hex()}",
    f"Test.Phishing.Harmless:0:*:{PHISHING.hex()}",
)
_CONFIG = Path(__file__).parents[1] / "config" / "clamd.conf"
_READY = "Self checking every"
"""What clamd writes last before it takes connections."""
_PAUSE = 0.01


class ClamdServer:
    """A clamd on a Unix socket in a folder of its own.

    Args:
        options: other values of the options in `config/clamd.conf`, and more options.

    Attributes:
        folder: where everything is, its socket and its temporary files among it.
    """

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._program = needs("clamd")
        self.folder = Path(tempfile.mkdtemp(prefix="tempmaild-clamd-"))
        self.address = UnixAddress(self.folder / "socket")
        for name in ("signatures", "temporary"):
            (self.folder / name).mkdir()
        (self.folder / "signatures" / "test.ndb").write_text("".join(f"{line}\n" for line in _SIGNATURES))
        documented = dict(
            line.split(" ", 1) for line in _CONFIG.read_text().splitlines() if line and not line.startswith("#")
        )
        del documented["LocalSocketGroup"]
        own = {
            "LocalSocket": str(self.address.path),
            "DatabaseDirectory": str(self.folder / "signatures"),
            "TemporaryDirectory": str(self.folder / "temporary"),
            "Foreground": "yes",
        }
        self._config = self.folder / "clamd.conf"
        self._output = self.folder / "output"
        lines = [f"{name} {value}\n" for name, value in (documented | own | dict(options or {})).items()]
        self._config.write_text("".join(lines))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and come back when it takes connections."""
        # A pipe would wake somebody to read each line that it says, which takes time where this is measured.
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [self._program, f"--config-file={self._config}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        while not any(line.startswith(_READY) for line in self._said().splitlines()):
            if self._process.poll() is not None:
                pytest.fail(f"clamd did not start: {self._said()}")
            time.sleep(_PAUSE)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once; its socket stays, and nobody listens."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it do nothing until `thaw`; connections are still taken, by the system."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder)

    def _said(self) -> str:
        return self._output.read_text(errors="replace")

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@pytest.fixture(scope="session")
def clamd() -> Iterator[ClamdServer]:
    """A clamd for all tests of this worker; who stops it starts it again."""
    server = ClamdServer()
    try:
        yield server
    finally:
        server.close()
