"""`tempmaild clock`: the time that lifetimes go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.cli.calls import OPERATOR, Call, Commands, iso, json_option, print_json, with_appliance

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    standing = await appliance.clock.standing()
    time, host, mark = (iso(int(moment)) for moment in (standing.time, standing.host, standing.mark))
    noted = mark if standing.mark else None
    if call.options.json:
        print_json({"time": time, "host_clock": host, "noted": noted, "believed": standing.believed})
        return
    print(f"time      {time}    (lifetimes go by this)")
    print(f"host      {host}    ({'believed' if standing.believed else 'NOT believed'})")
    print(f"noted     {noted or 'never'}    (the latest time at which a daemon ran)")
    if not standing.believed:
        print("If the host's clock is right, say: tempmaild clock accept")


@with_appliance
async def _accept(appliance: Appliance, call: Call) -> None:  # noqa: ARG001 - every command is called so
    before = await appliance.clock.accept(OPERATOR)
    print(f"{iso(int(before.host))} it is; it was {iso(int(before.time))}")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild clock`."""
    json_option(add("show", _show, "Show the time that lifetimes go by, and whether the host's clock is believed."))
    add("accept", _accept, "Believe the host's clock, however far it has been set. Lifetimes end by it.")
