"""DMARC: whether the domain in From stands behind a message, and what its owner wants done otherwise (RFC 9989)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from msgspec.structs import replace

from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.kept import MOST_KEPT, Kept
from tempmaild.checks.waiting import shortly_before, within
from tempmaild.core.author import dns_name, find_author
from tempmaild.core.dmarc_record import Policy, applicable_record, organizational_domain, parse_records, walk
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.kept import Asking
    from tempmaild.checks.mail import Examined, Mail
    from tempmaild.core.author import Author
    from tempmaild.core.dmarc_record import Found, Record

_TOO_MANY: Final = Refusal("5.7.1", "The message has too many authors")


class Identifier(NamedTuple):
    """A domain of which SPF or DKIM has found out whether it stands behind the message (RFC 9989 §4.3)."""

    domain: str
    method: Literal["spf", "dkim"]
    passed: bool  # otherwise this could not be found out


class Identifiers(NamedTuple):
    """What SPF and DKIM have found out.

    Attributes:
        missing: why they have not looked for some; "" if they have.
        unknown: whether there may be others, of which nothing is known for now.
    """

    found: tuple[Identifier, ...]
    missing: str
    unknown: bool


class Outcome(NamedTuple):
    """What DMARC says about one author domain; `policy` is what its owner wants if it fails."""

    result: Literal["pass", "fail", "none", "temperror", "permerror"]
    domain: str
    policy: Policy | None = None
    reason: str = ""


class Dmarc:
    """Compares the domain in From with those that SPF and DKIM have authenticated.

    What the tree walk tells is what counts. The list of public suffixes is used where it tells nothing:

    * A record at a name of the list that does not say whether this is a public suffix (psd=) counts as one that does.
      Otherwise all who have a name below it could write in each other's names as soon as its registry publishes such
      a record, as registries did before RFC 9989.
    * No record is found for an authenticated domain, and none for the author's Organizational Domain says that it is
      one (psd=). Then the two are aligned if they are below one registered domain, as RFC 7489 §3.2 has it: who has a
      record at news.example.com only, and signs as example.com, would fail otherwise.

    Args:
        seconds: how long it may take.
    """

    def __init__(self, resolver: Resolver, suffixes: PublicSuffixList, seconds: float) -> None:
        self._suffixes = suffixes
        self._seconds = shortly_before(seconds)
        self._kept: Kept[Outcome] = Kept(resolver, MOST_KEPT)

    async def examine(self, examined: Examined) -> Report:
        """Evaluate each author domain; more than one, or more than one From field, never passes."""
        author = find_author(examined.mail.content, examined.root.body)
        if author.too_many:
            finding = Finding("dmarc", "permerror", reason=author.problem)
            return Report("bad", (finding,), refusal=_TOO_MANY, most="junk")
        identifiers = _find_identifiers(examined)
        try:
            outcomes = await within(self._seconds, self._outcomes(author, identifiers))
        except TimeoutError:
            outcomes = [Outcome("temperror", domain, reason="it took too long") for domain in author.domains]
        if author.problem:
            return _report_of_several(outcomes, author.problem)
        return _report(_with_arc(outcomes[0], examined))

    async def _outcomes(self, author: Author, identifiers: Identifiers) -> list[Outcome]:
        return [await self._outcome(domain, identifiers) for domain in author.domains]

    async def _outcome(self, author: str, identifiers: Identifiers) -> Outcome:
        of_whom = author, identifiers
        return await self._kept.outcome(of_whom, lambda asking: _Evaluation(asking, self._suffixes).outcome(*of_whom))


class _Evaluation:
    """The evaluation of one author domain."""

    def __init__(self, resolver: Asking, suffixes: PublicSuffixList) -> None:
        self._resolver = resolver
        self._suffixes = suffixes

    async def outcome(self, author: str, identifiers: Identifiers) -> Outcome:
        """Evaluate it."""
        try:
            found = await self._found_for(author, identifiers)
            applicable = applicable_record(author, found)
            if applicable is None:
                return Outcome("none", author)
            name, record = applicable
            if record.broken:
                return Outcome("permerror", author, reason=f"the policy record of {name} is malformed")
            result, reason = await self._result(author, found, record, identifiers)
            exists = result != "fail" or await self._exists(author, record)
        except LookupFailed:
            return Outcome("temperror", author, reason="DNS does not tell")
        policy = record.applied(below=name != author, exists=exists) if result in {"pass", "fail"} else None
        return Outcome(result, author, policy, reason)

    async def _found_for(self, author: str, identifiers: Identifiers) -> Found:
        """Walk the tree, unless the first record is enough because this very domain is authenticated."""
        if any(identifier.passed and identifier.domain == author for identifier in identifiers.found):
            own = await self._record(author)
            if own:
                return [(author, own)]
        return await self._walk(author)

    async def _result(
        self, author: str, found: Found, record: Record, identifiers: Identifiers
    ) -> tuple[Literal["pass", "fail", "none", "temperror"], str]:
        """Give the result, and the reason for it."""
        open_questions = identifiers.unknown
        for identifier in identifiers.found:
            strict = record.strict_spf if identifier.method == "spf" else record.strict_dkim
            try:
                aligned = await self._are_aligned(author, found, identifier.domain, strict=strict)
            except LookupFailed:
                open_questions = True
                continue
            if aligned and identifier.passed:
                return "pass", ""
            open_questions |= aligned
        if open_questions:
            return "temperror", "an authentication that matters could not be made"
        if identifiers.missing:
            return "none", identifiers.missing
        return "fail", "no authenticated domain is aligned"

    async def _are_aligned(self, author: str, found: Found, domain: str, *, strict: bool) -> bool:
        """Tell whether an authenticated domain may speak for the author's (RFC 9989 §4.10.2)."""
        if domain == author or strict:
            return domain == author
        organizational = organizational_domain(author, found)
        declared = any(record.psd != "u" for _, record in found)
        top = organizational if declared else self._suffixes.privatesuffix(author) or organizational
        if domain != top and not domain.endswith(f".{top}"):
            return False
        its = await self._walk(domain)
        return not its or organizational_domain(domain, its) == organizational

    async def _walk(self, domain: str) -> Found:
        found = []
        for name in walk(domain):
            record = await self._record(name)
            if record:
                found.append((name, record))
                if record.psd != "u":
                    break
        return found

    async def _record(self, name: str) -> Record | None:
        try:
            record = parse_records(await self._resolver.lookup(f"_dmarc.{name}", "TXT"))
        except NoSuchName:
            return None
        if record and record.psd == "u" and self._suffixes.is_public(name):
            return replace(record, psd="y")
        return record

    async def _exists(self, author: str, record: Record) -> bool:
        """Tell whether a domain exists, if that matters; only NXDOMAIN says that it does not (RFC 9989 §3.2.13)."""
        if record.missing is None:
            return True
        try:
            # Of a CNAME that leads nowhere, any other type would tell that its target does not exist.
            await self._resolver.lookup(author, "CNAME")
        except NoSuchName:
            return False
        return True


def _find_identifiers(examined: Examined) -> Identifiers:
    """Find out which domains SPF and DKIM have authenticated, or may yet; those that are come first."""
    mail, reports = examined.mail, examined.reports
    spf, dkim = reports.get("spf"), reports.get("dkim")
    found = []
    if spf:
        found.append(_spf_identifier(mail, spf))
    if dkim:
        found += [
            _identifier(dict(finding.properties).get("header.d", ""), "dkim", finding.result)
            for finding in dkim.findings
            if finding.method == "dkim"
        ]
    return Identifiers(
        tuple(sorted(dict.fromkeys(filter(None, found)), key=lambda identifier: not identifier.passed)),
        _missing(mail, spf, dkim),
        # A signature whose key could not be looked up has its domain; a check that could not be made has none.
        unknown=bool(dkim and dkim.state == "failed" and not any(finding.properties for finding in dkim.findings)),
    )


def _missing(mail: Mail, spf: Report | None, dkim: Report | None) -> str:
    if not mail.outside_client:
        return "the message has come by a relay of ours"
    return "" if spf and dkim else "SPF and DKIM have not both been checked"


def _spf_identifier(mail: Mail, report: Report) -> Identifier | None:
    """Give the domain of the reverse-path, for that of the client's name does not count (RFC 9989 §4.4.2)."""
    domain = mail.sender.rpartition("@")[2] or mail.helo
    # Without a reverse-path it is the client's name that was checked (RFC 7208 §2.4).
    properties = {"smtp.mailfrom"} if mail.sender else {"smtp.mailfrom", "smtp.helo"}
    results = [
        finding.result
        for finding in report.findings
        if finding.method == "spf" and not properties.isdisjoint(name for name, _ in finding.properties)
    ]
    if not results and report.state == "failed":
        results = ["temperror"]
    return _identifier(domain, "spf", results[0]) if results else None


def _identifier(domain: str, method: Literal["spf", "dkim"], result: str) -> Identifier | None:
    name = dns_name(domain) if result in {"pass", "temperror"} else None
    return Identifier(name, method, result == "pass") if name else None


def _with_arc(outcome: Outcome, examined: Examined) -> Outcome:
    """Tell of a chain that may excuse a failure, for those who trust whoever has sealed it (RFC 8617)."""
    arc = examined.reports.get("arc")
    if outcome.result == "fail" and arc and any(finding.result == "pass" for finding in arc.findings):
        return outcome._replace(reason=f"{outcome.reason}, but the ARC chain is intact")
    return outcome


def _report(outcome: Outcome) -> Report:
    properties = [("header.from", outcome.domain)]
    if outcome.policy:
        properties.append(("policy.dmarc", outcome.policy))
    finding = Finding("dmarc", outcome.result, tuple(properties), outcome.reason)
    if outcome.result == "temperror":
        refusal = Refusal("5.4.3", f"The DMARC policy for {outcome.domain} could not be looked up")
        return Report("failed", (finding,), refusal=refusal)
    if outcome.result == "fail" and outcome.policy != "none":
        # RFC 9989 §7.2 gives the words.
        refusal = Refusal("5.7.1", f"Email rejected per DMARC policy for {outcome.domain}")
        return Report("bad", (finding,), refusal=refusal, most="junk" if outcome.policy == "quarantine" else None)
    return Report(findings=(finding,))


def _report_of_several(outcomes: list[Outcome], problem: str) -> Report:
    """Do what the sternest of several owners wants (RFC 9989 §11.5); whoever is content, nothing passes."""
    due = sorted((outcome for outcome in outcomes if outcome.result == "fail"), key=_sternness)
    if due and due[-1].policy != "none":
        return _report(due[-1]._replace(reason=problem))
    unknown = next((outcome for outcome in outcomes if outcome.result == "temperror"), None)
    return _report(unknown) if unknown else Report(findings=(Finding("dmarc", "permerror", reason=problem),))


def _sternness(outcome: Outcome) -> int:
    return get_args(Policy).index(outcome.policy)
