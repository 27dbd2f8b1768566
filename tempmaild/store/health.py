"""How daemons have found the parts of their hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tempmaild.core.health import Finding

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_REMEMBERED = 86_400
"""Seconds that a host is remembered whose daemon has gone without a word; so long it counts as a problem."""


class HostHealth(Struct, frozen=True):
    """What a daemon has last said of its host. Times are in UTC epoch seconds.

    Attributes:
        host: its name.
        began_at: when this daemon began.
        noted_at: when it said so.
    """

    host: str
    began_at: int
    noted_at: int
    findings: list[Finding]


class PutHealth(Struct, frozen=True):
    """Have this instead of what the daemon of a host has said before."""

    host: str
    began_at: int
    findings: list[Finding]

    def apply(self, transaction: Transaction) -> None:
        """Note it, and forget hosts that have long been silent."""
        db, now = transaction.db, transaction.now
        db.run(
            "INSERT INTO health (host, began_at, noted_at, findings) VALUES (?, ?, ?, ?) ON CONFLICT (host) DO UPDATE"
            " SET began_at = excluded.began_at, noted_at = excluded.noted_at, findings = excluded.findings",
            *(self.host, self.began_at, now, msgspec.json.encode(self.findings).decode()),
        )
        db.run("DELETE FROM health WHERE noted_at < ?", now - _REMEMBERED)


class ForgetHealth(Struct, frozen=True):
    """Forget what was said of a host whose daemon ends."""

    host: str

    def apply(self, transaction: Transaction) -> None:
        """Forget it."""
        transaction.db.run("DELETE FROM health WHERE host = ?", self.host)


class HealthQueries:
    """What is read of it."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def hosts(self) -> list[HostHealth]:
        """Give what is known of every host, by name."""
        rows = self._db.rows("SELECT host, began_at, noted_at, findings FROM health ORDER BY host")
        return [
            HostHealth(host, began_at, noted_at, msgspec.json.decode(findings, type=list[Finding]))
            for host, began_at, noted_at, findings in rows
        ]
