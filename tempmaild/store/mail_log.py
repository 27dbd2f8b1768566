"""The mail log: rows are added in portions, forgotten in portions, and found again.

Whatever is looked for, no more is looked at than `_FEW` rows that an index gives, or the latest `_WINDOW` ones; who
wants to see further back asks again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from tempmaild.core.mail_log import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

ROWS: Final = "mail_log"
"""The counter of the rows that there are."""
LAST: Final = (1 << 63) - 1
"""Above every id."""

_COLUMNS: Final = Entry.__struct_fields__
_ENTRY: Final = ", ".join(_COLUMNS)
# A row whose id is there already is of another daemon, in the same microsecond: one of the two is lost.
_ADD: Final = f"INSERT INTO mail_log ({_ENTRY}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (id) DO NOTHING"
_FEW: Final = 10_000
"""Rows that an index gives, of which all are looked at: 20 ms, ten times that if they are on the disk alone."""
_WINDOW: Final = 30_000
"""Rows that are looked at one after the other: 20 ms."""


_COLUMN: Final = re.compile(r"([a-z_]+)( (?:=|<|>=|IN|BETWEEN) )")


class AddToMailLog(Struct, frozen=True):
    """Have more rows; each has the values of an `Entry` in their order."""

    rows: list[tuple[Any, ...]]

    def apply(self, transaction: Transaction) -> None:
        """Add them."""
        transaction.db.many(_ADD, self.rows)
        _count(transaction, len(self.rows))


class ForgetMailLog(Struct, frozen=True):
    """Forget the oldest rows.

    Attributes:
        before: an id; what is older goes.
        most: rows that may stay.
        portion: rows that go at once.
    """

    before: int
    most: int
    portion: int

    def apply(self, transaction: Transaction) -> int:
        """Do it; how many are gone, fewer than a portion when that was all."""
        db = transaction.db
        beyond = min(max(_rows(db) - self.most, 0), self.portion)
        gone = _forget(db, LAST, beyond) if beyond else 0
        if gone < self.portion:
            gone += _forget(db, self.before, self.portion - gone)
        _count(transaction, -gone)
        return gone


def _forget(db: Handle, before: int, most: int) -> int:
    return db.run(
        "DELETE FROM mail_log WHERE id IN (SELECT id FROM mail_log WHERE id < ? ORDER BY id LIMIT ?)", before, most
    )


def _rows(db: Handle) -> int:
    row = db.row("SELECT value FROM counter WHERE name = ?", ROWS)
    assert row is not None
    return int(row[0])


def _count(transaction: Transaction, rows: int) -> None:
    if rows:
        transaction.db.run("UPDATE counter SET value = value + ? WHERE name = ?", rows, ROWS)


class Wanted(Struct, frozen=True):
    """Which rows are meant; all conditions hold together, and what is empty is none.

    Attributes:
        since: the lowest id.
        until: an id; the rows are below it.
        recipient: the forms in which the address may be kept; `sender`, `sender_domain` and `client_key` likewise.
        network: the first and the last key of clients.
    """

    since: int = 0
    until: int = LAST
    disposition: str = ""
    decided_by: str = ""
    queue_id: str = ""
    recipient: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    sender_domain: tuple[str, ...] = ()
    client_key: tuple[bytes, ...] = ()
    network: tuple[bytes, ...] = ()


class Found(Struct, frozen=True):
    """Rows by descending id.

    Attributes:
        further: the id below which there may be more; 0 when there are none.
    """

    rows: list[Entry]
    further: int


class _Condition(NamedTuple):
    """A piece of SQL with its parameters.

    Attributes:
        is_indexed: whether an index gives the rows that fulfil it.
        is_equality: whether that index gives them by their ids.
    """

    sql: str
    values: tuple[Any, ...]
    is_indexed: bool = False
    is_equality: bool = False


class MailLogQueries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def count(self) -> int:
        """Give how many rows there are."""
        return _rows(self._db)

    def get(self, entry_id: int) -> Entry | None:
        """Give one row; None when it is gone."""
        row = self._db.row(f"SELECT {_ENTRY} FROM mail_log WHERE id = ?", entry_id)
        return Entry(*row) if row else None

    def page(self, wanted: Wanted, limit: int) -> Found:
        """Give the latest rows that are meant, up to `limit`."""
        among = _Condition("id >= ? AND id < ?", (wanted.since, wanted.until))
        conditions = _conditions(wanted)
        for condition in conditions:
            few = _ids(condition, among)
            if condition.is_indexed and self._are_few(few):
                those = [few._replace(sql=f"id IN ({few.sql})"), _without_index(among)]
                others = [_without_index(other) for other in conditions if other is not condition]
                return _found(self._select([*those, *others], limit), limit)
        if not conditions:
            return _found(self._select([among], limit), limit)
        if len(conditions) == 1 and conditions[0].is_equality:
            return _found(self._along_its_index(conditions[0], wanted, limit), limit)
        return self._look_back(conditions, among, limit)

    def _along_its_index(self, condition: _Condition, wanted: Wanted, limit: int) -> list[Entry]:
        """Give the latest rows whose column has a value."""
        # Written like this, no other index gives them in their order. PostgreSQL takes it to be sooner done along the
        # ids, which it is not when the latest rows have other values.
        column, value = condition.sql.partition(" ")[0], condition.values[0]
        both = f"({column}, id) >= (?, ?) AND ({column}, id) < (?, ?)"
        within = _Condition(both, (value, wanted.since, value, wanted.until))
        return self._select([within], limit, f"{column} DESC, id DESC")

    def _look_back(self, conditions: list[_Condition], among: _Condition, limit: int) -> Found:
        """Look at the latest rows, one after the other."""
        ((lowest, count),) = self._db.rows(
            "SELECT min(id), count(*) FROM"
            f" (SELECT id FROM mail_log WHERE {among.sql} ORDER BY id DESC LIMIT ?) AS latest",
            *(*among.values, _WINDOW),
        )
        if not count:
            return Found([], 0)
        window = _Condition(among.sql, (lowest, among.values[1]))
        found = _found(self._select([window, *map(_without_index, conditions)], limit), limit)
        if found.further or count < _WINDOW:
            return found
        return Found(found.rows, lowest)

    def _are_few(self, ids: _Condition) -> bool:
        ((count,),) = self._db.rows(f"SELECT count(*) FROM ({ids.sql} LIMIT ?) AS few", *ids.values, _FEW + 1)
        return bool(count <= _FEW)

    def _select(self, conditions: Sequence[_Condition], limit: int, order: str = "id DESC") -> list[Entry]:
        """Give rows, and one more than `limit` where there is one."""
        where = " AND ".join(condition.sql for condition in conditions)
        values = [value for condition in conditions for value in condition.values]
        rows = self._db.rows(
            f"SELECT {_ENTRY} FROM mail_log WHERE {where} ORDER BY {order} LIMIT ?", *values, limit + 1
        )
        return [Entry(*row) for row in rows]


def _found(rows: list[Entry], limit: int) -> Found:
    return Found(rows[:limit], rows[limit - 1].id if len(rows) > limit else 0)


def _conditions(wanted: Wanted) -> list[_Condition]:
    """Give what is wanted as SQL, what is most probably fulfilled by few rows first."""
    found = []
    for column in ("queue_id", "recipient", "sender", "client_key", "sender_domain", "decided_by", "disposition"):
        value = getattr(wanted, column)
        if isinstance(value, str) and value:
            found.append(_Condition(f"{column} = ?", (value,), is_indexed=True, is_equality=True))
        elif value:
            places = ", ".join("?" * len(value))
            found.append(_Condition(f"{column} IN ({places})", value, is_indexed=column != "sender"))
    if wanted.network:
        found.append(_Condition("client_key BETWEEN ? AND ?", wanted.network, is_indexed=True))
    return found


def _ids(condition: _Condition, among: _Condition) -> _Condition:
    """Give the ids of rows that fulfil a condition: all indexes have them, and the table is not touched for this."""
    select = f"SELECT id FROM mail_log WHERE {condition.sql}"
    if " BETWEEN " in condition.sql:
        # Its index does not give them in the order of time: all of the network would be looked at for one hour.
        return _Condition(select, condition.values)
    return _Condition(f"{select} AND {among.sql}", condition.values + among.values)


def _without_index(condition: _Condition) -> _Condition:
    """Keep a database from an index that gives more rows than are to be looked at."""
    return condition._replace(sql=_COLUMN.sub(r"coalesce(\1, \1)\2", condition.sql))
