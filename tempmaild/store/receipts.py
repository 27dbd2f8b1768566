"""Proofs that a mailbox was destroyed: signed by the host, found by the id that the owner was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import receipt as receipts
from tempmaild.store.audit import DESTRUCTION, SIGNING_KEY, knows_key, mailbox_subject, record

if TYPE_CHECKING:
    from tempmaild.store.audit import AuditRow
    from tempmaild.store.transaction import Transaction


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
