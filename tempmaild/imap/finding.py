"""Finding the messages that match: with what is at hand of all of them, then with more of the few that are left.

Nobody waits for a search for longer than some milliseconds, and no search takes longer than the operator lets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from tempmaild.errors import MessageDamaged
from tempmaild.imap.message import Message
from tempmaild.imap.replies import Refusal, Refused
from tempmaild.imap.search import Cost
from tempmaild.net.conversation import Pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Generator, Iterable, Sequence

    from tempmaild.imap.dialogue import Dialogue
    from tempmaild.imap.search import Key
    from tempmaild.imap.search_keys import Criteria

T = TypeVar("T")

_BATCH: Final = 100
"""Messages whose summaries are in memory at the same time."""
_TURN: Final = 8_000
"""Questions to entries after which others have their turn: some milliseconds."""
_SUMMARY: Final = 40
"""Questions to entries that take as long as reading a summary, or asking it one thing."""

_TOO_LONG = Refusal(b"LIMIT", b"The search takes too long, look into fewer messages")  # RFC 5530 §3


class Turns:
    """Sees to it that a search neither takes too long nor has others wait.

    Args:
        s: the session that searches.
    """

    def __init__(self, s: Dialogue) -> None:
        self._clock = s.shared.clock
        self._deadline = self._clock() + s.shared.rules.search_seconds
        self._left = _TURN

    async def spend(self, work: int) -> None:
        """Note work that will be done now, in questions to entries; others come first when it is their turn."""
        if work > self._left:
            await self.give_way()
        self._left -= work

    async def give_way(self) -> None:
        """Let others have their turn.

        Raises:
            Refused: it has taken too long.
        """
        self.check()
        await Pause(0)
        self._left = _TURN

    def check(self) -> None:
        """See whether there is time left.

        Raises:
            Refused: there is none.
        """
        if self._clock() > self._deadline:
            raise Refused(*_TOO_LONG)

    async def finish(self, work: Generator[None, None, T]) -> T:
        """Do work that yields where others may have their turn."""
        while True:
            try:
                next(work)
            except StopIteration as end:
                result: T = end.value
                return result
            await self.give_way()


async def find(
    s: Dialogue, criteria: Criteria, turns: Turns, take: Callable[[Message], Awaitable[None]] | None = None
) -> list[Message]:
    """Give the messages of the selected folder that match, by sequence number.

    Args:
        take: looks at each of them together with its summary.
    """
    view = s.selected()
    uids = view.uids
    entries = await s.entries(uids)
    likely = _Likely(criteria.key)
    step = max(1, min(_TURN // criteria.size, len(uids)))
    for start in range(0, len(uids), step):
        await turns.spend(step * criteria.size)
        some = enumerate(uids[start : start + step], start)
        likely.add([view.message(index, entries[uid]) for index, uid in some if uid in entries])
    return await _look_closer(s, criteria, turns, likely, take)


async def find_among(
    s: Dialogue,
    criteria: Criteria,
    turns: Turns,
    messages: Sequence[Message],
    take: Callable[[Message], Awaitable[None]] | None = None,
) -> list[Message]:
    """Give those of some hundred messages that match; `take` as for `find`."""
    await turns.spend(len(messages) * criteria.size)
    likely = _Likely(criteria.key)
    likely.add(messages)
    return await _look_closer(s, criteria, turns, likely, take)


class _Likely:
    """The messages that match as far as the entries show.

    Attributes:
        unsure: numbers of those where that is not sure.
    """

    def __init__(self, key: Key) -> None:
        self._decide = key.decide
        self.messages: list[Message] = []
        self.unsure: set[int] = set()

    def add(self, messages: Iterable[Message]) -> None:
        """Take those of the messages that may match."""
        decide = self._decide
        for message in messages:
            verdict = decide(message)
            if verdict is not False:
                self.messages.append(message)
                if verdict is None:
                    self.unsure.add(message.number)


async def _look_closer(
    s: Dialogue,
    criteria: Criteria,
    turns: Turns,
    likely: _Likely,
    take: Callable[[Message], Awaitable[None]] | None,
) -> list[Message]:
    """Give those that match; look into the messages as far as that is necessary."""
    if take is None and not likely.unsure:
        return likely.messages
    found = []
    for start in range(0, len(likely.messages), _BATCH):
        some = likely.messages[start : start + _BATCH]
        found += await _look_into(s, criteria, turns, some, likely.unsure, take)
    return found


async def _look_into(
    s: Dialogue,
    criteria: Criteria,
    turns: Turns,
    likely: Sequence[Message],
    unsure: Container[int],
    take: Callable[[Message], Awaitable[None]] | None,
) -> list[Message]:
    """Give those that match, with more of the messages at hand."""
    wanted = [message.entry.uid for message in likely if take or message.number in unsure]
    summaries = await s.inbox.summaries(s.selected().folder.id, wanted) if wanted else {}
    found = []
    for message in likely:
        sure = message.number not in unsure
        if sure and take is None:
            found.append(message)
            continue
        turns.check()
        await turns.spend(_SUMMARY * (1 + criteria.size))
        message.summary = summaries.get(message.entry.uid)
        # Nobody knows what a damaged one said; the others are found.
        if message.summary is not None and (sure or await _matches(s, criteria.key, message)):
            if take is not None:
                await take(message)
            found.append(message)
        message.summary = None
    return found


async def _matches(s: Dialogue, key: Key, message: Message) -> bool:
    verdict = key.decide(message)
    if verdict is None and key.cost is Cost.CONTENT:
        verdict = await _matches_by_content(s, key, message)
    return bool(verdict)


async def _matches_by_content(s: Dialogue, key: Key, message: Message) -> bool:
    summary = message.summary

    def decide(content: bytes) -> bool | None:
        # Another object, so that the content is not kept for as long as the message.
        return key.decide(Message(message.number, message.entry, message.recent, summary, content))

    try:
        return bool(await s.inbox.examine(s.selected().folder.id, message.entry.uid, decide))
    except MessageDamaged:
        return False
