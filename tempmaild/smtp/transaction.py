"""A mail transaction between MAIL and the end of its data (RFC 5321 §3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tempmaild.smtp.grammar import NULL_PATH, Path

if TYPE_CHECKING:
    from tempmaild.core.delivery import Recipient
    from tempmaild.service.checking import Arrival, Treatment


@dataclass(slots=True)
class Transaction:
    """Who sends, and to whom.

    Attributes:
        sender_domain: "" for the null reverse-path.
        size: octets that the client has announced (RFC 1870 §3), 0 when it has not; of the message once it is there.
        latest: the recipient that was named last, as the client has written it.
        data_ended: what the stopwatch of the statistics said when the message was here.
    """

    arrival: Arrival
    sender_domain: str
    size: int
    recipients: list[Recipient] = field(default_factory=list)
    latest: Path = NULL_PATH
    data_ended: float = 0.0
    _treatments: list[Treatment] = field(default_factory=list)

    @property
    def sender(self) -> str:
        """Of MAIL FROM; "" for the null reverse-path."""
        return self.arrival.sender

    def add(self, recipient: Recipient, path: Path, treatment: Treatment) -> None:
        """Have one recipient more."""
        self.recipients.append(recipient)
        self._treatments.append(treatment)
        self.latest = path

    def treats_alike(self, treatment: Treatment) -> bool:
        """Tell whether all recipients so far want the mail to be treated like this."""
        return not self._treatments or treatment == self._treatments[-1]

    def groups(self, octets: int) -> list[tuple[Treatment, list[Recipient]]]:
        """Give who takes a message of so many octets, by how they want it to be treated.

        There is one copy for each mailbox, by however many addresses it was named.
        """
        groups: list[tuple[Treatment, dict[tuple[str, int], Recipient]]] = []
        for recipient, treatment in zip(self.recipients, self._treatments, strict=True):
            if not takes(recipient, octets):
                continue
            group = next((group for known, group in groups if known == treatment), None)
            if group is None:
                group = {}
                groups.append((treatment, group))
            group[mailbox_of(recipient)] = recipient
        return [(treatment, list(group.values())) for treatment, group in groups]


def takes(recipient: Recipient, octets: int) -> bool:
    """Tell whether a recipient takes messages of so many octets."""
    return not 0 < recipient.largest < octets


def mailbox_of(recipient: Recipient) -> tuple[str, int]:
    """Give what tells mailboxes apart, those among them that are made when the mail arrives."""
    return recipient.address, recipient.inbox_id
