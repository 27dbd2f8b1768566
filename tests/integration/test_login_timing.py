"""Over real connections a failed login tells nobody whether there is such a mailbox.

The figure belongs to `tests/bench/login_timing.py`. Here is what a slow machine cannot blur: the answers are the
same, and where a password costs a tenth of a second on purpose, it does so for names that nobody has.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.bench.login_timing import PASSWORD, WRONG_CODE, WRONG_PASSWORD, imap, measure, pop3, prepare
from tests.daemon import HOST, start_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import RunningDaemon

PROTOCOLS = {"imap": imap, "pop3": pop3}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    folder: Path = tmp_path_factory.mktemp("timing")
    running = start_daemon(folder)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def names(daemon: RunningDaemon) -> tuple[str, str]:
    return prepare(daemon)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_answers_are_the_same(daemon: RunningDaemon, names: tuple[str, str], protocol: str) -> None:
    for secret in (WRONG_CODE, WRONG_PASSWORD):
        found = measure(getattr(daemon.ports, protocol), PROTOCOLS[protocol], names, secret, 2)
        assert len(found.answers) == 1, found.answers


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_password_costs_as_much_for_a_name_that_nobody_has(
    daemon: RunningDaemon, names: tuple[str, str], protocol: str
) -> None:
    port, attempt = getattr(daemon.ports, protocol), PROTOCOLS[protocol]
    worked_out = measure(port, attempt, names, WRONG_PASSWORD, 6)
    compared = measure(port, attempt, names, WRONG_CODE, 20)
    # Argon2id takes hundreds of times as long as a comparison.
    assert worked_out.missing > worked_out.existing / 4
    assert worked_out.missing > 4 * compared.missing


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_password_opens_the_mailbox(daemon: RunningDaemon, names: tuple[str, str], protocol: str) -> None:
    with socket.create_connection((HOST, getattr(daemon.ports, protocol)), timeout=60) as client:
        client.recv(4096)
        assert b"OK" in PROTOCOLS[protocol](client, names[0], PASSWORD)
