"""Schedules: kept, changed, taken up by one daemon of many, and what they need to know of mailboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from tempmaild.core.schedule import (
    DomainCount,
    Outcome,
    Run,
    Schedule,
    action_of_text,
    arguments_to_text,
    outcome_of_text,
    outcome_to_text,
    timing_of_text,
    timing_to_text,
)
from tempmaild.errors import NameTaken, NoSuchSchedule
from tempmaild.store.audit import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

KEPT_RUNS = 100
"""Runs of a schedule that are remembered."""
_SCHEDULE = (
    "id, name, domain, action, arguments, trigger, timing, enabled, created_at, last_due, last_run, last_result,"
    " requested, answered"
)


class AddSchedule(Struct, frozen=True):
    """Keep a schedule; it is first due after now."""

    schedule: Schedule
    actor: str = ""

    def apply(self, transaction: Transaction) -> Schedule:
        """Keep it.

        Raises:
            NameTaken: there is one of this name.
        """
        db, new, now = transaction.db, self.schedule, transaction.now
        if db.row("SELECT 1 FROM schedule WHERE name = ?", new.name):
            raise NameTaken(new.name)
        db.run(
            f"INSERT INTO schedule ({_SCHEDULE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, 0)",
            *(transaction.next_id(), new.name, new.domain, *_texts(new), new.enabled, now, now),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "schedule-add", new.name, _details(new))
        return _kept(transaction, new.name)


class ChangeSchedule(Struct, frozen=True):
    """Have domain, action, timing, and whether it is enabled, as `schedule` says; its name stays."""

    schedule: Schedule
    actor: str = ""

    def apply(self, transaction: Transaction) -> Schedule:
        """Change it.

        Raises:
            NoSuchSchedule: it is not there.
        """
        db, new = transaction.db, self.schedule
        old = _kept(transaction, new.name)
        last_due = old.last_due
        if new.timing != old.timing or new.enabled != old.enabled:
            # The times at which it would have been due until now are none that were missed.
            last_due = max(last_due, transaction.now)
        db.run(
            "UPDATE schedule SET domain = ?, action = ?, arguments = ?, trigger = ?, timing = ?, enabled = ?,"
            " last_due = ? WHERE id = ?",
            *(new.domain, *_texts(new), new.enabled, last_due, old.id),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "schedule-change", new.name, _details(new))
        return _kept(transaction, new.name)


class RemoveSchedule(Struct, frozen=True):
    """Keep a schedule no longer."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchSchedule: it is not there.
        """
        if not transaction.db.run("DELETE FROM schedule WHERE name = ?", self.name):
            raise NoSuchSchedule(self.name)
        transaction.settings_changed()
        record(transaction, self.actor, "schedule-remove", self.name, {})


class RequestRun(Struct, frozen=True):
    """Wish a schedule to be run at once, by whichever daemon takes it up."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Wish so.

        Raises:
            NoSuchSchedule: it is not there.
        """
        if not transaction.db.run("UPDATE schedule SET requested = requested + 1 WHERE name = ?", self.name):
            raise NoSuchSchedule(self.name)
        transaction.settings_changed()
        record(transaction, self.actor, "schedule-request", self.name, {})


class TakeUp(Struct, frozen=True):
    """Take up what is to be done for a schedule now, so that no other daemon does it as well."""

    schedule_id: int

    def apply(self, transaction: Transaction) -> Schedule | None:
        """Give the schedule as it is now; None when there is nothing to do, or another daemon was faster."""
        db = transaction.db
        lock = "" if db.sqlite else " FOR UPDATE"
        row = db.row(f"SELECT {_SCHEDULE} FROM schedule WHERE id = ?{lock}", self.schedule_id)
        if row is None:
            return None
        schedule = _schedule(row)
        if schedule.requested > schedule.answered:
            db.run("UPDATE schedule SET answered = requested WHERE id = ?", schedule.id)
            return schedule
        due = schedule.missed(transaction.now)
        if due is None:
            return None
        db.run("UPDATE schedule SET last_due = ? WHERE id = ?", due, schedule.id)
        return schedule


class NoteRun(Struct, frozen=True):
    """Note when a schedule was run, and what came of it."""

    schedule_id: int
    action: str
    at: int
    outcome: Outcome

    def apply(self, transaction: Transaction) -> None:
        """Note it, unless the schedule was removed."""
        db = transaction.db
        if not db.run(
            "UPDATE schedule SET last_run = ?, last_result = ? WHERE id = ?",
            *(self.at, outcome_to_text(self.outcome), self.schedule_id),
        ):
            return
        # The counts of all domains would be most of the database; the last ones are there.
        result = msgspec.structs.replace(self.outcome, domains=())
        db.run(
            "INSERT INTO schedule_run (schedule_id, action, began_at, ended_at, result) VALUES (?, ?, ?, ?, ?)",
            *(self.schedule_id, self.action, self.at, transaction.now, outcome_to_text(result)),
        )
        db.run(
            "DELETE FROM schedule_run WHERE schedule_id = ? AND id <="
            " (SELECT id FROM schedule_run WHERE schedule_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            *(self.schedule_id, self.schedule_id, KEPT_RUNS),
        )


class ShortenLifetimes(Struct, frozen=True):
    """Have mailboxes end no later than `until`, whatever their owners do."""

    mailbox_ids: tuple[int, ...]
    until: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> int:
        """Shorten their lives; how many of them would have lived longer."""
        db, until = transaction.db, self.until
        inboxes = db.rows(
            "UPDATE mailbox SET"
            " ends_at = CASE WHEN ends_at > ? THEN ? ELSE ends_at END,"
            " expires_at = CASE WHEN expires_at > ? THEN ? ELSE expires_at END,"
            " extend_until = CASE WHEN extend_until > ? THEN ? ELSE extend_until END"
            f" WHERE id {db.among} AND (ends_at > ? OR extend_until > ?) RETURNING inbox_id",
            *(until, until, until, until, until, until, db.listed(self.mailbox_ids), until, until),
        )
        if inboxes:
            transaction.lifetimes_changed()
            # Sessions that wait for mail in them look at the time again.
            transaction.touched |= {inbox_id for (inbox_id,) in inboxes}
            record(transaction, self.actor, "mailboxes-shorten", "", {"mailboxes": len(inboxes), "until": until})
        return len(inboxes)


class Found(NamedTuple):
    """A mailbox that a schedule may be for."""

    id: int
    address: str


class ScheduleQueries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def schedules(self) -> list[Schedule]:
        """Give all schedules by name."""
        rows = self._db.rows(f"SELECT {_SCHEDULE} FROM schedule")
        # Databases differ in how they order text.
        return sorted(map(_schedule, rows), key=lambda schedule: schedule.name)

    def schedule(self, name: str) -> Schedule | None:
        """Give the schedule of this name."""
        row = self._db.row(f"SELECT {_SCHEDULE} FROM schedule WHERE name = ?", name)
        return row and _schedule(row)

    def runs(self, schedule_id: int) -> list[Run]:
        """Give the runs of a schedule that are remembered, the last one first."""
        rows = self._db.rows(
            "SELECT action, began_at, ended_at, result FROM schedule_run WHERE schedule_id = ? ORDER BY id DESC",
            schedule_id,
        )
        return [
            Run(action, began, ended, outcome_of_text(result) or Outcome()) for action, began, ended, result in rows
        ]

    def made_until(self, domain_id: int | None, until: int, after: int, limit: int) -> list[Found]:
        """Give up to `limit` mailboxes that were made at `until` or earlier.

        Args:
            domain_id: only those of this domain.
            after: only those with greater ids, which they are ordered by.
        """
        return self._mailboxes("created_at <= ?", (until,), domain_id, after, limit)

    def ending_after(self, domain_id: int | None, until: int, after: int, limit: int) -> list[Found]:
        """Give up to `limit` mailboxes that end after `until` or may be extended beyond it.

        Arguments as for `made_until`.
        """
        return self._mailboxes("(ends_at > ? OR extend_until > ?)", (until, until), domain_id, after, limit)

    def _mailboxes(
        self, condition: str, parameters: Sequence[int], domain_id: int | None, after: int, limit: int
    ) -> list[Found]:
        of_domain, domain = ("", ()) if domain_id is None else (" AND domain_id = ?", (domain_id,))
        rows = self._db.rows(
            f"SELECT id, address FROM mailbox WHERE {condition}{of_domain} AND id > ? ORDER BY id LIMIT ?",
            *(*parameters, *domain, after, limit),
        )
        return [Found(*row) for row in rows]

    def counts(self, domain_id: int | None, now: int) -> list[DomainCount]:
        """Count what is in each domain, or in one, by name; looks at every mailbox and folder."""
        of_domain, domain = ("", ()) if domain_id is None else (" WHERE d.id = ?", (domain_id,))
        messages = {
            counted: (int(messages), int(octets))
            for counted, messages, octets in self._db.rows(
                "SELECT d.id, sum(f.messages), sum(f.size) FROM domain d JOIN mailbox m ON m.domain_id = d.id"
                f" JOIN folder f ON f.mailbox_id = m.id{of_domain} GROUP BY d.id",
                *domain,
            )
        }
        mailboxes = self._db.rows(
            "SELECT d.id, d.name, count(m.id), count(CASE WHEN m.expires_at <= ? THEN 1 END)"
            f" FROM domain d LEFT JOIN mailbox m ON m.domain_id = d.id{of_domain} GROUP BY d.id, d.name",
            *(now, *domain),
        )
        counts = [
            DomainCount(name, count, expired, *messages.get(counted, (0, 0)))
            for counted, name, count, expired in mailboxes
        ]
        return sorted(counts, key=lambda count: count.domain)


def _texts(schedule: Schedule) -> tuple[str, str, str, str]:
    """Give the columns `action`, `arguments`, `trigger` and `timing`."""
    action, timing = schedule.action, schedule.timing
    return action.name, arguments_to_text(action), timing.name, timing_to_text(timing)


def _details(schedule: Schedule) -> dict[str, object]:
    columns = ("action", "arguments", "trigger", "timing")
    return {"domain": schedule.domain, "enabled": schedule.enabled} | dict(
        zip(columns, _texts(schedule), strict=True)
    )


def _kept(transaction: Transaction, name: str) -> Schedule:
    """Give the schedule of this name.

    Raises:
        NoSuchSchedule: there is none.
    """
    row = transaction.db.row(f"SELECT {_SCHEDULE} FROM schedule WHERE name = ?", name)
    if row is None:
        raise NoSuchSchedule(name)
    return _schedule(row)


def _schedule(row: Sequence[Any]) -> Schedule:
    return Schedule(
        id=row[0],
        name=row[1],
        domain=row[2],
        action=action_of_text(row[3], row[4]),
        timing=timing_of_text(row[5], row[6]),
        enabled=bool(row[7]),
        created_at=row[8],
        last_due=row[9],
        last_run=row[10],
        last_outcome=outcome_of_text(row[11]),
        requested=row[12],
        answered=row[13],
    )
