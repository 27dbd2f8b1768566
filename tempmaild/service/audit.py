"""The audit log: read, verified, and added to by what changes nothing in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core import receipt as receipts
from tempmaild.store.audit import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.receipt import Receipt
    from tempmaild.store.access import Access
    from tempmaild.store.audit import AuditLog, AuditRow, Verified


class Audit:
    """The audit log of this host's database."""

    def __init__(self, access: Access, log: AuditLog) -> None:
        self._access = access
        self._log = log

    def rows(self, since: int = 0, action: str = "") -> Iterator[AuditRow]:
        """Give the rows since a time in UTC epoch seconds, those of one action where it is not ""; oldest first."""
        return self._log.rows(since, action)

    async def verify(self) -> Verified:
        """See that every row is as it was written, and follows the one before. Takes some 10 s for 1,000,000 rows."""
        return await self._access.read_long(self._log.verify)

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
