"""`tempmaild statistics`: how often things have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.cli.calls import Call, Commands, duration, json_option, print_json, with_appliance
from tempmaild.core.timespan import DAY

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance


@with_appliance
async def _statistics(appliance: Appliance, call: Call) -> None:
    totals = await appliance.statistics.totals(call.options.within)
    if call.options.json:
        print_json(totals)
        return
    width = max(map(len, totals), default=0)
    for name, count in totals.items():
        print(f"{name:<{width}} {count:>9}")


def add_commands(add: Commands) -> None:
    """Put it below `tempmaild`."""
    parser = add("statistics", _statistics, "Tell what became of mail, and what the checks have found.")
    text = "how far to look back, such as 24h or 30d, in whole hours (default: a day)"
    parser.add_argument("--within", type=duration, default=DAY, metavar="TIME", help=text)
    json_option(parser)
