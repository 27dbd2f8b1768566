"""A message as the checks see it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.checks.signed_message import SignedMessage
from tempmaild.core.checking import Checking
from tempmaild.core.mime import parse
from tempmaild.core.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tempmaild.core.envelope import Envelope
    from tempmaild.core.mime import Part
    from tempmaild.core.summary import Summary
    from tempmaild.core.verdict import Finding, Report


class Mail(Struct, frozen=True):
    """A message that has arrived, and how.

    Attributes:
        content: as it was sent, without our trace fields; all its lines end with CRLF.
        client: the IP address of who brought it; "" for a Unix socket.
        helo: as the client has named itself.
        sender: of MAIL FROM; "" for the null reverse-path.
        recipients: addresses, as the client has named them.
        relayed: whether a host of ours brought it, whose address and name say nothing of the sender.
        checking: what the domain of the recipients wants.
    """

    content: bytes
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    relayed: bool
    checking: Checking
    utf8: bool = False

    @property
    def outside_client(self) -> str:
        """The IP address of who brought it, if that is no host of ours; else ""."""
        return "" if self.relayed else self.client


class Examined:
    """A message while it is examined.

    Attributes:
        mail: what arrived.
        reports: what checks have said so far, by their names; DMARC needs those of SPF and DKIM.
    """

    def __init__(self, mail: Mail, reports: Mapping[str, Report]) -> None:
        self.mail = mail
        self.reports = reports

    @cached_property
    def parsed(self) -> tuple[Part, Envelope]:
        """The part tree and the envelope."""
        return parse(self.mail.content)

    @cached_property
    def signed(self) -> SignedMessage:
        """The message as signatures see it."""
        return SignedMessage(self.mail.content)

    def summary(self, findings: tuple[Finding, ...]) -> Summary:
        """What is stored of it beside its content."""
        return summarise(self.mail.content, findings, self.parsed)

    @property
    def root(self) -> Part:
        """The root of the part tree."""
        return self.parsed[0]
