"""Watching over this host in the daemon: looking at its parts, telling people, and answering programs that ask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredLock

from tempmaild import log
from tempmaild.core.metrics import Sample, wants_openmetrics
from tempmaild.errors import TempmaildError
from tempmaild.jobs.alerts import AlertsJob
from tempmaild.jobs.health import HealthJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.core.health import Finding
    from tempmaild.jobs.sweep import SweepJob
    from tempmaild.net.monitoring import Monitoring
    from tempmaild.service.metrics import Metrics
    from tempmaild.settings import Address, Settings

_GATHERED_SECONDS = 1.0
"""For which figures are given again: however often somebody asks, mail comes first."""


class Watching:
    """The health job, the alerts and the listener for metrics.

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
    ) -> None:
        self._health = HealthJob(reactor, appliance, settings, open_, wanted, sweep, log.get_log("health"))
        self._alerts = AlertsJob(reactor, appliance, settings, self._health.of_store, log.get_log("alerts"))
        self._answers: Answers | None = None
        self._monitoring: Monitoring | None = None
        self._addresses = settings.metrics.listen
        if self._addresses:
            # Two megabytes of memory that a host without them need not have.
            from tempmaild.net.monitoring import Monitoring  # noqa: PLC0415
            from tempmaild.service.metrics import Metrics  # noqa: PLC0415

            statistics, amounts = appliance.statistics, appliance.amounts
            metrics = Metrics(statistics, amounts, appliance.health, appliance.now, settings.host.name)
            self._answers = Answers(metrics, self._health, settings.host.state, reactor.seconds)
            self._monitoring = Monitoring(reactor, self._answers, log.get_log("metrics"))

    def listen(self) -> None:
        """Answer programs.

        Raises:
            CannotListen: an address is not to be had.
        """
        if self._monitoring:
            self._monitoring.listen(self._addresses)

    def start(self) -> None:
        """Look at everything from now on, and tell people."""
        if self._answers:
            self._answers.begin()
        self._health.start()
        self._alerts.start()

    async def begin(self) -> None:
        """The daemon takes and serves mail from now on, and programs are told so when this comes back."""
        await self._health.begin()

    def change(self, settings: Settings, waiting: Sequence[str]) -> None:
        """Go by other settings from now on; options of these keys wait for a restart."""
        self._health.change(settings, waiting)
        self._alerts.change(settings)

    def end(self) -> None:
        """Say that the daemon is no longer ready, and tell people nothing more."""
        self._alerts.stop()
        self._health.end()

    async def stop(self) -> None:
        """Have it known that this daemon ends; the store has to be there still."""
        if self._monitoring:
            await self._monitoring.stop()
        await self._health.stop()


class Answers:
    """What programs are told.

    Args:
        state: the state folder.
        clock: seconds that only grow.
    """

    def __init__(self, metrics: Metrics, health: HealthJob, state: Path, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._health = health
        self._state = state
        self._clock = clock
        self._gathered: dict[bool, tuple[float, tuple[bytes, str]]] = {}
        self._turns = DeferredLock()

    def begin(self) -> None:
        """Count from now on, and not only from the first question on."""
        # If it cannot be read now, it is tried again when somebody asks.
        beginning: Deferred[None] = self._turns.run(lambda: Deferred.fromCoroutine(self._metrics.begin()))
        beginning.addErrback(lambda failure: failure.trap(TempmaildError))

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the figures in the form that somebody accepts, and the media type of that.

        Raises:
            StoreFailed: they cannot be gathered.
        """
        wants_new = wants_openmetrics(accept)
        await self._turns.acquire()
        try:
            gathered_at, text = self._gathered.get(wants_new, (float("-inf"), (b"", "")))
            now = self._clock()
            if now - gathered_at >= _GATHERED_SECONDS:
                text = await self._metrics.text(self._of_process(), openmetrics=wants_new)
                self._gathered[wants_new] = now, text
        finally:
            self._turns.release()
        return text

    def ready(self) -> tuple[bool, Sequence[Finding]]:
        """Tell whether mail is taken and served, and how the parts are."""
        return self._health.is_ready, self._health.findings()

    def _of_process(self) -> list[Sample]:
        status = os.statvfs(self._state)
        return [
            Sample("tempmaild_disk_free_bytes", (), status.f_bavail * status.f_frsize),
            Sample("tempmaild_disk_bytes", (), status.f_blocks * status.f_frsize),
            Sample("tempmaild_ready", (), int(self._health.is_ready)),
        ]
