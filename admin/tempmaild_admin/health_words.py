"""How the parts of a host are, in the reader's language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from babel.units import format_unit
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l

if TYPE_CHECKING:
    from tempmaild.core.health import Finding

_PARTS: Final[dict[str, Any]] = {
    "address": _l("address %(name)s"),
    "alerts": _l("alerts"),
    "backup": _l("backup"),
    "block lists": _l("block lists"),
    "certificate": _l("certificate"),
    "checking processes": _l("checking processes"),
    "clock": _l("clock"),
    "daemon": _l("daemon"),
    "database": _l("database"),
    "disk": _l("disk"),
    "listener": _l("listener %(name)s"),
    "process": _l("process %(name)s"),
    "reactor": _l("reactor"),
    "schedule": _l("schedule %(name)s"),
    "schedules": _l("schedules"),
    "store": _l("store"),
    "sweep": _l("sweep"),
    "writer": _l("writer"),
}
"""By the name, or its first word where there are several such parts; others are called so in every language."""
_SPAN: Final = re.compile(r"(\d+) (second|minute|hour|day)s?")
"""As `core.timespan.span` writes it."""


def part(finding: Finding) -> str:
    """Name the part that it is about."""
    kind, _, name = finding.name.partition(" ")
    if finding.name in _PARTS:
        return str(_PARTS[finding.name])
    text = str(_PARTS.get(kind, ""))
    return text % {"name": name} if "%(name)s" in text else finding.name


def told(finding: Finding) -> str:
    """Say how it is."""
    return _filled(finding.template, finding)


def advised(finding: Finding) -> str:
    """Say what to do about it; "" where there is nothing to be done."""
    return _filled(finding.advice, finding) if finding.advice else ""


def _filled(template: str, finding: Finding) -> str:
    values = {name: _shown(value) for name, value in finding.values.items()}
    return str(gettext(template, **values))


def _shown(value: str | int) -> str | int:
    """Write a length of time as the reader's language has it; all else stays."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    return format_unit(int(found[1]), f"duration-{found[2]}", locale=get_locale()) if found else value
