"""Looking after the parts of this host in the daemon, and telling everybody how they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from tempmaild.core.health import Finding, in_order
from tempmaild.core.timespan import HOUR, span
from tempmaild.errors import TempmaildError
from tempmaild.jobs import asking, looks
from tempmaild.jobs.aside import aside
from tempmaild.jobs.rounds import rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tempmaild.appliance import Appliance
    from tempmaild.core.health import Values
    from tempmaild.jobs.sweep import SweepJob
    from tempmaild.log import Log
    from tempmaild.service.clock import Standing
    from tempmaild.settings import Address, Settings

_EVERY = 10
"""Seconds; whoever reads it takes thirty without a word for trouble."""
_ASK_EVERY = 60
_LEVELS_SECONDS = 2 * HOUR
_LISTS_EVERY = 3600
"""Seconds; lists mind being asked more often, and few change sooner."""
_WRITTEN_SECONDS = 30
_SWEEP_SECONDS = 120
"""What has expired is to be erased within a minute; a round that has very much to erase may take longer."""


class HealthJob:
    """Looks around every few seconds, and puts away what it has found.

    Args:
        reactor: Twisted's.
        open_: gives the addresses that are open, by the name of the service.
        wanted: gives those that settings want to be open.
    """

    def __init__(
        self,
        reactor: Any,
        appliance: Appliance,
        settings: Settings,
        open_: Callable[[], Mapping[str, Sequence[str]]],
        wanted: Callable[[Settings], Mapping[str, Sequence[Address]]],
        sweep: SweepJob,
        log: Log,
    ) -> None:
        self._reactor = reactor
        self._appliance = appliance
        self._settings = settings
        self._waiting: Sequence[str] = ()
        self._open = open_
        self._wanted = wanted
        self._sweep = sweep
        self._log = log
        self._findings: list[Finding] = []
        self._written_at: float | None = None
        self._began = False
        self._failing = False
        self._first_round: Deferred[None] = Deferred()
        self._loop = rounds(reactor, self._round)
        self._looks = (
            _Look(reactor, _ASK_EVERY, self._ask, log),
            _Look(reactor, _LISTS_EVERY, self._ask_lists, log),
        )

    def start(self) -> None:
        """Look around now, and from now on."""
        for look in self._looks:
            look.start()
        self._ended = self._loop.start(_EVERY)

    async def begin(self) -> None:
        """The daemon has begun: it takes and serves mail. Comes back when it was first tried to write that."""
        self._began = True
        await self._first_round

    def change(self, settings: Settings, waiting: Sequence[str]) -> None:
        """Go by other settings from now on; options of these keys wait for a restart."""
        self._settings = settings
        self._waiting = waiting

    def end(self) -> None:
        """The daemon takes no more mail."""
        self._began = False

    async def stop(self) -> None:
        """Have it known that this daemon ends."""
        for look in self._looks:
            look.stop()
        self._loop.stop()
        await self._ended
        try:
            await self._appliance.health.end()
        except TempmaildError as error:
            self._log.error("health-failed", problem=error)

    @property
    def is_ready(self) -> bool:
        """Whether mail is taken and served: it can be written, and what the settings want is listened on."""
        listening = all(finding.state == "fine" for finding in self._findings if finding.name.startswith("listener "))
        return self._began and self._can_write and listening

    def findings(self) -> list[Finding]:
        """Give what this daemon knows by itself, the worst first, also while the database cannot be asked."""
        found = [*self._findings, self.of_store()]
        if not self._began:
            found.append(Finding("daemon", "problem", "It has not begun yet, or ends."))
        return in_order(found)

    @property
    def _can_write(self) -> bool:
        return self._written_at is not None and self._reactor.seconds() - self._written_at <= _WRITTEN_SECONDS

    def of_store(self) -> Finding:
        """Tell whether the store is there."""
        if self._can_write:
            return Finding("store", "fine", "It can be written to.")
        advice = "journalctl -u tempmaild; look at the disk, or at the database server"
        if self._written_at is None:
            return Finding("store", "problem", "Nothing has been written to it yet.", advice)
        values: Values = {"span": span(self._reactor.seconds() - self._written_at)}
        return Finding("store", "problem", "Nothing could be written to it for %(span)s.", advice, values)

    async def _round(self) -> None:
        try:
            self._findings = [
                *looks.of_listeners(self._open(), self._wanted(self._settings)),
                *looks.of_settings(self._waiting),
                looks.of_disk(self._settings),
                _of_sweep(self._reactor.seconds() - self._sweep.finished_at),
                _of_clock(await self._appliance.clock.standing()),
                *(finding for look in self._looks for finding in look.findings()),
            ]
            await self._appliance.health.put(self._findings)
        except TempmaildError as error:
            if not self._failing:
                self._log.error("health-failed", problem=error)
            self._failing = True
        except Exception as error:  # a defect in one round must not end the job for good
            self._log.failure("health-failed", error)
        else:
            self._failing = False
            self._written_at = self._reactor.seconds()
        if not self._first_round.called:
            self._first_round.callback(None)

    async def _ask(self) -> list[Finding]:
        settings, now = self._settings, self._appliance.now()
        levels = await self._appliance.amounts.levels(int(now) - _LEVELS_SECONDS)
        size = max(((hour, value) for hour, name, value in levels if name == "database"), default=(0, 0))[1]
        found = await aside(self._reactor, partial(_ask, settings, now, size, self._log), "health")
        messages = await self._appliance.alerts.messages(1)
        return [*found, *looks.of_alerts(settings, messages[0] if messages else None)]

    async def _ask_lists(self) -> list[Finding]:
        settings = self._settings
        listening = [address for addresses in self._wanted(settings).values() for address in addresses]
        return await aside(self._reactor, partial(asking.of_own_addresses, settings, listening), "own addresses")


class _Look:
    """Something that is looked at again and again, and takes its time."""

    def __init__(self, reactor: Any, every: float, look: Callable[[], Any], log: Log) -> None:
        self._reactor = reactor
        self._every = every
        self._look = look
        self._log = log
        self._findings: list[Finding] = []
        self._looked_at = 0.0
        self._loop = rounds(reactor, self._go)

    def start(self) -> None:
        self._loop.start(self._every)

    def stop(self) -> None:
        self._loop.stop()

    def findings(self) -> Iterator[Finding]:
        """Give what was found last, unless that was too long ago."""
        ago = self._reactor.seconds() - self._looked_at
        for finding in self._findings:
            if ago <= 3 * self._every:
                yield finding
            else:
                values: Values = {"span": span(ago)}
                yield Finding(finding.name, "unknown", "It was last looked at %(span)s ago.", "", values)

    async def _go(self) -> None:
        try:
            self._findings = await self._look()
        except TempmaildError as error:
            self._log.error("look-failed", problem=error)
        except Exception as error:  # a defect: it is looked at again
            self._log.failure("look-failed", error)
        else:
            self._looked_at = self._reactor.seconds()


def _ask(settings: Settings, now: float, size: int, log: Log) -> list[Finding]:
    """Look at all that may take a while, in a thread; `size` in octets is that of the database, as far as known."""
    found: list[Finding] = []
    parts: Iterable[tuple[str, Callable[[], Iterable[Finding]]]] = (
        ("certificate", lambda: [looks.of_certificate(settings, now)]),
        ("clamd", lambda: [asking.of_clamd(settings, now)]),
        ("DNS", lambda: [asking.of_dns(settings)]),
        ("database", lambda: [looks.of_database(size, None if settings.store.url else settings.sqlite_path)]),
        ("backup", lambda: [] if settings.store.url else looks.of_backups(now)),
    )
    for name, look in parts:
        try:
            found += look()
        except Exception as error:  # a defect in one of them must not hide the others
            log.failure("look-failed", error, part=name)
            text = "It could not be looked at: %(error)s"
            found.append(Finding(name, "unknown", text, "journalctl -u tempmaild", {"error": str(error)}))
    return found


def _of_sweep(ago: float) -> Finding:
    values: Values = {"span": span(ago)}
    if ago <= _SWEEP_SECONDS:
        text = "What has expired is erased every two seconds; the last round ended %(span)s ago."
        return Finding("sweep", "fine", text, "", values)
    text = "What has expired was last erased %(span)s ago."
    return Finding("sweep", "problem", text, "look for sweep-failed in journalctl -u tempmaild", values)


def _of_clock(standing: Standing) -> Finding:
    if standing.believed:
        return Finding("clock", "fine", "The clock of this host is believed.")
    text = "The clock of this host is not believed: it is far from when a daemon last ran. Lifetimes do not go by it."
    return Finding("clock", "problem", text, "see `tempmaild clock show`; if it is right: `tempmaild clock accept`")
