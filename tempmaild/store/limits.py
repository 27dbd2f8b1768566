"""Limits and bans: changes to them, and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tempmaild.core.limit import Ban, Limit
from tempmaild.errors import NameTaken, NoSuchBan, NoSuchLimit
from tempmaild.store.audit import record
from tempmaild.store.transaction import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Collection

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_COLUMNS = (
    "event", "subject", "amount", "window", "strategy", "action", "ban_seconds", "ipv4_prefix", "ipv6_prefix",
    "domain", "enabled",
)  # fmt: skip
"""Of a limit, beside its name and its id; each has the name of its attribute."""
# PostgreSQL keeps one of the words, "window", for itself.
_QUOTED = tuple(f'"{column}"' for column in _COLUMNS)
_LIMIT = ", ".join(("name", *_QUOTED, "id"))
_BAN = "network, reason, scope, until, created_at"
_USE = "limit_id, subject, used, excess, noted_at, until"
MOST_USES = 2000
"""Subjects that are kept for the operator to see, and those that were noted at the same time."""


class AddLimit(Struct, frozen=True):
    """Have one limit more."""

    limit: Limit
    actor: str = ""

    def apply(self, transaction: Transaction) -> Limit:
        """Add it; with its id.

        Raises:
            NameTaken: there is one of this name.
        """
        db, limit = transaction.db, self.limit
        if db.row("SELECT id FROM rate_limit WHERE name = ?", limit.name):
            raise NameTaken(limit.name)
        places = ", ".join("?" * (len(_COLUMNS) + 1))
        row = db.row(
            f"INSERT INTO rate_limit (name, {', '.join(_QUOTED)}) VALUES ({places}) RETURNING id",
            *(limit.name, *_values(limit)),
        )
        assert row is not None
        transaction.settings_changed()
        record(transaction, self.actor, "limit-add", limit.name, _details(limit))
        return msgspec.structs.replace(limit, id=row[0])


class ChangeLimit(Struct, frozen=True):
    """Have a limit be as `limit` says; its name and id stay."""

    limit: Limit
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Change it.

        Raises:
            NoSuchLimit: it is not there.
        """
        limit = self.limit
        columns = ", ".join(f"{column} = ?" for column in _QUOTED)
        if not transaction.db.run(f"UPDATE rate_limit SET {columns} WHERE name = ?", *(*_values(limit), limit.name)):
            raise NoSuchLimit(limit.name)
        transaction.settings_changed()
        record(transaction, self.actor, "limit-change", limit.name, _details(limit))


class RemoveLimit(Struct, frozen=True):
    """Have a limit no more."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchLimit: it is not there.
        """
        if not transaction.db.run("DELETE FROM rate_limit WHERE name = ?", self.name):
            raise NoSuchLimit(self.name)
        transaction.settings_changed()
        record(transaction, self.actor, "limit-remove", self.name, {})


class AddBan(Struct, frozen=True):
    """Turn a network away; one that is turned away already is so for both reasons and for the longer time.

    What a limit does by itself has no actor, and is not in the audit log: an attack from many networks would fill it,
    and it would keep their addresses for ever.
    """

    ban: Ban
    actor: str = ""

    def apply(self, transaction: Transaction) -> Ban:
        """Add it; as it is now."""
        db = transaction.db
        db.run("DELETE FROM ban WHERE until <= ?", transaction.now)
        ban = _ban(transaction, self.ban)
        _bans_changed(transaction)
        if self.actor:
            details = {"reason": ban.reason, "scope": ban.scope, "until": ban.until}
            record(transaction, self.actor, "ban-add", ban.network, details)
        return ban


class AddBans(Struct, frozen=True):
    """Turn many networks away, as a list of the operator has them."""

    bans: tuple[Ban, ...]
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Add them."""
        transaction.db.run("DELETE FROM ban WHERE until <= ?", transaction.now)
        for ban in self.bans:
            _ban(transaction, ban)
        _bans_changed(transaction)
        record(transaction, self.actor, "ban-import", "", {"bans": len(self.bans)})


class RemoveBan(Struct, frozen=True):
    """Turn a network away no more."""

    network: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchBan: it is not banned, or no longer.
        """
        removed = transaction.db.run("DELETE FROM ban WHERE network = ? AND until > ?", self.network, transaction.now)
        if not removed:
            raise NoSuchBan(self.network)
        transaction.settings_changed()
        record(transaction, self.actor, "ban-remove", self.network, {})


class Use(Struct, frozen=True):
    """How far a subject has come with a limit.

    Attributes:
        used: of the amount of the limit.
        excess: how often it has gone beyond it in this window, 0 for not.
        noted_at: when a daemon said so; `until`, when it is forgotten at the latest (UTC epoch seconds).
    """

    limit_id: int
    subject: str
    used: int
    excess: int
    noted_at: int
    until: int


class NoteUses(Struct, frozen=True):
    """Note how far subjects have come, so that the operator can see it; daemons count by themselves."""

    uses: tuple[Use, ...]

    def apply(self, transaction: Transaction) -> None:
        """Note it, and forget what is over, and of whom was not heard for longest where there are too many."""
        db = transaction.db
        db.run("DELETE FROM limit_use WHERE until <= ?", transaction.now)
        db.many(
            f"INSERT INTO limit_use ({_USE}) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (limit_id, subject) DO UPDATE SET used = excluded.used, excess = excluded.excess,"
            " noted_at = excluded.noted_at, until = excluded.until",
            [msgspec.structs.astuple(use) for use in self.uses],
        )
        db.run(
            "DELETE FROM limit_use WHERE noted_at <"
            " (SELECT noted_at FROM limit_use ORDER BY noted_at DESC LIMIT 1 OFFSET ?)",
            MOST_USES,
        )


class LimitQueries:
    """What is read of limits and bans."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def limits(self) -> list[Limit]:
        """Give all limits by name."""
        rows = self._db.rows(f"SELECT {_LIMIT} FROM rate_limit")
        return sorted((_limit(*row) for row in rows), key=lambda limit: limit.name)

    def bans(self, now: int, since: int = 0) -> list[Ban]:
        """Give the networks that are turned away at `now`, those first that were banned last.

        Args:
            since: give only those that were banned then or later (UTC epoch seconds).
        """
        rows = self._db.rows(
            f"SELECT {_BAN} FROM ban WHERE until > ? AND created_at >= ? ORDER BY created_at DESC, network",
            now,
            since,
        )
        return [Ban(*row) for row in rows]

    def bans_page(self, now: int, after: tuple[int, str] | None, most: int) -> list[Ban]:
        """Give up to `most` networks that are turned away at `now`, those first that were banned last.

        Args:
            after: time and network of the last ban of the page before.
        """
        behind, values = "", tuple[object, ...]()
        if after:
            behind = " AND (created_at < ? OR created_at = ? AND network > ?)"
            values = (after[0], after[0], after[1])
        rows = self._db.rows(
            f"SELECT {_BAN} FROM ban WHERE until > ?{behind} ORDER BY created_at DESC, network LIMIT ?",
            *(now, *values, most),
        )
        return [Ban(*row) for row in rows]

    def bans_of(self, now: int, networks: Collection[str]) -> list[Ban]:
        """Give those of these networks that are turned away at `now`, those first that were banned last."""
        rows = self._db.rows(
            f"SELECT {_BAN} FROM ban WHERE network {self._db.among} AND until > ? ORDER BY created_at DESC, network",
            *(self._db.listed(networks), now),
        )
        return [Ban(*row) for row in rows]

    def count_bans(self, now: int) -> int:
        """Give how many networks are turned away at `now`."""
        count: int = self._db.rows("SELECT count(*) FROM ban WHERE until > ?", now)[0][0]
        return count

    def uses(self, now: int, keys: Collection[tuple[int, str]] | None = None) -> list[Use]:
        """Give what is known of limits that are used up, or nearly so: those first of whom was heard last.

        Args:
            keys: give only these, by the id of the limit and the subject.
        """
        among, listed = "", tuple[object, ...]()
        if keys is not None:
            among, listed = f" AND subject {self._db.among}", (self._db.listed({subject for _, subject in keys}),)
        rows = self._db.rows(
            f"SELECT {_USE} FROM limit_use WHERE until > ?{among} ORDER BY noted_at DESC, excess DESC, subject",
            now,
            *listed,
        )
        uses = [Use(*row) for row in rows]
        return uses if keys is None else [use for use in uses if (use.limit_id, use.subject) in keys]

    def versions(self) -> tuple[int, int]:
        """Give a number that grows when a network is banned, and one that grows with every other change."""
        rows = self._db.rows("SELECT value FROM counter WHERE name IN ('bans', 'settings') ORDER BY name")
        (bans,), (settings,) = rows
        return bans, settings


def _limit(name: str, *values: object) -> Limit:
    fields: dict[str, Any] = dict(zip((*_COLUMNS, "id"), values, strict=True))
    # A number on SQLite.
    fields["enabled"] = bool(fields["enabled"])
    return Limit(name, **fields)


def _values(limit: Limit) -> list[object]:
    return [getattr(limit, column) for column in _COLUMNS]


def _details(limit: Limit) -> dict[str, object]:
    return dict(zip(_COLUMNS, _values(limit), strict=True))


def _ban(transaction: Transaction, new: Ban) -> Ban:
    """Keep a ban; as it is now."""
    db = transaction.db
    ban = msgspec.structs.replace(new, created_at=transaction.now)
    row = db.row(f"SELECT {_BAN} FROM ban WHERE network = ?", ban.network)
    if row:
        ban = _both(Ban(*row), ban)
    db.run(
        f"INSERT INTO ban ({_BAN}) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, scope = excluded.scope,"
        " until = excluded.until, created_at = excluded.created_at",
        *(ban.network, ban.reason, ban.scope, ban.until, ban.created_at),
    )
    return ban


def _bans_changed(transaction: Transaction) -> None:
    # Those alone are read again that are new: an attack may bring many.
    transaction.db.run("UPDATE counter SET value = value + 1 WHERE name = 'bans'")
    transaction.touched.add(SETTINGS)


def _both(old: Ban, new: Ban) -> Ban:
    """Give what two bans of a network come to."""
    scope = old.scope if old.scope == new.scope else "all"
    last = max(old, new, key=lambda ban: ban.until)
    return Ban(new.network, last.reason, scope, last.until, new.created_at)
