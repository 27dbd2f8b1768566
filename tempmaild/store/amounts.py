"""How much there is of everything, over all mailboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.store.database import SCHEMAS
from tempmaild.store.domain_list import Amount

if TYPE_CHECKING:
    from tempmaild.store.database import Handle


class AmountQueries:
    """Reads from one database."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def mailboxes(self, now: int) -> int:
        """Give how many have not expired; some 30 ms for a million."""
        (count,) = self._db.rows("SELECT count(*) FROM mailbox WHERE expires_at > ?", now)[0]
        return int(count)

    def messages(self) -> Amount:
        """Give how many messages there are, and their octets before they are compressed.

        It takes half a second for a million folders.
        """
        messages, octets = self._db.rows("SELECT coalesce(sum(messages), 0), coalesce(sum(size), 0) FROM folder")[0]
        return Amount(int(messages), int(octets))

    def database(self) -> int:
        """Give how many octets the database takes on the disk, without its write-ahead log."""
        if not self._db.sqlite:
            (octets,) = self._db.rows("SELECT pg_database_size(current_database())")[0]
            return int(octets)
        return sum(
            self._db.rows(f"PRAGMA {schema}.page_count")[0][0] * self._db.rows(f"PRAGMA {schema}.page_size")[0][0]
            for schema in SCHEMAS
        )
