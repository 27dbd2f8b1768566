"""Proofs of destruction, asked for by whoever had the mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.receipt import lookup
from tempmaild.errors import NoSuchReceipt

if TYPE_CHECKING:
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries


class Receipts:
    """The receipts that were issued."""

    def __init__(self, access: Access, queries: Queries) -> None:
        self._access = access
        self._queries = queries

    async def get(self, receipt_id: str) -> str:
        """Give the receipt of this id, as JSON.

        Raises:
            NoSuchReceipt: its mailbox exists, or there never was one.
        """
        receipt = await self._access.read(self._queries.receipt, lookup(receipt_id))
        if receipt is None:
            # The id may be somebody's whose mailbox lives: it is not repeated.
            raise NoSuchReceipt("nothing was destroyed under this id")
        return receipt
