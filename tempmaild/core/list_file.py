"""Lists of block rules and of bans as text: an object of JSON on each line, or a plain subject."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.iso_time import iso, parse_iso
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from tempmaild.core.limit import Ban

T = TypeVar("T")

MOST_PROBLEMS = 20
"""Lines of a list that are complained of at once."""
_OF_RULES = ("kind", "subject", "action", "domain", "note", "until")
"""What a rule is written with, so that it can be read again."""
_OF_BANS = ("network", "scope", "reason", "until")
_READ_ONLY = "created_at"
"""What listings have beside that, and whoever reads them passes over."""


def read_list(lines: Iterable[str], read: Callable[[str], T], field: str) -> list[T]:
    """Read all lines but empty ones and those that begin with #.

    Args:
        field: what the error names.

    Raises:
        InvalidValue: some lines cannot be read; names the first of them by their numbers.
    """
    found: list[T] = []
    problems: list[InvalidValue] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            found.append(read(text))
        except InvalidValue as error:
            problems.append(InvalidValue("", "line %(number)s: %(problem)s", number=number, problem=error))
            if len(problems) == MOST_PROBLEMS:
                break
    if problems:
        values = {f"problem{place}": problem for place, problem in enumerate(problems)}
        template = "; ".join(f"%({name})s" for name in values)
        raise InvalidValue(field, template, **values)
    return found


def rule_of_line(line: str, usual: BlockRule | None) -> BlockRule:
    """Read a rule in the form in which rules are kept.

    Args:
        usual: what a line that is no object has but its subject; None where all lines have to be objects.

    Raises:
        InvalidValue: it is none.
    """
    if line.startswith("{"):
        fields = _object(line, "rule", _OF_RULES, ("kind", "subject"))
        return BlockRule(**fields | {"until": _until(fields)}).normalised()
    if usual is None:
        raise InvalidValue("line", "it is no JSON object; for a list of plain names say their kind")
    return msgspec.structs.replace(usual, subject=line).normalised()


def line_of_rule(rule: BlockRule) -> str:
    """Write a rule as `rule_of_line` reads it."""
    return _line(rule, _OF_RULES)


def ban_of_line(line: str, usual: Ban) -> Ban:
    """Read a ban in the form in which bans are kept.

    Args:
        usual: what a line has that says no more than the network.

    Raises:
        InvalidValue: it is none.
    """
    if not line.startswith("{"):
        return msgspec.structs.replace(usual, network=line).normalised()
    fields = _object(line, "ban", _OF_BANS, ("network",))
    return msgspec.structs.replace(usual, **fields | {"until": _until(fields) or usual.until}).normalised()


def line_of_ban(ban: Ban) -> str:
    """Write a ban as `ban_of_line` reads it."""
    return _line(ban, _OF_BANS)


def _line(value: BlockRule | Ban, names: Iterable[str]) -> str:
    fields = {name: getattr(value, name) for name in names}
    return json.dumps(fields | {"until": iso(value.until) if value.until else ""}, ensure_ascii=False)


def _object(line: str, what: str, known: Collection[str], needed: Collection[str]) -> dict[str, Any]:
    """Read an object of texts.

    Raises:
        InvalidValue: it is none, or has other fields.
    """
    try:
        fields: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidValue("line", "it is no JSON object") from None
    if fields.keys() - {*known, _READ_ONLY} or not set(needed) <= fields.keys():
        raise InvalidValue(
            "line",
            "a %(what)s has %(needed)s, and perhaps others of: %(known)s",
            what=what,
            needed=" and ".join(needed),
            known=", ".join(known),
        )
    if not all(isinstance(value, str) for value in fields.values()):
        raise InvalidValue("line", "all values are text in quotes")
    fields.pop(_READ_ONLY, None)
    return fields


def _until(fields: dict[str, Any]) -> int:
    try:
        return parse_iso(fields["until"]) if fields.get("until") else 0
    except ValueError:
        problem = "%(text)r is not a time such as 2030-01-31T12:00:00Z"
        raise InvalidValue("until", problem, text=fields["until"]) from None
