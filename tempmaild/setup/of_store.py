"""What the database tells: whether it is of this program, what jobs have done, and who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.plural import counted
from tempmaild.core.timespan import span
from tempmaild.jobs import looks
from tempmaild.setup.finding import Finding, of_health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core import health
    from tempmaild.core.schedule import Schedule
    from tempmaild.service.clock import Standing

_SWEEP_SECONDS = 300
"""A daemon notes the time every minute; a host that is busy may be late."""
_OF_THE_DAEMON = ("address ", "alerts", "block lists", "checking processes", "process ", "reactor", "writer")
"""What these findings are about cannot be seen from outside."""
_LATE_SECONDS = 600
"""A schedule that is due waits for others to end."""


def of_clock(standing: Standing) -> Iterator[Finding]:
    """Tell how the appliance's time stands, and so when a daemon has last swept."""
    if not standing.believed:
        text = "the clock of this host is not believed: it is far from when a daemon last ran"
        yield Finding("error", "clock", text, "see `tempmaild clock show`; if it is right: `tempmaild clock accept`")
    if not standing.mark:
        yield Finding("note", "sweep", "no daemon has ever run")
    elif (ago := int(standing.host) - standing.mark) > _SWEEP_SECONDS:
        text = f"what has expired was last erased {span(ago)} ago"
        yield Finding("error", "sweep", text, "systemctl status tempmaild; look for sweep-failed in its journal")
    else:
        yield Finding("fine", "sweep", "what has expired is erased")


def of_daemon(findings: list[health.Finding]) -> Iterator[Finding]:
    """Tell what only the daemon can know, as it has last found it."""
    for finding in findings:
        if finding.state != "fine" and finding.name.startswith(_OF_THE_DAEMON):
            yield of_health(finding)


def of_schedules(schedules: list[Schedule], now: float) -> Iterator[Finding]:
    """Tell which schedules have failed, or were not run when they were due."""
    wrong = False
    for schedule in schedules:
        subject = f"schedule {schedule.name}"
        if schedule.last_outcome and schedule.last_outcome.error:
            wrong = True
            text = f"its last run has failed: {schedule.last_outcome.error}"
            yield Finding("warning", subject, text, f"mend the cause, and: tempmaild schedule run {schedule.name}")
        if schedule.enabled and schedule.is_waiting(int(now) - _LATE_SECONDS):
            wrong = True
            yield Finding("warning", subject, "it is due and was not run", "systemctl status tempmaild")
    if schedules and not wrong:
        yield Finding("fine", "schedules", f"{len(schedules)}, none has failed")


def of_operator(address: str, *, there: bool) -> Finding:
    """Tell whether somebody gets the mail for postmaster."""
    if not address:
        text = "mail to postmaster@ and abuse@ is refused, which RFC 5321 wants to be taken"
        return Finding("warning", "operator", text, "tempmaild setup --operator postmaster@DOMAIN")
    if not there:
        return Finding("error", "operator", f"there is no mailbox {address}", f"tempmaild mailbox create {address}")
    return Finding("fine", "operator", f"{address} gets the mail for postmaster")


def of_people(owners: int) -> Finding:
    """Tell whether somebody can sign in to the console and invite others."""
    if owners:
        return Finding("fine", "console", counted(owners, "owner can sign in", "owners can sign in"))
    return Finding("warning", "console", "nobody can sign in", "tempmaild operator invite --role owner")


def of_domains(names: list[str]) -> Finding:
    """Tell whether there is anything to take mail for."""
    if names:
        return Finding("fine", "domains", f"mail is taken for {len(names)}")
    return Finding("error", "domains", "mail is taken for none", "tempmaild domain add DOMAIN")


def of_backups(folder: Path, now: float) -> Finding:
    """Tell how old the latest nightly backup is; here the folder for them is missed, too."""
    found = next(looks.of_backups(now, folder), None)
    if found is None:
        return Finding("warning", "backup", f"there is no folder {folder}", "run `tempmaild setup`")
    return of_health(found)
