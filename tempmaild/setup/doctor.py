"""Looks at a whole installation, and goes on where a part of it cannot be looked at."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tempmaild.appliance import open_appliance
from tempmaild.errors import TempmaildError
from tempmaild.jobs.looks import BACKUPS
from tempmaild.settings import SettingsError, load
from tempmaild.setup import of_certificate, of_clamd, of_dns, of_host, of_listeners, of_store
from tempmaild.setup.asking import has_mailbox
from tempmaild.setup.finding import Finding
from tempmaild.store.access import at_once
from tempmaild.store.opening import pending_migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tempmaild.settings import Settings


def examine(config: Path | None, environ: Mapping[str, str], backups: Path = BACKUPS) -> list[Finding]:
    """Find what is wrong with an installation."""
    try:
        settings = load(config, environ)
    except SettingsError as error:
        remedy = "mend it, and say `tempmaild doctor` again: nothing else was looked at"
        return [Finding("error", "settings", problem, remedy) for problem in error.problems]
    found = [Finding("fine", "settings", f"{config or 'the defaults'}: no problem found")]
    if settings.log.level == "debug":
        found.append(Finding("note", "settings", "the log tells everything", 'set log.level to "info"'))
    now = time.time()
    domains: list[str] = []
    for subject, look in (
        ("host", lambda: of_host.examine(settings, config)),
        ("database", lambda: _of_store(settings, domains, backups)),
        ("daemon", lambda: of_listeners.examine(settings)),
        ("certificate", lambda: of_certificate.examine(settings, now)),
        ("clamd", lambda: of_clamd.examine(settings, now)),
        ("DNS", lambda: of_dns.examine(settings, domains)),
    ):
        found += _looked(subject, look)
    return found


def before_setup(settings: Settings, domains: list[str]) -> list[Finding]:
    """Find what would keep an installation with these settings from working."""
    found: list[Finding] = []
    if os.geteuid():
        found.append(Finding("error", "permissions", "this is not root", "sudo tempmaild setup"))
    now = time.time()
    for subject, look in (
        ("ports", lambda: of_listeners.examine_ports(settings)),
        ("certificate", lambda: of_certificate.examine(settings, now)),
        ("clamd", lambda: of_clamd.examine(settings, now)),
        ("DNS", lambda: of_dns.examine(settings, domains)),
    ):
        found += _looked(subject, look)
    return found


def _looked(subject: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(look())
    except Exception as error:
        text = f"it could not be looked at: {type(error).__name__}: {error}"
        found.append(Finding("error", subject, text, "see what is above; if that does not explain it, report it"))
    return found


def _of_store(settings: Settings, domains: list[str], backups: Path) -> Iterator[Finding]:
    """Look at the database, and note whose mail is taken in `domains`."""
    try:
        pending = pending_migrations(settings.store.url, settings.sqlite_path)
    except TempmaildError as error:
        yield Finding("error", "database", str(error), "look at store.url, and at what runs there")
        return
    if pending is None:
        yield Finding("error", "database", f"there is none in {settings.host.state}", "run `tempmaild setup`")
        return
    if pending:
        text = f"it is of an older tempmaild and waits for {', '.join(pending)}"
        yield Finding("warning", "database", text, "systemctl restart tempmaild brings it up to date")
        return
    yield Finding("fine", "database", "it is of this tempmaild")
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        domains += [domain.name for domain in at_once(appliance.domains.list_all())]
        yield of_store.of_domains(domains)
        yield from of_store.of_clock(at_once(appliance.clock.standing()))
        yield from of_store.of_daemon(at_once(appliance.health.findings()))
        yield from of_store.of_schedules(at_once(appliance.schedules.list_all()), appliance.now())
        address = settings.mailbox.operator
        yield of_store.of_operator(address, there=bool(address) and has_mailbox(appliance, address))
        people = at_once(appliance.people.list_all())
        yield of_store.of_people(sum(person.role == "owner" and person.enabled for person in people))
    if not settings.store.url:
        yield of_store.of_backups(backups, time.time())
