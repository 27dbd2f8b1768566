"""All checks of one message, side by side, and what they come to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tempmaild.checks.mail import Examined
from tempmaild.checks.waiting import eager
from tempmaild.core.authentication_results import field, without_forged
from tempmaild.core.checking import AttachmentsRule, Checking, ClamavRule
from tempmaild.core.removal import without_parts
from tempmaild.core.verdict import Refusal, Report, Verdict

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Iterator, Mapping, Sequence

    from tempmaild.checks.mail import Mail
    from tempmaild.core.checking import Action, Failing, Rule
    from tempmaild.core.verdict import Removal
    from tempmaild.log import Log
    from tempmaild.settings import Settings

_DEPENDENT: Final = "dmarc"
"""The check that needs what the others have found out."""
_OUR_FIELDS: Final = ("X-Spam-Score",)
"""Fields that checks of ours write, and that nobody else may."""
_STERNNESS: Final = ("accept", "mark", "strip", "junk", "refuse")
_LATER: Final = Refusal("5.7.0", "The message cannot be checked now; please try again")
_REFUSED: Final = Refusal("5.7.1", "The message is not accepted here")


class Check(Protocol):
    """One check."""

    async def examine(self, examined: Examined) -> Report:
        """Find something out about a message."""


class Timed(NamedTuple):
    """A check, and the seconds that it may take."""

    check: Check
    seconds: float


class Pipeline:
    """Examines messages.

    Args:
        checks: by their names, which are the fields of `Checking`.
        host: who we are in Authentication-Results (RFC 8601 §2.5).
        seconds: that all checks of one message may take together.
    """

    def __init__(self, checks: Mapping[str, Timed], host: str, seconds: float, log: Log) -> None:
        self._checks = checks
        self._host = host
        self._seconds = seconds
        self._log = log

    async def examine(self, mail: Mail) -> Verdict:
        """Examine a message, and decide what is done with it."""
        return decide(mail, await self.reports(mail), self._host)

    async def reports(self, mail: Mail) -> dict[str, Report]:
        """Make the checks that the domain wants, and give what each says."""
        reports: dict[str, Report] = {}
        examined = Examined(mail, reports)
        wanted = [name for name in self._checks if rule_of(mail.checking, name).enabled]
        until = asyncio.get_running_loop().time() + self._seconds
        reports.update(await self._side_by_side([name for name in wanted if name != _DEPENDENT], examined, until))
        if _DEPENDENT in wanted:
            reports.update(await self._side_by_side([_DEPENDENT], examined, until))
        return reports

    async def _side_by_side(self, names: Sequence[str], examined: Examined, until: float) -> dict[str, Report]:
        """Make checks at the same time, each for as long as it may take."""
        begun = asyncio.get_running_loop().time()
        # From the last to the first: those that ask other programs come last, and these work meanwhile.
        tasks = {name: eager(self._report(name, examined)) for name in reversed(names)}
        going = {name: task for name, task in tasks.items() if not task.done()}
        if going:
            await self._wait(going, begun, until - begun)
        return {
            name: self._late(name) if not tasks[name].done() or tasks[name].cancelled() else tasks[name].result()
            for name in names
        }

    async def _wait(self, tasks: Mapping[str, Future[Report]], begun: float, most: float) -> None:
        """Wait for checks, each for as long as it may take but no more than `most` seconds, and end those left."""
        limits = {name: min(self._checks[name].seconds, most) for name in tasks}
        try:
            # One timer at a time, and with mail that nothing is wrong with just one: each costs as much as a look-up.
            for seconds in sorted(set(limits.values())):
                passed = asyncio.get_running_loop().time() - begun
                going = [task for task in tasks.values() if not task.done()]
                if going:
                    await asyncio.wait(going, timeout=max(seconds - passed, 0))
                for name, task in tasks.items():
                    if limits[name] <= seconds:
                        task.cancel()
        finally:
            for task in tasks.values():
                task.cancel()

    async def _report(self, name: str, examined: Examined) -> Report:
        try:
            return await self._checks[name].check.examine(examined)
        except Exception as error:  # a defect of ours, or of a library, must not let mail through unchecked
            self._log.failure("check-failed", error, check=name)
            return Report("failed")

    def _late(self, name: str) -> Report:
        self._log.warning("check-timed-out", check=name)
        return Report("failed")


def decide(mail: Mail, reports: Mapping[str, Report], host: str) -> Verdict:
    """Put together what the checks say of a message, by the rules of its recipients' domain."""
    steps = [_step(name, report, rule_of(mail.checking, name)) for name, report in reports.items()]
    sternest = max(steps, key=lambda step: _STERNNESS.index(step.action), default=_NO_STEP)
    later = next((step for step in steps if step.later), None)
    findings = tuple(finding for report in reports.values() for finding in report.findings)
    if sternest.action == "refuse":
        return Verdict("refuse", sternest.name, sternest.refusal, findings)
    if later:
        return Verdict("later", later.name, _LATER, findings)
    quarantined = sternest.action == "junk"
    keywords = [keyword for step in steps for keyword in step.keywords]
    return Verdict(
        disposition="junk" if quarantined else "accept",
        decided_by=sternest.name if sternest.action != "accept" else "",
        findings=findings,
        fields=b"".join([field(host, findings, utf8=mail.utf8), *_fields(reports)]),
        keywords=tuple(dict.fromkeys([*keywords, "$Junk"] if quarantined else keywords)),
        content=_changed(mail.content, [removal for step in steps for removal in step.removals], host),
    )


def failed(mail: Mail, names: Sequence[str], host: str) -> Verdict:
    """Decide about a message for which none of these checks could be made."""
    wanted = [name for name in names if rule_of(mail.checking, name).enabled]
    return decide(mail, dict.fromkeys(wanted, Report("failed")), host)


def configured(settings: Settings) -> list[str]:
    """Give the names of the checks that can be made; a domain may still not want them."""
    lists = settings.blocklists
    needed = {
        "blocklists": lists.dnsbl or lists.domains,
        "clamav": settings.clamav.address,
        "spam": settings.spam.address,
    }
    return [name for name in Checking.__struct_fields__ if needed.get(name, True)]


def rule_of(checking: Checking, name: str) -> Rule:
    """Give the rule of a check."""
    rule: Rule = getattr(checking, name)
    return rule


class _Step(NamedTuple):
    """What is due to one report."""

    name: str
    action: Action | str = "accept"
    later: bool = False
    refusal: Refusal | None = None
    keywords: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()


_NO_STEP = _Step("")


def _step(name: str, report: Report, rule: Rule) -> _Step:
    if report.state == "fine":
        return _Step(name, keywords=report.keywords)
    keywords = (*report.keywords, f"{name}-{_KEYWORDS[report.state]}")
    if report.state == "failed":
        failing: Failing = rule.failing
        if failing == "later":
            return _Step(name, later=True)
        return _Step(name, failing, keywords=keywords)
    action = _unscannable(rule) if report.state == "unscannable" else rule.action
    if report.most and _STERNNESS.index(report.most) < _STERNNESS.index(action):
        action = report.most
    if action == "strip":
        return _Step(name, "strip" if report.removals else "junk", keywords=keywords, removals=report.removals)
    return _Step(name, action, refusal=report.refusal or _REFUSED, keywords=keywords)


_KEYWORDS: Final = {"bad": "fail", "unscannable": "unscannable", "failed": "failed"}


def _unscannable(rule: Rule) -> Action:
    if isinstance(rule, ClamavRule):
        return rule.unscannable
    if isinstance(rule, AttachmentsRule):
        return rule.encrypted
    return rule.action


def _fields(reports: Mapping[str, Report]) -> Iterator[bytes]:
    return (line for report in reports.values() for line in report.fields)


def _changed(content: bytes, removals: Sequence[Removal], host: str) -> bytes | None:
    """Give a message without what is to be taken out of it; None when that is nothing."""
    changed = without_parts(content, removals) if removals else content
    changed = without_forged(changed, host, _OUR_FIELDS)
    return None if changed is content else changed
