"""Contexts: searches of which the client is told whenever their result changes (RFC 5267 §4.3).

Only messages that have changed are looked at again. What cannot be kept, or takes too much, is given up: NOUPDATE.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from tempmaild.errors import MailboxGone
from tempmaild.imap.dialogue import IN_FOLDER, Command, Dialogue
from tempmaild.imap.finding import Turns, find_among
from tempmaild.imap.messages import fetch_some
from tempmaild.imap.replies import BAD, Refusal, Refused
from tempmaild.imap.results import correlated
from tempmaild.imap.search import Cost, everything
from tempmaild.imap.search_keys import Criteria
from tempmaild.imap.sequence import write_set
from tempmaild.imap.sort_order import Order, octets_of
from tempmaild.net.conversation import Interruption

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from tempmaild.core.mailbox import Entry
    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.message import Message
    from tempmaild.imap.results import Options
    from tempmaild.imap.sort_order import Rank

MOST: Final = 16
"""Contexts that one session may have open; clients have one for what they show, and a few that count."""
_MOST_OCTETS: Final = 2 << 20
"""Memory that they may take: half a million messages in mailbox order, some thousand in another."""
_MOST_SORTED: Final = 10_000
"""Messages in a result in another order; more would take too much memory in any case."""

_BATCH: Final = 500
"""Messages of which is told together."""
_PLACE: Final = 10
"""Questions to entries that take as long as finding the place of a message in a result."""

_ANY: Final = Criteria(everything(), 1, with_modseq=False)

_TOO_MUCH: Final = Refusal(b"LIMIT", b"The contexts take too much memory")


class _InMailboxOrder:
    """A result of SEARCH, in which the client finds the places of messages itself.

    Attributes:
        step: by how much the position grows from one message that is added to the one after it.
        octets: memory that it takes.
    """

    step = 0

    def __init__(self, messages: Iterable[Message]) -> None:
        self._uids = array("I", [message.entry.uid for message in messages])

    @property
    def octets(self) -> int:
        return self._uids.itemsize * len(self._uids)

    def __contains__(self, uid: int) -> bool:
        place = bisect_left(self._uids, uid)
        return place < len(self._uids) and self._uids[place] == uid

    async def add(self, _: Dialogue, __: Turns, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """Add messages that are not there; give position and UID of each, in the order of the result."""
        uids = [message.entry.uid for message in messages]
        for uid in uids:
            self._uids.insert(bisect_left(self._uids, uid), uid)
        return [(0, uid) for uid in uids]

    def remove(self, uids: Iterable[int]) -> list[tuple[int, int]]:
        """Remove messages that are there; give position and UID of each, in the order of the result."""
        uids = sorted(uids)
        for uid in uids:
            del self._uids[bisect_left(self._uids, uid)]
        return [(0, uid) for uid in uids]


class _InOrder:
    """A result of SORT; attributes and methods are those of `_InMailboxOrder`.

    Args:
        order: has taken the messages.
    """

    step = 1

    def __init__(self, order: Order, messages: Iterable[Message]) -> None:
        self._criteria = order.criteria
        self._ranks = sorted(order.rank(place, message.entry.uid) for place, message in enumerate(messages))
        self._rank_of: dict[int, Rank] = {rank[-1]: rank for rank in self._ranks}
        self.octets = sum(map(octets_of, self._ranks))

    def __contains__(self, uid: int) -> bool:
        return uid in self._rank_of

    async def add(self, s: Dialogue, turns: Turns, messages: Sequence[Message]) -> list[tuple[int, int]]:
        order = Order(self._criteria)

        async def take(message: Message) -> None:
            order.add(message)

        if order.cost > Cost.ENTRY:
            messages = await find_among(s, _ANY, turns, messages, take)
        else:
            for message in messages:
                order.add(message)
        placed = []
        for rank in sorted(order.rank(place, message.entry.uid) for place, message in enumerate(messages)):
            place = bisect_left(self._ranks, rank)
            self._ranks.insert(place, rank)
            self._rank_of[rank[-1]] = rank
            self.octets += octets_of(rank)
            placed.append((place + 1, rank[-1]))
        return placed

    def remove(self, uids: Iterable[int]) -> list[tuple[int, int]]:
        placed = []
        for rank in sorted(self._rank_of.pop(uid) for uid in uids):
            place = bisect_left(self._ranks, rank)
            del self._ranks[place]
            self.octets -= octets_of(rank)
            placed.append((place + 1, rank[-1]))
        return placed


class _Context(NamedTuple):
    """A search, and what the client knows to be its result.

    Attributes:
        request: what is told of messages that come and belong to it; None for nothing but that (RFC 5465 §7).
    """

    tag: bytes
    by_uid: bool
    criteria: Criteria
    request: FetchRequest | None
    result: _InMailboxOrder | _InOrder


class Contexts:
    """The contexts of the selected folder, by the tag of their command."""

    def __init__(self, session: Dialogue) -> None:
        self._session = session
        self._contexts: dict[bytes, _Context] = {}

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._contexts

    def open(self, context: _Context) -> None:
        """Tell from now on how the result changes.

        Raises:
            Refused: there are too many, or they take too much memory.
        """
        if len(self._contexts) == MOST:
            raise Refused(b"LIMIT", b"There are too many contexts")
        self._contexts[context.tag] = context
        self._check_octets()

    def close(self, tag: bytes) -> None:
        """Tell no more of a context."""
        del self._contexts[tag]

    def refuse(self, tag: bytes, text: bytes) -> None:
        """Tell the client that it is not told how a result changes (RFC 5267 §4.3.1)."""
        self._contexts.pop(tag, None)
        self._session.say(b'* NO [NOUPDATE "%b"] %b\r\n' % (tag, text))

    def _check_octets(self) -> None:
        if sum(context.result.octets for context in self._contexts.values()) > _MOST_OCTETS:
            raise Refused(*_TOO_MUCH)

    # -- what has happened

    async def tell_gone(self, uids: Sequence[int]) -> None:
        """Tell of messages that are gone, before their numbers are (RFC 5267 §4.3.4)."""
        for start in range(0, len(uids), _BATCH):
            await self._for_each(partial(self._remove, uids[start : start + _BATCH]))

    async def tell_changed(self, entries: Sequence[Entry], known: int) -> None:
        """Tell of messages that have changed, and of those that are new.

        Args:
            known: how many messages the client has been told of before.
        """
        view = self._session.selected()
        for start in range(0, len(entries), _BATCH):
            messages = view.messages(entries[start : start + _BATCH])
            await self._for_each(partial(self._update, messages, known))

    async def _for_each(self, update: Callable[[_Context, Turns], Awaitable[None]]) -> None:
        """Bring all contexts up to date; those with which it fails are given up."""
        turns = Turns(self._session)
        for context in list(self._contexts.values()):
            try:
                await update(context, turns)
            except (Interruption, MailboxGone):
                raise
            except Refused as refused:
                self.refuse(context.tag, refused.refusal.text)
            except Exception as error:  # it is told no more, and told so
                self._session.log.failure("news-failed", error)
                self.refuse(context.tag, b"Internal error")

    async def _remove(self, uids: Iterable[int], context: _Context, turns: Turns) -> None:
        await turns.spend(_PLACE * _BATCH)
        await self._tell(context, context.result.remove({uid for uid in uids if uid in context.result}), [])

    async def _update(self, messages: Sequence[Message], known: int, context: _Context, turns: Turns) -> None:
        s, result = self._session, context.result
        found = await find_among(s, context.criteria, turns, messages)
        matching = {message.entry.uid for message in found}
        changed = {message.entry.uid for message in messages}
        await turns.spend(_PLACE * len(messages))
        removed = result.remove({uid for uid in changed if uid in result and uid not in matching})
        new = [message for message in found if message.entry.uid not in result]
        added = await result.add(s, turns, new)
        self._check_octets()
        if context.request is not None:
            await self._describe(context.request, [message for message in new if message.number > known])
        await self._tell(context, removed, added)

    async def _describe(self, request: FetchRequest, messages: Sequence[Message]) -> None:
        if messages:
            request = replace(request, uid_only=b"UIDONLY" in self._session.enabled)
            await fetch_some(self._session, request, [message.number - 1 for message in messages])

    async def _tell(
        self, context: _Context, removed: Sequence[tuple[int, int]], added: Sequence[tuple[int, int]]
    ) -> None:
        said = b""
        if removed:
            said += b" REMOVEFROM (%b)" % self._written(context, removed, step=0)
        if added:
            said += b" ADDTO (%b)" % self._written(context, added, step=context.result.step)
        if said:
            await self._session.send(correlated(context.tag, by_uid=context.by_uid) + said + b"\r\n")

    def _written(self, context: _Context, placed: Iterable[tuple[int, int]], step: int) -> bytes:
        """Write positions with the messages that are added or removed there, one after the other."""
        uids = self._session.selected().uids
        runs: list[tuple[int, list[int]]] = []
        for position, uid in placed:
            number = uid if context.by_uid else bisect_left(uids, uid) + 1
            if runs and position == runs[-1][0] + step * len(runs[-1][1]):
                runs[-1][1].append(number)
            else:
                runs.append((position, [number]))
        return b" ".join(b"%d %b" % (position, write_set(numbers)) for position, numbers in runs)


# -- beginning and ending


def check(s: Dialogue, options: Options | None) -> None:
    """See whether the tag of a command may stand for a context, if it asks for one.

    Raises:
        Refused: it is that of another one.
    """
    contexts = s.selected().contexts
    if options is not None and options.updates and contexts is not None and s.tag in contexts:
        raise Refused(b"", b"The tag is that of a context", BAD)


def keep(
    s: Dialogue,
    options: Options | None,
    criteria: Criteria,
    found: Sequence[Message],
    order: Order | None = None,
    *,
    by_uid: bool,
) -> None:
    """Tell from now on how the result of a search changes, if that is asked for; or that it is not told.

    Args:
        found: the messages by sequence number.
        order: has taken them; None for that one.
    """
    if options is None or not options.updates:
        return
    view = s.selected()
    if view.contexts is None:
        view.contexts = Contexts(s)
    try:
        result = _result(criteria, found, order)
        view.contexts.open(_Context(s.tag, by_uid, criteria, options.request, result))
    except Refused as refused:
        view.contexts.refuse(s.tag, refused.refusal.text)
    if options.request is not None and options.request.shows_modseq:
        s.enable_condstore()


def _result(criteria: Criteria, found: Sequence[Message], order: Order | None) -> _InMailboxOrder | _InOrder:
    if criteria.names_last:
        raise Refused(b"CANNOT", b"Which message is the last one may change")
    if order is None:
        return _InMailboxOrder(found)
    if len(found) > _MOST_SORTED:
        raise Refused(*_TOO_MUCH)
    return _InOrder(order, found)


async def cancel_update(s: Dialogue, parser: Parser) -> bytes:
    """Tell no more of some contexts."""
    tags = []
    while True:
        parser.space()
        tags.append(parser.string())
        if parser.at_end():
            break
    contexts = s.selected().contexts
    for tag in tags:
        if contexts is None or tag not in contexts:
            raise Refused(b"", b"There is no such context")
        contexts.close(tag)
    return b"OK Not updated any more"


COMMANDS = (
    Command(b"CANCELUPDATE", IN_FOLDER, cancel_update, "RFC 5267 §4.3.5", capability=b"CONTEXT=SEARCH CONTEXT=SORT"),
)
