"""`tempmaild operator`: the people who may sign in to the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, iso, json_option, print_json, with_appliance
from tempmaild.cli.secrets import ask_password, read_secret
from tempmaild.core.person import ROLES
from tempmaild.service.people import INVITATION_SECONDS

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance
    from tempmaild.service.people import Invited


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    password = read_secret(options.password_file) if options.password_file else ask_password()
    person = await appliance.people.add(options.name, options.role, password, OPERATOR)
    print(f"{person.name} may sign in as {person.role}")


@with_appliance
async def _invite(appliance: Appliance, call: Call) -> None:
    options = call.options
    _print_link(call, await appliance.people.invite(options.role, options.seconds, options.note, OPERATOR))


@with_appliance
async def _reset(appliance: Appliance, call: Call) -> None:
    person = await appliance.people.get(call.options.name)
    _print_link(call, await appliance.people.reset(person.name, call.options.seconds, OPERATOR))


@with_appliance
async def _set(appliance: Appliance, call: Call) -> None:
    options = call.options
    person = await appliance.people.get(options.name)
    enabled = person.enabled if options.enabled is None else options.enabled
    role = options.role or person.role
    person = await appliance.people.change(person.name, role, enabled=enabled, actor=OPERATOR)
    print(f"{person.name} is {person.role}" + ("" if person.enabled else ", and may not sign in"))


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    person = await appliance.people.get(call.options.name)
    await appliance.people.remove(person.name, OPERATOR)
    print(f"{person.name} removed")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for person in await appliance.people.list_all():
        if call.options.json:
            print_json(
                {
                    "name": person.name,
                    "role": person.role,
                    "enabled": person.enabled,
                    "totp": person.has_totp,
                    "created_at": iso(person.created_at),
                    "signed_in_at": iso(person.signed_in_at) if person.signed_in_at else None,
                }
            )
        else:
            last = f"signed in {iso(person.signed_in_at)}" if person.signed_in_at else "never signed in"
            marks = [person.role, "with totp" if person.has_totp else "without totp"]
            marks += [] if person.enabled else ["disabled"]
            print(f"{person.name}  {', '.join(marks)}, {last}")


def _print_link(call: Call, invited: Invited) -> None:
    # The console has the same path; it is not imported, as the command works without it.
    print(f"{call.settings.admin.url.rstrip('/')}/invitation/{invited.token}")
    print(f"good once, until {iso(invited.invitation.expires_at)}")


def _link_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=INVITATION_SECONDS,
        metavar="TIME",
        help="how long the link is good, such as 12h or 3d (default: 3d)",
    )


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild operator`."""
    roles = "viewer: look at everything; operator: change everything but people; owner: everything"
    new = add("add", _add, "Let somebody sign in whose password you choose.")
    new.add_argument("name")
    new.add_argument("--role", choices=ROLES, default="operator", help=f"{roles} (default: operator)")
    new.add_argument(
        "--password-file",
        metavar="FILE",
        help="take the password from a file, - for standard input; else it is asked",
    )
    invite = add("invite", _invite, "Print a link by which somebody chooses name and password, once.")
    invite.add_argument("--role", choices=ROLES, default="operator", help=f"{roles} (default: operator)")
    invite.add_argument("--note", default="", help="for whom it is")
    _link_options(invite)
    reset = add("reset", _reset, "Print a link by which somebody chooses another password, and loses the factor.")
    reset.add_argument("name")
    _link_options(reset)
    change = add("set", _set, "Change what is given, and leave the rest; they are signed out.")
    change.add_argument("name")
    change.add_argument("--role", choices=ROLES, help=roles)
    can = change.add_mutually_exclusive_group()
    can.add_argument("--enable", dest="enabled", action="store_true", default=None, help="let them sign in")
    can.add_argument("--disable", dest="enabled", action="store_false", help="do not let them sign in")
    add("remove", _remove, "Have a person no more.").add_argument("name")
    json_option(add("list", _list, "List the people who may sign in."))
