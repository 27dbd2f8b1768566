"""Spans of time: their units, and how they are written for people, to within what they care about."""

from __future__ import annotations

from tempmaild.core.plural import counted

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds."""
_UNITS = ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes"))


def span(seconds: float) -> str:
    """Write "45 seconds", "2 minutes", "3 days": at least two of each unit."""
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}"
    return counted(max(int(seconds), 0), "second", "seconds")
