"""A choice of days, for lists that are long."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField
from wtforms.validators import Optional, ValidationError

from tempmaild.core.place import BEFORE_ALL, BEHIND_ALL
from tempmaild_admin.language import zone

if TYPE_CHECKING:
    from wtforms import Field

_FIRST, _LAST = date(1970, 1, 1), date(9999, 12, 30)
"""Days that can be reckoned with in all zones."""


def _is_near(_form: FlaskForm, field: Field) -> None:
    if field.data and not _FIRST <= field.data <= _LAST:
        raise ValidationError(_("There is nothing of such a day."))


class DaysForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """From one day to another, in the reader's zone. It changes nothing, so it needs no token and makes a link."""

    class Meta:
        """Of a form that is sent with GET."""

        csrf = False

    since = DateField(_l("From"), [Optional(), _is_near])
    until = DateField(_l("Until"), [Optional(), _is_near])

    @property
    def times(self) -> tuple[int, int]:
        """When the first day begins, and when the last one is over; UTC epoch seconds."""
        begin = _begin(self.since.data) if self.since.data else BEFORE_ALL
        return begin, _begin(self.until.data + timedelta(days=1)) if self.until.data else BEHIND_ALL

    @property
    def criteria(self) -> dict[str, Any]:
        """What was chosen, as a link carries it."""
        chosen = {name: field.data for name, field in self._fields.items() if field.data}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in chosen.items()}


def _begin(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone())).timestamp())
