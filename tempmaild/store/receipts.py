"""Proofs that a mailbox was destroyed: signed by the host, found by the id that the owner was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import receipt as receipts
from tempmaild.store.audit import DESTRUCTION, SIGNING_KEY, knows_key, mailbox_subject, record

if TYPE_CHECKING:
    from tempmaild.store.audit import AuditRow
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

Place = tuple[int, bytes]
"""Where a page ends: the time and the digest of its last receipt."""


class KeptReceipt(NamedTuple):
    """A receipt that was issued.

    Attributes:
        lookup: what it is found by, which does not lead to the id that its owner has.
        text: JSON.
        issued_at: UTC epoch seconds.
    """

    lookup: bytes
    text: str
    issued_at: int


class ReceiptQueries:
    """What operators read of receipts."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def page(self, since: int, before: int, behind: Place | None, limit: int) -> list[KeptReceipt]:
        """Give up to `limit` receipts, the latest first: those behind a place, or from the beginning.

        Args:
            since: UTC epoch seconds, of the first that is meant.
            before: UTC epoch seconds, of the first that is not meant any more.
        """
        condition, parameters = "issued_at >= ? AND issued_at < ?", list[object]([since, before])
        if behind is not None:
            condition += " AND (issued_at, lookup) < (?, ?)"
            parameters += behind
        rows = self._db.rows(
            f"SELECT lookup, data, issued_at FROM receipt WHERE {condition}"
            " ORDER BY issued_at DESC, lookup DESC LIMIT ?",
            *(*parameters, limit),
        )
        return [KeptReceipt(bytes(row[0]), *row[1:]) for row in rows]

    def kept(self, lookup: bytes) -> KeptReceipt | None:
        """Give one by the digest that it is found by."""
        row = self._db.row("SELECT lookup, data, issued_at FROM receipt WHERE lookup = ?", lookup)
        return KeptReceipt(bytes(row[0]), *row[1:]) if row else None


def prove_destruction(
    transaction: Transaction, actor: str, mailbox_id: int, messages: int, lookup: bytes | None, subject: bytes | None
) -> None:
    """Note a destruction in the audit log, and issue the receipt of it if the owner can ask for one.

    Args:
        lookup: the digest of the receipt's id.
        subject: what the receipt is to call the mailbox.
    """

    def issue(row: AuditRow) -> None:
        if lookup is None or subject is None:
            return
        vault = transaction.vault
        receipt = receipts.issue(
            vault.signing_key, vault.host, subject, messages, transaction.now, row.id, row.digest
        )
        transaction.db.run(
            "INSERT INTO receipt (lookup, data, issued_at) VALUES (?, ?, ?)",
            *(lookup, receipts.to_text(receipt), transaction.now),
        )

    if lookup is not None:
        _introduce_key(transaction)
    name = mailbox_subject(mailbox_id, subject)
    record(transaction, actor, DESTRUCTION, name, {"messages": messages}, issue)


def _introduce_key(transaction: Transaction) -> None:
    """Have the audit log say with which key this host signs from now on, unless it does."""
    vault = transaction.vault
    key = vault.signing_key.verify_key.encode().hex()
    if not knows_key(transaction.db, key) and (SIGNING_KEY, key) not in transaction.notes:
        record(transaction, "host", SIGNING_KEY, key, {"host": vault.host})
