"""What is asked about domains beside what holds for them: a page of the list, and how much is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.database import Handle


class Amount(Struct, frozen=True):
    """Messages in mailboxes, and their octets."""

    messages: int = 0
    octets: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.messages + other.messages, self.octets + other.octets)


class DomainQueries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle

    def names(self, part: str, after: str, limit: int) -> list[str]:
        """Give names of domains that contain `part`, in their order, up to `limit` of those behind `after`."""
        position, collation = ("instr(name, ?)", "") if self._db.sqlite else ("strpos(name, ?)", ' COLLATE "C"')
        rows = self._db.rows(
            f"SELECT name FROM domain WHERE {position} > 0 AND name{collation} > ? ORDER BY name{collation} LIMIT ?",
            *(part, after, limit),
        )
        return [name for (name,) in rows]

    def mailboxes(self, domain_ids: Sequence[int]) -> dict[int, int]:
        """Give how many mailboxes domains have; those that have none are left out. 100,000 take about 10 ms."""
        rows = self._db.rows(
            f"SELECT domain_id, count(*) FROM mailbox WHERE domain_id {self._db.among} GROUP BY domain_id",
            self._db.listed(domain_ids),
        )
        return dict(rows)

    def amount(self, domain_id: int, after: int, limit: int) -> tuple[Amount, int]:
        """Give how much is in `limit` mailboxes of a domain, those behind the one of the id `after`.

        1,000 take about 10 ms.

        Returns:
            How much it is, and the id of the last mailbox; 0 when there are no more.
        """
        last = self._db.row(
            "SELECT id FROM mailbox WHERE domain_id = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?",
            *(domain_id, after, limit - 1),
        )
        upper = "" if last is None else " AND m.id <= ?"
        row = self._db.row(
            "SELECT coalesce(sum(f.messages), 0), coalesce(sum(f.size), 0)"
            f" FROM mailbox m JOIN folder f ON f.mailbox_id = m.id WHERE m.domain_id = ? AND m.id > ?{upper}",
            *(domain_id, after, *(last or ())),
        )
        assert row is not None
        return Amount(int(row[0]), int(row[1])), last[0] if last else 0

    def settings_of(self, name: str) -> dict[str, int]:
        """Give how many schedules, limits and block rules are for a domain of this name alone."""
        tables = {"schedules": "schedule", "limits": "rate_limit", "block_rules": "block_rule"}
        return {
            what: self._db.rows(f"SELECT count(*) FROM {table} WHERE domain = ?", name)[0][0]
            for what, table in tables.items()
        }
