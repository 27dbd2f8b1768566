"""What is found out about mail that arrives, as the operator wants it."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from tempmaild.checks.mail import Mail
from tempmaild.core.authentication_results import without_forged
from tempmaild.core.checking import Checking, override
from tempmaild.core.verdict import UNCHECKED, Verdict
from tempmaild.errors import SenderBlocked
from tempmaild.settings import is_among

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.service.block_rules import BlockRules
    from tempmaild.service.directory import Directory
    from tempmaild.settings import Settings


class Examiner(Protocol):
    """Who makes the checks."""

    def examine(self, mail: Mail) -> Awaitable[Verdict]:
        """Examine a message; a verdict is all that can come of it."""


class Arrival(Struct, frozen=True):
    """Who brings a message.

    Attributes:
        client: its IP address, "" for a Unix socket.
        helo: as it has named itself.
        sender: of MAIL FROM, "" for the null reverse-path.
        utf8: whether SMTPUTF8 was asked for (RFC 6531).
    """

    client: str
    helo: str
    sender: str
    utf8: bool = False


class Treatment(Struct, frozen=True):
    """What the operator wants to be done with a message.

    Attributes:
        junk: whether it is junk whatever the checks say.
    """

    checking: Checking
    junk: bool = False


class Checks:
    """Checks mail by the rules of this host, of single domains, and about single senders.

    Args:
        examiner: who makes the checks; None where mail is not checked.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        block_rules: BlockRules,
        examiner: Examiner | None,
    ) -> None:
        self._directory = directory
        self._block_rules = block_rules
        self._examiner = examiner
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._name = settings.host.name
        self._host = checking_of(settings)
        # Most clients come again soon.
        self._is_relay = lru_cache(maxsize=4096)(partial(is_among, networks=settings.checks.relays))

    def _relays(self, client: str) -> bool:
        """Tell whether a client passes on what others have sent: its address says nothing of them."""
        return not client or self._is_relay(client)

    async def treatment(self, arrival: Arrival, domain_name: str) -> Treatment:
        """Give how mail to a domain is treated; `domain_name` may be as somebody has written it.

        Raises:
            SenderBlocked: it is not taken.
        """
        domain = await self._directory.find(domain_name)
        checking = override(self._host, domain.policy.checks) if domain else self._host
        await self._block_rules.refresh()
        name = domain.name if domain else domain_name
        client, helo = ("", "") if self._relays(arrival.client) else (arrival.client, arrival.helo)
        rule = self._block_rules.check(client, helo, arrival.sender, name)
        if rule is None:
            return Treatment(checking)
        if rule.action == "refuse":
            raise SenderBlocked(f"{rule.kind} {rule.subject}")
        if rule.action == "junk":
            return Treatment(checking, junk=True)
        return Treatment(_trusting(checking))

    async def examine(
        self, content: bytes, arrival: Arrival, recipients: Sequence[Recipient], treatment: Treatment
    ) -> Verdict:
        """Find out about a message, and decide what is done with it.

        Args:
            content: all its lines end with CRLF.
        """
        if self._examiner:
            addresses = tuple([recipient.address for recipient in recipients])
            verdict = await self._examiner.examine(self.mail(content, arrival, addresses, treatment))
        else:
            verdict = self._unchecked(content)
        return treated(verdict, treatment)

    def mail(self, content: bytes, arrival: Arrival, recipients: tuple[str, ...], treatment: Treatment) -> Mail:
        """Give a message as the checks see it."""
        return Mail(
            content=content,
            client=arrival.client,
            helo=arrival.helo,
            sender=arrival.sender,
            recipients=recipients,
            relayed=self._relays(arrival.client),
            checking=treatment.checking,
            utf8=arrival.utf8,
        )

    def _unchecked(self, content: bytes) -> Verdict:
        """Give the verdict where nothing is checked; even then nobody else speaks in our name."""
        cleaned = without_forged(content, self._name)
        return UNCHECKED if cleaned is content else Verdict(content=cleaned)


def treated(verdict: Verdict, treatment: Treatment) -> Verdict:
    """Give a verdict as it is with what the operator wants whatever the checks say."""
    if not treatment.junk or verdict.disposition != "accept":
        return verdict
    keywords = (*verdict.keywords, "$Junk")
    return msgspec.structs.replace(verdict, disposition="junk", decided_by="block-rule", keywords=keywords)


@lru_cache(maxsize=1024)
def _trusting(checking: Checking) -> Checking:
    """Give rules for a sender whom the operator allows: what others list and count does not concern it."""
    return override(checking, {name: {"enabled": False} for name in ("blocklists", "spam")})


def checking_of(settings: Settings) -> Checking:
    """Read the rules of this host from the settings, which say more of each check than that."""
    rules = {}
    for check in msgspec.structs.fields(Checking):
        section = getattr(settings, check.name)
        rules[check.name] = {field.name: getattr(section, field.name) for field in msgspec.structs.fields(check.type)}
    return msgspec.convert(rules, Checking)
