"""The forms about people."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from tempmaild.core.person import LONGEST_NOTE
from tempmaild.service.people import INVITATION_SECONDS
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField

_ROLES = [
    ("viewer", _l("viewer: looks at everything, changes nothing")),
    ("operator", _l("operator: changes everything but people")),
    ("owner", _l("owner: may do everything")),
]


class InviteForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """What somebody new may do."""

    role = SelectField(_l("Role"), choices=_ROLES)
    seconds = SpanField(
        _l("The link is good for"),
        [InputRequired()],
        default=INVITATION_SECONDS,
        description=_l("Such as 12h or 3d, and once."),
    )
    note = StringField(_l("Note"), [Length(max=LONGEST_NOTE)], description=_l("For whom it is; owners read it."))
    submit = SubmitField(_l("Make the link"))


class PersonForm(EditForm):
    """What somebody may do."""

    role = SelectField(_l("Role"), choices=_ROLES)
    enabled = BooleanField(_l("May sign in"))
    submit = SubmitField(_l("Keep this"))
