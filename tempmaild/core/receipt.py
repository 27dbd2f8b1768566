"""The proof that a mailbox was destroyed, and the id by which its owner asks for it.

The id is random and known to the owner alone. The store has two digests of it: one to find the receipt by, and one of
id and address together, which the receipt shows. Who has neither learns nothing from the receipt of which mailbox it
is; who has both can check that it is theirs.
"""

from __future__ import annotations

import hashlib

from tempmaild.core.secret import typed


def lookup(receipt_id: str) -> bytes:
    """Give what a receipt is found by."""
    return hashlib.sha256(b"tempmaild receipt lookup\0" + typed(receipt_id)).digest()


def subject(receipt_id: str, address: str) -> bytes:
    """Give what a receipt calls the mailbox: a hash of its address, salted with the id."""
    return hashlib.sha256(b"tempmaild receipt subject\0" + typed(receipt_id) + b"\0" + address.encode()).digest()
