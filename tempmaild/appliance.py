"""The store and the services put together: what the daemon and the command line have in common."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tempmaild import log
from tempmaild.core import address as addresses
from tempmaild.core.timekeeper import Timekeeper
from tempmaild.errors import StoreFailed
from tempmaild.notify.hub import Hub
from tempmaild.service.alerts import Alerts
from tempmaild.service.amounts import Amounts
from tempmaild.service.api_keys import ApiKeys
from tempmaild.service.audit import Audit
from tempmaild.service.bans import Bans
from tempmaild.service.block_rules import BlockRules
from tempmaild.service.checking import Checks
from tempmaild.service.clock import Clock
from tempmaild.service.credentials import Credentials
from tempmaild.service.delivery import Deliveries
from tempmaild.service.directory import Directory
from tempmaild.service.domains import Domains
from tempmaild.service.health import Health
from tempmaild.service.lifetimes import Lifetimes
from tempmaild.service.limit_use import LimitUse
from tempmaild.service.limits import Limiter, Limits
from tempmaild.service.logins import Logins
from tempmaild.service.mail_log import MailLog
from tempmaild.service.mailbox_list import MailboxList
from tempmaild.service.mailboxes import Mailboxes
from tempmaild.service.meter import Meter
from tempmaild.service.open_mail import OpenMail
from tempmaild.service.passwords import Passwords
from tempmaild.service.people import People
from tempmaild.service.profiles import Profiles
from tempmaild.service.receipts import Receipts
from tempmaild.service.room import Room
from tempmaild.service.schedules import Schedules
from tempmaild.service.sign_ins import SignIns
from tempmaild.service.statistics import Statistics
from tempmaild.service.sweep import Sweep
from tempmaild.service.unlocking import Unlocker
from tempmaild.store.access import Immediate
from tempmaild.store.alerts import AlertQueries
from tempmaild.store.amounts import AmountQueries
from tempmaild.store.api_keys import ApiKeyQueries
from tempmaild.store.audit import AuditLog
from tempmaild.store.audit_list import AuditListQueries
from tempmaild.store.backup import RESTORED, FinishRestore
from tempmaild.store.block_rules import BlockRuleQueries
from tempmaild.store.console_key import FactorLock, console_key
from tempmaild.store.domain_list import DomainQueries
from tempmaild.store.health import HealthQueries
from tempmaild.store.limits import LimitQueries
from tempmaild.store.mail_log import MailLogQueries
from tempmaild.store.mailbox_list import MailboxListQueries
from tempmaild.store.opening import open_database
from tempmaild.store.people import PersonQueries
from tempmaild.store.queries import Queries
from tempmaild.store.receipts import ReceiptQueries
from tempmaild.store.schedules import ScheduleQueries
from tempmaild.store.sign_ins import SignInQueries
from tempmaild.store.statistics import StatisticQueries
from tempmaild.store.vault import open_vault
from tempmaild.store.writer import commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.service.checking import Examiner
    from tempmaild.service.meter import Counter
    from tempmaild.settings import Settings
    from tempmaild.shared import Shared
    from tempmaild.store.access import Access
    from tempmaild.store.database import Handle


_LOOK_GOOD_FOR = 0.001
"""Seconds by which the time may lag: one session of a client asks for it twenty times."""


@dataclass(frozen=True)
class Appliance:
    """Everything that can be asked of a tempmaild, whoever asks.

    Attributes:
        now: the time that all of it goes by, in UTC epoch seconds.
    """

    now: Callable[[], float]
    clock: Clock
    audit: Audit
    receipts: Receipts
    handle: Handle
    hub: Hub
    room: Room
    directory: Directory
    domains: Domains
    mailboxes: Mailboxes
    mailbox_list: MailboxList
    open_mail: OpenMail
    lifetimes: Lifetimes
    statistics: Statistics
    mail_log: MailLog
    amounts: Amounts
    checks: Checks
    deliveries: Deliveries
    logins: Logins
    credentials: Credentials
    limits: Limits
    bans: Bans
    block_rules: BlockRules
    limiter: Limiter
    limit_use: LimitUse
    sweep: Sweep
    schedules: Schedules
    people: People
    profiles: Profiles
    sign_ins: SignIns
    api_keys: ApiKeys
    health: Health
    alerts: Alerts

    def change(self, settings: Settings) -> None:
        """Go by other settings from now on, as far as they need no restart.

        Raises:
            InvalidAddress: the operator's is none; all stays as it is.
        """
        self.deliveries.operator = self.schedules.operator = _operator(settings)
        self.room.minimum_free = settings.store.minimum_free_disk_bytes
        self.directory.usual_seconds = settings.mailbox.lifetime_seconds
        self.mailboxes.quarantine = settings.mailbox.quarantine_seconds
        self.logins.longest_message = settings.smtp.max_message_bytes
        self.limiter.trust(settings.limits.trusted_networks)
        self.checks.change(settings)
        self.mail_log.change(settings.mail_log)


def open_appliance(
    settings: Settings,
    access_factory: Callable[[Handle, Hub, Callable[[], float]], Access] | None = None,
    clock: Callable[[], float] | None = None,
    examiner: Examiner | None = None,
    counter: Counter | None = None,
    shared: Shared | None = None,
) -> Appliance:
    """Open the store and put the services on it.

    Args:
        access_factory: makes the access to the store; without it everything is done at once in the calling thread.
        clock: UTC epoch seconds; None for this host's clock, as far as it can be believed.
        examiner: who checks the mail that arrives; None for nobody.
        counter: who counts what limits are about; None for this process.
        shared: the memory of all processes of a daemon; None for one that is alone.

    Raises:
        InvalidAddress: the operator's is none.
        StoreFailed: the database cannot be opened.
    """
    operator = _operator(settings)
    handle = _open_store(settings, clock or time.time)
    hub, queries = Hub(shared), Queries(handle)
    keeper = Timekeeper(clock, clock) if clock else _keeper(queries, settings.mailbox.clock_tolerance_seconds)
    clock = clock or keeper
    if access_factory:
        access = access_factory(handle, hub, clock)
    else:
        vault = open_vault(settings.host.name, settings.signing_key_path)
        access = Immediate(handle, vault, clock, hub.publish)
    host, random = settings.host.name, secrets.token_bytes
    # Limits
    limit_queries, limits_log = LimitQueries(handle), log.get_log("limits")
    meter = Meter(access, clock, settings.limits.redis_url, limits_log)
    trusted = settings.limits.trusted_networks
    limiter = Limiter(access, limit_queries, hub, clock, counter or meter, trusted, limits_log)
    # Mailboxes and their mail
    room = Room(settings.host.state, settings.store.minimum_free_disk_bytes, clock)
    directory = Directory(access, queries, hub, settings.mailbox.lifetime_seconds)
    unlocker = Unlocker(access, queries, directory, clock, room, Passwords(access, clock, random))
    mailboxes = Mailboxes(access, queries, directory, clock, random, settings.mailbox.quarantine_seconds)
    list_queries = MailboxListQueries(handle)
    block_rules = BlockRules(access, BlockRuleQueries(handle), hub, clock)
    schedules = Schedules(access, queries, ScheduleQueries(handle), mailboxes, clock, operator)
    # How the daemon does
    counts = StatisticQueries(handle)
    statistics = Statistics(access, counts, clock, host, time.monotonic)
    health = Health(access, HealthQueries(handle), host, statistics, schedules, clock)
    # People at the console
    read_key = partial(console_key, settings.admin_key_path)
    factor_lock = FactorLock(settings.admin_key_path, log.get_log("admin"))
    people = PersonQueries(handle, factor_lock)
    sign_ins = SignIns(access, SignInQueries(handle), people, clock, random, limiter, settings.admin)
    return Appliance(
        now=clock,
        clock=Clock(access, queries, hub, keeper, log.get_log("clock")),
        audit=Audit(access, AuditLog(handle), AuditListQueries(handle)),
        receipts=Receipts(access, queries, ReceiptQueries(handle)),
        handle=handle,
        hub=hub,
        room=room,
        directory=directory,
        domains=Domains(access, queries, DomainQueries(handle), directory),
        mailboxes=mailboxes,
        mailbox_list=MailboxList(access, queries, list_queries, mailboxes, clock),
        open_mail=OpenMail(access, queries, list_queries, clock),
        lifetimes=Lifetimes(access, mailboxes),
        block_rules=block_rules,
        statistics=statistics,
        mail_log=MailLog(access, MailLogQueries(handle), statistics, clock, settings.mail_log, random, read_key),
        amounts=Amounts(access, AmountQueries(handle), counts, clock),
        checks=Checks(settings, directory, block_rules, examiner),
        deliveries=Deliveries(access, queries, directory, clock, room, operator),
        logins=Logins(access, queries, hub, clock, room, settings.smtp.max_message_bytes, unlocker),
        credentials=Credentials(access, queries, directory, unlocker, random),
        limits=Limits(access, limit_queries),
        bans=Bans(access, limit_queries, clock),
        limiter=limiter,
        limit_use=LimitUse(access, limit_queries, limiter, meter, clock),
        sweep=Sweep(access, queries, mailboxes, clock, settings.sqlite_path, log.get_log("sweep")),
        schedules=schedules,
        people=People(access, people, clock, random),
        profiles=Profiles(access, people, sign_ins, clock, random, host, factor_lock),
        sign_ins=sign_ins,
        api_keys=ApiKeys(access, ApiKeyQueries(handle), clock, random),
        health=health,
        alerts=Alerts(access, AlertQueries(handle), health, host),
    )


def _operator(settings: Settings) -> str:
    """Give the operator's address in the form under which its mailbox is kept; "" for none."""
    return addresses.normalise(settings.mailbox.operator) if settings.mailbox.operator else ""


def _open_store(settings: Settings, now: Callable[[], float]) -> Handle:
    """Open the database, and see whether a backup was gone back to, before anybody is served from it."""
    try:
        settings.host.state.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot make the state directory: {error}") from error
    handle = open_database(settings.store.url, settings.sqlite_path)
    try:
        if Queries(handle).counter(RESTORED):
            vault = open_vault(settings.host.name, settings.signing_key_path)
            commit(handle, vault, [FinishRestore()], int(now()))
    except handle.failures as error:
        raise StoreFailed(f"cannot finish the restore: {error}") from error
    return handle


def _keeper(queries: Queries, tolerance: int) -> Timekeeper:
    steady = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return Timekeeper(time.time, steady, queries.counter("clock"), tolerance, good_for=_LOOK_GOOD_FOR)
