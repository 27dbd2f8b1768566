"""The audit log: what was done to mailboxes and settings, only ever added to. Each row proves the one before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tempmaild.store.transaction import Transaction

FIRST = bytes(32)
"""What stands in the first row for the digest of the one before."""


def digest(previous: bytes, at: int, actor: str, action: str, subject: str, details: str) -> bytes:
    """Give the digest of a row: SHA-256 over the digest of the one before and the row's fields as a JSON array."""
    return hashlib.sha256(previous + msgspec.json.encode([at, actor, action, subject, details])).digest()


def record(transaction: Transaction, actor: str, action: str, subject: str, details: Mapping[str, object]) -> bytes:
    """Add a row; its digest.

    Args:
        actor: who did it: "operator", "owner", "sweep", or a schedule.
        subject: to what. A mailbox is never named: this row stays when nothing else is left of it.
    """
    db = transaction.db
    if not db.sqlite:
        # Daemons that add at the same time do so one after the other.
        db.row("SELECT value FROM counter WHERE name = 'settings' FOR UPDATE")
    row = db.row("SELECT digest FROM audit ORDER BY id DESC LIMIT 1")
    previous = bytes(row[0]) if row else FIRST
    text = msgspec.json.encode(details, order="deterministic").decode()
    new = digest(previous, transaction.now, actor, action, subject, text)
    db.run(
        "INSERT INTO audit (at, actor, action, subject, details, previous, digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(transaction.now, actor, action, subject, text, previous, new),
    )
    return new
