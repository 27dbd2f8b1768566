"""The figures that this host gives to Prometheus: their names, their labels, and what they are made of.

docs/monitoring.md has the same table, which a test compares. No label has a value that others choose.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tempmaild.core.health import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tempmaild.core.health import Finding

Kind = Literal["counter", "gauge", "histogram", "info"]


class Metric(NamedTuple):
    """One figure, or one for each combination of labels; a counter's name ends with `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


class Sample(NamedTuple):
    """A value of a figure; `labels` are in the order of the figure's."""

    name: str
    labels: tuple[str, ...]
    value: float


OPENMETRICS = "application/openmetrics-text"


def wants_openmetrics(accept: str) -> bool:
    """Tell whether somebody who sends this Accept header wants the newer of the two text formats."""
    return any(part.partition(";")[0].strip().lower() == OPENMETRICS for part in accept.split(","))


_COUNTERS = (
    Metric("tempmaild_mail_total", "counter", ("disposition",), "Mail that came: accept, junk, refuse, later."),
    Metric("tempmaild_mail_decided_total", "counter", ("disposition", "by"), "What decided that, such as clamav."),
    Metric("tempmaild_check_total", "counter", ("method", "result"), "Results of checks, such as spf and pass."),
    Metric("tempmaild_sessions_opened_total", "counter", ("service",), "Connections that were opened."),
    Metric("tempmaild_turned_away_total", "counter", ("reason",), "Connections that were turned away."),
    Metric("tempmaild_mail_log_dropped_total", "counter", ("reason",), "What the mail log has not."),
)
LATENCY = Metric(
    "tempmaild_answer_seconds", "histogram", (), "From the end of a message's data to the 250, without a sum."
)
_GAUGES = (
    Metric("tempmaild_sessions", "gauge", ("service",), "Connections that are open."),
    Metric("tempmaild_writer_waiting", "gauge", (), "Changes that wait to be committed."),
    Metric("tempmaild_checking_processes", "gauge", ("state",), "Processes that check mail: all, and those ready."),
    Metric("tempmaild_checking_waiting", "gauge", (), "Messages that are being checked, or wait for it."),
    Metric("tempmaild_reactor_lag_seconds", "gauge", ("process",), "How long clients waited for a busy process."),
    Metric("tempmaild_mailboxes", "gauge", (), "Mailboxes that have not expired."),
    Metric("tempmaild_messages", "gauge", (), "Messages that are kept."),
    Metric("tempmaild_messages_bytes", "gauge", (), "Their size before they are compressed."),
    Metric("tempmaild_database_bytes", "gauge", (), "The size of the database on the disk."),
    Metric("tempmaild_disk_free_bytes", "gauge", (), "Free space where host.state is."),
    Metric("tempmaild_disk_bytes", "gauge", (), "All space there."),
    Metric("tempmaild_part_state", "gauge", ("part",), "0 fine, 1 unknown, 2 warning, 3 problem; the worst."),
    Metric("tempmaild_findings", "gauge", ("state",), "How many parts are fine, unknown, warning or problem."),
    Metric("tempmaild_ready", "gauge", (), "1 while mail is taken and served."),
    Metric("tempmaild_start_time_seconds", "gauge", (), "When the daemon began, in UTC epoch seconds."),
)
INFO = Metric("tempmaild_build_info", "info", ("version",), "The version of tempmaild.")
METRICS = (*_COUNTERS, LATENCY, *_GAUGES, INFO)

PARTS = (
    "address", "alerts", "backup", "block lists", "certificate", "checking processes", "clamd", "clock", "daemon",
    "database", "disk", "DNS", "listener", "process", "reactor", "schedule", "sweep", "writer",
)  # fmt: skip
"""Kinds of findings; some have many, such as a listener for each service."""
_MOST_VALUES = 200
"""Values of a label, or combinations; more than any of ours has, and a bound for whatever goes wrong."""

_COUNTED = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        ("(accept|junk|refuse|later)", "tempmaild_mail_total"),
        ("(accept|junk|refuse|later)/([a-z0-9-]{1,40})", "tempmaild_mail_decided_total"),
        ("([a-z0-9-]{1,40})=([a-z0-9-]{1,40})", "tempmaild_check_total"),
        ("session/([a-z0-9]{1,10})", "tempmaild_sessions_opened_total"),
        ("turned-away/([a-z-]{1,40})", "tempmaild_turned_away_total"),
        ("mail-log/([a-z-]{1,40})", "tempmaild_mail_log_dropped_total"),
    )
)
"""What is counted, by the names that `service.statistics` has."""
_GAUGED = tuple(
    (re.compile(pattern), name, labels)
    for pattern, name, labels in (
        ("sessions/([a-z0-9]{1,10})", "tempmaild_sessions", None),
        ("writer/waiting", "tempmaild_writer_waiting", ()),
        ("checks/processes", "tempmaild_checking_processes", ("all",)),
        ("checks/ready", "tempmaild_checking_processes", ("ready",)),
        ("checks/waiting", "tempmaild_checking_waiting", ()),
    )
)
_LEVELS = {
    "mailboxes": "tempmaild_mailboxes",
    "messages": "tempmaild_messages",
    "octets": "tempmaild_messages_bytes",
    "database": "tempmaild_database_bytes",
}
_PROCESS = re.compile("[a-z]{1,20}(?:-[0-9]{1,3})?")


def of_counts(counts: Mapping[str, int]) -> list[Sample]:
    """Give the counters; what is counted under other names is left out."""
    # What has not happened yet is told, too: else its first increase would not be seen.
    counts = dict.fromkeys(("accept", "junk", "refuse", "later"), 0) | dict(counts)
    found: list[Sample] = []
    for name, count in sorted(counts.items()):
        for pattern, metric in _COUNTED:
            if match := pattern.fullmatch(name):
                found.append(Sample(metric, match.groups(), count))
    return _bounded(found)


def of_gauges(processes: Mapping[str, Mapping[str, float]]) -> list[Sample]:
    """Give what the processes of a host say of themselves: added up, but for how late each is."""
    sums: Counter[tuple[str, tuple[str, ...]]] = Counter()
    found: list[Sample] = []
    for process, gauges in processes.items():
        for name, value in gauges.items():
            for pattern, metric, labels in _GAUGED:
                if match := pattern.fullmatch(name):
                    sums[metric, match.groups() if labels is None else labels] += value  # type: ignore[assignment]
        if "reactor/lag" in gauges and _PROCESS.fullmatch(process):
            found.append(Sample("tempmaild_reactor_lag_seconds", (process,), gauges["reactor/lag"]))
    found += [Sample(metric, labels, value) for (metric, labels), value in sums.items()]
    return _bounded(found)


def of_levels(levels: Mapping[str, int]) -> list[Sample]:
    """Give how much there is of everything."""
    return [Sample(metric, (), levels[name]) for name, metric in _LEVELS.items() if name in levels]


def of_findings(findings: Iterable[Finding]) -> Iterator[Sample]:
    """Give how the parts are."""
    states = dict.fromkeys(STATES, 0)
    parts: dict[str, int] = {}
    for finding in findings:
        states[finding.state] += 1
        part = next((part for part in PARTS if finding.name.startswith(part)), None)
        if part:
            label = part.lower().replace(" ", "_")
            parts[label] = max(parts.get(label, 0), STATES.index(finding.state))
    for state, count in states.items():
        yield Sample("tempmaild_findings", (state,), count)
    for label, worst in sorted(parts.items()):
        yield Sample("tempmaild_part_state", (label,), worst)


def _bounded(samples: list[Sample]) -> list[Sample]:
    """Leave out what is too much of one figure."""
    seen: Counter[str] = Counter()
    kept = []
    for sample in samples:
        seen[sample.name] += 1
        if seen[sample.name] <= _MOST_VALUES:
            kept.append(sample)
    return kept
