"""Babel's extraction of texts that the console translates, and others say: those of settings, errors and findings."""

from __future__ import annotations

import ast
from typing import IO, TYPE_CHECKING, Any

import msgspec

from tempmaild.core.checking import Checking
from tempmaild.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    Message = tuple[int, str, str, list[str]]
    """Line, function, text and comments, as Babel wants them."""

_TEMPLATES = {"InvalidValue": (1,), "Finding": (2, 3)}
"""The arguments of a call that are templates."""


def settings(*_how: object, **_options: object) -> Iterator[Message]:
    """Give what the settings say of the checks, and the console shows beside the fields of a domain."""
    for check in msgspec.structs.fields(Checking):
        section: Any = Settings.model_fields[check.name].annotation
        texts = [section.__doc__.strip()]
        texts += [section.model_fields[option.name].description for option in msgspec.structs.fields(check.type)]
        for text in texts:
            yield 1, "gettext", text, []


def templates(file: IO[bytes], *_how: object, **_options: object) -> Iterator[Message]:
    """Give the templates of errors and findings: literals in the call, or what a name in the function stands for."""
    for text in template_nodes(ast.parse(file.read())):
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
            yield text.lineno, "gettext", text.value, []


def template_nodes(module: ast.Module) -> Iterator[ast.expr]:
    """Give the expressions that templates come from, whatever they are."""
    for function in _functions(module):
        named = _named(module) | _named(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for place in _TEMPLATES.get(node.func.id, ()):
                    if place < len(node.args):
                        yield from _choices(node.args[place], named)


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _named(scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, list[ast.expr]]:
    """Give what names stand for in a scope: each that was ever assigned."""
    found: dict[str, list[ast.expr]] = {}
    nodes = scope.body if isinstance(scope, ast.Module) else list(ast.walk(scope))
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            for target, value in _pairs(node.targets[0], node.value):
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found.setdefault(node.target.id, []).append(node.value)
    return found


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def _choices(node: ast.expr, named: dict[str, list[ast.expr]]) -> Iterator[ast.expr]:
    """Give what an expression may be."""
    if isinstance(node, ast.IfExp):
        yield from _choices(node.body, named)
        yield from _choices(node.orelse, named)
    elif isinstance(node, ast.Name) and node.id in named:
        others = {name: values for name, values in named.items() if name != node.id}
        for value in named[node.id]:
            yield from _choices(value, others)
    else:
        yield node
