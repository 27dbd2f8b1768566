"""The operator's rules about senders and clients: changes to them, and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from tempmaild.core.block_rule import BlockRule, Kind
from tempmaild.errors import InvalidValue, NoSuchBlockRule
from tempmaild.store.audit import record
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

MOST_RULES = 500_000
"""Rules that there can be; all daemons keep all of them in memory, about 400 octets each."""
VERSION = "block_rules"
"""The counter that grows with every change of a rule."""

_COLUMNS = BlockRule.__struct_fields__
_RULE = ", ".join(_COLUMNS)
_ADD = (
    f"INSERT INTO block_rule ({_RULE}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    " ON CONFLICT (kind, subject, domain) DO UPDATE SET action = excluded.action, note = excluded.note,"
    " until = excluded.until, created_at = excluded.created_at"
)


class AddBlockRules(Struct, frozen=True):
    """Have these rules; one about the same as a rule that is there takes its place."""

    rules: tuple[BlockRule, ...]
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Add them.

        Raises:
            InvalidValue: there may be too many then. Those that take the place of another count as well.
        """
        db, now = transaction.db, transaction.now
        row = db.row("SELECT count(*) FROM block_rule")
        assert row is not None
        if row[0] + len(self.rules) > MOST_RULES:
            raise InvalidValue(
                "rules", "there are %(count)s, and there can be no more than %(most)s", count=row[0], most=MOST_RULES
            )
        db.run("DELETE FROM block_rule WHERE until > 0 AND until <= ?", now)
        rules = [msgspec.structs.replace(rule, created_at=now) for rule in self.rules]
        db.many(_ADD, [msgspec.structs.astuple(rule) for rule in rules])
        _changed(transaction)
        if len(rules) == 1:
            (rule,) = rules
            details = {"kind": rule.kind, "action": rule.action, "domain": rule.domain, "until": rule.until}
            record(transaction, self.actor, "block-add", _for_the_log(rule.kind, rule.subject), details)
        else:
            record(transaction, self.actor, "block-import", "", {"rules": len(rules)})


class RemoveBlockRule(Struct, frozen=True):
    """Have a rule no more."""

    kind: Kind
    subject: str
    domain: str = ""
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchBlockRule: it is not there.
        """
        removed = transaction.db.run(
            "DELETE FROM block_rule WHERE kind = ? AND subject = ? AND domain = ?",
            *(self.kind, self.subject, self.domain),
        )
        if not removed:
            raise NoSuchBlockRule(f"{self.kind} {self.subject}" + (f" for {self.domain}" if self.domain else ""))
        _changed(transaction)
        details = {"kind": self.kind, "domain": self.domain}
        record(transaction, self.actor, "block-remove", _for_the_log(self.kind, self.subject), details)


Key = tuple[str, str, str]
"""Kind, subject and domain: there is but one rule of each."""


class Wanted(NamedTuple):
    """Which rules are asked for: of a kind, with an action, with a part of the subject; "" for any."""

    kind: str = ""
    action: str = ""
    part: str = ""


class BlockRuleQueries:
    """What is read of rules."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def rules(self, now: int) -> list[BlockRule]:
        """Give the rules that hold at `now`, by kind, subject and domain."""
        rows = self._db.rows(f"SELECT {_RULE} FROM block_rule WHERE until = 0 OR until > ?", now)
        # Databases sort text in orders of their own.
        return [BlockRule(*row) for row in sorted(rows, key=_order)]

    def page(self, wanted: Wanted, now: int, after: Key | None, most: int) -> list[BlockRule]:
        """Give up to `most` rules that hold at `now`, by kind, subject and domain as the database sorts them.

        Args:
            after: kind, subject and domain of the last rule of the page before.
        """
        conditions, values = ["(until = 0 OR until > ?)"], list[object]([now])
        for column in ("kind", "action"):
            if value := getattr(wanted, column):
                conditions.append(f"{column} = ?")
                values.append(value)
        if wanted.part:
            conditions.append("instr(subject, ?) > 0" if self._db.sqlite else "strpos(subject, ?) > 0")
            values.append(wanted.part)
        if after:
            conditions.append("(kind, subject, domain) > (?, ?, ?)")
            values += after
        rows = self._db.rows(
            f"SELECT {_RULE} FROM block_rule WHERE {' AND '.join(conditions)} ORDER BY kind, subject, domain LIMIT ?",
            *(*values, most),
        )
        return [BlockRule(*row) for row in rows]

    def about(self, subjects: Mapping[Kind, Collection[str]], now: int) -> list[BlockRule]:
        """Give the rules that hold at `now` about any of these subjects, by kind, subject and domain."""
        rows = [
            row
            for kind, wanted in subjects.items()
            for row in self._db.rows(
                f"SELECT {_RULE} FROM block_rule WHERE kind = ? AND subject {self._db.among}"
                " AND (until = 0 OR until > ?)",
                *(kind, self._db.listed(wanted), now),
            )
        ]
        return [BlockRule(*row) for row in sorted(rows, key=_order)]

    def count(self) -> int:
        """Give how many there are; some may be over."""
        count: int = self._db.rows("SELECT count(*) FROM block_rule")[0][0]
        return count

    def version(self) -> int:
        """Give a number that grows with every change."""
        row = self._db.row("SELECT value FROM counter WHERE name = ?", VERSION)
        assert row is not None
        version: int = row[0]
        return version


_KIND, _SUBJECT, _DOMAIN = map(_COLUMNS.index, ("kind", "subject", "domain"))


def _order(row: tuple[str, ...]) -> tuple[str, str, str]:
    return row[_KIND], row[_SUBJECT], row[_DOMAIN]


def _changed(transaction: Transaction) -> None:
    # A counter of its own: whoever changes a domain makes nobody read all rules again.
    transaction.db.run("UPDATE counter SET value = value + 1 WHERE name = ?", VERSION)
    transaction.touched.add(SETTINGS)


def _for_the_log(kind: Kind, subject: str) -> str:
    """Give whom a rule is about as the audit log may say it for ever: no addresses of people."""
    return f"*@{subject.rpartition('@')[2]}" if kind == "address" else subject
