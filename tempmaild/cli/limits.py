"""`tempmaild limit`: how much clients may do in a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, json_option, print_json, with_appliance
from tempmaild.core.limit import Action, Event, Limit, Strategy, Subject

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance

_NEEDED = ("event", "subject", "amount", "window")
"""Fields that a limit cannot be added without."""


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    await appliance.limits.add(Limit(name=call.options.name, **_given(call.options)), OPERATOR)
    print(f"{call.options.name} added")


@with_appliance
async def _set(appliance: Appliance, call: Call) -> None:
    limit = await appliance.limits.get(call.options.name)
    given = _given(call.options)
    if given.get("action", "ban") != "ban":
        # It means nothing any more.
        given.setdefault("ban_seconds", 0)
    await appliance.limits.change(msgspec.structs.replace(limit, **given), OPERATOR)
    print(f"{limit.name} changed")


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    await appliance.limits.remove(call.options.name, OPERATOR)
    print(f"{call.options.name} removed")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for limit in await appliance.limits.list_all():
        if call.options.json:
            fields = msgspec.structs.asdict(limit)
            del fields["id"]
            print_json(fields)
        else:
            print(_in_words(limit))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Give the fields of a limit that were named."""
    given = {field: getattr(options, field) for field in Limit.__struct_fields__ if field != "name"}
    return {field: value for field, value in given.items() if value is not None}


def _in_words(limit: Limit) -> str:
    ban = f" for {limit.ban_seconds} s" if limit.action == "ban" else ""
    network = f" (/{limit.ipv4_prefix}, /{limit.ipv6_prefix})" if limit.subject == "network" else ""
    domain = f" to {limit.domain}" if limit.domain else ""
    return (
        f"{limit.name}: {limit.amount} {limit.event}{domain} in {limit.window} s by {limit.subject}{network},"
        f" then {limit.action}{ban} [{limit.strategy}]{'' if limit.enabled else ' OFF'}"
    )


def _fields(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    """Let a command take the fields of a limit; who adds one has to name the first four."""
    options: dict[str, dict[str, Any]] = {
        "--event": {"choices": get_args(Event), "help": "what is counted"},
        "--subject": {"choices": get_args(Subject), "help": "by whom it is counted"},
        "--amount": {"type": int, "help": "how many there may be in the window; for bytes, octets"},
        "--window": {"type": duration, "metavar": "TIME", "help": "such as 60, 10m, 24h or 7d"},
        "--strategy": {"choices": get_args(Strategy), "help": "how it is counted (default: sliding-window-counter)"},
        "--action": {"choices": get_args(Action), "help": "what happens beyond it (default: refuse)"},
        "--ban-for": {"type": duration, "metavar": "TIME", "dest": "ban_seconds", "help": "with --action ban"},
        "--ipv4-prefix": {"type": int, "metavar": "BITS", "help": "the size of a network in IPv4 (default: 32)"},
        "--ipv6-prefix": {"type": int, "metavar": "BITS", "help": "the size of a network in IPv6 (default: 64)"},
        "--domain": {"help": "count only recipients or new addresses of this domain of ours; '' for all"},
    }
    for name, option in options.items():
        parser.add_argument(name, required=needed and name.removeprefix("--") in _NEEDED, **option)
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--enabled", action="store_true", default=None, help="count from now on")
    switch.add_argument("--disabled", action="store_false", dest="enabled", default=None, help="do not count now")
    parser.set_defaults(id=None)


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild limit`."""
    for name, run, text in (("add", _add, "Have one limit more."), ("set", _set, "Change a limit.")):
        parser = add(name, run, text)
        parser.add_argument("name")
        _fields(parser, needed=name == "add")
    add("remove", _remove, "Have a limit no more.").add_argument("name")
    json_option(add("list", _list, "List the limits."))
