"""Kinds of fields that WTForms does not have."""

from __future__ import annotations

import argparse
from typing import Any

from flask_babel import gettext as _
from wtforms import Field
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from tempmaild.cli.calls import duration

_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"))


class SpanField(Field):
    """A length of time such as 30m, 24h or 7d; its data are seconds."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return span_text(self.data) if self.data is not None else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed."""
        if valuelist and valuelist[0].strip():
            try:
                self.data = duration(valuelist[0].strip())
            except argparse.ArgumentTypeError:
                self.data = None
                raise ValidationError(_("This is not a time such as 30m, 24h or 7d.")) from None
        else:
            self.data = None


def span_text(seconds: int) -> str:
    """Write seconds as `SpanField` reads them."""
    for unit, letter in _UNITS:
        if seconds and seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return str(seconds)
