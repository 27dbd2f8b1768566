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
        db, now = transaction.db, transaction.now
        db.run("DELETE FROM ban WHERE until <= ?", now)
        ban = msgspec.structs.replace(self.ban, created_at=now)
        row = db.row(f"SELECT {_BAN} FROM ban WHERE network = ?", ban.network)
        if row:
            ban = _both(Ban(*row), ban)
        db.run(
            f"INSERT INTO ban ({_BAN}) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, scope = excluded.scope,"
            " until = excluded.until, created_at = excluded.created_at",
            *(ban.network, ban.reason, ban.scope, ban.until, ban.created_at),
        )
        # Those alone are read again that are new: an attack may bring many.
        db.run("UPDATE counter SET value = value + 1 WHERE name = 'bans'")
        transaction.touched.add(SETTINGS)
        if self.actor:
            details = {"reason": ban.reason, "scope": ban.scope, "until": ban.until}
            record(transaction, self.actor, "ban-add", ban.network, details)
        return ban


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


def _both(old: Ban, new: Ban) -> Ban:
    """Give what two bans of a network come to."""
    scope = old.scope if old.scope == new.scope else "all"
    last = max(old, new, key=lambda ban: ban.until)
    return Ban(new.network, last.reason, scope, last.until, new.created_at)
