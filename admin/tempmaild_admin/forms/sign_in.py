"""The forms for getting in."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import EqualTo, InputRequired, Length

from tempmaild.core.person import SHORTEST_PASSWORD
from tempmaild.core.secret import LONGEST_PASSWORD

_LONGEST = Length(max=LONGEST_PASSWORD)


class SignInForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """Name and password."""

    name = StringField(
        _l("Name"), [InputRequired(), Length(max=200)], render_kw={"autocomplete": "username", "autofocus": True}
    )
    password = PasswordField(
        _l("Password"), [InputRequired(), _LONGEST], render_kw={"autocomplete": "current-password"}
    )
    submit = SubmitField(_l("Sign in"))


class CodeForm(FlaskForm):  # type: ignore[misc]
    """The second factor."""

    code = StringField(
        _l("Code"),
        [InputRequired(), Length(max=40)],
        description=_l("The six digits that your authenticator shows, or one of your recovery codes."),
        render_kw={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"},
    )
    submit = SubmitField(_l("Go on"))


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """A password that is being chosen."""

    password = PasswordField(
        _l("New password"),
        [InputRequired(), _LONGEST],
        description=_l(
            "At least %(count)s characters. Several words that do not belong together do well.",
            count=SHORTEST_PASSWORD,
        ),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("Once more"),
        [EqualTo("password", _l("This is not the same."))],
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_l("Choose it"))


class AcceptForm(PasswordForm):
    """What somebody new chooses."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=200)],
        description=_l("You sign in by it, and the audit log calls you so. Letters a to z, digits, and . _ @ + -"),
        render_kw={"autocomplete": "username", "autofocus": True},
    )
