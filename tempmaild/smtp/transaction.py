"""A mail transaction between MAIL and the end of its data (RFC 5321 §3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.service.checking import Treatment
    from tempmaild.smtp.grammar import Path


@dataclass(slots=True)
class Transaction:
    """Who sends, and to whom.

    Attributes:
        size: octets that the client has announced (RFC 1870 §3), 0 when it has not; of the message once it is there.
        latest: the recipient that was named last, as the client has written it.
        data_ended: what the stopwatch of the statistics said when the message was here.
    """

    sender: Path
    utf8: bool
    size: int
    recipients: list[Recipient] = field(default_factory=list)
    latest: str = ""
    data_ended: float = 0.0
    _treatments: list[Treatment] = field(default_factory=list)

    def add(self, recipient: Recipient, path: Path, treatment: Treatment) -> None:
        """Have one recipient more."""
        self.recipients.append(recipient)
        self._treatments.append(treatment)
        self.latest = str(path)

    def treats_alike(self, treatment: Treatment) -> bool:
        """Tell whether all recipients so far want the mail to be treated like this."""
        return not self._treatments or treatment == self._treatments[-1]

    def groups(self, recipients: Sequence[Recipient]) -> dict[Treatment, list[Recipient]]:
        """Give some of the recipients by how they want the mail to be treated.

        There is one copy for each mailbox, by however many addresses it was named.
        """
        groups: dict[Treatment, dict[tuple[str, int], Recipient]] = {}
        for recipient, treatment in zip(self.recipients, self._treatments, strict=True):
            if recipient in recipients:
                groups.setdefault(treatment, {})[mailbox_of(recipient)] = recipient
        return {treatment: list(group.values()) for treatment, group in groups.items()}


def mailbox_of(recipient: Recipient) -> tuple[str, int]:
    """Give what tells mailboxes apart, those among them that are made when the mail arrives."""
    return recipient.address, recipient.inbox_id
