"""What a delivery is made of, as values."""

from __future__ import annotations

from msgspec import Struct

from tempmaild.core.lifetime import Lifetime


class Opening(Struct, frozen=True):
    """A mailbox of an open domain that is to be made when mail arrives for it."""

    domain_id: int
    skeleton: str
    lifetime: Lifetime


class Recipient(Struct, frozen=True):
    """A mailbox that takes mail for an address, as it was when RCPT asked.

    A mailbox that got the address later has another `inbox_id`: mail that is under way never reaches it.

    Attributes:
        inbox_id: 0 for a mailbox that is made when the mail arrives, as `opening` says.
        expires_at: UTC epoch seconds.
        public_key: to which the mail is to be sealed; None where it is not.
        messages: how many INBOX may hold; 0 for any number.
        replaces_oldest: whether the oldest message goes when there is one too many; else none is taken.
        retention: seconds that a message stays; 0 for as long as its mailbox.
        largest: octets of the largest message that the domain of the address takes; 0 for what the settings say.
    """

    address: str
    mailbox_id: int
    inbox_id: int
    expires_at: int
    public_key: bytes | None = None
    messages: int = 0
    replaces_oldest: bool = False
    retention: int = 0
    opening: Opening | None = None
    largest: int = 0

    @property
    def may_be_full(self) -> bool:
        """Whether there can be too many messages for another one."""
        return self.messages > 0 and not self.replaces_oldest
