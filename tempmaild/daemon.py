"""The running daemon: everything is put together here, and taken down again."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tempmaild import log
from tempmaild.appliance import open_appliance
from tempmaild.errors import InvalidAddress
from tempmaild.in_checks import CheckingProcesses, ChecksUnusable
from tempmaild.in_process import WriterProcess
from tempmaild.in_reading import Centre, ReadingProcesses
from tempmaild.in_thread import ReactorAccess
from tempmaild.jobs.gauges import Gauges
from tempmaild.jobs.mail_log import MailLogJob
from tempmaild.jobs.schedules import ScheduleJobs
from tempmaild.jobs.statistics import MEASURE_EVERY, StatisticsJob
from tempmaild.jobs.sweep import SweepJob
from tempmaild.jobs.watching import Watching
from tempmaild.net.listeners import CannotListen, Listeners, handed_over
from tempmaild.net.systemd import Notifier
from tempmaild.net.tls import CertificateUnusable
from tempmaild.offering import READING, bounds, prepare, services, settle
from tempmaild.settings import SettingsError, load, reloaded
from tempmaild.shared import Shared
from tempmaild.store.disk import lock_state
from tempmaild.store.restore import remove_unfinished
from tempmaild.store.writer import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tempmaild.notify.hub import Hub
    from tempmaild.settings import Address, Settings
    from tempmaild.store.database import Handle


class Daemon:
    """Takes and serves mail until it is told to stop.

    Args:
        reactor: Twisted's.
        config: where the settings are read from again on SIGHUP.

    Attributes:
        problem: why it has ended without being told to.
    """

    problem: ChecksUnusable | None = None

    def __init__(self, reactor: Any, settings: Settings, config: Path | None, environ: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._settings = settings
        self._config = config
        self._environ = environ
        self._log = log.get_log("daemon")
        self._notifier = Notifier(environ)
        self._shared = Shared(1 + settings.reading.processes)
        self._bounds = bounds(settings, self._shared)
        self._listeners = Listeners(reactor, self._log)
        self._state_lock = lock_state(settings.host.state)
        remove_unfinished(settings.sqlite_path)
        checks_log = log.get_log("checks")
        self._checks = CheckingProcesses(reactor, settings, checks_log) if settings.checks.enabled else None
        self._appliance = open_appliance(settings, self._make_access, examiner=self._checks, shared=self._shared)
        self._schedules = ScheduleJobs(reactor, self._appliance, time.time, log.get_log("schedules"))
        statistics_log = log.get_log("statistics")
        self._statistics = StatisticsJob(reactor, self._appliance.statistics, statistics_log)
        sources = [self._listeners.gauges, self._access.gauges, *([self._checks.gauges] if self._checks else [])]
        gauges = Gauges(reactor, self._appliance.statistics, "main", sources)
        self._gauges = StatisticsJob(reactor, gauges, statistics_log, at_start=True)
        self._amounts = StatisticsJob(reactor, self._appliance.amounts, statistics_log, MEASURE_EVERY, at_start=True)
        self._limit_use = StatisticsJob(reactor, self._appliance.limit_use, log.get_log("limits"))
        self._mail_log = MailLogJob(reactor, self._appliance.mail_log, log.get_log("mail-log"))
        self._sweep = SweepJob(reactor, self._appliance, log.get_log("sweep"))
        addresses = self._listeners.addresses
        self._watching = Watching(reactor, self._appliance, settings, addresses, _addresses, self._sweep)
        self._services = services(settings, self._appliance, self._bounds)
        centre = Centre(self._writer.submit, self._appliance.limiter.counter)
        number, reading_log = settings.reading.processes, log.get_log("reading")
        self._reading = ReadingProcesses(reactor, settings, self._shared, number, centre, reading_log)

    def _make_access(self, handle: Handle, hub: Hub, clock: Callable[[], float]) -> ReactorAccess:
        settings = self._settings
        configuration = Configuration(
            url=settings.store.url,
            sqlite_path=str(settings.sqlite_path),
            host=settings.host.name,
            signing_key=str(settings.signing_key_path),
            group=settings.store.group_messages,
            octets=settings.store.group_bytes,
            log_level=settings.log.level,
            log_format=settings.log.format,
        )
        store_log = log.get_log("store")

        def publish(touched: set[int] | None) -> None:
            hub.publish(touched)
            self._reading.publish(touched)

        self._writer = WriterProcess(self._reactor, configuration, clock, self._shared.note, publish, store_log)
        self._access = ReactorAccess(self._reactor, handle, self._writer, store_log, settings.store.readers)
        return self._access

    def start(self) -> None:
        """Open the listeners, and be there.

        Raises:
            CannotListen: an address is not to be had.
        """
        self._access.start()
        wanted = _addresses(self._settings)
        handed = handed_over(self._environ, wanted)
        for name, addresses in wanted.items():
            if name in handed:
                self._listeners.adopt(self._services[name], handed[name])
            elif not handed:
                self._listeners.listen(self._services[name], addresses)
        self._listeners.start()
        self._watching.listen()
        # They read at once, in threads that would keep a daemon alive which cannot listen.
        self._sweep.start()
        self._schedules.start()
        self._mail_log.start()
        self._statistics.start()
        self._gauges.start()
        self._amounts.start()
        self._limit_use.start()
        self._watching.start()
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(self._stop()))
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._begin_reload))
        if self._notifier.watchdog_interval:
            LoopingCall(self._notifier.alive).start(self._notifier.watchdog_interval)
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._look_for_postmasters()))
        # Not before the reactor has the signals: whoever is told that we are ready may stop us at once.
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._begin()))

    async def _begin(self) -> None:
        """Begin to check mail, and tell that we are there."""
        if self._checks:
            try:
                await self._checks.start()
            except ChecksUnusable as problem:
                self.problem = problem
                self._reactor.stop()
                return
        await self._reading.start(self._listeners.hand_over(READING) if self._settings.reading.processes else ())
        if not (self._checks and self._settings.clamav.address):
            self._log.warning("mail-is-not-scanned", remedy="set clamav.address")
        # At the start nothing checked mail yet.
        await self._gauges.put_away()
        await self._watching.begin()
        self._notifier.ready()
        self._log.info("started", pid=os.getpid())

    async def _look_for_postmasters(self) -> None:
        """Warn where mail for postmaster is refused, which RFC 5321 §4.5.1 wants to be taken."""
        names = await self._appliance.deliveries.without_postmaster(self._settings.host.name)
        if names:
            self._log.warning("nobody-reads-postmaster", names=", ".join(names), remedy="set mailbox.operator")

    def _begin_reload(self) -> None:
        Deferred.fromCoroutine(self.reload())

    async def reload(self) -> None:
        """Read settings and certificates again; what is wrong keeps the old ones in force.

        New connections get the new settings. What needs a restart stays as it is, and the log names it.
        """
        self._notifier.reloading(time.monotonic())
        try:
            settings, waiting = reloaded(self._settings, load(self._config, self._environ))
            offered = services(settings, self._appliance, self._bounds)
            self._listeners.check(offered)
            self._appliance.change(settings)
        except (SettingsError, CertificateUnusable, CannotListen, InvalidAddress) as error:
            self._log.error("reload-refused", problem=error)
        else:
            self._services = offered
            self._listeners.exchange(offered)
            self._bounds.change(settings)
            self._watching.change(settings, waiting)
            # A new certificate is none of their business.
            if self._checks and settings != self._settings:
                self._checks.reload(settings)
            log.configure(settings.log.level, settings.log.format)
            if waiting:
                self._log.warning("restart-needed", of="tempmaild", options=", ".join(waiting))
            if settings.admin != self._settings.admin:
                self._log.warning("restart-needed", of="tempmaild-admin", options="admin")
            self._settings = settings
            await self._reading.reload(settings)
            self._log.info("reloaded")
        self._notifier.ready()

    async def _stop(self) -> None:
        self._notifier.stopping()
        self._log.info("stopping", connections=self._listeners.count)
        self._watching.end()
        await self._schedules.stop()
        grace = self._settings.shutdown.grace_seconds
        reading = Deferred.fromCoroutine(self._reading.stop(grace))
        await self._listeners.stop(grace)
        await reading
        await self._sweep.stop()
        if self._checks:
            await self._checks.stop()
        await self._mail_log.stop()
        await self._amounts.stop()
        await self._gauges.stop()
        await self._statistics.stop()
        await self._limit_use.stop()
        await self._watching.stop()
        await self._access.stop()
        self._appliance.handle.close()
        self._log.info("stopped")


def run(settings: Settings, config: Path | None, environ: Mapping[str, str]) -> None:
    """Run the daemon until it is told to stop.

    Raises:
        CannotListen: an address is not to be had.
        CertificateUnusable: the certificate is not usable.
        ChecksUnusable: mail cannot be checked as the settings want it.
        StoreFailed: the database is not usable, or another daemon has the state folder.
    """
    reactor = prepare(settings)
    daemon = Daemon(reactor, settings, config, environ)
    daemon.start()
    settle()
    reactor.run()
    if daemon.problem:
        raise daemon.problem


def _addresses(settings: Settings) -> dict[str, tuple[Address, ...]]:
    """Give what to listen on, by the name of the service."""
    return {
        "smtp": settings.smtp.listen,
        "smtps": settings.smtp.listen_tls,
        "lmtp": settings.lmtp.listen,
        "imap": settings.imap.listen,
        "imaps": settings.imap.listen_tls,
        "pop3": settings.pop3.listen,
        "pop3s": settings.pop3.listen_tls,
    }
