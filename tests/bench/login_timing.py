"""How long failed logins take with and without such a mailbox: `python -m tests.bench.login_timing [TRIES]`.

A real daemon; the two kinds of names take turns, so that what else the machine does hits both.
"""

from __future__ import annotations

import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.appliance import open_appliance
from tempmaild.core.policy import Policy
from tests.daemon import HOST, start_daemon
from tests.support import run

if TYPE_CHECKING:
    from tests.daemon import RunningDaemon

DOMAIN = "chosen.test"
PASSWORD = "correct horse"
WRONG_CODE = "00041-06105-0r3gg-28a1c-60t3g-f"
WRONG_PASSWORD = "wrong horse"
_TRIES = 2000
_PASSWORD_TRIES = 100
_A_CONNECTION = 2
"""Failed logins after which a connection is left; at the third it would be ended."""

Attempt = Callable[[socket.socket, str, str], bytes]


class Times(NamedTuple):
    """Medians, in milliseconds, and all the answers there were."""

    existing: float
    missing: float
    answers: set[bytes]


def imap(client: socket.socket, name: str, secret: str) -> bytes:
    """Try to log in; the answer."""
    client.sendall(f'a LOGIN {name} "{secret}"\r\n'.encode())
    return client.recv(4096)


def pop3(client: socket.socket, name: str, secret: str) -> bytes:
    """Try to log in; the answer."""
    client.sendall(f"USER {name}\r\n".encode())
    client.recv(4096)
    client.sendall(f"PASS {secret}\r\n".encode())
    return client.recv(4096)


def measure(port: int, attempt: Attempt, names: tuple[str, str], secret: str, tries: int) -> Times:
    """Try in turns to log in as either name, the first of which exists."""
    times: tuple[list[float], list[float]] = ([], [])
    answers = set()
    for _ in range(0, tries, _A_CONNECTION):
        for name, taken in zip(names, times, strict=True):
            with socket.create_connection((HOST, port), timeout=30) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.recv(4096)
                for _ in range(_A_CONNECTION):
                    begun = time.perf_counter()
                    answers.add(attempt(client, name, secret))
                    taken.append(1000 * (time.perf_counter() - begun))
    return Times(statistics.median(times[0]), statistics.median(times[1]), answers)


def prepare(daemon: RunningDaemon) -> tuple[str, str]:
    """Make a mailbox with a password; its name, and one of the same length that nobody has."""
    appliance = open_appliance(daemon.settings)
    with closing(appliance.handle):
        run(appliance.domains.add(DOMAIN, policy=Policy(passwords=True)))
        run(appliance.mailboxes.create(f"somebody@{DOMAIN}", password=PASSWORD))
    return f"somebody@{DOMAIN}", f"whatever@{DOMAIN}"


def main() -> None:
    """Measure, and print the medians."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else _TRIES
    with tempfile.TemporaryDirectory() as folder:
        daemon = start_daemon(Path(folder))
        try:
            names = prepare(daemon)
            for protocol, port, attempt in (("IMAP", daemon.ports.imap, imap), ("POP3", daemon.ports.pop3, pop3)):
                for what, secret, count in (
                    ("a code", WRONG_CODE, tries),
                    ("a password", WRONG_PASSWORD, min(tries, _PASSWORD_TRIES)),
                ):
                    found = measure(port, attempt, names, secret, count)
                    print(  # noqa: T201 - what it is for
                        f"{protocol}, {what}, {count} tries each: existing {found.existing:.3f} ms, "
                        f"missing {found.missing:.3f} ms, difference {abs(found.existing - found.missing):.3f} ms",
                        flush=True,
                    )
        finally:
            daemon.close()


if __name__ == "__main__":
    main()
