"""How the parts of this appliance are: what its daemons have found, and what only others can tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tempmaild.core import iso_time
from tempmaild.core.health import Finding, in_order
from tempmaild.core.timespan import span
from tempmaild.service.statistics import FRESH, total
from tempmaild.store.health import ForgetHealth, PutHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tempmaild.core.health import Values
    from tempmaild.core.schedule import Schedule
    from tempmaild.service.schedules import Schedules
    from tempmaild.service.statistics import Statistics
    from tempmaild.store.access import Access
    from tempmaild.store.health import HealthQueries, HostHealth
    from tempmaild.store.statistics import Report

_REMEMBERED = 86_400
"""Seconds for which processes are looked for that have fallen silent."""
_LATE_SECONDS = 600
"""A schedule that is due waits for others to end."""
_LAG_WARNING, _LAG_PROBLEM = 1.0, 10.0
"""Seconds that clients wait because the reactor is busy: they notice a second, and give up after some more."""
_WAITING_WARNING = 2000
"""Changes that wait for the writer: ten groups of the usual size, where there are hardly ever two."""
_MOST_SCHEDULES = 20
"""Schedules that are told of one by one; more that have failed have failed for the same reason."""


class Health:
    """Knows how the parts are.

    Args:
        clock: UTC epoch seconds.
        host: the name of this host.
    """

    def __init__(
        self,
        access: Access,
        queries: HealthQueries,
        host: str,
        statistics: Statistics,
        schedules: Schedules,
        clock: Callable[[], float],
    ) -> None:
        self._access = access
        self._queries = queries
        self._host = host
        self._statistics = statistics
        self._schedules = schedules
        self._clock = clock
        self._began_at = int(clock())

    async def put(self, findings: Sequence[Finding]) -> None:
        """Say how the parts of this host are, instead of what was said before; to be said every ten seconds.

        Raises:
            StoreFailed: it could not be put away.
        """
        await self._access.write(PutHealth(self._host, self._began_at, list(findings)))

    async def end(self) -> None:
        """Have it forgotten, because this daemon ends and will say nothing more.

        Raises:
            StoreFailed: it is not forgotten; it will soon look as if the daemon had died.
        """
        await self._access.write(ForgetHealth(self._host))

    async def findings(self) -> list[Finding]:
        """Give what is known of every part, the worst first.

        Raises:
            StoreFailed: the database cannot be read.
        """
        now = int(self._clock())
        hosts = await self._access.read(self._queries.hosts)
        began_at = {host.host: host.began_at for host in hosts if _is_fresh(host.noted_at, now)}
        reports = [
            report
            for report in await self._statistics.gauges(_REMEMBERED)
            # What was said before a daemon began is of processes that are no longer its own.
            if report.host in began_at and report.noted_at >= began_at[report.host]
        ]
        silent = [report for report in reports if not _is_fresh(report.noted_at, now)]
        found = [
            *_of_hosts(hosts, now),
            *(_of_silent(report, len(hosts) > 1, now) for report in silent),
            *_of_load([report for report in reports if report not in silent]),
            *_of_schedules(await self._schedules.list_all(), now),
        ]
        return in_order(found)


def _is_fresh(noted_at: int, now: int) -> bool:
    return now - noted_at <= FRESH


def _of_hosts(hosts: Sequence[HostHealth], now: int) -> Iterator[Finding]:
    if not hosts:
        advice = "systemctl start tempmaild; why it does not run: journalctl -u tempmaild"
        yield Finding("daemon", "problem", "No daemon runs: mail is neither taken nor served.", advice)
    for host in hosts:
        for finding in _of_host(host, now):
            # Of one host it need not be said which.
            yield finding if len(hosts) == 1 else _named(finding, host.host)


def _named(finding: Finding, host: str) -> Finding:
    return msgspec.structs.replace(finding, name=f"{finding.name} ({host})")


def _of_host(host: HostHealth, now: int) -> Iterator[Finding]:
    if _is_fresh(host.noted_at, now):
        yield Finding("daemon", "fine", "It runs since %(since)s.", "", {"since": iso_time.iso(host.began_at)})
        yield from host.findings
        return
    text = "It has said nothing for %(span)s: it has died or hangs, or cannot write to the database."
    advice = "systemctl status tempmaild; journalctl -u tempmaild"
    yield Finding("daemon", "problem", text, advice, {"span": span(now - host.noted_at)})
    for finding in host.findings:
        if finding.name.startswith("listener "):
            values: Values = {"span": span(now - host.noted_at)}
            yield Finding(finding.name, "problem", "There was no word of it for %(span)s.", advice, values)
        else:
            yield Finding(finding.name, "unknown", "Nobody looks at it while the daemon says nothing.", advice)


def _of_silent(report: Report, many: bool, now: int) -> Finding:
    """Tell of a process that has died or hangs, though the daemon lives."""
    advice = "journalctl -u tempmaild; if it does not come back: systemctl restart tempmaild"
    values: Values = {"span": span(now - report.noted_at)}
    finding = Finding(f"process {report.process}", "problem", "It has said nothing for %(span)s.", advice, values)
    return _named(finding, report.host) if many else finding


def _of_load(reports: Sequence[Report]) -> Iterator[Finding]:
    """Tell how processes keep up; what they do not say of themselves is not told."""
    if any("reactor/lag" in report.gauges for report in reports):
        yield _of_lag(max(report.gauges.get("reactor/lag", 0.0) for report in reports))
    if any("writer/waiting" in report.gauges for report in reports):
        yield _of_writer(int(total(reports, "writer/waiting")))
    processes = int(total(reports, "checks/processes"))
    if processes:
        yield _of_checks(int(total(reports, "checks/ready")), processes)


def _of_lag(seconds: float) -> Finding:
    values: Values = {"milliseconds": int(seconds * 1000)}
    if seconds < _LAG_WARNING:
        return Finding("reactor", "fine", "Clients wait for at most %(milliseconds)s ms.", "", values)
    text = "Clients wait for up to %(milliseconds)s ms, because it is busy."
    advice = "look what takes up the processors (top), and whether the disk is slow; lower limits, or add a host"
    return Finding("reactor", "problem" if seconds >= _LAG_PROBLEM else "warning", text, advice, values)


def _of_writer(waiting: int) -> Finding:
    values: Values = {"waiting": waiting}
    if waiting < _WAITING_WARNING:
        return Finding("writer", "fine", "It commits; changes that wait: %(waiting)s.", "", values)
    text = "%(waiting)s changes wait to be committed."
    return Finding("writer", "warning", text, "look whether the disk is slow (iostat), or the database", values)


def _of_checks(ready: int, processes: int) -> Finding:
    values: Values = {"ready": ready, "processes": processes}
    text = "Checking mail: %(ready)s of %(processes)s."
    if ready == processes:
        return Finding("checking processes", "fine", text, "", values)
    advice = "journalctl -u tempmaild tells why they end; they are started again by themselves"
    return Finding("checking processes", "warning" if ready else "problem", text, advice, values)


def _of_schedules(schedules: Sequence[Schedule], now: int) -> Iterator[Finding]:
    wrong = [finding for schedule in schedules for finding in _of_schedule(schedule, now)]
    yield from wrong[:_MOST_SCHEDULES]
    enabled = [schedule for schedule in schedules if schedule.enabled]
    if not enabled or wrong:
        return
    last = max(schedule.last_run for schedule in enabled)
    coming = [due for schedule in enabled if (due := schedule.next_due(now)) is not None]
    values: Values = {
        "count": len(enabled),
        "last": iso_time.iso(last) if last else "-",
        "next": iso_time.iso(min(coming)) if coming else "-",
    }
    text = "Enabled: %(count)s; the last run was at %(last)s, the next one is at %(next)s."
    yield Finding("schedules", "fine", text, "", values)


def _of_schedule(schedule: Schedule, now: int) -> Iterator[Finding]:
    name = f"schedule {schedule.name}"
    values: Values = {"name": schedule.name}
    if schedule.missed(now - _LATE_SECONDS) is not None:
        yield Finding(name, "problem", "It is due, and was not run.", "systemctl status tempmaild")
    elif schedule.last_outcome and schedule.last_outcome.error:
        values["error"] = schedule.last_outcome.error
        advice = "mend the cause, and: tempmaild schedule run %(name)s"
        yield Finding(name, "warning", "Its last run has failed: %(error)s", advice, values)
