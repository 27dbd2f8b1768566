"""Spans of time for people, to within what they care about."""

from __future__ import annotations

from tempmaild.core.plural import counted

_UNITS = ((86_400, "days"), (3600, "hours"), (60, "minutes"))


def span(seconds: float) -> str:
    """Write "45 seconds", "2 minutes", "3 days": at least two of each unit."""
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}"
    return counted(max(int(seconds), 0), "second", "seconds")
