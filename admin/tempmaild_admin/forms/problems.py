"""What the services object to, in the reader's language, beside the field that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import flash
from flask_babel import gettext

from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from flask_wtf import FlaskForm


def show_problem(form: FlaskForm, error: InvalidValue) -> None:
    """Put what is wrong beside its field; above the form when it has no such field."""
    if error.field in form:
        form[error.field].errors = [*form[error.field].errors, reason_of(error)]
    else:
        flash(_with_field(error), "danger")


def reason_of(error: InvalidValue) -> str:
    """Say what is wrong, without the field; what comes from a library is said as it says it."""
    values = {
        name: _with_field(value) if isinstance(value, InvalidValue) else value for name, value in error.values.items()
    }
    return str(gettext(error.template, **values)) if error.template else ""


def _with_field(error: InvalidValue) -> str:
    return f"{error.field}: {reason_of(error)}" if error.field else reason_of(error)
