"""The forms for mailboxes: searched, made, put off, destroyed."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from tempmaild.core.lifetime import LONGEST, PRESETS, Lifetime
from tempmaild.service.mailbox_list import LONGEST_PART
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField

OWN = "own"
"""What is chosen in the place of a preset: what the fields beside it say."""
_OWN_FIELDS = ("seconds", "idle", "messages", "extend")


class SearchForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """What is looked for. It changes nothing, so it needs no token and makes a link that can be kept."""

    class Meta:
        """Of a form that is sent with GET."""

        csrf = False

    part = StringField(_l("Part of the address"), [Length(max=LONGEST_PART)])
    where = SelectField(
        _l("Where"), choices=[("", _l("anywhere in the address")), ("start", _l("at the beginning"))], default=""
    )
    domain = StringField(_l("Domain"), [Length(max=LONGEST_PART)])
    life = SelectField(
        _l("Time left"),
        choices=[
            ("", _l("any")),
            ("living", _l("some")),
            ("soon", _l("an hour at most")),
            ("over", _l("none: it is over")),
        ],
        default="",
    )
    sealed = SelectField(
        _l("Sealed"), choices=[("", _l("or not")), ("yes", _l("sealed")), ("no", _l("not sealed"))], default=""
    )
    order = SelectField(
        _l("Order"),
        choices=[
            ("newest", _l("newest first")),
            ("oldest", _l("oldest first")),
            ("soonest", _l("least time left first")),
            ("latest", _l("most time left first")),
            ("address", _l("by address")),
        ],
        default="newest",
    )


class CreateForm(FlaskForm):  # type: ignore[misc]
    """An address, and how long it lives."""

    address = StringField(
        _l("Address"),
        [InputRequired(), Length(max=LONGEST_PART)],
        description=_l("Such as joe@box.example.org; only box.example.org to have a name made up."),
        render_kw={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"},
    )
    role = BooleanField(
        _l("It may be a reserved name"),
        description=_l("Such as postmaster, which only the operator gets."),
    )
    lifetime = SelectField(
        _l("How long it lives"),
        choices=[
            ("", _l("As its domain has it")),
            ("ten-minutes", _l("Ten minutes; the owner may put off the end up to an hour")),
            ("verification", _l("Verification: one hour; up to a day")),
            ("file-share", _l("File share: one day; up to 7 days")),
            ("support", _l("Support: 7 days; up to 30 days, and no message is lost while there is room")),
            (OWN, _l("As decided here in detail")),
        ],
    )
    seconds = SpanField(
        _l("Time to live"),
        [Optional()],
        description=_l("From the creation to the end, such as 24h. Empty: for ever."),
        render_kw={"data-shown-when": "lifetime=own"},
    )
    idle = SpanField(
        _l("Idle time"),
        [Optional()],
        description=_l("It ends sooner when nobody has read it for so long. Mail that arrives is no use of it."),
        render_kw={"data-shown-when": "lifetime=own"},
    )
    extend = SpanField(
        _l("Extendable to"),
        [Optional()],
        description=_l("Up to how long after the creation the owner may put off the end. Empty: not at all."),
        render_kw={"data-shown-when": "lifetime=own"},
    )
    messages = IntegerField(
        _l("Messages in a folder"),
        [Optional(), NumberRange(min=0)],
        description=_l("How many there may be; then the oldest goes. Empty or 0: any number."),
        render_kw={"data-shown-when": "lifetime=own"},
    )
    submit = SubmitField(_l("Make it"))

    @property
    def wish(self) -> Lifetime | None:
        """What was decided; None for what the domain says."""
        if self.lifetime.data != OWN:
            return PRESETS.get(self.lifetime.data)
        values: dict[str, Any] = {name: self[name].data or 0 for name in _OWN_FIELDS}
        return Lifetime(**values)


class ExtendForm(EditForm):
    """By how much the end is put off."""

    by = SpanField(
        _l("Longer by"),
        [InputRequired(), NumberRange(min=1, max=LONGEST)],
        default=86_400,
        description=_l("After its present end, such as 30m, 24h or 7d; ten years at most."),
    )
    submit = SubmitField(_l("Put off the end"))


class DestroyForm(FlaskForm):  # type: ignore[misc]
    """The number of mailboxes, typed.

    The hidden fields say what was shown: how many there were, which was the last that was made, and when.
    """

    number = IntegerField(
        _l("Type how many are destroyed"),
        [InputRequired()],
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )
    count = HiddenField()
    up_to = HiddenField()
    at = HiddenField()
    submit = SubmitField(_l("Destroy them"), render_kw={"class": "btn-danger"})
