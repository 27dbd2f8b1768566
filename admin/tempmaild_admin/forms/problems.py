"""What the services object to, beside the field that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import flash

if TYPE_CHECKING:
    from flask_wtf import FlaskForm

    from tempmaild.errors import InvalidValue


def show_problem(form: FlaskForm, error: InvalidValue) -> None:
    """Put what is wrong beside its field; above the form when it has no such field."""
    if error.field in form:
        form[error.field].errors = [*form[error.field].errors, error.reason]
    else:
        flash(str(error), "danger")
