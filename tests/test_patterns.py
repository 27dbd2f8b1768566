"""The regular expressions of the product are such as every Python 3.11 gets right.

Debian 12 has 3.11.2, in which a group under a possessive quantifier may leave behind what it had matched when it
fails (python/cpython#106052). A group that fails before its first repetition, if at all, is not concerned.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import pytest

import tempmaild
import tempmaild_admin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_SINGLE = (constants.LITERAL, constants.NOT_LITERAL, constants.IN, constants.ANY)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__") and ".migrations." not in found.name:
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[Any]]:
    found = {}
    for package in (tempmaild, tempmaild_admin):
        for module in modules(package):
            for name, value in vars(module).items():
                for number, each in enumerate(value.values() if isinstance(value, dict) else [value]):
                    if isinstance(each, re.Pattern):
                        found[f"{module.__name__}.{name}.{number}"] = each
    return found


def doubtful(items: Any) -> Iterator[Any]:
    """Give the possessive repetitions, and atomic groups, that may fail behind a repetition within them."""
    for operation, argument in items:
        if operation is constants.ATOMIC_GROUP:
            yield argument
        if operation is constants.POSSESSIVE_REPEAT:
            *first, last = argument[2]
            never_fails = last[0] is constants.POSSESSIVE_REPEAT and last[1][0] == 0 and len(last[1][2]) == 1
            if any(each[0] not in _SINGLE for each in first) or not (last[0] in _SINGLE or never_fails):
                yield argument[2]
        for child in _children(argument):
            yield from doubtful(child)


def _children(argument: Any) -> Iterator[Any]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for each in argument:
            yield from _children(each)


@pytest.mark.parametrize("name", sorted(patterns()))
def test_groups_are_not_held_on_to_that_may_fail_late(name: str) -> None:
    pattern = patterns()[name]
    assert not list(doubtful(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)))


@pytest.mark.parametrize(
    "text", [r"(?:\[[^]]*+\] ?+)*+", r"(?:a*+b)?+", r"(?>ab)", r"x(?:(?:a|bb)c)++", r"(?:(\w++):)?+"]
)
def test_such_are_found(text: str) -> None:
    assert list(doubtful(parser.parse(text)))


@pytest.mark.parametrize("text", [r"(?:\n[ \t][^\n]*+)*+", r"[a-z]++\s*+", r"(?:\r\n)*+", r"(?:a*+b)?"])
def test_others_are_not(text: str) -> None:
    assert not list(doubtful(parser.parse(text)))
