"""The forms for bans: of one network, and of a list."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from tempmaild_admin.forms.fields import SpanField
from tempmaild_admin.forms.lists import ListForm

_SCOPES = [("all", _l("connect at all")), ("mail", _l("send mail")), ("reading", _l("read mail"))]


class BanForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """A network, and for how long."""

    network = StringField(
        _l("Network"), [InputRequired()], description=_l("An address, or ADDRESS/PREFIX such as 203.0.113.0/24.")
    )
    seconds = SpanField(_l("For"), [InputRequired()], default=86_400, description=_l("Such as 30m, 24h or 7d."))
    reason = StringField(_l("Reason"), [Length(max=200)], description=_l("For the people who read this list."))
    scope = SelectField(
        _l("What it may not do"),
        choices=_SCOPES,
    )
    submit = SubmitField(_l("Ban"))


class ImportForm(ListForm):
    """A list of bans, or of plain networks with what holds for all of them."""

    seconds = SpanField(
        _l("For"),
        [InputRequired()],
        default=86_400,
        description=_l("Such as 30m, 24h or 7d; where a line does not say until when."),
    )
    reason = StringField(_l("Reason"), [Length(max=200)], description=_l("Where a line has none."))
    scope = SelectField(_l("What they may not do"), choices=_SCOPES, description=_l("Where a line does not say it."))
    submit = SubmitField(_l("Import"))
