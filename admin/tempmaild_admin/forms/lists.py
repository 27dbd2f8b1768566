"""What forms have in common that take a list: as a file, or as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import TextAreaField

from tempmaild.core.list_file import read_list

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class ListForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """A list, one or the other way."""

    file = FileField(_l("File"), description=_l("Text in UTF-8."))
    text = TextAreaField(_l("Or its lines here"), render_kw={"rows": 8, "spellcheck": "false"})

    def entries(self, read: Callable[[str], T]) -> list[T]:
        """Read all of it; empty where nothing was given.

        Raises:
            InvalidValue: some lines cannot be read; names the field.
        """
        if self.file.data:
            # As lines of a text file end; others, such as U+2028, may be inside of them.
            lines = self.file.data.read().decode("utf-8", "replace").split("\n")
            return read_list(lines, read, "file")
        return read_list((self.text.data or "").split("\n"), read, "text")

    def is_given(self) -> bool:
        """Tell whether there is anything; else it says so."""
        if self.file.data or (self.text.data or "").strip():
            return True
        self.file.errors = [_("Choose a file, or write the list below.")]
        return False
