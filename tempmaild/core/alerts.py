"""When people are told that a part is not well: not of what passes, not every minute, and once that it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from tempmaild.core import iso_time
from tempmaild.core.health import STATES, Finding, State
from tempmaild.core.timespan import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLD = 120
"""Seconds that something has to be so, before anybody is told: what comes and goes wakes nobody up."""
REPEAT = 12 * HOUR
"""Seconds after which it is told again of what is still so."""
MOST_AN_HOUR = 12
"""Messages; what does not fit waits, and comes together in a later one."""
MOST_NEWS = 50
"""Of one message, which has to fit into what chats and telephones take; further ones are counted."""

_WORDS = {"new": "", "still": "Still: ", "over": "Over: "}


class Alert(Struct, frozen=True):
    """A part that is not well, or was a moment ago. Times are in UTC epoch seconds.

    Attributes:
        name: of the part, as in `Finding`.
        state: how it is, or was before it got better.
        since: when it has become like this, or worse.
        told: how bad it was when people were told; "fine" when they were not.
        told_at: when that was, 0 for never.
        better_since: since when it is no longer so; 0 while it is.
    """

    name: str
    state: State
    since: int
    told: State = "fine"
    told_at: int = 0
    better_since: int = 0


class News(Struct, frozen=True):
    """What people are to be told of one part.

    Attributes:
        kind: "new" that it is not well, that it "still" is not, that this is "over".
        finding: how it is now.
        since: when it has become like this (UTC epoch seconds).
    """

    kind: Literal["new", "still", "over"]
    finding: Finding
    since: int


class Plan(Struct, frozen=True):
    """What is to be remembered, and what is to be told; `news` are the worst first."""

    alerts: list[Alert]
    news: list[News]


def plan(findings: Iterable[Finding], alerts: Iterable[Alert], now: int, least: State = "problem") -> Plan:
    """Compare how the parts are with what is known and was told.

    Args:
        alerts: what the last plan gave, with `told` of what people were told since.
        least: the state from which on people are told.
    """
    found = {finding.name: finding for finding in findings}
    known = {alert.name: alert for alert in alerts}
    kept: list[Alert] = []
    news: list[News] = []
    for name in sorted({*found, *known}):
        # Of what is no longer looked at there is nothing to be said but that it is over.
        finding = found.get(name) or Finding(name, "fine", "it is no longer looked at")
        alert, told = _follow(finding, known.get(name), now, least)
        if alert:
            kept.append(alert)
        if told:
            news.append(told)
    return Plan(kept, sorted(news, key=lambda one: -STATES.index(one.finding.state)))


def told(alerts: Iterable[Alert], news: Iterable[News], now: int) -> list[Alert]:
    """Give what is to be remembered when people were told."""
    by_name = {one.finding.name: one for one in news}
    kept = []
    for alert in alerts:
        one = by_name.get(alert.name)
        if one is None:
            kept.append(alert)
        elif one.kind != "over":
            kept.append(msgspec.structs.replace(alert, told=one.finding.state, told_at=now))
    return kept


def subject(news: list[News], host: str) -> str:
    """Give the first line of a message."""
    counts = [
        (sum(one.kind != "over" and one.finding.state == "problem" for one in news), "problem"),
        (sum(one.kind != "over" and one.finding.state == "warning" for one in news), "warning"),
        (sum(one.kind == "over" for one in news), "over"),
    ]
    parts = [f"{count} {word}{'s' if count > 1 and word != 'over' else ''}" for count, word in counts if count]
    return f"tempmaild on {host}: {', '.join(parts)}"


def body(news: list[News]) -> str:
    """Give the text of a message."""
    parts = [_paragraph(one) for one in news[:MOST_NEWS]]
    if len(news) > MOST_NEWS:
        parts.append(f"… and {len(news) - MOST_NEWS} more; see the console.")
    return "\n\n".join(parts)


def _follow(finding: Finding, alert: Alert | None, now: int, least: State) -> tuple[Alert | None, News | None]:
    if STATES.index(finding.state) >= STATES.index(least):
        return _not_well(finding, alert, now)
    if alert is None or not alert.told_at:
        return None, None
    if finding.state == "unknown":
        # Nobody could tell: what people were told stands.
        return alert, None
    better_since = min(alert.better_since or now, now)
    alert = msgspec.structs.replace(alert, better_since=better_since)
    over = now - better_since >= HOLD
    return alert, News("over", finding, alert.since) if over else None


def _not_well(finding: Finding, alert: Alert | None, now: int) -> tuple[Alert, News | None]:
    # A time to come was noted before the clock was set back.
    if alert is None or STATES.index(finding.state) > STATES.index(alert.state) or alert.since > now:
        told_before = (alert.told, min(alert.told_at, now)) if alert else ("fine", 0)
        alert = Alert(finding.name, finding.state, now, *told_before)
    alert = msgspec.structs.replace(alert, state=finding.state, better_since=0)
    kind: Literal["new", "still"] | None = None
    if STATES.index(finding.state) > STATES.index(alert.told):
        kind = "new" if now - alert.since >= HOLD else None
    elif now - alert.told_at >= REPEAT:
        kind = "still"
    return alert, News(kind, finding, alert.since) if kind else None


def _paragraph(news: News) -> str:
    finding = news.finding
    state = {"problem": "Problem: ", "warning": "Warning: "}.get(finding.state, "") if news.kind != "over" else ""
    lines = [f"{_WORDS[news.kind]}{state}{finding.name}: {finding.text}"]
    if news.kind == "over":
        lines.append(f"It was not well since {iso_time.iso(news.since)}.")
    else:
        lines.append(f"Since {iso_time.iso(news.since)}.")
        if finding.remedy:
            lines.append(f"What to do: {finding.remedy}")
    return "\n".join(lines)
