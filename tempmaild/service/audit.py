"""The audit log: read, verified, and added to by what changes nothing in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core import receipt as receipts
from tempmaild.core.place import place_of, text_of
from tempmaild.store.audit import NOTHING_YET, Note, is_readable
from tempmaild.store.audit_list import WantedRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.receipt import Receipt
    from tempmaild.store.access import Access
    from tempmaild.store.audit import AuditLog, AuditRow, Verified
    from tempmaild.store.audit_list import AuditListQueries

VERIFIED: Final = "audit-verify"
"""The action of a row that says what looking at all rows before has shown."""
_TOGETHER: Final = 50_000
"""Rows that are verified in one go; about half a second."""


class AuditPage(NamedTuple):
    """Some rows, the latest first, and the text to ask for those behind them; "" behind the last."""

    rows: list[AuditRow]
    after: str


class AuditDetail(NamedTuple):
    """A row, looked at closely.

    Attributes:
        problem: what is wrong with it; "" for nothing.
        earlier: the row that says how that was before which this row changes; None where there is none.
    """

    row: AuditRow
    problem: str
    earlier: AuditRow | None


class Audit:
    """The audit log of this host's database."""

    def __init__(self, access: Access, log: AuditLog, queries: AuditListQueries) -> None:
        self._access = access
        self._log = log
        self._queries = queries

    def rows(self, since: int = 0, action: str = "") -> Iterator[AuditRow]:
        """Give the rows since a time in UTC epoch seconds, those of one action where it is not ""; oldest first."""
        return self._log.rows(since, action)

    async def verify(self) -> Verified:
        """See that every row is as it was written, and follows the one before. Takes some 10 s for 1,000,000 rows."""
        return await self._access.read_long(self._log.verify)

    async def verify_on(self, known: Verified = NOTHING_YET) -> tuple[Verified, bool]:
        """See it of some rows more, half a second long; what is known then, and whether that is the end."""
        return await self._access.read_long(self._log.verify_on, known, _TOGETHER)

    async def note_verified(self, verified: Verified, actor: str) -> None:
        """Have the log itself say what looking at all of it has shown."""
        details = {"rows": verified.rows, "digest": verified.digest.hex(), "problem": verified.problem}
        await self.note(actor, VERIFIED, "", **details)

    async def last_verified(self) -> AuditRow | None:
        """Give the row that says what looking at all of it has shown last; None where nobody has."""
        rows = await self._access.read(self._queries.page, WantedRows(action=VERIFIED), None, 1)
        return rows[0] if rows else None

    async def page(self, wanted: WantedRows, after: str, limit: int) -> AuditPage:
        """Give up to `limit` rows of those that are meant, behind what a page before has given; "" for the first."""
        rows = await self._access.read(self._queries.page, wanted, place_of(after), limit + 1)
        shown = rows[:limit]
        return AuditPage(shown, text_of(shown[-1].at, shown[-1].id) if len(rows) > limit else "")

    async def detail(self, row_id: int) -> AuditDetail | None:
        """Give a row by its number; None where there is none."""
        row = await self._access.read(self._queries.row, row_id)
        if row is None:
            return None
        problem = await self._access.read(self._queries.problem, row)
        earlier = await self._access.read(self._queries.earlier, row) if is_readable(row) else None
        return AuditDetail(row, problem, earlier)

    async def actors(self) -> list[str]:
        """Give everybody who stands in the log."""
        return await self._access.read(self._queries.actors)

    async def actions(self) -> list[str]:
        """Give everything that was ever done."""
        return await self._access.read(self._queries.actions)

    async def confirm(self, receipt: Receipt) -> None:
        """See that a receipt's signature is good, and that the log says what the receipt says.

        Raises:
            InvalidValue: it does not.
        """
        receipts.check(receipt)
        await self._access.read(self._log.confirm, receipt)

    async def note(self, actor: str, action: str, subject: str = "", **details: object) -> None:
        """Add what was done elsewhere than in the database."""
        await self._access.write(Note(actor, action, subject, details))
