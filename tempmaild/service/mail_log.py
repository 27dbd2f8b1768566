"""The mail log: what became of each message, for the operator to look up.

Nobody who brings mail waits for it. What happens is noted in memory, and put away a second later; what would be too
much for memory or disk is counted only, and so is what could not be put away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from tempmaild.core.limit import parse_network
from tempmaild.core.mail_log import Concealer, Ids, domain_form, first_id, key_of, keys_of, sender_form
from tempmaild.core.timespan import HOUR
from tempmaild.errors import InvalidValue
from tempmaild.store.mail_log import LAST, AddToMailLog, ForgetMailLog, Found, Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.core.mail_log import Entry, Event
    from tempmaild.core.secret import Randomness
    from tempmaild.service.statistics import Statistics
    from tempmaild.settings.mail_log import MailLog as Settings
    from tempmaild.store.access import Access
    from tempmaild.store.mail_log import MailLogQueries

MANY: Final = 1000
"""Events after which it is time to put them away, though a second has not passed."""
_MOST_WAITING: Final = 20_000
"""Events that wait in memory, a few KiB each at the most: three seconds of as much mail as a host can take."""
_TOGETHER: Final = 200
"""Rows that are added, or forgotten, at once: mail that waits behind them waits for a few milliseconds."""

LEFT_OUT, LOST = "mail-log/left-out", "mail-log/lost"
"""What is counted as such: beyond the settings, or too much at once; and what could not be put away."""

Disposition = Literal["", "accept", "junk", "refuse", "later"]


class Search(Struct, frozen=True):
    """What somebody looks for, as it was written; "" for anything.

    Attributes:
        since: UTC epoch seconds.
        until: UTC epoch seconds, not included; 0 for now.
        decided_by: the check or reason.
        client: an address or network.
        sender: an address, a domain with or without an "@" before it, or "<>" for the null reverse-path.
    """

    since: int = 0
    until: int = 0
    disposition: Disposition = ""
    decided_by: str = ""
    client: str = ""
    sender: str = ""
    recipient: str = ""
    queue_id: str = ""


class MailLog:
    """Notes what becomes of mail, puts it away when `flush` is called, and finds it again.

    Args:
        clock: UTC epoch seconds.
        random: gives what keeps the ids of two daemons apart.
        key: gives the key with which addresses are hashed; it may fail with `StoreFailed`.

    Attributes:
        on_many: called when it is time for a `flush`.
    """

    def __init__(
        self,
        access: Access,
        queries: MailLogQueries,
        statistics: Statistics,
        clock: Callable[[], float],
        settings: Settings,
        random: Randomness,
        key: Callable[[], bytes],
    ) -> None:
        self._access = access
        self._queries = queries
        self._statistics = statistics
        self._clock = clock
        self._ids = Ids(int.from_bytes(random(2), "big"))
        self._key = key
        self._waiting: list[Event] = []
        self._refusals = 0
        self._hour = 0
        self.on_many: Callable[[], None] = _nothing
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._concealer: Concealer | None = None

    @property
    def settings(self) -> Settings:
        """What it goes by."""
        return self._settings

    def note(self, event: Event) -> None:
        """Note what became of a message for one recipient; takes a microsecond."""
        if not self._settings.keep_seconds:
            return
        waiting = len(self._waiting)
        refused = event.outcome.disposition in {"refuse", "later"}
        if waiting >= _MOST_WAITING or (refused and not self._has_room(event.at)):
            self._statistics.count((LEFT_OUT,))
            return
        self._waiting.append(event)
        if waiting + 1 == MANY:
            self.on_many()

    def _has_room(self, now: float) -> bool:
        """Count a refusal; whether it is to be logged."""
        hour = int(now) // HOUR
        if hour != self._hour:
            self._hour, self._refusals = hour, 0
        self._refusals += 1
        return self._refusals <= self._settings.refusals_an_hour

    async def flush(self) -> None:
        """Put away what was noted since the last time.

        What comes meanwhile fills the last portion up at most: a few rows touch nearly as many pages as many do, and
        where much mail comes there is always something that has just come.

        Raises:
            StoreFailed: a portion could not be put away. It is lost, and counted; the others still wait.
        """
        for _ in range(0, len(self._waiting), _TOGETHER):
            events, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            if not events:
                return  # another call has taken them meanwhile
            try:
                await self._access.write(AddToMailLog(self._rows(events)))
            except BaseException:
                self._statistics.count([LOST] * len(events))
                raise

    def _rows(self, events: list[Event]) -> list[tuple[object, ...]]:
        make, next_id = self._concealing().entry, self._ids.next
        return [msgspec.structs.astuple(make(event, next_id(event.at))) for event in events]

    def _concealing(self) -> Concealer:
        """Give what conceals. Its key is read when it is needed first, for not every process needs it."""
        if self._concealer is None:
            self._concealer = Concealer(self._settings.addresses, self._key())
        return self._concealer

    async def forget(self, rest: Callable[[], Awaitable[None]]) -> None:
        """Forget what is too old, or too much.

        Args:
            rest: awaited between two portions.

        Raises:
            StoreFailed: it cannot be done now.
        """
        before = first_id(self._clock() - self._settings.keep_seconds)
        change = ForgetMailLog(before, self._settings.max_rows if self._settings.keep_seconds else 0, _TOGETHER)
        while await self._access.write(change) == _TOGETHER:
            await rest()

    async def count(self) -> int:
        """Give how many rows there are."""
        return await self._access.read(self._queries.count)

    async def get(self, entry_id: int) -> Entry | None:
        """Give one row; None when it is gone, or never was there."""
        if not 0 <= entry_id < LAST:
            return None
        return await self._access.read(self._queries.get, entry_id)

    async def page(self, search: Search, before: int = 0, limit: int = 50) -> Found:
        """Give the latest rows of what is looked for.

        Args:
            before: what the page before gave as `further`; 0 for the first page.

        Raises:
            InvalidValue: nothing can be like this; names the field.
        """
        wanted = self._wanted(search)
        if 0 < before < wanted.until:
            wanted = msgspec.structs.replace(wanted, until=before)
        return await self._access.read_long(self._queries.page, wanted, limit)

    def forms(self, text: str) -> tuple[str, str]:
        """Give in which forms an address, or the like, may be kept.

        Raises:
            StoreFailed: the key for it cannot be read.
        """
        return self._concealing().forms(text)

    def _wanted(self, search: Search) -> Wanted:
        for field in ("decided_by", "sender", "recipient", "queue_id"):
            if not getattr(search, field).isprintable():
                raise InvalidValue(field, "it is not one line of text")
        client_key, network = self._clients(search.client)
        sender, sender_domain = self._sender(search.sender.strip())
        return Wanted(
            since=first_id(search.since),
            until=first_id(search.until) if search.until else LAST,
            disposition=search.disposition,
            decided_by=search.decided_by,
            queue_id=search.queue_id.strip(),
            recipient=self._if_any(sender_form(search.recipient.strip())),
            sender=sender,
            sender_domain=sender_domain,
            client_key=client_key,
            network=network,
        )

    def _sender(self, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the forms that an address of a sender may have, and those of its domain."""
        if text == "<>":
            return ("",), ("",)
        name, _, domain = text.rpartition("@")
        return self._if_any(sender_form(text)) if name else (), self._if_any(domain_form(domain))

    def _if_any(self, text: str) -> tuple[str, ...]:
        return self.forms(text) if text else ()

    def _clients(self, text: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Give the keys that a client may have, or the first and the last one of a network."""
        if not text.strip():
            return (), ()
        try:
            network = parse_network(text.strip())
        except InvalidValue as error:
            raise error.about("client") from None
        address, _, prefix = network.partition("/")
        if prefix in {"32", "128"} and (prefix == "128") == (":" in address):
            return (key_of(address), self.forms(address)[1].encode()), ()
        return (), keys_of(network)


def _nothing() -> None:
    pass
