"""What the overview shows: what is so now, and what has happened over a time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tempmaild.service.statistics import Latency, latency_of, total
from tempmaild_admin import language
from tempmaild_admin.charts import Chart, Series, shares
from tempmaild_admin.periods import Period, period
from tempmaild_admin.presentation import number, size
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from markupsafe import Markup

    from tempmaild.core.health import Finding
    from tempmaild.store.statistics import Report

    Counts = Mapping[str, int]

_MOST_REASONS: Final = 12
"""That are shown; there are hardly more."""
_DISPOSITIONS: Final = (
    ("accept", _l("Accepted"), "good"),
    ("junk", _l("Junk"), "mild"),
    ("later", _l("Put off"), "warn"),
    ("refuse", _l("Refused"), "bad"),
)
"""What becomes of mail: as it is counted, as it is called, and its colour."""
REASONS: Final = {
    "address-reserved": _l("The address is reserved"),
    "arc": _l("ARC"),
    "attachments": _l("Attachment that is not accepted"),
    "banned": _l("Network is banned"),
    "block-rule": _l("Block rule"),
    "blocklists": _l("Client or domain is on a block list"),
    "clamav": _l("Malware"),
    "client": _l("Name of the client"),
    "defect": _l("Defect of this host"),
    "disk-full": _l("Disk is full"),
    "dkim": _l("DKIM"),
    "dmarc": _l("DMARC"),
    "domain-disabled": _l("Domain is disabled"),
    "invalid-address": _l("Address is impossible"),
    "mailbox-full": _l("Mailbox is full"),
    "mailbox-gone": _l("Mailbox is gone"),
    "malformed": _l("Message is malformed"),
    "message-too-large": _l("Message is too large"),
    "no-such-domain": _l("Domain is not ours"),
    "no-such-mailbox": _l("No such mailbox"),
    "out-of-memory": _l("Too much mail at once"),
    "spam": _l("Spam score"),
    "spf": _l("SPF"),
    "store-failed": _l("Database failed"),
    "too-fast": _l("Limit is reached"),
}
"""Why mail is not taken, or is junk: as it is counted, and as it is called."""
METHODS: Final = {
    "spf": _l("SPF"),
    "dkim": _l("DKIM"),
    "dmarc": _l("DMARC"),
    "arc": _l("ARC"),
    "iprev": _l("Name of the client's address"),
    "x-helo": _l("Name that the client gives"),
    "x-dnsbl": _l("Block lists"),
    "x-spam": _l("Spam filter"),
    "x-attachments": _l("Attachments"),
    "x-clamav": _l("Virus scanner"),
}
"""What checks tell of: as it is counted, in the order in which it is shown, and as it is called."""
_PASSED, _FAILED, _NOTHING = "pass", "fail", "none"
"""Results of a method; all others leave it open."""
_PROTOCOLS: Final = (("smtp", "SMTP", "a"), ("lmtp", "LMTP", "b"), ("imap", "IMAP", "c"), ("pop3", "POP3", "d"))
"""As they are counted (with an "s" behind where TLS starts at once), as they are called, and their colours."""


class Reason(NamedTuple):
    """Why some mail was not taken or is junk, and how much.

    Attributes:
        shares: as parts of what the most frequent reason has.
    """

    text: str
    junk: int
    later: int
    refused: int
    shares: Markup

    @property
    def all(self) -> int:
        """How much, whatever became of it."""
        return self.junk + self.later + self.refused


class Method(NamedTuple):
    """What a check has found of all mail."""

    text: str
    passed: int
    failed: int
    unclear: int
    nothing: int
    shares: Markup


class Now(NamedTuple):
    """What is so now.

    Attributes:
        messages: in all mailboxes, their octets, and those that the database takes; None where nobody has measured.
        sessions: that are open, by protocol; None where the daemon says nothing of itself.
        waiting: changes that wait for the writer.
        lag: of the reactors of the daemon's processes, the worst, in seconds.
        checking: processes that check mail, and how many there are to be; None without any.
    """

    mailboxes: int
    messages: int | None
    octets: int | None
    database: int | None
    sessions: list[tuple[str, int]] | None
    waiting: int
    lag: float
    checking: tuple[int, int] | None

    @property
    def all_sessions(self) -> int:
        """How many are open over all protocols."""
        return sum(count for _name, count in self.sessions or [])


class Overview(NamedTuple):
    """All of it.

    Attributes:
        has_domains: whether this host takes mail for any domain.
        totals: of the period, by what became of mail: its name, its colour, and how much.
        latency: of the messages of the period; None without any.
    """

    period: Period
    findings: list[Finding]
    has_domains: bool
    now: Now
    totals: list[tuple[str, str, int]]
    latency: Latency | None
    charts: list[Chart]
    reasons: list[Reason]
    methods: list[Method]


def gather(key: str) -> Overview:
    """Give all of it for one of `periods.PERIODS`."""
    parts = appliance()
    past = period(key, parts.now(), language.zone())
    counts = call(parts.statistics.between(past.edges))
    all_counts = Counter[str]()
    for step in counts:
        all_counts.update(step)
    levels = _levels(past)
    return Overview(
        period=past,
        findings=call(parts.health.findings()),
        has_domains=bool(call(parts.domains.page(limit=1))),
        now=_now(call(parts.statistics.gauges()), levels),
        totals=[(str(text), kind, all_counts[name]) for name, text, kind in _DISPOSITIONS],
        latency=latency_of(all_counts),
        charts=[
            _chart_of_mail(past, counts),
            _chart_of_latency(past, counts),
            _chart_of_sessions(past, counts),
            _chart_of_level("mailboxes", _("Active mailboxes"), past, levels),
            _chart_of_level("messages", _("Messages in mailboxes"), past, levels),
            _chart_of_storage(past, levels),
        ],
        reasons=_reasons(all_counts),
        methods=_methods(all_counts),
    )


def _levels(past: Period) -> list[dict[str, int]]:
    """Give what was measured last in each step."""
    levels: list[dict[str, int]] = [{} for _step in past.steps]
    at = 0
    for hour, name, value in call(appliance().amounts.levels(past.edges[0])):
        while at < len(levels) - 1 and hour >= past.edges[at + 1]:
            at += 1
        levels[at][name] = value
    return levels


def _now(reports: Sequence[Report], levels: Sequence[Mapping[str, int]]) -> Now:
    measured: Mapping[str, int] = {}
    for level in levels:
        measured = level or measured
    return Now(
        mailboxes=call(appliance().amounts.mailboxes()),
        messages=measured.get("messages"),
        octets=measured.get("octets"),
        database=measured.get("database"),
        sessions=[(text, _open(reports, name)) for name, text, _kind in _PROTOCOLS] if reports else None,
        waiting=int(total(reports, "writer/waiting")),
        lag=max((report.gauges.get("reactor/lag", 0.0) for report in reports), default=0.0),
        checking=_checking(reports),
    )


def _open(reports: Sequence[Report], protocol: str) -> int:
    return int(total(reports, f"sessions/{protocol}") + total(reports, f"sessions/{protocol}s"))


def _checking(reports: Sequence[Report]) -> tuple[int, int] | None:
    processes = int(total(reports, "checks/processes"))
    return (int(total(reports, "checks/ready")), processes) if processes else None


# Charts


def _chart_of_mail(past: Period, counts: Sequence[Counts]) -> Chart:
    series = [Series(str(text), kind, [step.get(name, 0) for step in counts]) for name, text, kind in _DISPOSITIONS]
    return _chart_of_counts("mail", _("What became of mail"), past, series)


def _chart_of_sessions(past: Period, counts: Sequence[Counts]) -> Chart:
    series = [
        Series(text, kind, [step.get(f"session/{name}", 0) + step.get(f"session/{name}s", 0) for step in counts])
        for name, text, kind in _PROTOCOLS
    ]
    away = [sum(count for name, count in step.items() if name.startswith("turned-away/")) for step in counts]
    series.append(Series(_("Turned away"), "bad", away))
    return _chart_of_counts("sessions", _("New connections"), past, series)


def _chart_of_counts(key: str, title: str, past: Period, series: list[Series]) -> Chart:
    return Chart(
        key=key,
        title=title,
        summary=", ".join(f"{each.name} {number(sum(value or 0 for value in each.values))}" for each in series),
        form="bars",
        steps=past.steps,
        marks=past.marks,
        series=series,
        write=number,
        whole=True,
    )


def _chart_of_latency(past: Period, counts: Sequence[Counts]) -> Chart:
    latencies = [latency_of(step) for step in counts]
    worst = max((each.p99 for each in latencies if each), default=0.0)
    return Chart(
        key="latency",
        title=_("From the end of a message to the answer"),
        summary=_("99 of 100 messages were answered within %(time)s at any time.", time=duration(worst)),
        form="lines",
        steps=past.steps,
        marks=past.marks,
        series=[
            Series(_("Half within"), "a", [each and each.p50 for each in latencies]),
            Series(_("95 of 100 within"), "b", [each and each.p95 for each in latencies]),
            Series(_("99 of 100 within"), "c", [each and each.p99 for each in latencies]),
        ],
        write=duration,
        unit=1.0 if worst > 1 else 0.001,
    )


def _chart_of_level(name: str, title: str, past: Period, levels: Sequence[Mapping[str, int]]) -> Chart:
    values = [level.get(name) for level in levels]
    most = max((value or 0 for value in values), default=0)
    return Chart(
        key=name,
        title=title,
        summary=_("There were %(count)s at most.", count=number(most)),
        form="lines",
        steps=past.steps,
        marks=past.marks,
        series=[Series(title, "a", values)],
        write=number,
        whole=True,
    )


def _chart_of_storage(past: Period, levels: Sequence[Mapping[str, int]]) -> Chart:
    series = [
        Series(_("Database on the disk"), "a", [level.get("database") for level in levels]),
        Series(_("Messages before compression"), "b", [level.get("octets") for level in levels]),
    ]
    most = max((value or 0 for each in series for value in each.values), default=0)
    return Chart(
        key="storage",
        title=_("Storage"),
        summary=_("It was %(size)s at most.", size=size(int(most))),
        form="lines",
        steps=past.steps,
        marks=past.marks,
        series=series,
        write=lambda octets: size(int(octets)),
        unit=_unit_of(most),
    )


def _unit_of(octets: float) -> float:
    unit = 1.0
    while octets >= unit * 1024:
        unit *= 1024
    return unit


def duration(seconds: float) -> str:
    """Write a time that is short."""
    if seconds >= 1:
        return f"{format_decimal(round(seconds, 1))} s"
    return f"{format_decimal(float(f'{seconds * 1000:.2g}'))} ms"


# Tables


def _reasons(counts: Counts) -> list[Reason]:
    """Give the most frequent reasons first."""
    found: dict[str, Counter[str]] = {}
    for name, count in counts.items():
        disposition, slash, reason = name.partition("/")
        if slash and disposition in {"junk", "later", "refuse"}:
            found.setdefault(reason, Counter())[disposition] += count
    by_count = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))
    most = by_count[0][1].total() if by_count else 1
    return [_reason(reason, each, most) for reason, each in by_count[:_MOST_REASONS]]


def _reason(reason: str, counts: Counter[str], most: int) -> Reason:
    kinds = {name: kind for name, _text, kind in _DISPOSITIONS}
    names = ("refuse", "later", "junk")
    return Reason(
        text=str(REASONS.get(reason, reason)),
        junk=counts["junk"],
        later=counts["later"],
        refused=counts["refuse"],
        shares=shares([(kinds[name], counts[name] / most) for name in names]),
    )


def _methods(counts: Counts) -> list[Method]:
    found: dict[str, Counter[str]] = {}
    for name, count in counts.items():
        method, equals, result = name.partition("=")
        if equals and not name.startswith("latency"):
            found.setdefault(method, Counter())[result] += count
    return [_method(method, found[method]) for method in _in_order(found)]


def _in_order(methods: Iterable[str]) -> list[str]:
    order = list(METHODS)
    return sorted(methods, key=lambda method: (order.index(method) if method in order else len(order), method))


def _method(method: str, counts: Counter[str]) -> Method:
    passed, failed, nothing = counts[_PASSED], counts[_FAILED], counts[_NOTHING]
    every = counts.total()
    unclear = every - passed - failed - nothing
    parts = (("good", passed), ("bad", failed), ("warn", unclear), ("none", nothing))
    drawn = shares([(kind, count / every) for kind, count in parts])
    return Method(str(METHODS.get(method, method)), passed, failed, unclear, nothing, drawn)
