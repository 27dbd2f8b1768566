"""What a daemon sees of its host, within milliseconds: the certificate, the disk, the database, the backups."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from tempmaild.core import iso_time
from tempmaild.core.health import Finding
from tempmaild.core.timespan import DAY, span
from tempmaild.service import sending
from tempmaild.store.database import keys_beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tempmaild.core.health import State, Values
    from tempmaild.settings import Address, Settings
    from tempmaild.store.alerts import Message

BACKUPS = Path("/var/backups/tempmaild")
"""Where the timer of systemd puts one every night."""
_CERTIFICATE_WARNING, _CERTIFICATE_PROBLEM = 21 * DAY, 7 * DAY
"""certbot renews 30 days before the end."""
_LARGEST_CHAIN = 2**20
"""Octets; real ones have a few thousand."""
_DISK_WARNING, _DISK_PROBLEM = 0.10, 0.03
"""Of the space of a disk that is free."""
_LOG_WARNING = 2**30
"""Octets of a write-ahead log, which begins anew at 62 MiB unless a reader keeps it from that for very long."""
_BACKUP_SECONDS = 2 * DAY
"""One is made every night; that of a host that was off comes later."""


def of_certificate(settings: Settings, now: float) -> Finding:
    """Tell how long the certificate is good."""
    name, path = "certificate", settings.tls.certificate
    if not path:
        text = "There is none: mail and secrets travel in the clear, and logins are refused to other hosts."
        advice = "get one, and give it to `tempmaild setup --certificate FILE --key FILE`"
        return Finding(name, "warning", text, advice)
    try:
        leaf = read_certificate(path)
    except (OSError, ValueError, x509.InvalidVersion) as error:
        values: Values = {"path": str(path), "error": str(error)}
        return Finding(name, "problem", "It cannot be read: %(error)s", "look at %(path)s", values)
    begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    values = {"begins": iso_time.iso(int(begins)), "ends": iso_time.iso(int(ends)), "span": span(ends - now)}
    if now < begins:
        return Finding(name, "problem", "It is good only from %(begins)s on.", "is the clock right?", values)
    if now >= ends:
        return Finding(name, "problem", "It has expired at %(ends)s.", "certbot renew", values)
    left = ends - now
    if left >= _CERTIFICATE_WARNING:
        return Finding(name, "fine", "It is good until %(ends)s.", "", values)
    state: State = "problem" if left < _CERTIFICATE_PROBLEM else "warning"
    return Finding(name, state, "It expires in %(span)s.", "find out why it was not renewed; certbot renew", values)


def read_certificate(path: Path) -> x509.Certificate:
    """Read the first certificate of a file in PEM.

    Raises:
        OSError: it cannot be read.
        ValueError, x509.InvalidVersion: it has none.
    """
    with path.open("rb") as file:
        return x509.load_pem_x509_certificate(file.read(_LARGEST_CHAIN))


def of_disk(settings: Settings) -> Finding:
    """Tell how much space there is for mail."""
    state, floor = settings.host.state, settings.store.minimum_free_disk_bytes
    try:
        status = os.statvfs(state)
    except OSError as error:
        values: Values = {"path": str(state), "error": str(error.strerror)}
        return Finding("disk", "problem", "%(path)s cannot be looked at: %(error)s", "ls -l %(path)s", values)
    free, all_ = status.f_bavail * status.f_frsize, max(status.f_blocks * status.f_frsize, 1)
    share = free / all_
    values = {"free": _size(free), "percent": int(100 * share), "path": str(state), "floor": _size(floor)}
    text = "%(free)s are free in %(path)s, %(percent)s %% of it."
    advice = "make room: below %(floor)s (store.minimum_free_disk_bytes) senders are asked to come back"
    if free < floor or share < _DISK_PROBLEM:
        return Finding("disk", "problem", text, advice, values)
    if share < _DISK_WARNING:
        return Finding("disk", "warning", text, advice, values)
    return Finding("disk", "fine", text, "", values)


def of_database(size: int, sqlite: Path | None) -> Finding:
    """Tell how large the database is.

    Args:
        size: in octets, as it was measured last; 0 before that.
        sqlite: its file; None for PostgreSQL.
    """
    if sqlite is None:
        return Finding("database", "fine", "It takes %(size)s.", "", {"size": _size(size)})
    logs = sum(_octets(file.with_name(f"{file.name}-wal")) for file in (sqlite, keys_beside(sqlite)))
    values: Values = {"size": _size(size or _octets(sqlite)), "log": _size(logs)}
    text = "It takes %(size)s, and its write-ahead logs %(log)s."
    if logs < _LOG_WARNING:
        return Finding("database", "fine", text, "", values)
    return Finding("database", "warning", text, "end what reads from it for hours, such as a copy", values)


def of_backups(now: float, folder: Path = BACKUPS) -> Iterator[Finding]:
    """Tell how old the latest nightly backup is; nothing where there is no folder for them."""
    try:
        if not folder.is_dir():
            return
        latest = max((path.stat().st_mtime for path in folder.glob("tempmaild-*.db")), default=None)
    except OSError as error:
        values: Values = {"path": str(folder), "error": str(error.strerror)}
        yield Finding("backup", "unknown", "%(path)s cannot be looked at: %(error)s", "ls -l %(path)s", values)
        return
    advice = "systemctl status tempmaild-backup.timer tempmaild-backup"
    if latest is None:
        yield Finding("backup", "warning", "There is none in %(path)s.", advice, {"path": str(folder)})
        return
    old = now - latest > _BACKUP_SECONDS
    values = {"span": span(now - latest)}
    text = "The latest is %(span)s old."
    yield Finding("backup", "warning" if old else "fine", text, advice if old else "", values)


def of_alerts(settings: Settings, last: Message | None) -> Iterator[Finding]:
    """Tell whether messages reach somebody; nothing where nobody is to be told.

    Args:
        last: the last message that was sent.
    """
    if not settings.alerts.urls:
        return
    if not sending.is_possible():
        text = "Nobody can be told what is not well: apprise is not installed."
        yield Finding("alerts", "problem", text, "get it: %(install)s", {"install": sending.INSTALL})
    elif last and not last.delivered:
        values: Values = {"moment": iso_time.iso(last.sent_at)}
        text = "The last message, at %(moment)s, has reached nobody."
        yield Finding("alerts", "warning", text, "tempmaild alert test", values)
    else:
        yield Finding("alerts", "fine", "People are told when something is not well.")


def of_settings(waiting: Sequence[str]) -> Iterator[Finding]:
    """Tell which options of the settings, by their keys, are not in force; nothing where all are."""
    if waiting:
        text = "They were read again, but a restart is needed for %(options)s."
        yield Finding("settings", "warning", text, "systemctl restart tempmaild", {"options": ", ".join(waiting)})


def of_listeners(open_: Mapping[str, Sequence[str]], wanted: Mapping[str, Sequence[Address]]) -> Iterator[Finding]:
    """Tell what is listened on.

    Args:
        open_: the addresses that are open, by the name of the service.
        wanted: those of the settings.
    """
    for service, addresses in wanted.items():
        name = f"listener {service}"
        if open_.get(service):
            yield Finding(name, "fine", "It listens on %(where)s.", "", {"where": ", ".join(open_[service])})
        elif addresses:
            text = "It is in the settings (%(where)s), and nobody has opened it."
            advice = "systemctl enable --now tempmaild-%(service)s.socket, and systemctl restart tempmaild"
            values: Values = {"where": ", ".join(map(str, addresses)), "service": service}
            yield Finding(name, "problem", text, advice, values)


def _octets(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _size(octets: int) -> str:
    """Write octets for people: they look for the unit first."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{octets} B"
