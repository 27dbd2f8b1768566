"""A server that is measured, and tempmaild as one."""

from __future__ import annotations

import random
import socket
from abc import ABC, abstractmethod
from contextlib import closing
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import structs

from tempmaild.appliance import open_appliance
from tests.bench.process import Tree
from tests.daemon import AS_SHIPPED, DOMAIN, HOST, RunningDaemon
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.daemon import Account

ACCOUNTS = 100
"""Accounts of each role."""

_ENDLESS_SESSIONS = {"max_messages_per_connection": 0}
_UNCHECKED = {"checks": {"enabled": False}}
"""The peers check nothing either, but in the rows that are about it."""
_PORTS = range(10_000, 20_000)
"""Below those that Linux gives to outgoing connections, and beside those of tests/daemon.py."""


class Role(Enum):
    """What accounts are for: mail is only sent to some, so that those which are read stay as they are."""

    TAKER = "taker"
    READER = "reader"


class Server(ABC):
    """A server with accounts, on free ports, all its files in a folder of its own.

    Attributes:
        ports: where it listens on loopback, by protocol.
    """

    ports: Mapping[str, int]

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    @abstractmethod
    def start(self) -> None:
        """Start it, and come back when it can be connected to."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it; may be called when it does not run."""

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    @property
    @abstractmethod
    def tree(self) -> Tree:
        """Its processes."""

    def accounts(self, role: Role) -> Path:
        """Give the file with the accounts of a role, for the load generator."""
        return self.folder / role.value

    def drain(self) -> None:
        """Wait until everything that it has accepted is where it belongs."""
        return

    def write_accounts(self, role: Role, accounts: Sequence[tuple[str, str]]) -> None:
        """Write the file with the accounts, pairs of address and secret, of a role."""
        self.accounts(role).write_text("".join(f"{address} {secret}\n" for address, secret in accounts))


class Tempmaild(Server):
    """tempmaild as it is run, with its log in a file.

    Args:
        sections: settings, by their sections.
    """

    def __init__(self, folder: Path, sections: Mapping[str, dict[str, Any]] = _UNCHECKED) -> None:
        super().__init__(folder)
        self.daemon = RunningDaemon(folder, {"smtp": _ENDLESS_SESSIONS, "reading": AS_SHIPPED, **sections})
        self.make_accounts()

    def make_accounts(self) -> None:
        """Make the accounts of each role."""
        for role in Role:
            self.write_accounts(role, self.daemon.create_many(ACCOUNTS))

    def create(self) -> Account:
        """Make one more account."""
        return self.daemon.create()

    def start(self) -> None:
        self.daemon.start()
        # They may have changed, when another program was faster at one of them.
        ports = self.daemon.ports
        self.ports = {name: getattr(ports, name) for name in ("smtp", "lmtp", "imap", "imaps", "pop3")}

    def stop(self) -> None:
        self.daemon.close()

    @property
    def tree(self) -> Tree:
        return Tree(self.daemon.pid)


class UnsealedTempmaild(Tempmaild):
    """One whose mailboxes are not sealed, to see what sealing costs."""

    def make_accounts(self) -> None:
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            domain = run(appliance.domains.get(DOMAIN))
            run(appliance.domains.change(structs.replace(domain, sealed=False)))
        super().make_accounts()


def free_ports(*protocols: str) -> dict[str, int]:
    """Find a free port on loopback for each protocol."""
    chance = random.SystemRandom()
    found: dict[str, int] = {}
    while len(found) < len(protocols):
        port = chance.choice(_PORTS)
        with socket.socket() as attempt:
            try:
                attempt.bind((HOST, port))
            except OSError:
                continue
        if port not in found.values():
            found[protocols[len(found)]] = port
    return found
