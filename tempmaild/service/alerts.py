"""Messages to people about what is not well; who sends them is a job of the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core import alerts
from tempmaild.store.alerts import NoteMessage, TakeNews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.alerts import Alert, News
    from tempmaild.core.health import State
    from tempmaild.service.health import Health
    from tempmaild.service.sending import Kind
    from tempmaild.store.access import Access
    from tempmaild.store.alerts import AlertQueries, Message


class Draft(NamedTuple):
    """A message that is to be sent."""

    news: Sequence[News]
    subject: str
    body: str

    @property
    def kind(self) -> Kind:
        """Give the sign that stands beside it, where there are signs."""
        bad = [news.finding.state for news in self.news if news.kind != "over"]
        return "failure" if "problem" in bad else "warning" if bad else "success"


def draft_of(news: list[News], host: str) -> Draft:
    """Write a message with these news of a host."""
    return Draft(news, alerts.subject(news, host), alerts.body(news))


class Alerts:
    """Decides what people are told, and remembers it.

    Args:
        host: the name of this host.
    """

    def __init__(self, access: Access, queries: AlertQueries, health: Health, host: str) -> None:
        self._access = access
        self._queries = queries
        self._health = health
        self._host = host

    async def take(self, least: State) -> Draft | None:
        """Give what people are to be told now of what is at least so bad; None for nothing.

        Nobody else tells it for some minutes, in which `note` has to be called.

        Raises:
            StoreFailed: the database cannot be read or written.
        """
        news = await self._access.write(TakeNews(await self._health.findings(), least))
        return draft_of(news, self._host) if news else None

    async def note(self, draft: Draft, *, delivered: bool) -> None:
        """Note whether anybody has got a message; if not, it is told again.

        Raises:
            StoreFailed: it is not noted.
        """
        await self._access.write(NoteMessage(list(draft.news), draft.subject, delivered))

    async def current(self) -> list[Alert]:
        """Give the parts that are not well enough, by name; they are looked at where messages go to somebody."""
        return await self._access.read(self._queries.alerts)

    async def messages(self, count: int) -> list[Message]:
        """Give the last messages, the newest first."""
        return await self._access.read(self._queries.messages, count)
