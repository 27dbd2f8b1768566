"""The form for what a domain wants otherwise of the checks of its mail; made of the rules that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FloatField, SelectField, SubmitField, TextAreaField
from wtforms.validators import Length, NumberRange, Optional, ValidationError

from tempmaild.core.checking import Checking
from tempmaild.settings import Settings
from tempmaild.settings.values import parse_extension, parse_media_type
from tempmaild_admin.forms import EditForm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wtforms import Field

_NONE: Final = "none"
"""What is typed for a list of nothing."""
_WORDS: Final = {
    "mark": _l("mark: deliver it, and say so in its headers"),
    "junk": _l("junk: deliver it into Junk"),
    "strip": _l("strip: deliver it without the part"),
    "refuse": _l("refuse: do not take it"),
    "later": _l("later: have the sender try again"),
    "True": _l("make it"),
    "False": _l("leave it out"),
}
_LABELS: Final = {
    "enabled": _l("whether it is made"),
    "action": _l("when mail is wrong"),
    "failing": _l("when the check fails"),
    "unscannable": _l("what cannot be scanned"),
    "encrypted": _l("archives that cannot be listed"),
    "extensions": _l("extensions of names"),
    "types": _l("types of content"),
    "threshold": _l("threshold"),
}
_PARSERS: Final[Mapping[str, tuple[Callable[[str], object], Any]]] = {
    "extensions": (
        parse_extension,
        _l("“%(word)s” is not the extension of a file name: write it without a dot, such as exe."),
    ),
    "types": (
        parse_media_type,
        _l("“%(word)s” is not a MIME type: write TYPE/SUBTYPE, such as application/pdf."),
    ),
}
"""What reads a word of a list, and what is said of one that it cannot read."""


class ListField(TextAreaField):
    """Words, in any lines; "none" for a list of nothing, and None where nothing was typed."""

    data: Any

    def __init__(self, *args: Any, option: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parse, self._wrong = _PARSERS[option]

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else " ".join(self.data) or _NONE

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        words = valuelist[0].split() if valuelist else []
        self.data = None
        if words:
            self.data = [] if words == [_NONE] else [self._read(word) for word in words]

    def _read(self, word: str) -> object:
        try:
            return self._parse(word)
        except ValueError:
            raise ValidationError(str(self._wrong) % {"word": word}) from None


class ChecksForm(EditForm):
    """A field for each option of each rule; where it is empty, the settings of this host hold."""

    submit = SubmitField(_l("Save"))

    @classmethod
    def of(cls, overrides: Mapping[str, Mapping[str, Any]], host: Checking) -> ChecksForm:
        """Make the form of a domain.

        Args:
            overrides: what it wants otherwise.
            host: what the settings say.
        """
        kept = {
            f"{check}_{option}": str(value) if isinstance(value, bool) else value
            for check, options in overrides.items()
            for option, value in options.items()
        }
        form = cls(data=kept)
        for check, option in _options():
            field, as_set = form[f"{check}_{option}"], getattr(getattr(host, check), option)
            if isinstance(field, SelectField):
                field.choices = _choices(check, option, as_set, kept.get(field.name))
            else:
                field.render_kw = {"placeholder": _shown(as_set)}
        return form

    @property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """What was wanted otherwise."""
        wanted: dict[str, dict[str, Any]] = {}
        for check, option in _options():
            value = self[f"{check}_{option}"].data
            if value is not None and value != "":
                wanted.setdefault(check, {})[option] = value == "True" if option == "enabled" else value
        return wanted

    def rules(self) -> Iterator[tuple[str, str, list[Field]]]:
        """Give each check with what it is about and its usual fields: whether it is made, and what is done then."""
        for check in msgspec.structs.fields(Checking):
            usual = [self[f"{check.name}_{option}"] for option in ("enabled", "action", "failing")]
            yield check.name, str(_((_section(check.name).__doc__ or "").strip())), usual

    def more(self) -> Iterator[Field]:
        """Give the fields that only single checks have."""
        for check, option in _options():
            if option not in {"enabled", "action", "failing"}:
                yield self[f"{check}_{option}"]


def _options() -> Iterator[tuple[str, str]]:
    for check in msgspec.structs.fields(Checking):
        for option in msgspec.structs.fields(check.type):
            yield check.name, option.name


def _section(check: str) -> Any:
    """Give the section of the settings of a check, which says what each option may be."""
    return Settings.model_fields[check].annotation


def _choices(check: str, option: str, host: object, kept: str | None) -> list[tuple[str, str]]:
    values = (
        ["True", "False"] if option == "enabled" else [*get_args(_section(check).model_fields[option].annotation)]
    )
    if kept and kept not in values:
        values.append(kept)  # the command takes more than is sensible
    as_set = _("as in the settings (%(value)s)", value=str(_WORDS[str(host)]).partition(":")[0])
    return [("", as_set), *((value, str(_WORDS[value])) for value in values)]


def _shown(as_set: object) -> str:
    """Write what the settings say where nothing is typed."""
    return " ".join(as_set) or _NONE if isinstance(as_set, tuple) else str(as_set)


def _field(check: str, option: str) -> Field:
    # What the settings say of it; extract_texts.py has it in the catalogues.
    description = _l(_section(check).model_fields[option].description)
    if option == "threshold":
        bounds = [Optional(), NumberRange(-1000, 1000)]
        return FloatField(_label(check, option), bounds, description=description)
    if option in _PARSERS:
        more = _l("%(about)s Empty: as in the settings; the word none: nothing.", about=description)
        return ListField(_label(check, option), [Length(max=50_000)], description=more, option=option)
    return SelectField(_label(check, option), choices=[], description=description)


def _label(check: str, option: str) -> Any:
    return _l("%(check)s: %(option)s", check=check, option=_LABELS[option])


for _check, _option in _options():
    setattr(ChecksForm, f"{_check}_{_option}", _field(_check, _option))
