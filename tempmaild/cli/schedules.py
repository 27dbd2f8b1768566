"""`tempmaild schedule`: what is done to mailboxes again and again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, iso, json_option, print_json, with_appliance
from tempmaild.core.schedule import ACTIONS, Cron, Every, Schedule, make_action
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance
    from tempmaild.core.schedule import Action, Timing

_ALL = "all domains"


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    timing = _timing(options)
    if timing is None:
        raise InvalidValue("timing", "--cron or --every is needed")
    action = make_action(options.action, _arguments(options))
    schedule = await appliance.schedules.add(Schedule(options.name, options.domain or "", action, timing), OPERATOR)
    print(f"{schedule.name} added")


@with_appliance
async def _set(appliance: Appliance, call: Call) -> None:
    options = call.options
    old = await appliance.schedules.get(options.name)
    new = msgspec.structs.replace(
        old,
        domain=old.domain if options.domain is None else options.domain,
        action=_changed(old.action, options),
        timing=_timing(options) or old.timing,
    )
    await appliance.schedules.change(new, OPERATOR)
    print(f"{options.name} changed")


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    await appliance.schedules.remove(call.options.name, OPERATOR)
    print(f"{call.options.name} removed")


@with_appliance
async def _pause(appliance: Appliance, call: Call) -> None:
    await appliance.schedules.pause(call.options.name, OPERATOR)
    print(f"{call.options.name} paused")


@with_appliance
async def _resume(appliance: Appliance, call: Call) -> None:
    await appliance.schedules.resume(call.options.name, OPERATOR)
    print(f"{call.options.name} resumed")


@with_appliance
async def _run(appliance: Appliance, call: Call) -> None:
    await appliance.schedules.run_now(call.options.name, OPERATOR)
    print(f"{call.options.name} will be run by the daemon at once")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for schedule in await appliance.schedules.list_all():
        if call.options.json:
            print_json(_as_json(schedule, appliance.now()))
        else:
            print(f"{schedule.name}  {_action(schedule)}  {_domain(schedule)}  {_timing_in_words(schedule)}")


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    schedule = await appliance.schedules.get(call.options.name)
    fields = _as_json(schedule, appliance.now())
    if call.options.json:
        print_json(fields)
        return
    print(f"name      {schedule.name}")
    print(f"domain    {_domain(schedule)}")
    print(f"action    {_action(schedule)}")
    print(f"when      {_timing_in_words(schedule)}")
    print(f"next run  {fields['next_due'] or 'none'}")
    print(f"last run  {fields['last_run'] or 'none'}")
    if schedule.last_outcome:
        print(f"outcome   {json.dumps(fields['last_outcome'], ensure_ascii=False)}")


def _timing(options: argparse.Namespace) -> Timing | None:
    if options.cron is not None:
        return Cron(options.cron)
    return None if options.every is None else Every(options.every)


def _arguments(options: argparse.Namespace) -> dict[str, int]:
    given = {"older_than": options.older_than, "to": options.to}
    return {name: value for name, value in given.items() if value is not None}


def _changed(old: Action, options: argparse.Namespace) -> Action:
    """Give the action with those arguments that are given; another action begins with none."""
    kept = msgspec.structs.asdict(old) if options.action in (None, old.name) else {}
    return make_action(options.action or old.name, kept | _arguments(options))


def _as_json(schedule: Schedule, now: float) -> dict[str, Any]:
    due = schedule.next_due(int(now))
    return {
        "name": schedule.name,
        "domain": schedule.domain or None,
        "action": schedule.action.name,
        "arguments": msgspec.to_builtins(schedule.action),
        "cron": schedule.timing.line if isinstance(schedule.timing, Cron) else None,
        "every": schedule.timing.seconds if isinstance(schedule.timing, Every) else None,
        "enabled": schedule.enabled,
        "created_at": iso(schedule.created_at),
        "next_due": iso(due) if due else None,
        "last_run": iso(schedule.last_run) if schedule.last_run else None,
        "last_outcome": msgspec.to_builtins(schedule.last_outcome),
    }


def _domain(schedule: Schedule) -> str:
    return schedule.domain or _ALL


def _action(schedule: Schedule) -> str:
    arguments = msgspec.structs.asdict(schedule.action)
    return " ".join([schedule.action.name, *(f"{name}={value}" for name, value in arguments.items())])


def _timing_in_words(schedule: Schedule) -> str:
    timing = schedule.timing
    words = f"at {timing.line} UTC" if isinstance(timing, Cron) else f"every {timing.seconds} seconds"
    return words if schedule.enabled else f"{words} (paused)"


def _age(text: str) -> int:
    return 0 if text == "0" else duration(text)


def _describe(command: argparse.ArgumentParser) -> None:
    command.add_argument("name")
    command.add_argument("--domain", help='only the mailboxes of this domain ("" for all)')
    when = command.add_mutually_exclusive_group()
    when.add_argument("--cron", metavar="LINE", help='five fields in UTC, such as "0 4 * * sun"')
    when.add_argument("--every", type=duration, metavar="TIME", help="such as 600, 10m, 24h or 7d")
    command.add_argument(
        "--older-than", type=_age, metavar="TIME", help="purge: mailboxes of this age (default: 0, all)"
    )
    command.add_argument("--to", type=duration, metavar="TIME", help="shorten: how long mailboxes live on at most")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild schedule`."""
    actions = "purge: destroy mailboxes; shorten: let none live long; report: count what is there"
    new = add("add", _add, "Have something done to mailboxes again and again.")
    _describe(new)
    new.add_argument("--action", required=True, choices=ACTIONS, help=actions)
    change = add("set", _set, "Change what is given, and leave the rest.")
    _describe(change)
    change.add_argument("--action", choices=ACTIONS, help=actions)
    for name, run, text in (
        ("remove", _remove, "Have it done no longer."),
        ("pause", _pause, "Have it not done until it is resumed."),
        ("resume", _resume, "Have it done again; what was missed is not made up."),
        ("run", _run, "Have it done at once, by the daemon that runs or else the next."),
    ):
        add(name, run, text).add_argument("name")
    json_option(add("list", _list, "List the schedules."))
    show = add("show", _show, "Show a schedule, and what came of its last run.")
    show.add_argument("name")
    json_option(show)
