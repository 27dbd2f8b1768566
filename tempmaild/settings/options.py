"""The tree as a flat table of options: what each is called in the file and the environment, and what it allows."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tempmaild.settings.section import AT_START
from tempmaild.settings.tree import Settings
from tempmaild.settings.values import size_text, toml

PREFIX = "TEMPMAILD_"
"""What the names of all environment variables of the settings begin with."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: a field of one section of the tree."""

    section: str
    name: str
    field: FieldInfo

    @property
    def key(self) -> str:
        """The name in messages: `smtp.max_recipients`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that overrides the file: `TEMPMAILD_SMTP_MAX_RECIPIENTS`."""
        return f"{PREFIX}{self.section}_{self.name}".upper()

    @property
    def is_size(self) -> bool:
        """Whether the value is a number of bytes, which can be written with a unit."""
        return self.name.endswith("_bytes")

    @property
    def is_file(self) -> bool:
        """Whether the value is the path of a file, or none."""
        return self.field.annotation == Path | None

    @property
    def needs_restart(self) -> bool:
        """Whether a daemon that runs keeps the value that it was started with."""
        return AT_START in self.field.metadata

    @property
    def allowed(self) -> str:
        """The bounds, as in "1 to 10000"; empty for an option that is no number."""
        match [mark for mark in self.field.metadata if isinstance(mark, Ge | Le)]:
            case [Ge(low), Le(high)]:
                return f"{self.amount(low)} to {self.amount(high)}"
        return ""

    def of(self, settings: Settings) -> Any:
        """Give the value that it has in these settings."""
        return getattr(getattr(settings, self.section), self.name)

    def amount(self, number: object) -> str:
        """Write a number of this option for people: 26214400 bytes are 25 MiB."""
        return size_text(number) if self.is_size and isinstance(number, int) else toml(number)

    def toml(self, value: object) -> str:
        """Write a value of this option for the file."""
        return toml(self.amount(value)) if self.is_size else toml(value)

    def read(self, text: str) -> object:
        """Read the text of an environment variable as if it stood in the file.

        It is TOML where that gives a value of the option's kind, otherwise plain text, for a list with commas
        between the items; so `[::]:25` needs no quotes.
        """
        value, default = _toml_value(text), self.field.default
        if isinstance(default, tuple):
            return value if isinstance(value, list) else [item.strip() for item in text.split(",") if item.strip()]
        numbers = int | float if isinstance(default, float) else int
        kinds = numbers | str if isinstance(default, int | float) else str
        return value if isinstance(value, kinds) else text


def _toml_value(text: str) -> object:
    """Read one TOML value; None if the text is something else."""
    try:
        document = tomllib.loads(f"value = {text}")
    except ValueError:
        return None
    return document["value"] if len(document) == 1 else None


SECTIONS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {name: type(field.default) for name, field in Settings.model_fields.items()}
)
"""The model of each section, in the order of the tree."""

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        f"{section}.{name}": Option(section, name, field)
        for section, model in SECTIONS.items()
        for name, field in model.model_fields.items()
    }
)
"""Every option by its key, in the order of the tree."""

VARIABLES: Mapping[str, Option] = MappingProxyType({option.variable: option for option in OPTIONS.values()})
"""Every option by its environment variable."""


def nearest_section(name: str) -> str | None:
    """Give the section that an unknown one was probably meant as."""
    return _nearest(name, {section: section for section in SECTIONS})


def nearest_option(key: str) -> str | None:
    """Give the key that an unknown one was probably meant as: in its own section, or in the first one that has it."""
    section, _, name = key.rpartition(".")
    anywhere = {option.name: option.key for option in reversed(list(OPTIONS.values()))}
    here = {option.name: option.key for option in OPTIONS.values() if option.section == section}
    return _nearest(name, here) or _nearest(name, anywhere)


def nearest_variable(variable: str) -> str | None:
    """Give the variable that an unknown one was probably meant as."""
    # The prefix, which they share, would make all of them alike.
    return _nearest(variable.removeprefix(PREFIX), {known.removeprefix(PREFIX): known for known in VARIABLES})


def _nearest(name: str, known: Mapping[str, str]) -> str | None:
    return next((known[match] for match in get_close_matches(name, known, n=1)), None)
