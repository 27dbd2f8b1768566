"""Malware, as ClamAV's daemon finds it."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.checks.clamd_client import VERSION, Clamd, ClamdFailed, Outcome, instream, outcome
from tempmaild.core.mime import parse
from tempmaild.core.removal import removal_of, without_parts
from tempmaild.core.scanning import PREFIX, all_pieces, hidden_pieces, whole
from tempmaild.core.timespan import DAY
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import NoReturn

    from tempmaild.checks.mail import Examined
    from tempmaild.core.checking import ClamavRule
    from tempmaild.core.mime import Part
    from tempmaild.core.scanning import Piece
    from tempmaild.core.verdict import Removal
    from tempmaild.log import Log
    from tempmaild.settings.checks import Clamav as ClamavSettings

_METHOD: Final = "x-clamav"
_CLEAN: Final = Report(findings=(Finding(_METHOD, "pass"),))
_TOO_MANY: Final = Outcome("unscannable", "too many parts")
_GRAVEST_FIRST: Final = ("bad", "failed", "unscannable", "fine")
"""What counts if one piece comes to this and another to that: a scan that is repeated may find malware yet."""
_BATCH: Final = 1024 * 1024
"""Octets that go to clamd at once, but for larger pieces: what is decoded is in memory until it is sent."""
_WATCHED_SECONDS: Final = 3600
_AWAY_SECONDS: Final = 60
"""How often clamd is looked at while it is there, and while it is not."""
_PROBE_SECONDS: Final = 5
"""How long clamd may take for an answer about itself."""
_VERSION = re.compile(r"ClamAV [^/]{1,50}(?:/[0-9]{1,10}/(.{1,40}))?")
_CTIME: Final = "%a %b %d %H:%M:%S %Y"

_MANY_FIELDS: Final = whole(b"Content-Type: text/plain\r\n" * 1100 + b"\r\n")
"""Mail with more than the 1,024 fields that ClamAV looks at."""
_ENCRYPTED_ZIP: Final = bytes.fromhex(
    "504b030414000100000000002100542aa5741600000016000000010000006173656372657420"
    "6f66207477656c7665206279746573504b0102140314000100000000002100542aa574160000"
    "001600000001000000000000000000000080010000000061504b050600000000010001002f00"
    "0000350000000000"
)
"""An archive with one member that has the mark of being encrypted."""


class Clamav:
    """Scans messages with one clamd.

    Args:
        settings: with an address.
        max_message_bytes: of a message that is taken, and so has to be scanned.
        now: seconds since 1970, for the age of signatures.
    """

    def __init__(
        self, settings: ClamavSettings, max_message_bytes: int, log: Log, now: Callable[[], float] = time.time
    ) -> None:
        assert settings.address is not None
        self._clamd = Clamd(settings.address, settings.connections)
        self._max_age_days = settings.max_signature_age_days
        self._needed = len(PREFIX) + max_message_bytes
        self._log = log
        self._now = now
        self._is_there = False
        self._version = ""

    async def examine(self, examined: Examined) -> Report:
        """Scan a message, however long it takes; who calls limits that by cancelling."""
        raw, root = examined.mail.content, examined.root
        try:
            found = await self._scan(raw, root)
        except ClamdFailed as error:
            found = Outcome("failed", str(error))
        if found.state == "failed":
            self._log.warning("clamd-failed", reason=found.name)
        strip = _action(found, examined.mail.checking.clamav) == "strip"
        return _report(found, await self._removals(raw, root) if strip else ())

    async def prepare(self) -> list[str]:
        """Tell what of clamd's configuration does not fit, for the operator.

        A clamd that is away is none of that: it takes its time to load signatures after the host has started, and
        mail waits for it meanwhile. `watch` looks when it is there.
        """
        self._is_there = False
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                version, *replies = await self._clamd.ask([VERSION, instream(_MANY_FIELDS), instream(_ENCRYPTED_ZIP)])
                takes = await self._clamd.takes(self._needed)
        except (ClamdFailed, TimeoutError) as error:
            self._log.warning("clamd-away", reason=str(error) or "no answer")
            return []
        self._is_there = True
        self._tell_version(version)
        return list(_problems(0 if takes else self._needed, *map(outcome, replies)))

    async def watch(self) -> NoReturn:
        """Look at clamd from time to time, until cancelled: its configuration and signatures can change."""
        while True:
            await asyncio.sleep(_WATCHED_SECONDS if self._is_there else _AWAY_SECONDS)
            for problem in await self.prepare():
                self._log.error("clamd-unfit", problem=problem)

    def close(self) -> None:
        """Close the connections."""
        self._clamd.close()

    async def _scan(self, raw: bytes, root: Part) -> Outcome:
        """Scan a message, whole and in pieces, as far as the first piece that is infected."""
        message = _Task(None, (PREFIX, raw))
        gravest = Outcome("fine")
        for batch in _batches(chain([message], _tasks(hidden_pieces(raw, root)))):
            gravest = min(gravest, *await self._outcomes(batch), key=_gravity)
            if gravest.state == "bad":
                break
        return gravest

    async def _removals(self, raw: bytes, root: Part) -> tuple[Removal, ...]:
        """Give the parts without which the message is clean; none where there are no such, or nobody can tell."""
        try:
            removals = await self._locate(raw, root)
            rest = without_parts(raw, removals)
            return removals if (await self._scan(rest, parse(rest)[0])).state == "fine" else ()
        except ClamdFailed as error:
            self._log.warning("clamd-failed", reason=str(error))
            return ()

    async def _locate(self, raw: bytes, root: Part) -> tuple[Removal, ...]:
        """Give the parts that are not clean by themselves."""
        found: dict[int, Removal] = {}
        for batch in _batches(_tasks(all_pieces(raw, root))):
            for task, result in zip(batch, await self._outcomes(batch), strict=True):
                if task.part and result.state != "fine":
                    found.setdefault(task.part.header, removal_of(task.part, _why(result)))
        return tuple(found.values())

    async def _outcomes(self, batch: Sequence[_Task]) -> list[Outcome]:
        replies = iter(await self._clamd.ask([instream(*task.data) for task in batch if task.data]))
        return [outcome(next(replies)) if task.data else _TOO_MANY for task in batch]

    def _tell_version(self, version: str) -> None:
        if version != self._version:
            self._log.info("clamd-version", version=version)
            self._version = version
        age = days_of_signatures(version, self._now())
        if self._max_age_days and (age is None or age > self._max_age_days):
            self._log.warning("clamd-signatures-old", days="unknown" if age is None else age, version=version)


class _Task(NamedTuple):
    """Something to be scanned: the octets of `data` one after the other.

    Attributes:
        part: whose they are; None for the whole message.
        data: empty for what is too much to be scanned.
    """

    part: Part | None
    data: tuple[bytes, ...]


def _tasks(pieces: Iterable[Piece]) -> Iterator[_Task]:
    return (_Task(piece.part, (piece.data,) if piece.data else ()) for piece in pieces)


def _batches(tasks: Iterable[_Task]) -> Iterator[list[_Task]]:
    """Put together what goes to clamd at once; nothing is decoded before its turn."""
    batch: list[_Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += sum(map(len, task.data))
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _gravity(found: Outcome) -> int:
    return _GRAVEST_FIRST.index(found.state)


def _action(found: Outcome, rule: ClamavRule) -> str:
    """Give what is due to this; "" for nothing, or nothing that concerns single parts."""
    return {"bad": rule.action, "unscannable": rule.unscannable}.get(found.state, "")


def _report(found: Outcome, removals: tuple[Removal, ...]) -> Report:
    if found.state == "fine":
        return _CLEAN
    if found.state == "failed":
        return Report("failed", (Finding(_METHOD, "temperror"),))
    return Report(
        found.state,
        (Finding(_METHOD, "fail" if found.state == "bad" else "unscannable", reason=found.name),),
        keywords=_keywords(found),
        refusal=Refusal("5.7.1", _why(found)),
        removals=removals,
    )


def _why(found: Outcome) -> str:
    if found.state == "bad":
        return f"The message contains malware ({found.name})"
    return f"The message cannot be searched for malware ({found.name})"


def _keywords(found: Outcome) -> tuple[str, ...]:
    """$Phishing asks for $Junk as well (RFC 9051 §2.3.2); for other malware no keyword is registered."""
    if found.state != "bad":
        return ()
    return ("$Phishing", "$Junk") if "Phishing" in found.name.split(".") else ("$Virus",)


def _problems(missing: int, fields: Outcome, archive: Outcome) -> Iterator[str]:
    """Say what an operator has to change.

    Args:
        missing: the octets that do not fit into StreamMaxLength; 0 if all do.
        fields: what became of mail beyond a limit.
        archive: what became of an encrypted archive.
    """
    if missing:
        change = "raise its StreamMaxLength, or lower smtp.max_message_bytes"
        yield f"clamav: clamd takes no messages of {missing} bytes: {change}"
    if fields.state != "unscannable":
        yield "clamav: clamd takes mail that exceeds its limits for clean: it needs ScanMail and AlertExceedsMax"
    if archive.state != "unscannable":
        yield "clamav: clamd takes encrypted archives for clean: it needs ScanArchive and AlertEncrypted"


def days_of_signatures(version: str, now: float) -> int | None:
    """Give how many days old clamd's signatures are `now`, from its reply to VERSION; None if it does not say.

    clamd writes the time in a zone of its own that it does not name, so that it is right to within a day.
    """
    match = _VERSION.fullmatch(version)
    try:
        made = datetime.strptime((match and match[1]) or "", _CTIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return max(int(now - made) // DAY, 0)
