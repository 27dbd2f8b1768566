"""`tempmaild block`: senders and clients whose mail is refused, is junk, or is always taken."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tempmaild.cli.calls import (
    OPERATOR,
    Call,
    Commands,
    duration,
    iso,
    json_option,
    opened,
    print_json,
    with_appliance,
)
from tempmaild.core.block_rule import Action, BlockRule, Kind
from tempmaild.core.list_file import line_of_rule, read_list, rule_of_line
from tempmaild.core.plural import counted

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance


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
            print_json(json.loads(line_of_rule(rule)) | {"created_at": iso(rule.created_at)})
        else:
            print(_in_words(rule))


@with_appliance
async def _export(appliance: Appliance, _: Call) -> None:
    for rule in await appliance.block_rules.list_all():
        print(line_of_rule(rule), flush=True)


@with_appliance
async def _import(appliance: Appliance, call: Call) -> None:
    options = call.options
    usual = BlockRule(options.kind, "", options.action, options.domain) if options.kind else None
    with opened(options.file) as lines:
        rules = read_list(lines, partial(rule_of_line, usual=usual), str(options.file))
    kept = await appliance.block_rules.add(rules, OPERATOR)
    print(f"{counted(len(kept), 'rule', 'rules')} imported")


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
