"""What the operator asks about mailboxes: pages of a list that is searched, and how much is in them.

100,000 mailboxes are looked through in some 30 ms where no index helps, such as for a piece from the middle of an
address. Nothing here is asked while mail is taken or read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from tempmaild.store.audit import mailbox_subject
from tempmaild.store.domain_list import Amount
from tempmaild.store.queries import ENTRY_COLUMNS, MAILBOX_COLUMNS, entry_of, mailbox_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.mailbox import Entry, Mailbox
    from tempmaild.store.database import Handle

Order = Literal["newest", "oldest", "soonest", "latest", "address"]
"""By the creation, by the end, or by the address."""

_ORDERS: Final[dict[Order, tuple[tuple[str, ...], bool]]] = {
    # Ids are given in the order of creation, and unlike times they differ.
    "newest": (("id",), True),
    "oldest": (("id",), False),
    "soonest": (("expires_at", "id"), False),
    "latest": (("expires_at", "id"), True),
    "address": (("address",), False),
}
"""The columns that a page goes by, which tell every two mailboxes apart, and whether it goes down."""
ORDERS: Final = tuple(_ORDERS)
_LAST: Final = "\U0010ffff"
"""Comes behind everything that an address goes on with."""
_BEFORE_ALL, _BEHIND_ALL = -(1 << 62), 1 << 62

Position = tuple[int | str, ...]
"""Where a page ends: the values of the columns that its order goes by."""


class Wanted(Struct, frozen=True):
    """Which mailboxes are meant; all conditions hold together.

    Attributes:
        parts: of the address, as addresses are kept; one of them is enough. None for any address.
        at_start: whether the address has to begin with it.
        ends_after: UTC epoch seconds; the mailbox expires later.
        ends_before: UTC epoch seconds; the mailbox expires then or earlier.
        sealed: None for whether or not.
        up_to: the highest id, so that what was made since is not meant.
        ids: None for any.
    """

    parts: tuple[str, ...] = ()
    at_start: bool = False
    domain_id: int | None = None
    ends_after: int = _BEFORE_ALL
    ends_before: int = _BEHIND_ALL
    sealed: bool | None = None
    up_to: int = _BEHIND_ALL
    ids: tuple[int, ...] | None = None


class MailboxListQueries:
    """Reads from one database."""

    def __init__(self, handle: Handle) -> None:
        self._db = handle
        # Databases differ in how they order text.
        self._address = "address" if handle.sqlite else 'address COLLATE "C"'

    def page(self, wanted: Wanted, order: Order, after: Position | None, limit: int) -> list[Mailbox]:
        """Give up to `limit` mailboxes, those behind `after`, or the first ones."""
        names, goes_down = _ORDERS[order]
        columns = [self._address if name == "address" else name for name in names]
        condition, parameters = self._condition(wanted)
        if after is not None:
            places = ", ".join("?" * len(columns))
            condition += f" AND ({', '.join(columns)}) {'<' if goes_down else '>'} ({places})"
            parameters += after
        # Where few have a piece in the middle, to sort those few is six times faster than to go along an index; where
        # many have it, as a single character, the index soon has a page of them.
        are_few = bool(wanted.parts) and not wanted.at_start and all(len(part) > 1 for part in wanted.parts)
        kept_from_index = "+" if are_few and order in {"soonest", "latest"} else ""
        ordered = kept_from_index + ", ".join(f"{column}{' DESC' if goes_down else ''}" for column in columns)
        rows = self._db.rows(
            f"SELECT {MAILBOX_COLUMNS} FROM mailbox WHERE {condition} ORDER BY {ordered} LIMIT ?",
            *(*parameters, limit),
        )
        return [mailbox_of(row) for row in rows]

    def position(self, mailbox: Mailbox, order: Order) -> Position:
        """Give where a page ends whose last mailbox this is."""
        return tuple(getattr(mailbox, name) for name in _ORDERS[order][0])

    def count(self, wanted: Wanted) -> int:
        """Give how many there are."""
        condition, parameters = self._condition(wanted)
        (count,) = self._db.rows(f"SELECT count(*) FROM mailbox WHERE {condition}", *parameters)[0]
        return int(count)

    def newest(self) -> int:
        """Give the id of the mailbox that was made last, 0 without any."""
        return int(self._db.rows("SELECT coalesce(max(id), 0) FROM mailbox")[0][0])

    def amounts(self, mailbox_ids: Sequence[int]) -> dict[int, Amount]:
        """Give how much is in each of these mailboxes."""
        rows = self._db.rows(
            "SELECT mailbox_id, sum(messages), sum(size) FROM folder"
            f" WHERE mailbox_id {self._db.among} GROUP BY mailbox_id",
            self._db.listed(mailbox_ids),
        )
        return {mailbox_id: Amount(int(messages), int(octets)) for mailbox_id, messages, octets in rows}

    def receipt_lookup(self, mailbox_id: int) -> bytes | None:
        """Give what the receipt for this mailbox will be found by; None when it gets none."""
        row = self._db.row("SELECT receipt_lookup FROM mailbox WHERE id = ?", mailbox_id)
        return row[0] if row else None

    def subject(self, mailbox_id: int) -> str:
        """Give what the audit log calls a mailbox."""
        row = self._db.row("SELECT receipt_subject FROM mailbox WHERE id = ?", mailbox_id)
        return mailbox_subject(mailbox_id, row[0] if row else None)

    def entries(self, folder_id: int, before: int, limit: int, now: int) -> list[Entry]:
        """Give up to `limit` messages of a folder by descending UID, below `before`, whose time is not over `now`."""
        rows = self._db.rows(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE folder_id = ? AND uid < ?"
            " AND (expires_at IS NULL OR expires_at > ?) ORDER BY uid DESC LIMIT ?",
            *(folder_id, before, now, limit),
        )
        return [entry_of(row) for row in rows]

    def _condition(self, wanted: Wanted) -> tuple[str, tuple[Any, ...]]:
        conditions, parameters = ["id <= ?"], list[Any]([wanted.up_to])
        if wanted.ends_after != _BEFORE_ALL:
            conditions.append("expires_at > ?")
            parameters.append(wanted.ends_after)
        if wanted.ends_before != _BEHIND_ALL:
            conditions.append("expires_at <= ?")
            parameters.append(wanted.ends_before)
        if wanted.domain_id is not None:
            conditions.append("domain_id = ?")
            parameters.append(wanted.domain_id)
        if wanted.sealed is not None:
            conditions.append(f"public_key IS {'NOT ' if wanted.sealed else ''}NULL")
        if wanted.ids is not None:
            conditions.append(f"id {self._db.among}")
            parameters.append(self._db.listed(wanted.ids))
        if wanted.parts:
            either = []
            for part in wanted.parts:
                if wanted.at_start:
                    either.append(f"{self._address} >= ? AND {self._address} < ?")
                    parameters += part, part + _LAST
                else:
                    either.append("instr(address, ?) > 0" if self._db.sqlite else "strpos(address, ?) > 0")
                    parameters.append(part)
            conditions.append(f"({' OR '.join(either)})")
        return " AND ".join(conditions), tuple(parameters)
