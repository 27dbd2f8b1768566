"""How values are written on pages: filters and functions for the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from babel.units import format_unit
from flask_babel import format_datetime, format_decimal, format_timedelta, get_locale
from markupsafe import Markup, escape

from tempmaild_admin.language import LANGUAGES
from tempmaild_admin.services import appliance

if TYPE_CHECKING:
    from flask import Flask

_SPANS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def moment(seconds: float) -> Markup:
    """Write UTC epoch seconds: how long ago or ahead, with the time in the reader's zone behind it."""
    at = datetime.fromtimestamp(seconds, UTC)
    away = seconds - appliance().now()
    relative = format_timedelta(away, add_direction=True)
    exact = format_datetime(at, "yyyy-MM-dd HH:mm:ss zzz")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact, relative)


def exact(seconds: float) -> str:
    """Write UTC epoch seconds as the time in the reader's zone."""
    return str(format_datetime(datetime.fromtimestamp(seconds, UTC), "yyyy-MM-dd HH:mm:ss"))


def span(seconds: int, most: int = len(_SPANS)) -> str:
    """Write a length of time, exactly, or with so many units at most."""
    parts: list[str] = []
    rest = seconds
    for unit, length in _SPANS:
        amount, rest = divmod(rest, length)
        if amount or (unit == "second" and not parts):
            parts.append(format_unit(amount, f"duration-{unit}", locale=get_locale()))
    return " ".join(parts[:most])


def size(octets: int) -> str:
    """Write a number of octets."""
    amount, unit = float(octets), _UNITS[0]
    for unit in _UNITS:  # noqa: B007 - the last one that was needed
        if amount < 1024:
            break
        amount /= 1024
    return f"{format_decimal(round(amount, 1))} {unit}"


def number(value: float) -> str:
    """Write a number."""
    return str(format_decimal(value))


def init_app(app: Flask) -> None:
    """Have them in the templates."""
    app.jinja_env.filters.update(moment=moment, exact=exact, span=span, size=size, number=number)
    app.jinja_env.globals.update(LANGUAGES=LANGUAGES, escape=escape, get_locale=get_locale)
