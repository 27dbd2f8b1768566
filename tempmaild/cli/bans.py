"""`tempmaild ban`: networks that are turned away for a while."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

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
from tempmaild.core.limit import Ban, Scope
from tempmaild.core.list_file import ban_of_line, line_of_ban, read_list
from tempmaild.core.plural import counted

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    ban = await appliance.bans.add(options.network, options.seconds, options.reason, options.scope, OPERATOR)
    print(f"{ban.network} is banned until {iso(ban.until)}")


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    await appliance.bans.remove(call.options.network, OPERATOR)
    print(f"{call.options.network} is banned no more")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for ban in await appliance.bans.list_all():
        if call.options.json:
            print_json(
                {
                    "network": ban.network,
                    "scope": ban.scope,
                    "reason": ban.reason,
                    "created_at": iso(ban.created_at),
                    "until": iso(ban.until),
                }
            )
        else:
            print(f"{ban.network} {ban.scope} until {iso(ban.until)} {ban.reason}".rstrip())


@with_appliance
async def _export(appliance: Appliance, _: Call) -> None:
    for ban in await appliance.bans.list_all():
        print(line_of_ban(ban), flush=True)


@with_appliance
async def _import(appliance: Appliance, call: Call) -> None:
    options = call.options
    usual = Ban("", options.reason, options.scope, int(appliance.now()) + options.seconds)
    with opened(options.file) as lines:
        bans = read_list(lines, partial(ban_of_line, usual=usual), str(options.file))
    added = await appliance.bans.add_all(bans, OPERATOR)
    print(f"{counted(added, 'ban', 'bans')} imported")


def _of_a_ban(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=86_400,
        metavar="TIME",
        help="such as 10m or 7d (default: 24h)",
    )
    parser.add_argument("--reason", default="", help="for the list of bans; clients are not told")
    parser.add_argument(
        "--scope",
        choices=get_args(Scope),
        default="all",
        help="from what: all, mail (SMTP, LMTP) or reading (all else) (default: all)",
    )


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild ban`."""
    parser = add("add", _add, "Turn a network away.")
    parser.add_argument("network", help="ADDRESS/PREFIX, or an address alone")
    _of_a_ban(parser)
    add("remove", _remove, "Let a network come again.").add_argument("network")
    json_option(add("list", _list, "List the bans in force."))
    add("export", _export, "Print the bans for `import`, one JSON object a line.")
    parser = add("import", _import, "Have the bans of a file, all or none; those that are over are left out.")
    parser.add_argument(
        "file", type=Path, help="what export prints, or a plain list of networks; - for standard input"
    )
    _of_a_ban(parser)
