"""The forms of one's own profile."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from tempmaild.core.secret import LONGEST_PASSWORD
from tempmaild_admin.forms.sign_in import PasswordForm
from tempmaild_admin.language import LANGUAGES

_ZONES = sorted(available_timezones())


def _current() -> PasswordField:
    return PasswordField(
        _l("Current password"),
        [InputRequired(), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class CurrentPasswordForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """Nothing but the password, to show that it is still oneself."""

    current = _current()
    submit = SubmitField(_l("Yes, do it"))


class ChangePasswordForm(PasswordForm):
    """Another password."""

    current = _current()


class TotpForm(FlaskForm):  # type: ignore[misc]
    """A second factor that is being set up."""

    code = StringField(
        _l("Code"),
        [InputRequired(), Length(max=40)],
        description=_l("The six digits that it shows now."),
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"},
    )
    current = _current()
    submit = SubmitField(_l("Set it up"))


class PreferencesForm(FlaskForm):  # type: ignore[misc]
    """How pages look."""

    zone = SelectField(_l("Time zone"), choices=[(zone, zone.replace("_", " ")) for zone in _ZONES])
    language = SelectField(_l("Language"), choices=[("", _l("as my browser says")), *LANGUAGES.items()])
    theme = SelectField(
        _l("Colours"), choices=[("", _l("as my system says")), ("light", _l("light")), ("dark", _l("dark"))]
    )
    submit = SubmitField(_l("Keep this"))
