"""The forms, and what they have in common."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SubmitField


class EditForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """A form that changes something that was there; see `stale`."""

    shown = HiddenField()


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """Nothing but a button."""

    confirm = SubmitField(_l("Yes, do it"))
