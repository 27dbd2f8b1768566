"""Telling people in the daemon what is not well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred, DeferredList, fail

from tempmaild.core.alerts import plan, told
from tempmaild.errors import TempmaildError
from tempmaild.jobs.aside import aside
from tempmaild.jobs.rounds import rounds
from tempmaild.service import sending
from tempmaild.service.alerts import draft_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.appliance import Appliance
    from tempmaild.core.alerts import Alert
    from tempmaild.core.health import Finding
    from tempmaild.log import Log
    from tempmaild.service.alerts import Draft
    from tempmaild.service.sending import Kind
    from tempmaild.settings import Settings

    Send = Callable[[str, str, str, Kind], None]

_EVERY = 60
_SECONDS = 60
"""What sending a message may take in all; apprise gives up on a server after eight."""
_MOST_URLS = 20
"""Each message is as many threads for a moment."""
_MOST_OWED = 100
_TRIES = 30
"""How often, and so for how many minutes, what one did not take that another did is sent again."""


class _Owed(NamedTuple):
    """A message that one of several did not take."""

    url: str
    draft: Draft
    tries: int


class AlertsJob:
    """Looks every minute what there is to be told, and sends it.

    Args:
        reactor: Twisted's.
        store: tells how the store is, which cannot tell that it is away.
        send: as `service.sending.send`.
    """

    def __init__(
        self,
        reactor: Any,
        appliance: Appliance,
        settings: Settings,
        store: Callable[[], Finding],
        log: Log,
        send: Send = sending.send,
    ) -> None:
        self._reactor = reactor
        self._alerts = appliance.alerts
        self._now = appliance.now
        self._settings = settings.alerts
        self._host = settings.host.name
        self._store = store
        self._of_store: list[Alert] = []
        self._log = log
        self._send = send
        self._owed: list[_Owed] = []
        # To where a thread is sending something.
        self._busy: set[str] = set()
        self._loop = rounds(reactor, self._round)

    def start(self) -> None:
        """Tell people from now on."""
        if self._settings.urls and not sending.is_possible():
            self._log.error("alerts-unusable", remedy=sending.INSTALL)
        self._loop.start(_EVERY, now=False)

    def change(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings.alerts

    def stop(self) -> None:
        """Begin nothing more; what is being sent is let go on, and waited for by nobody."""
        self._loop.stop()

    async def _round(self) -> None:
        if not self._settings.urls:
            # What was told before is kept for when there is somebody again.
            return
        try:
            await self._send_again()
            await self._tell_of_store()
            draft = await self._alerts.take(self._settings.least)
            if draft:
                await self._alerts.note(draft, delivered=await self._tell(draft))
        except TempmaildError as error:
            self._log.error("alerts-failed", problem=error)
        except Exception as error:  # a defect in one round must not end all alerts for good
            self._log.failure("alerts-failed", error)

    async def _tell_of_store(self) -> None:
        """Tell that the store is away, or is there again; that is remembered here, and by no restart."""
        now = int(self._now())
        planned = plan([self._store()], self._of_store, now)
        self._of_store = planned.alerts
        if planned.news and await self._tell(draft_of(planned.news, self._host)):
            self._of_store = told(planned.alerts, planned.news, now)

    async def _tell(self, draft: Draft) -> bool:
        """Send a message to all; whether anybody has taken it."""
        urls = self._settings.urls[:_MOST_URLS]
        taken = await self._attempt([(url, draft) for url in urls])
        if any(taken):
            missing = [_Owed(url, draft, 1) for url, ok in zip(urls, taken, strict=True) if not ok]
            self._owed = [*self._owed, *missing][-_MOST_OWED:]
            self._log.info("alerted", subject=draft.subject, to=sum(taken), of=len(urls))
        return any(taken)

    async def _send_again(self) -> None:
        # Not to who is no longer to be told.
        wanted = [one for one in self._owed if one.url in self._settings.urls]
        owed, rest = wanted[:_MOST_URLS], wanted[_MOST_URLS:]
        taken = await self._attempt([(one.url, one.draft) for one in owed])
        again = [
            one._replace(tries=one.tries + 1)
            for one, ok in zip(owed, taken, strict=True)
            if not ok and one.tries < _TRIES
        ]
        self._owed = [*rest, *again]

    async def _attempt(self, messages: Sequence[tuple[str, Draft]]) -> list[bool]:
        attempts = [self._send_one(url, draft) for url, draft in messages]
        return [bool(taken) for _, taken in await DeferredList(attempts)]

    def _send_one(self, url: str, draft: Draft) -> Deferred[bool]:
        if url in self._busy:
            sent: Deferred[Any] = fail(sending.NotSent("the message before is still under way"))
        else:
            self._busy.add(url)
            sent = aside(self._reactor, partial(self._work, url, draft), "alert")
            # The thread is left to itself: it ends by the time limits of its own connections.
            sent.addTimeout(_SECONDS, self._reactor)
        # The URL holds secrets, but for its beginning.
        scheme = url.partition(":")[0]

        def failed(failure: Any) -> bool:
            self._log.error("alert-failed", to=scheme, problem=failure.getErrorMessage() or failure.type.__name__)
            return False

        return sent.addCallbacks(lambda _: True, failed)

    def _work(self, url: str, draft: Draft) -> None:
        """Send a message, in a thread."""
        try:
            self._send(url, draft.subject, draft.body, draft.kind)
        finally:
            self._busy.discard(url)
