"""The mailboxes as their operator sees them: searched, counted, destroyed with the proof of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tempmaild.core import address as addresses
from tempmaild.core import receipt as receipts
from tempmaild.core.mailbox import Mailbox
from tempmaild.errors import InvalidAddress, NoSuchMailbox
from tempmaild.store.audit import Note
from tempmaild.store.domain_list import Amount
from tempmaild.store.mailbox_list import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.core.lifetime import Lifetime
    from tempmaild.service.mailboxes import Mailboxes, NewMailbox
    from tempmaild.store.access import Access
    from tempmaild.store.mailbox_list import MailboxListQueries, Order, Position
    from tempmaild.store.queries import Queries

SOON: Final = 3600
"""Seconds within which a mailbox ends that is said to end soon."""
LONGEST_PART: Final = 320
"""Characters of a part of an address: no whole one has more (RFC 5321 §4.5.3.1)."""
_LARGEST: Final = 2**63 - 1

Life = Literal["", "living", "soon", "over"]
"""Any; not over; over within `SOON`; over, and not yet swept away."""


class Search(Struct, frozen=True):
    """What somebody looks for, as it was written.

    Attributes:
        part: of the address.
        at_start: whether addresses have to begin with it.
        domain: its name; "" for any.
        at: UTC epoch seconds that `life` is seen from.
        sealed: None for whether or not.
        up_to: the highest id of a mailbox; 0 for any.
        ids: of mailboxes; () for any.
    """

    part: str = ""
    at_start: bool = False
    domain: str = ""
    life: Life = ""
    at: int = 0
    sealed: bool | None = None
    up_to: int = 0
    ids: tuple[int, ...] = ()


class Listed(Struct, frozen=True):
    """A mailbox in the list, and how much is in it."""

    mailbox: Mailbox
    amount: Amount


class Page(Struct, frozen=True):
    """A page of the list.

    Attributes:
        after: what the next page begins behind; "" when this is the last one.
    """

    rows: tuple[Listed, ...]
    after: str


class Destruction(Struct, frozen=True):
    """A mailbox that was destroyed.

    Attributes:
        receipt: the proof of it, as JSON; "" for a mailbox that gets none.
    """

    messages: int
    receipt: str


class MailboxList:
    """What the console asks about mailboxes, and does to them."""

    def __init__(
        self,
        access: Access,
        queries: Queries,
        list_queries: MailboxListQueries,
        mailboxes: Mailboxes,
        clock: Callable[[], float],
    ) -> None:
        self._access = access
        self._queries = queries
        self._list_queries = list_queries
        self._mailboxes = mailboxes
        self._clock = clock

    async def page(self, search: Search, order: Order = "newest", after: str = "", limit: int = 50) -> Page:
        """Give a page of what is looked for.

        Args:
            after: what the page before gave; what makes no sense stands for the beginning.
        """
        wanted = await self._wanted(search)
        if wanted is None:
            return Page((), "")
        found = await self._access.read_long(
            self._list_queries.page, wanted, order, _position(after, order), limit + 1
        )
        shown = found[:limit]
        amounts = await self._access.read(self._list_queries.amounts, [mailbox.id for mailbox in shown])
        rows = tuple(Listed(mailbox, amounts.get(mailbox.id, Amount())) for mailbox in shown)
        if len(found) <= limit:
            return Page(rows, "")
        return Page(rows, _written(self._list_queries.position(shown[-1], order)))

    async def count(self, search: Search) -> int:
        """Give how many mailboxes are like this."""
        wanted = await self._wanted(search)
        return 0 if wanted is None else await self._access.read_long(self._list_queries.count, wanted)

    async def first(self, search: Search, limit: int) -> list[Mailbox]:
        """Give up to `limit` of what is looked for, in the order of their creation."""
        wanted = await self._wanted(search)
        if wanted is None:
            return []
        return await self._access.read_long(self._list_queries.page, wanted, "oldest", None, limit)

    async def newest(self) -> int:
        """Give the id of the mailbox that was made last, 0 without any."""
        return await self._access.read(self._list_queries.newest)

    async def get(self, mailbox_id: int) -> Mailbox:
        """Give a mailbox, though it may have expired.

        Raises:
            NoSuchMailbox: it was destroyed, or there never was one.
        """
        found = await self._access.read(self._queries.mailboxes_of, [mailbox_id]) if mailbox_id <= _LARGEST else []
        if not found:
            raise NoSuchMailbox(str(mailbox_id))
        return found[0]

    async def amounts(self, mailboxes: Sequence[Mailbox]) -> Amount:
        """Give how much is in these mailboxes together."""
        amounts = await self._access.read_long(self._list_queries.amounts, [mailbox.id for mailbox in mailboxes])
        return sum(amounts.values(), Amount())

    async def create(self, address: str, lifetime: Lifetime | None, *, role: bool, actor: str) -> NewMailbox:
        """Make a mailbox for the operator, and have the audit log say who it was.

        Raises:
            TempmaildError: as `Mailboxes.create` has it.
        """
        new = await self._mailboxes.create(address, lifetime, operator=True, role=role)
        subject = await self._access.read(self._list_queries.subject, new.mailbox.id)
        await self._access.write(
            Note(actor, "mailbox-create", subject, {"sealed": new.mailbox.public_key is not None})
        )
        return new

    async def destroy(self, mailbox: Mailbox, actor: str) -> Destruction:
        """Destroy one at once.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        lookup = await self._access.read(self._list_queries.receipt_lookup, mailbox.id)
        try:
            messages = await self._mailboxes.destroy(mailbox, actor)
        except NoSuchMailbox:
            # Its time was over from then on, and the daemon's sweep may have been faster with the rest.
            swept = await self._access.read(self._queries.receipt, lookup) if lookup else None
            if swept is None:
                raise
            return Destruction(receipts.from_text(swept).messages, swept)
        receipt = await self._access.read(self._queries.receipt, lookup) if lookup else None
        return Destruction(messages, receipt or "")

    async def _wanted(self, search: Search) -> Wanted | None:
        """Give what the store is to look for; None when nothing can be like this."""
        if len(search.part) > LONGEST_PART or not (search.part + search.domain).isprintable():
            return None  # no address has such characters, and PostgreSQL takes no NUL
        domain_id = None
        if search.domain:
            try:
                name = addresses.normalise_pattern(search.domain)
            except InvalidAddress:
                return None
            domain = await self._access.read(self._queries.domain, name)
            if domain is None:
                return None
            domain_id = domain.id
        at = search.at or int(self._clock())
        wanted = Wanted(
            _as_kept(search.part),
            search.at_start,
            domain_id,
            sealed=search.sealed,
            ids=search.ids or None,
        )
        bounds: dict[str, int] = {}
        if search.life in {"living", "soon"}:
            bounds["ends_after"] = at
        if search.life in {"soon", "over"}:
            bounds["ends_before"] = at + (SOON if search.life == "soon" else 0)
        if search.up_to:
            bounds["up_to"] = search.up_to
        return replace(wanted, **bounds)


def _as_kept(part: str) -> tuple[str, ...]:
    """Bring a part of an address into the forms that it may have in one that is kept."""
    part = part.strip()
    if not part:
        return ()
    local_part, at, domain = part.rpartition("@")
    if at:
        return (f"{_as_local_part(local_part)}@{_as_domain(domain)}",)
    return tuple(dict.fromkeys((_as_local_part(part), _as_domain(part))))


def _as_local_part(part: str) -> str:
    try:
        return addresses.normalise_local_part(part)
    except InvalidAddress:
        return part.lower()


def _as_domain(part: str) -> str:
    try:
        return addresses.normalise_domain(part)
    except InvalidAddress:
        return part.lower()


def _written(position: Position) -> str:
    return " ".join(map(str, position))


def _position(after: str, order: Order) -> Position | None:
    """Read what `_written` wrote for this order; None for anything else."""
    if order == "address":
        return (after,) if after and after.isprintable() and len(after) <= LONGEST_PART else None
    numbers = after.split(" ")
    if len(numbers) != (1 if order in {"newest", "oldest"} else 2):
        return None
    if not all(number.isascii() and number.isdecimal() and len(number) < 19 for number in numbers):
        return None
    return tuple(map(int, numbers))
