"""The form in which a receipt is shown that is to be verified."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import StringField, SubmitField, TextAreaField
from wtforms.validators import Length

from tempmaild.core.receipt import LONGEST

_LONGEST_NAME: Final = 320
"""Characters of an address, and more than an id has."""


class VerifyForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """A receipt, as a file or as text, and the mailbox that it is said to be about."""

    file = FileField(_l("File"), description=_l("The receipt as its owner got it."))
    text = TextAreaField(_l("Or its text here"), render_kw={"rows": 6, "spellcheck": "false"})
    receipt_id = StringField(
        _l("Id of the receipt"),
        [Length(max=_LONGEST_NAME)],
        description=_l("To see as well that it is about a certain mailbox; its owner was given it with the secret."),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    address = StringField(
        _l("Address"),
        [Length(max=_LONGEST_NAME)],
        description=_l("That of the mailbox, together with the id."),
        render_kw={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"},
    )
    submit = SubmitField(_l("Verify"))

    @property
    def octets(self) -> bytes:
        """What is to be verified, or the beginning of what is too much."""
        if self.file.data:
            read: bytes = self.file.data.stream.read(LONGEST + 1)
            return read.strip()
        return (self.text.data or "").strip().encode("utf-8", "surrogatepass")

    def is_complete(self) -> bool:
        """Tell whether there is something to verify; else it says what is missing."""
        if not self.file.data and not (self.text.data or "").strip():
            self.file.errors = [_("Choose a file, or write the receipt below.")]
        for given, missing in ((self.receipt_id, self.address), (self.address, self.receipt_id)):
            if (given.data or "").strip() and not (missing.data or "").strip():
                missing.errors = [_("The id and the address are looked at together.")]
        return not self.errors
