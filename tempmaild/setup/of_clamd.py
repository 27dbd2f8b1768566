"""Whether mail is scanned, and with signatures of these days."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tempmaild import log
from tempmaild.checks.clamav import Clamav, days_of_signatures
from tempmaild.checks.clamd_client import VERSION, Clamd, ClamdFailed, printable
from tempmaild.core.plural import counted
from tempmaild.setup.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.settings import Settings

_SUBJECT = "clamd"
_SECONDS = 10
_FRESH = "systemctl status clamav-freshclam"


def examine(settings: Settings, now: float) -> Iterator[Finding]:
    """Ask clamd; `now` in UTC epoch seconds."""
    clamav = settings.clamav
    if not (settings.checks.enabled and clamav.enabled and clamav.address):
        remedy = "apt install clamav-daemon, and `tempmaild setup --clamd unix:/run/clamav/clamd.ctl`"
        yield Finding("warning", _SUBJECT, "mail is not scanned for malware", remedy)
        return
    try:
        version, problems = asyncio.run(_ask(settings))
    except (ClamdFailed, TimeoutError) as error:
        text = f"it does not answer at {clamav.address}: {error or 'no answer in time'}"
        remedy = "systemctl status clamav-daemon; until then senders are asked to come back"
        yield Finding("error" if clamav.failing == "later" else "warning", _SUBJECT, text, remedy)
        return
    for problem in problems:
        yield Finding("error", _SUBJECT, problem, "see config/clamd.conf")
    yield of_signatures(version, clamav.max_signature_age_days, now)


def of_signatures(version: str, most_days: int, now: float) -> Finding:
    """Tell how old signatures are, from clamd's reply to VERSION; `most_days` may be 0 for any age."""
    days = days_of_signatures(version, now)
    if days is None:
        return Finding("warning", _SUBJECT, f"nobody knows how old its signatures are ({printable(version)})", _FRESH)
    age = counted(days, "day", "days")
    if most_days and days > most_days:
        return Finding("warning", _SUBJECT, f"its signatures are {age} old", _FRESH)
    return Finding("fine", _SUBJECT, f"it answers, with signatures that are {age} old")


async def _ask(settings: Settings) -> tuple[str, list[str]]:
    address = settings.clamav.address
    assert address is not None
    clamd = Clamd(address, 1)
    try:
        async with asyncio.timeout(_SECONDS):
            (version,) = await clamd.ask([VERSION])
    finally:
        clamd.close()
    scanner = Clamav(settings.clamav, settings.smtp.max_message_bytes, log.get_log("doctor"))
    try:
        return version, await scanner.prepare()
    finally:
        scanner.close()
