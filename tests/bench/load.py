"""The load generator, loadgen.c: compiled, and called."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE = Path(__file__).with_name("loadgen.c")
_PATIENCE = 120
"""Seconds for one call; whatever takes longer hangs."""
_FOR_EVER = 1_000_000
"""More operations than are done before the call is ended."""


class LoadFailed(Exception):
    """A server has not done what the load generator asked of it."""


class Load(NamedTuple):
    """One kind of load.

    Attributes:
        protocol: smtp, lmtp, imap (a short session), imapf (FETCH in a loop), pop3, or idle (connections are held).
        connections: open at once.
        per_session: operations in one session.
        message: the file to send.
        pipelined: the envelope and DATA go in one write.
        in_turn: accounts are taken in turn, not at random.
    """

    protocol: str
    connections: int = 20
    per_session: int = 1
    message: Path | None = None
    recipients: int = 1
    pipelined: bool = False
    in_turn: bool = False

    @property
    def service(self) -> str:
        """The protocol that the server is to speak."""
        return {"imapf": "imap", "idle": "imap"}.get(self.protocol, self.protocol)


class Done(NamedTuple):
    """What a load came to."""

    operations: int
    rate: float
    """Operations a second."""


class LoadGenerator:
    """Calls the load generator, which is compiled into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "loadgen"
        compiler = ["gcc", "-O2", "-o", str(self._program), str(_SOURCE)]
        # It ignores what `fread` returns, which the compiler says without being asked.
        subprocess.run([*compiler, "-Wno-unused-result"], check=True)

    def run(self, load: Load, port: int, accounts: Path, operations: int) -> Done:
        """Have so many operations done.

        Raises:
            LoadFailed: not all of them were.
        """
        command = [*self._command(load, port, accounts), "-n", str(operations), "-T", str(_PATIENCE)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * _PATIENCE)
        # The rate of nothing is no number, which is all right in JSON for Python only as "NaN".
        said: dict[str, Any] = json.loads(ran.stdout.replace("-nan", "NaN")) if ran.stdout else {}
        if ran.returncode or said["errs"] or said["ops"] < operations:
            raise LoadFailed(f"{load.protocol}: {ran.stderr.strip() or ran.stdout.strip() or ran.returncode}")
        return Done(said["ops"], said["rate"])

    @contextmanager
    def held(self, load: Load, port: int, accounts: Path) -> Iterator[None]:
        """Have connections held that idle, all open when the block begins.

        Raises:
            LoadFailed: not all could be opened.
        """
        with self._background(load, port, accounts, "-H", "3600") as process:
            assert process.stdout
            said = json.loads(process.stdout.readline() or "{}")
            if said.get("idle") != load.connections or said["errs"]:
                raise LoadFailed(f"{load.protocol}: {said}")
            yield

    @contextmanager
    def going_on(self, load: Load, port: int, accounts: Path) -> Iterator[None]:
        """Have a load that lasts as long as the block.

        Raises:
            LoadFailed: it ended before the block did.
        """
        with self._background(load, port, accounts, "-n", str(_FOR_EVER)) as process:
            yield
            if process.poll() is not None:
                raise LoadFailed(f"{load.protocol}: ended with {process.returncode}")

    @contextmanager
    def _background(self, load: Load, port: int, accounts: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        command = [*self._command(load, port, accounts), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def _command(self, load: Load, port: int, accounts: Path) -> list[str]:
        options = {
            "-p": load.protocol,
            "-P": port,
            "-a": accounts,
            "-c": load.connections,
            "-k": load.per_session,
            "-R": load.recipients,
        }
        if load.message:
            options["-F"] = load.message
        flags = [flag for flag, on in (("-x", load.pipelined), ("-t", load.in_turn)) if on]
        return [str(self._program), *(str(word) for option in options.items() for word in option), *flags]
