"""Reads the settings from a TOML file and the environment, and tells every problem at once.

What is wrong is left out, so that the rest can still be checked. A value in doubt then stands at its default: a
conflict in which it takes part would be no news, and is not reported.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tempmaild.settings.conflicts import conflicts
from tempmaild.settings.credentials import read_credentials
from tempmaild.settings.document import DocumentError, read_document
from tempmaild.settings.options import (
    OPTIONS,
    PREFIX,
    SECTIONS,
    VARIABLES,
    Option,
    nearest_option,
    nearest_section,
    nearest_variable,
)
from tempmaild.settings.tree import Settings
from tempmaild.settings.values import UnixAddress, toml

_Given = dict[str, object]
"""Values by key. What stands outside the sections of the tree is there too, under its name alone."""

_FILE_VARIABLE = f"{PREFIX}CONFIG"  # names the file; whoever calls `load` has read it already
_LONGEST_VALUE = 60  # characters of a wrong value that a message repeats


class SettingsError(Exception):
    """The settings cannot be used; `problems` are the reasons, a line of text each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class _Problem:
    key: str
    words: str
    item: str = ""
    doubtful: Iterable[str] = ()
    """Keys of the options of which the problem leaves us without the value that was meant."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings; paths in the result are absolute.

    Args:
        path: the TOML file; None for the defaults.
        environ: variables such as TEMPMAILD_SMTP_MAX_RECIPIENTS override the file, and what `credentials` gives.

    Raises:
        SettingsError: with all problems, in the order of the file, then those of what is not in it.
    """
    in_file, file_problems = _read(path)
    overrides, unknown_variables = _overrides(environ)
    credentials, credential_problems = _credentials(path, environ)
    given = in_file | credentials | overrides
    settings, wrong = _judge(given)
    settings = _anchored(settings, path.parent if path else Path())
    problems = [*file_problems, *credential_problems, *unknown_variables, *wrong]
    problems += _conflicts(settings, problems)
    if problems:
        raise SettingsError(_texts(problems, list(given), overrides))
    return settings


def _read(path: Path | None) -> tuple[_Given, list[_Problem]]:
    try:
        return (_flat(read_document(path)) if path else {}), []
    except DocumentError as error:
        return {}, [_Problem("", str(error), doubtful=OPTIONS)]


def _credentials(path: Path | None, environ: Mapping[str, str]) -> tuple[_Given, list[_Problem]]:
    try:
        return read_credentials(path, environ), []
    except DocumentError as error:
        return {}, [_Problem("", str(error), doubtful=OPTIONS)]


def _flat(document: dict[str, Any]) -> _Given:
    given: _Given = {}
    for section, content in document.items():
        if section in SECTIONS and isinstance(content, dict):
            given |= {f"{section}.{name}": value for name, value in content.items()}
        else:
            given[section] = content
    return given


def _overrides(environ: Mapping[str, str]) -> tuple[_Given, list[_Problem]]:
    overrides: _Given = {}
    unknown: list[_Problem] = []
    for variable, text in sorted(environ.items()):
        if option := VARIABLES.get(variable):
            overrides[option.key] = option.read(text)
        elif variable.startswith(PREFIX) and variable != _FILE_VARIABLE:
            meant = nearest_variable(variable)
            doubtful = [VARIABLES[meant].key] if meant else []
            unknown.append(_Problem(variable, f"unknown variable{_hint(meant)}", doubtful=doubtful))
    return overrides, unknown


def _judge(given: _Given) -> tuple[Settings, list[_Problem]]:
    """Build the tree from what is right, and tell what is wrong."""
    wrong = [_unknown(key, value) for key, value in given.items() if key not in OPTIONS]
    known = {key: value for key, value in given.items() if key in OPTIONS}
    try:
        return _tree(known), wrong
    except ValidationError as error:
        wrong += map(_invalid, error.errors(include_url=False))
    left_out = {problem.key for problem in wrong}
    return _tree({key: value for key, value in known.items() if key not in left_out}), wrong


def _tree(known: _Given) -> Settings:
    document: dict[str, _Given] = {}
    for key, value in known.items():
        section, _, name = key.partition(".")
        document.setdefault(section, {})[name] = value
    return Settings.model_validate(document)


def _unknown(key: str, value: object) -> _Problem:
    """Say what a key that is no option might have been meant as."""
    if key in SECTIONS:
        return _Problem(key, f"{_shown(value)} is not a section: write [{key}]", doubtful=_options_of(key))
    if isinstance(value, dict) and "." not in key:
        meant = nearest_section(key)
        return _Problem(key, f"unknown section{_hint(meant)}", doubtful=_options_of(meant))
    meant = nearest_option(key)
    return _Problem(key, f"unknown key{_hint(meant)}", doubtful=[meant] if meant else [])


def _options_of(section: str | None) -> list[str]:
    return [key for key, option in OPTIONS.items() if option.section == section]


def _hint(meant: str | None) -> str:
    return f"; did you mean {meant}?" if meant else ""


def _invalid(error: ErrorDetails) -> _Problem:
    section, name, *items = error["loc"]
    option = OPTIONS[f"{section}.{name}"]
    item = "".join(f"[{index}]" for index in items)
    return _Problem(option.key, _words(error, option), item, doubtful=[option.key])


def _words(error: ErrorDetails, option: Option) -> str:
    """Put what pydantic found into the operator's words."""
    value, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return f"{option.amount(value)} is less than {option.amount(context['ge'])} (allowed {option.allowed})"
        case "less_than_equal":
            return f"{option.amount(value)} is more than {option.amount(context['le'])} (allowed {option.allowed})"
        case "int_type":
            return f"{_shown(value)} is not a whole number"
        case "float_type" | "finite_number":
            return f"{_shown(value)} is not a number"
        case "tuple_type":
            # What has no repr is a secret.
            return f"{_shown(value) if option.field.repr else 'this'} is not a list in [ ]"
        case "literal_error":
            return f"{_shown(value)} is not {context['expected'].replace(chr(39), '')}"
        case "value_error":
            return str(context["error"])
    return error["msg"]


def _shown(value: object) -> str:
    text = toml(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Make every path absolute: the state's is seen from `folder`, the others from the state."""
    state = folder.absolute() / settings.host.state
    host = settings.host.model_copy(update={"state": state})
    anchored: Settings = _under(state, settings.model_copy(update={"host": host}))
    return anchored


def _under(base: Path, value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_copy(update={name: _under(base, item) for name, item in value})
        case tuple():
            return tuple(_under(base, item) for item in value)
        case UnixAddress():
            return UnixAddress(base / value.path)
        case Path():
            return base / value
    return value


def _conflicts(settings: Settings, problems: list[_Problem]) -> Iterator[_Problem]:
    doubtful = {key for problem in problems for key in problem.doubtful}
    for conflict in conflicts(settings):
        if doubtful.isdisjoint(conflict.keys):
            yield _Problem(conflict.keys[0], conflict.words)


def _texts(problems: list[_Problem], order: list[str], overrides: _Given) -> Iterator[str]:
    places = {key: place for place, key in enumerate(["", *order])}
    for problem in sorted(problems, key=lambda problem: (places.get(problem.key, len(places)), problem.key)):
        name = OPTIONS[problem.key].variable if problem.key in overrides else problem.key
        yield f"{name}{problem.item}: {problem.words}" if name else problem.words
