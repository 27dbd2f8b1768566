"""What a process of the daemon offers to clients, and what every such process begins with."""

from __future__ import annotations

import resource
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from twisted.logger import LogLevel, formatEvent, globalLogBeginner

from tempmaild import log, memory
from tempmaild.imap import server as imap
from tempmaild.net.connection import Service
from tempmaild.net.conversation import Memory
from tempmaild.net.gate import Gate, GateRules
from tempmaild.net.reactor import install
from tempmaild.net.tls import Certificate
from tempmaild.pop3 import server as pop3
from tempmaild.smtp import server as smtp
from tempmaild.smtp.dialogue import Services

if TYPE_CHECKING:
    from twisted.logger import LogEvent

    from tempmaild.appliance import Appliance
    from tempmaild.net.reactor import ShortEPollReactor
    from tempmaild.settings import Settings
    from tempmaild.shared import Shared

_COLLECT_AFTER = 10_000
"""Objects that are left over; each session has a hundred, and few of them are in a ring that only a search finds."""
READING: Final = ("imap", "imaps", "pop3", "pop3s")
"""The services by which mailboxes are read."""


class Bounds(NamedTuple):
    """What all services of a process together may take up."""

    gate: Gate
    memory: Memory

    def change(self, settings: Settings) -> None:
        """Hold whoever comes from now on against other limits."""
        self.gate.change(_gate_rules(settings))
        self.memory.limit = settings.limits.memory_bytes


def bounds(settings: Settings, shared: Shared) -> Bounds:
    """Give those of this process, which count what the others have."""
    return Bounds(Gate(_gate_rules(settings), shared), Memory(settings.limits.memory_bytes, shared))


def services(settings: Settings, appliance: Appliance, within: Bounds) -> dict[str, Service]:
    """Make the services, by the name that their sockets have with systemd.

    Raises:
        CertificateUnusable: the certificate is not usable.
    """
    tls = settings.tls
    certificate = Certificate(tls.certificate, tls.key) if tls.certificate and tls.key else None
    logins, limiter, clock = appliance.logins, appliance.limiter, appliance.now
    sessions: dict[str, tuple[Any, bytes]] = {
        "smtp": (_smtp_sessions(settings, appliance, within.memory), smtp.TURNED_AWAY),
        "lmtp": (_smtp_sessions(settings, appliance, within.memory, lmtp=True), smtp.TURNED_AWAY),
        "imap": (
            imap.session_factory(settings, logins, appliance.lifetimes, limiter, within.memory, clock),
            imap.TURNED_AWAY,
        ),
        "pop3": (pop3.session_factory(settings, logins, limiter, clock), pop3.TURNED_AWAY),
    }
    made = {}
    for name, (make_session, turned_away) in sessions.items():
        for suffix, implicit_tls in (("", False), ("s", True)):
            made[name + suffix] = Service(
                name=name + suffix,
                make_session=make_session,
                turned_away=turned_away,
                gate=within.gate,
                log=log.get_log(name),
                certificate=certificate,
                implicit_tls=implicit_tls,
                proxies=settings.proxy.trusted,
                admit=partial(limiter.connect, "reading" if name in READING else "mail"),
                count=appliance.statistics.count,
            )
    return made


def _smtp_sessions(settings: Settings, appliance: Appliance, memory: Memory, *, lmtp: bool = False) -> Any:
    part = log.get_log("lmtp" if lmtp else "smtp")
    used = Services(
        appliance.deliveries, appliance.checks, appliance.limiter, appliance.statistics, appliance.mail_log
    )
    return smtp.session_factory(settings, used, memory, appliance.now, part, lmtp=lmtp)


def _gate_rules(settings: Settings) -> GateRules:
    limits = settings.limits
    return GateRules(
        limits.connections,
        limits.connections_per_network,
        limits.ipv4_prefix,
        limits.ipv6_prefix,
        limits.trusted_networks,
    )


def prepare(settings: Settings) -> ShortEPollReactor:
    """Make this process one that serves many; its reactor."""
    log.configure(settings.log.level, settings.log.format)
    globalLogBeginner.beginLoggingTo([cast("Any", _log_of_twisted)], redirectStandardIO=False, discardBuffer=True)
    # Each connection is an open file: as many as the system allows.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    memory.keep_freed()
    return install()


def settle() -> None:
    """Have what is there now stay to the end."""
    memory.settle(_COLLECT_AFTER)


def _log_of_twisted(event: LogEvent) -> None:
    """Write what goes wrong inside Twisted where all else is written."""
    failure = event.get("log_failure")
    if failure is not None:
        log.get_log("twisted").failure("unhandled-error", failure.value, text=formatEvent(event))
    elif event["log_level"] >= LogLevel.warn:
        log.get_log("twisted").warning("warning", text=formatEvent(event))
