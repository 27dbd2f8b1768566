"""Rows of the audit log as the console asks for them, of 1,000,000 as fast as of a hundred: each way by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.core.place import BEFORE_ALL, BEHIND_ALL
from tempmaild.store.audit import FIRST, AuditRow, is_readable, problem_of

if TYPE_CHECKING:
    from tempmaild.store.database import Handle

Place = tuple[int, int]
"""Where a page ends: the time and the id of its last row."""

_COLUMNS = ", ".join(AuditRow._fields)
_EARLIER: Final = 50
"""Rows about the same subject among which it is looked how something was before."""
_WORDS: Final = 500
"""Different actors, or actions, that are given at most."""


class WantedRows(Struct, frozen=True):
    """Which rows are meant; all conditions hold together.

    Attributes:
        actor: who did it; "" for whoever. `action` and `subject` likewise.
        since: UTC epoch seconds, of the first that is meant.
        before: UTC epoch seconds, of the first that is not meant any more.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: int = BEFORE_ALL
    before: int = BEHIND_ALL


class AuditListQueries:
    """Reads from one database. On SQLite somebody may have put values of other types into the rows."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def page(self, wanted: WantedRows, behind: Place | None, limit: int) -> list[AuditRow]:
        """Give up to `limit` rows, the latest first: those behind a place, or from the beginning."""
        condition, parameters = _condition(wanted)
        if behind is not None:
            condition += " AND (at, id) < (?, ?)"
            parameters += behind
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM audit {self._by_index(wanted)} WHERE {condition}"
            " ORDER BY at DESC, id DESC LIMIT ?",
            *(*parameters, limit),
        )
        return [AuditRow(*row) for row in rows]

    def row(self, row_id: int) -> AuditRow | None:
        """Give a row by its number."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM audit WHERE id = ?", row_id)
        return AuditRow(*row) if row else None

    def problem(self, row: AuditRow) -> str:
        """Tell what is wrong with a row, looked at together with the one before; "" for nothing."""
        before = self.row(row.id - 1)
        if before is None and row.id != 1:
            return "the row before it is missing"
        return problem_of(row, row.id, before.digest if before else FIRST)

    def earlier(self, row: AuditRow) -> AuditRow | None:
        """Give the row that says how that was before which this row changes; None where it changes nothing."""
        family, _, verb = row.action.rpartition("-")
        if verb not in {"change", "rotate"} or not row.subject:
            return None
        about = self.page(WantedRows(subject=row.subject), (row.at, row.id), _EARLIER)
        for before in filter(is_readable, about):
            stem, _, verb = before.action.rpartition("-")
            if stem == family and verb == "remove":
                return None  # what was of this name then was another
            if stem == family and before.details not in {"", "{}"}:
                return before
        return None

    def actors(self) -> list[str]:
        """Give everybody who stands in the log."""
        return self._words("actor")

    def actions(self) -> list[str]:
        """Give everything that was ever done."""
        return self._words("action")

    def _words(self, column: str) -> list[str]:
        # From one to the next by the index: DISTINCT would look at every row.
        rows = self._db.rows(
            f"WITH RECURSIVE word(value) AS (SELECT min({column}) FROM audit"
            f" UNION ALL SELECT (SELECT min({column}) FROM audit WHERE {column} > word.value) FROM word"
            " WHERE word.value IS NOT NULL) SELECT value FROM word WHERE value <> '' LIMIT ?",
            _WORDS,
        )
        return sorted(str(value) for (value,) in rows)

    def _by_index(self, wanted: WantedRows) -> str:
        """Say which index SQLite goes by, which does not know that few rows are about the same; PostgreSQL does."""
        if not self._db.sqlite:
            return ""
        named = ["subject"] if wanted.subject else [name for name in ("actor", "action") if getattr(wanted, name)]
        return f"INDEXED BY {'_'.join(['audit', *named, 'at', 'id'])}"


def _condition(wanted: WantedRows) -> tuple[str, list[object]]:
    # A time that is none, which somebody has put into SQLite, is neither before nor after another.
    conditions, parameters = ["true"], list[object]()
    if (wanted.since, wanted.before) != (BEFORE_ALL, BEHIND_ALL):
        conditions.append("at >= ? AND at < ?")
        parameters += [wanted.since, wanted.before]
    for name in ("subject", "actor", "action"):
        if value := getattr(wanted, name):
            conditions.append(f"{name} = ?")
            parameters.append(value)
    return " AND ".join(conditions), parameters
