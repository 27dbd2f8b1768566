"""Block lists of others in DNS, of addresses and of domains (RFC 5782)."""

from __future__ import annotations

import ipaddress
import time
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.waiting import side_by_side, within
from tempmaild.core import listing
from tempmaild.core.checking import STERNNESS
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.mail import Examined
    from tempmaild.log import Log
    from tempmaild.settings.filters import BlockList

_MOST_FROM: Final = 5
"""Addresses in From whose domains are looked up; each may be a query or three to every list."""
_MOST_REVERSE: Final = 2
"""Names of the client's address that are looked up."""
_REVERSE_SECONDS: Final = 1.5
"""How long finding them out may take: they are the least of what lists are asked about."""
_OFF_SECONDS: Final = 3600
"""How long a list that lists everybody is left alone, and how seldom the log tells of one that does not answer."""


class _Question(NamedTuple):
    """Whether a list has `label`, which stands for `subject`; `unlisted` is a label that it never has."""

    label: str
    subject: str
    unlisted: str


class _Hit(NamedTuple):
    """An entry that concerns a message; `code` is the list's answer, `reason` what it says of the entry."""

    block_list: BlockList
    subject: str
    code: str
    reason: str


class _Failure(NamedTuple):
    """A list that does not tell."""

    block_list: BlockList
    reason: str = ""


class _NoAnswer(Exception):
    """A list does not want to tell us; the text is its answer."""


class _ListsAll(Exception):
    """A list has what no list has: whoever kept it has given it up."""


class Blocklists:
    """Asks lists of addresses and of domains.

    Args:
        clock: seconds that only grow.
    """

    def __init__(
        self,
        resolver: Resolver,
        dnsbl: Sequence[BlockList],
        domains: Sequence[BlockList],
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._dnsbl = dnsbl
        self._domains = domains
        self._log = log
        self._clock = clock
        self._off_until: dict[str, float] = {}
        self._told_until: dict[str, float] = {}

    async def examine(self, examined: Examined) -> Report:
        """Tell which lists have the client, or a domain that is named in the message."""
        mail = examined.mail
        client = mail.outside_client
        asking = []
        if self._dnsbl and client:
            asking += [self._ask(one, [_of_address(client)]) for one in self._dnsbl]
        if self._domains:
            names = listing.domains_to_look_up(await self._names(examined, client))
            questions = [_Question(name, name, listing.UNLISTED_DOMAIN) for name in names]
            asking += [self._ask(one, questions) for one in self._domains]
        if not asking:
            return Report()
        return _report(await side_by_side(*asking))

    async def of_address(self, address: str) -> list[Finding]:
        """Tell which lists of addresses have this one ("fail"), and which do not tell ("temperror")."""
        answers = await side_by_side(*[self._ask(one, [_of_address(address)]) for one in self._dnsbl])
        return [_finding(answer) for answer in answers if answer]

    async def _names(self, examined: Examined, client: str) -> list[str]:
        """Give the domains that a message and its client name."""
        mail = examined.mail
        hosts = (address.host for address in examined.parsed[1].from_ if address.host)
        names = [host.decode("utf-8", "replace") for host in islice(hosts, _MOST_FROM)]
        names.append(mail.sender.rpartition("@")[2])
        if client:
            names += [mail.helo, *await self._reverse_names(client)]
        return names

    async def _reverse_names(self, client: str) -> Sequence[str]:
        pointer = ipaddress.ip_address(client).reverse_pointer
        try:
            names = await within(_REVERSE_SECONDS, self._resolver.lookup(pointer, "PTR"))
        except (NoSuchName, LookupFailed, TimeoutError):
            return ()
        return names[:_MOST_REVERSE]

    async def _ask(self, block_list: BlockList, questions: Iterable[_Question]) -> _Hit | _Failure | None:
        """Give the first entry that a list has; None for none, also of a list that is switched off."""
        if self._off_until.get(block_list.zone, 0) > self._clock():
            return None
        try:
            return await within(block_list.seconds, self._first_hit(block_list, questions))
        except (LookupFailed, TimeoutError):
            return _Failure(block_list)
        except _NoAnswer as answer:
            if self._told_until.get(block_list.zone, 0) <= self._clock():
                self._told_until[block_list.zone] = self._clock() + _OFF_SECONDS
                self._log.warning("blocklist-refuses", zone=block_list.zone, answer=answer)
            return _Failure(block_list, "the list does not answer us")
        except _ListsAll:
            self._off_until[block_list.zone] = self._clock() + _OFF_SECONDS
            self._log.error("blocklist-lists-everybody", zone=block_list.zone, off_seconds=_OFF_SECONDS)
        return None

    async def _first_hit(self, block_list: BlockList, questions: Iterable[_Question]) -> _Hit | None:
        for question in questions:
            if hit := await self._hit(block_list, question):
                return hit
        return None

    async def _hit(self, block_list: BlockList, question: _Question) -> _Hit | None:
        name = f"{question.label}.{block_list.zone}"
        answers = await self._addresses(name)
        meaning, code = listing.meaning(answers, block_list.codes)
        if meaning == "not listed":
            return None
        # RFC 5782 §5: asked only now, for a list that has nobody does no harm.
        if await self._addresses(f"{question.unlisted}.{block_list.zone}"):
            raise _ListsAll
        if meaning == "no answer":
            raise _NoAnswer(code)
        return _Hit(block_list, question.subject, code, await self._reason(name))

    async def _addresses(self, name: str) -> Sequence[str]:
        try:
            return await self._resolver.lookup(name, "A")
        except NoSuchName:
            return ()

    async def _reason(self, name: str) -> str:
        try:
            return listing.reason(await self._resolver.lookup(name, "TXT"))
        except (NoSuchName, LookupFailed):
            return ""


def _of_address(text: str) -> _Question:
    address = ipaddress.ip_address(text)
    return _Question(listing.address_label(address), text, listing.unlisted_address_label(address.version))


def _report(answers: Iterable[_Hit | _Failure | None]) -> Report:
    """Say what all lists together come to."""
    told = [answer for answer in answers if answer]
    hits = [answer for answer in told if isinstance(answer, _Hit)]
    findings = tuple(map(_finding, told)) or (Finding("x-dnsbl", "none"),)
    if hits:
        most = max((hit.block_list.action for hit in hits), key=STERNNESS.index)
        # The one who is told to be listed wants to know by whom, where it matters most.
        worst = next(hit for hit in hits if hit.block_list.action == most)
        refusal = Refusal("5.7.1", f"{worst.subject} is listed by {worst.block_list.zone}")
        return Report("bad", findings, refusal=refusal, most=most)
    return Report("failed" if told else "fine", findings)


def _finding(answer: _Hit | _Failure) -> Finding:
    """Give what RFC 8904 §2 has for lists of the good."""
    zone = ("dns.zone", answer.block_list.zone)
    if isinstance(answer, _Failure):
        return Finding("x-dnsbl", "temperror", (zone,), answer.reason)
    return Finding(
        "x-dnsbl", "fail", (zone, ("policy.ip", answer.code), ("policy.subject", answer.subject)), answer.reason
    )
