"""What the operator has done to mailboxes again and again, and when: at times as cron has them, or every so often."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import msgspec
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from msgspec import Struct

from tempmaild.core.lifetime import LONGEST, SHORTEST
from tempmaild.core.timespan import MINUTE
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apscheduler.triggers.cron.fields import BaseField

SHORTEST_INTERVAL = 10
"""Seconds; no two due times of a schedule are closer together."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CLOCKS_DIFFER = 3600
"""Seconds by which the clock of another daemon may be ahead."""
# What cron and APScheduler both understand; APScheduler alone would take "mon/2" for "mon".
_CRON_ITEM = re.compile(r"(?:\*|\d{1,2}(?:-\d{1,2})?)(?:/\d{1,2})?|[a-z]{3}(?:-[a-z]{3})?", re.IGNORECASE)
_CRON_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_LEAP_YEAR = datetime(2000, 1, 1, tzinfo=UTC)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Purge(Struct, frozen=True):
    """Destroy the mailboxes that were made `older_than` seconds ago or earlier."""

    name: ClassVar[str] = "purge"
    older_than: int = 0

    def check(self) -> None:
        """See that it is possible.

        Raises:
            InvalidValue: it is not.
        """
        if not 0 <= self.older_than <= LONGEST:
            raise InvalidValue(
                "older_than",
                "%(value)s is not between 0 seconds (all) and %(most)s (ten years)",
                value=self.older_than,
                most=LONGEST,
            )


class Shorten(Struct, frozen=True):
    """Have mailboxes end no later than `to` seconds from then; those that end sooner stay as they are."""

    name: ClassVar[str] = "shorten"
    to: int

    def check(self) -> None:
        """See that it is possible.

        Raises:
            InvalidValue: it is not.
        """
        if not SHORTEST <= self.to <= LONGEST:
            raise InvalidValue(
                "to",
                "%(value)s is not between %(least)s seconds and %(most)s (ten years)",
                value=self.to,
                least=SHORTEST,
                most=LONGEST,
            )


class Report(Struct, frozen=True):
    """Count mailboxes and messages."""

    name: ClassVar[str] = "report"

    def check(self) -> None:
        """It is always possible."""


Action = Purge | Shorten | Report
ACTIONS: dict[str, type[Action]] = {kind.name: kind for kind in (Purge, Shorten, Report)}


def make_action(name: str, arguments: Mapping[str, int]) -> Action:
    """Make an action of what somebody has written.

    Raises:
        InvalidValue: there is none of this name, or its arguments are not such.
    """
    kind = ACTIONS.get(name)
    if kind is None:
        raise InvalidValue("action", "%(name)r is none of %(allowed)s", name=name, allowed=", ".join(ACTIONS))
    for field in arguments:
        if field not in kind.__struct_fields__:
            raise InvalidValue(field, "%(name)s has no such argument", name=name)
    for known in msgspec.structs.fields(kind):
        if known.required and known.name not in arguments:
            raise InvalidValue(known.name, "%(name)s needs it", name=name)
    action = kind(**arguments)
    action.check()
    return action


class Cron(Struct, frozen=True):
    """When a cron line says so, in UTC: minute, hour, day of the month, month, day of the week."""

    name: ClassVar[str] = "cron"
    line: str

    def check(self) -> None:
        """See that such a time ever comes.

        Raises:
            InvalidValue: it does not, or this is no cron line.
        """
        if len(self.line.split()) != len(_CRON_FIELDS):
            problem = "%(line)r does not have the five fields minute, hour, day of the month, month, day of the week"
            raise InvalidValue("cron", problem, line=self.line)
        try:
            comes = self.next(0)
        except ValueError as error:
            problem = "%(line)r is no cron line: %(problem)s"
            raise InvalidValue("cron", problem, line=self.line, problem=error) from None
        if comes is None:
            raise InvalidValue("cron", "%(line)r never comes", line=self.line)

    def next(self, after: int) -> int | None:
        """Give the first time after `after`; None if there is none.

        Raises:
            ValueError: this is no cron line.
        """
        trigger = _trigger(self.line)
        if trigger is None:
            return None
        # The trigger gives the moment itself where it fits.
        found = trigger.get_next_fire_time(None, datetime.fromtimestamp(after + 1, UTC))
        return None if found is None else int(found.timestamp())


class Every(Struct, frozen=True):
    """Every so many seconds, counted from the making of the schedule."""

    name: ClassVar[str] = "interval"
    seconds: int

    def check(self) -> None:
        """See that it is possible.

        Raises:
            InvalidValue: it is not.
        """
        if not SHORTEST_INTERVAL <= self.seconds <= LONGEST:
            raise InvalidValue(
                "every",
                "%(value)s is not between %(least)s seconds and %(most)s (ten years)",
                value=self.seconds,
                least=SHORTEST_INTERVAL,
                most=LONGEST,
            )

    def next(self, after: int, anchor: int) -> int:
        """Give the first time after `after`, counted from `anchor`."""
        return anchor + max((after - anchor) // self.seconds + 1, 1) * self.seconds


Timing = Cron | Every


class DomainCount(Struct, frozen=True):
    """How much there is in a domain.

    Attributes:
        expired: mailboxes whose time is over and that are not erased yet.
        octets: of all messages.
    """

    domain: str
    mailboxes: int
    expired: int
    messages: int
    octets: int


class Outcome(Struct, frozen=True):
    """What came of a run.

    Attributes:
        mailboxes: how many were destroyed, shortened or counted.
        messages: how many were in those that were destroyed or counted.
        domains: the report.
        ended_early: whether the daemon was stopped before everything was done.
        error: what it failed for; "" if it did not.
    """

    mailboxes: int = 0
    messages: int = 0
    domains: tuple[DomainCount, ...] = ()
    ended_early: bool = False
    error: str = ""


class Run(Struct, frozen=True):
    """A run that is over (UTC epoch seconds), and what came of it; the counts of domains are left out.

    Attributes:
        action: the name of that of the schedule at the time.
    """

    action: str
    began_at: int
    ended_at: int
    outcome: Outcome


class Schedule(Struct, frozen=True):
    """Something that is done to mailboxes again and again. All times in UTC epoch seconds.

    Attributes:
        domain: of the mailboxes; "" for all.
        id: 0 as long as it is not kept.
        last_due: the latest time for which it was run, or before which it is not to be run.
        last_run: when it was last run, 0 for never; `last_outcome` is what came of it.
        requested: how often somebody wished it to be run at once.
        answered: how many of these wishes were fulfilled.
    """

    name: str
    domain: str
    action: Action
    timing: Timing
    enabled: bool = True
    id: int = 0
    created_at: int = 0
    last_due: int = 0
    last_run: int = 0
    last_outcome: Outcome | None = None
    requested: int = 0
    answered: int = 0

    def check(self) -> None:
        """See that it is possible.

        Raises:
            InvalidValue: it is not; names the field.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue(
                "name", "%(name)r is not up to 64 ASCII letters, digits, '.', '_' and '-'", name=self.name
            )
        self.action.check()
        self.timing.check()

    def next_due(self, after: int) -> int | None:
        """Give the first time after `after` at which it is due; None if there is none."""
        if not self.enabled:
            return None
        if isinstance(self.timing, Cron):
            return self.timing.next(after)
        return self.timing.next(after, self.created_at)

    def coming(self, after: int, count: int) -> list[int]:
        """Give the first `count` times after `after` at which it is due, or as many as there are."""
        found: list[int] = []
        due = self.next_due(after)
        while due is not None and len(found) < count:
            found.append(due)
            due = self.next_due(due)
        return found

    def missed(self, now: int) -> int | None:
        """Give the latest time up to `now` at which it was due and was not run; None if there is none.

        However many there were, this one stands for all of them.
        """
        # Where the clock was ahead when it was last run, and was put right, the past is let be.
        since = self.last_due if self.last_due <= now + _CLOCKS_DIFFER else now - MINUTE
        until = now
        if not self._due_between(since, until):
            return None
        # There is always a due time after `since` up to `now`, and none after `until`.
        while until - since > SHORTEST_INTERVAL:
            middle = (since + until) // 2
            if self._due_between(middle, now):
                since = middle
            else:
                until = middle
        return self.next_due(since)

    def _due_between(self, after: int, until: int) -> bool:
        due = self.next_due(after)
        return due is not None and due <= until

    def is_waiting(self, now: int) -> bool:
        """Tell whether it is to be run now."""
        return self.requested > self.answered or self.missed(now) is not None


@lru_cache(maxsize=1024)
def _trigger(line: str) -> CronTrigger | OrTrigger | None:
    """Make a trigger of a cron line; None for one that never comes, as of 30 February.

    Raises:
        ValueError: it is none.
    """
    fields = line.lower().split()
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError(f"{line!r} does not have the five fields {', '.join(_CRON_FIELDS)}")
    for meaning, field in zip(_CRON_FIELDS, fields, strict=True):
        for item in field.split(","):
            if not _CRON_ITEM.fullmatch(item):
                raise ValueError(f"{item!r} is no {meaning}")
    *moment, day, month, weekday = fields
    weekdays = _weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        trigger = _crontab(*moment, day, month, weekdays)
        return trigger if _comes(trigger) else None
    # Where both days are given, cron wants either of them, APScheduler both.
    either = [_crontab(*moment, day, month, "*"), _crontab(*moment, "*", month, weekdays)]
    return OrTrigger([trigger for trigger in either if _comes(trigger)])


def _comes(trigger: CronTrigger) -> bool:
    """Tell whether some year has such a day; APScheduler alone would look at all years up to 9999, for a second.

    A day of a month falls on each day of the week at some time.
    """
    _, months, days, *_ = trigger.fields
    moments = (_LEAP_YEAR + timedelta(days=number) for number in range(366))
    return any(_has(months, at, at.month) and _has(days, at, at.day) for at in moments)


def _has(field: BaseField, at: datetime, value: int) -> bool:
    return bool(field.get_next_value(at) == value)


def _crontab(*fields: str) -> CronTrigger:
    return CronTrigger.from_crontab(" ".join(fields), UTC)


def _weekdays(field: str) -> str:
    """Give the days of the week by name: cron counts from Sunday, as 0 or 7, and APScheduler from Monday.

    Raises:
        ValueError: a day is none.
    """
    days: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        begin = 0 if first == "*" else _weekday(first)
        end = _weekday(last) if dash else 6 if first == "*" or step else begin
        # A week that ends with Sunday.
        end = 7 if dash and end == 0 < begin else end
        if end < begin:
            raise ValueError(f"{item!r} ends before it begins")
        if step and not int(step):
            raise ValueError(f"{item!r} goes no step")
        days.update(day % 7 for day in range(begin, end + 1, int(step or 1)))
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(text: str) -> int:
    if text.isdigit() and int(text) <= len(_WEEKDAYS):
        return int(text)
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    raise ValueError(f"{text!r} is no day of the week")


def arguments_to_text(action: Action) -> str:
    """Write the arguments of an action as the store keeps them (JSON)."""
    return msgspec.json.encode(action).decode()


def action_of_text(name: str, arguments: str) -> Action:
    """Read what `arguments_to_text` wrote."""
    return msgspec.json.decode(arguments, type=ACTIONS[name])


def timing_to_text(timing: Timing) -> str:
    """Write a timing as the store keeps it, beside its name."""
    return timing.line if isinstance(timing, Cron) else str(timing.seconds)


def timing_of_text(name: str, text: str) -> Timing:
    """Read what `timing_to_text` wrote."""
    return Cron(text) if name == Cron.name else Every(int(text))


def outcome_to_text(outcome: Outcome) -> str:
    """Write an outcome as the store keeps it (JSON)."""
    return msgspec.json.encode(outcome).decode()


def outcome_of_text(text: str) -> Outcome | None:
    """Read what `outcome_to_text` wrote; None for ""."""
    return msgspec.json.decode(text, type=Outcome) if text else None
