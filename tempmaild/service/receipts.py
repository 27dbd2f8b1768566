"""Proofs of destruction: asked for by whoever had the mailbox, and looked through by operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core import receipt as receipts
from tempmaild.core.place import octets_place_of, text_of
from tempmaild.errors import InvalidValue, NoSuchReceipt

if TYPE_CHECKING:
    from tempmaild.core.receipt import Receipt
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries
    from tempmaild.store.receipts import KeptReceipt, ReceiptQueries

_LAST_YEAR: Final = 253_402_300_799
"""The end of the year 9999: later times cannot be written (UTC epoch seconds)."""


class Issued(NamedTuple):
    """A receipt that is kept.

    Attributes:
        lookup: the digest that it is found by, in hexadecimal.
        issued_at: UTC epoch seconds.
        text: JSON, as its owner gets it.
        receipt: what it says; None where somebody has meddled with it.
    """

    lookup: str
    issued_at: int
    text: str
    receipt: Receipt | None


class ReceiptPage(NamedTuple):
    """Some receipts, the latest first, and the text to ask for those behind them; "" behind the last."""

    rows: list[Issued]
    after: str


class Receipts:
    """The receipts that were issued."""

    def __init__(self, access: Access, queries: Queries, listing: ReceiptQueries) -> None:
        self._access = access
        self._queries = queries
        self._listing = listing

    async def get(self, receipt_id: str) -> str:
        """Give the receipt of this id, as JSON.

        Raises:
            NoSuchReceipt: its mailbox exists, or there never was one.
        """
        receipt = await self._access.read(self._queries.receipt, receipts.lookup(receipt_id))
        if receipt is None:
            # The id may be somebody's whose mailbox lives: it is not repeated.
            raise NoSuchReceipt("nothing was destroyed under this id")
        return receipt

    async def page(self, since: int, before: int, after: str, limit: int) -> ReceiptPage:
        """Give up to `limit` receipts, behind what a page before has given; "" for the first.

        Args:
            since: UTC epoch seconds, of the first that is meant.
            before: UTC epoch seconds, of the first that is not meant any more.
        """
        kept = await self._access.read(self._listing.page, since, before, octets_place_of(after), limit + 1)
        last = kept[limit - 1] if len(kept) > limit else None
        return ReceiptPage(list(map(_issued, kept[:limit])), text_of(last.issued_at, last.lookup) if last else "")

    async def issued(self, lookup: str) -> Issued:
        """Give one by the digest that it is found by, in hexadecimal.

        Raises:
            NoSuchReceipt: there is none.
        """
        try:
            kept = await self._access.read(self._listing.kept, bytes.fromhex(lookup))
        except ValueError:
            kept = None
        if kept is None:
            raise NoSuchReceipt(lookup)
        return _issued(kept)


def _issued(kept: KeptReceipt) -> Issued:
    # SQLite keeps values of any type in any column, for who has the database in his hands.
    issued_at = kept.issued_at if isinstance(kept.issued_at, int) and 0 <= kept.issued_at <= _LAST_YEAR else 0
    try:
        receipt = receipts.from_text(str(kept.text))
    except InvalidValue:
        receipt = None
    return Issued(kept.lookup.hex(), issued_at, str(kept.text), receipt)
