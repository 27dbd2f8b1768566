"""Whether somebody else has changed meanwhile what a form shows."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from flask import flash, request
from flask_babel import gettext as _

if TYPE_CHECKING:
    from flask_wtf import FlaskForm

FIELD = "shown"
"""The name of the hidden field, which `forms.EditForm` has."""


def fingerprint(value: Any) -> str:
    """Give a few characters that are others when `value` is another."""
    return blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=8).hexdigest()


def is_unchanged(form: FlaskForm, value: Any) -> bool:
    """Tell whether a form that was sent shows `value` as it is; else the reader is told, and nothing is changed."""
    now = fingerprint(value)
    if request.method != "POST":
        form[FIELD].data = now
        return True
    if form[FIELD].data == now:
        return True
    form[FIELD].data = now
    flash(_("Somebody else has changed this meanwhile. Look at it again; nothing of yours was changed."), "warning")
    return False
