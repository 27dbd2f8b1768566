"""The form for the audit log: what is looked for in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.validators import Length

from tempmaild.store.audit_list import WantedRows
from tempmaild_admin.audit_words import said
from tempmaild_admin.forms.days import DaysForm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wtforms import Field

_LONGEST = 320
"""Characters of what the log says of whom, or of what: an address has no more."""


class SearchForm(DaysForm):
    """Who has done what, to what, and when."""

    actor = StringField(_l("Who"), [Length(max=_LONGEST)])
    action = SelectField(_l("What"), default="")
    subject = StringField(_l("About"), [Length(max=_LONGEST)])

    def offer(self, actions: Iterable[str]) -> None:
        """Have these actions be chosen from."""
        self.action.choices = [
            ("", _l("anything")),
            *sorted(((a, said(a)) for a in actions), key=lambda each: each[1]),
        ]

    @property
    def wanted(self) -> WantedRows:
        """The rows that are meant."""
        since, before = self.times
        return WantedRows(_text(self.actor), _text(self.action), _text(self.subject), since, before)


def _text(field: Field) -> str:
    # No text of a database has a NUL.
    return (field.data or "").strip().replace("\0", "")
