"""`tempmaild block`: senders and clients whose mail is refused, is junk, or is always taken."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from tempmaild.cli.calls import (
    OPERATOR,
    Call,
    Commands,
    duration,
    iso,
    json_option,
    moment,
    print_json,
    with_appliance,
)
from tempmaild.core.block_rule import Action, BlockRule, Kind
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tempmaild.appliance import Appliance

_FIELDS = ("kind", "subject", "action", "domain", "note", "until")
"""What a rule is written with, so that it can be read again."""
_MOST_PROBLEMS = 20
"""Lines of a file that are complained of at once."""


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    until = int(appliance.now()) + options.seconds if options.seconds else 0
    rule = BlockRule(options.kind, options.subject, options.action, options.domain, options.note, until)
    (kept,) = await appliance.block_rules.add([rule], OPERATOR)
    print(_in_words(kept))


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    options = call.options
    await appliance.block_rules.remove(options.kind, options.subject, options.domain, OPERATOR)
    print(f"{options.kind} {options.subject} removed")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for rule in await appliance.block_rules.list_all():
        if call.options.json:
            print_json(_as_object(rule) | {"created_at": iso(rule.created_at)})
        else:
            print(_in_words(rule))


@with_appliance
async def _export(appliance: Appliance, _: Call) -> None:
    for rule in await appliance.block_rules.list_all():
        print_json(_as_object(rule))


@with_appliance
async def _import(appliance: Appliance, call: Call) -> None:
    rules: list[BlockRule] = []
    problems = []
    with _opened(call.options.file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                rules += _rules_in(line.strip(), call.options)
            except InvalidValue as error:
                problems.append(f"line {number}: {error}")
                if len(problems) == _MOST_PROBLEMS:
                    break
    if problems:
        raise InvalidValue(str(call.options.file), "; ".join(problems))
    kept = await appliance.block_rules.add(rules, OPERATOR)
    print(f"{len(kept)} rules imported")


def _opened(path: Path) -> AbstractContextManager[TextIO]:
    if str(path) == "-":
        return nullcontext(sys.stdin)
    try:
        return path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidValue("file", str(error)) from None


def _rules_in(line: str, options: argparse.Namespace) -> Iterator[BlockRule]:
    """Read a line of a file: a rule as JSON, or whom a rule of the kind and action of the options is about.

    Raises:
        InvalidValue: it is neither.
    """
    if not line or line.startswith("#"):
        return
    if line.startswith("{"):
        rule = _rule_in_json(line)
    elif options.kind:
        rule = BlockRule(options.kind, line, options.action, options.domain)
    else:
        raise InvalidValue("line", "it is no JSON object; for a list of plain names say --kind")
    yield rule.normalised()


def _rule_in_json(line: str) -> BlockRule:
    try:
        fields: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidValue("line", "it is no JSON object") from None
    unknown = fields.keys() - {*_FIELDS, "created_at"}
    if unknown or not {"kind", "subject"} <= fields.keys():
        raise InvalidValue("line", f"a rule has kind and subject, and perhaps others of: {', '.join(_FIELDS)}")
    if not all(isinstance(value, str) for value in fields.values()):
        raise InvalidValue("line", "all values are text in quotes")
    try:
        until = moment(fields["until"]) if fields.get("until") else 0
    except argparse.ArgumentTypeError as error:
        raise InvalidValue("until", str(error)) from None
    texts = {name: fields[name] for name in _FIELDS if name in fields and name != "until"}
    return BlockRule(**texts, until=until)


def _as_object(rule: BlockRule) -> dict[str, str]:
    fields = {name: getattr(rule, name) for name in _FIELDS}
    return fields | {"until": iso(rule.until) if rule.until else ""}


def _in_words(rule: BlockRule) -> str:
    words = [rule.action, rule.kind, rule.subject]
    if rule.domain:
        words.append(f"to {rule.domain}")
    if rule.until:
        words.append(f"until {iso(rule.until)}")
    if rule.note:
        words.append(f"({rule.note})")
    return " ".join(words)


def _of_a_rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=get_args(Kind), help="what it is about")
    parser.add_argument("subject", help="a sender's address, its domain, ADDRESS/PREFIX, or a name in HELO")
    parser.add_argument("--domain", default="", help="of ours; it holds for mail to that alone")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild block`."""
    action: dict[str, Any] = {
        "choices": get_args(Action),
        "default": "refuse",
        "help": "what is done with the mail; allow passes over block lists and spam filters (default: refuse)",
    }
    parser = add("add", _add, "Have a rule; one about the same gives way to it.")
    _of_a_rule(parser)
    parser.add_argument("--action", **action)
    parser.add_argument(
        "--for", dest="seconds", type=duration, metavar="TIME", help="such as 10m or 7d; else for ever"
    )
    parser.add_argument("--note", default="", help="for the list of rules; clients are not told")
    _of_a_rule(add("remove", _remove, "Have a rule no more."))
    json_option(add("list", _list, "List the rules that hold."))
    add("export", _export, "Print the rules for `import`, one JSON object a line.")
    parser = add("import", _import, "Have the rules of a file, all or none.")
    parser.add_argument(
        "file", type=Path, help="what export prints, or with --kind a plain list; - for standard input"
    )
    parser.add_argument("--kind", choices=get_args(Kind), help="what the lines are that are no JSON")
    parser.add_argument("--action", **action)
    parser.add_argument("--domain", default="", help="of ours; plain lines hold for mail to that alone")
