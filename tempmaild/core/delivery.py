"""What a delivery is made of, as values."""

from __future__ import annotations

from msgspec import Struct


class Recipient(Struct, frozen=True):
    """A mailbox that takes mail for an address, as it was when RCPT asked.

    A mailbox that got the address later has another `inbox_id`: mail that is under way never reaches it.
    """

    address: str
    mailbox_id: int
    inbox_id: int
    expires_at: int
