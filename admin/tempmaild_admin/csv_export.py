"""Tables for spreadsheets, which read some texts as formulas and must not (OWASP, "CSV Injection").

What strangers have sent stands in these tables. So every text is one line, and wherever a spreadsheet could begin a
cell in it, be it set to another separator than the comma, no formula begins.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MARK: Final = "\ufeff"
"""Comes first in a file of UTF-8, or Excel takes it for something else."""
_FORMULA: Final = re.compile("(^|[;|])([ '\"]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
"""Where a formula begins: at the beginning of a text, or behind what separates cells in other countries; by the wide
forms of its characters as well, which some programs take for the narrow ones."""


def csv_of(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Write a table (RFC 4180) line by line; what could be taken for a formula gets an apostrophe before it."""
    yield _MARK + _line(header)
    for row in rows:
        yield _line(row)


def _line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([_harmless(value) for value in values])
    return line.getvalue()


def _harmless(value: object) -> object:
    return _FORMULA.sub(r"\1'\2", _in_one_line(value)) if isinstance(value, str) else value


def _in_one_line(text: str) -> str:
    """Give a text without line breaks, and without what cannot be seen and would hide how it begins."""
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    # Cf is what has no width, such as the mark that comes first in a file, or what turns the direction of text.
    return "" if unicodedata.category(character) in {"Cf", "Cs"} else " "
