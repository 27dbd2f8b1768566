"""`tempmaild domain`: domains whose mail is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.cli.calls import OPERATOR, Call, Commands, iso, json_option, print_json, with_appliance

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    domain = await appliance.domains.add(call.options.name, actor=OPERATOR)
    print(f"{domain.name} added")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for domain in await appliance.domains.list_all():
        if call.options.json:
            print_json({"name": domain.name, "kind": domain.kind, "created_at": iso(domain.created_at)})
        else:
            print(domain.name)


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    await appliance.domains.remove(call.options.name, OPERATOR)
    print(f"{call.options.name} removed")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild domain`."""
    add("add", _add, "Take mail for a domain.").add_argument("name")
    json_option(add("list", _list, "List the domains."))
    add("remove", _remove, "Take no more mail for a domain without mailboxes.").add_argument("name")
