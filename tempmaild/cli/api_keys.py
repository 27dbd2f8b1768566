"""`tempmaild key`: the keys by which programs use the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, iso, json_option, print_json, with_appliance
from tempmaild.core.api_key import GRACE_SECONDS, KEY_SECONDS, SCOPES

if TYPE_CHECKING:
    import argparse

    from tempmaild.appliance import Appliance
    from tempmaild.core.api_key import ApiKey
    from tempmaild.service.api_keys import NewApiKey

_PAGE = 1000


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    wish = (options.name, options.scope, options.network, options.seconds, OPERATOR)
    _print_secret(call, await appliance.api_keys.add(*wish))


@with_appliance
async def _rotate(appliance: Appliance, call: Call) -> None:
    options = call.options
    key = await appliance.api_keys.get(options.name)
    grace = 0 if options.at_once else options.grace
    _print_secret(call, await appliance.api_keys.rotate(key.name, options.seconds, grace, OPERATOR))


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    key = await appliance.api_keys.get(call.options.name)
    await appliance.api_keys.remove(key.name, OPERATOR)
    print(f"{key.name} removed")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    after = ""
    while keys := await appliance.api_keys.page(after, _PAGE):
        for key in keys:
            if call.options.json:
                print_json(_as_json(key))
            else:
                print(_line(key, is_over=key.expires_at <= appliance.now()))
        after = keys[-1].name


def _as_json(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "networks": key.networks,
        "created_by": key.created_by,
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "used_at": iso(key.used_at) if key.used_at else None,
        "old_prefix": key.old_prefix or None,
        "old_until": iso(key.old_until) if key.old_prefix else None,
    }


def _line(key: ApiKey, *, is_over: bool) -> str:
    whence = f"from {' '.join(key.networks)}" if key.networks else "from anywhere"
    used = f"used {iso(key.used_at)}" if key.used_at else "never used"
    until = f"{'expired' if is_over else 'until'} {iso(key.expires_at)}"
    return f"{key.name}  {key.prefix}…  {' '.join(key.scopes)}  {whence}  {until}  {used}"


def _print_secret(call: Call, new: NewApiKey) -> None:
    if call.options.json:
        print_json({**_as_json(new.key), "key": new.secret})
        return
    print(new.secret)
    print(f"good until {iso(new.key.expires_at)}; it is shown only now")
    if new.key.old_until:
        print(f"the secret of before, {new.key.old_prefix}…, is good until {iso(new.key.old_until)}")


def _seconds_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=KEY_SECONDS,
        metavar="TIME",
        help="how long the secret is good, such as 12h or 30d (default: 90d)",
    )


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild key`."""
    new = add("add", _add, "Make a key, and print its secret.")
    new.add_argument("name", help="for the people who read the list, and the audit log")
    new.add_argument(
        "--scope",
        action="extend",
        nargs="+",
        required=True,
        choices=SCOPES,
        metavar="SCOPE",
        help=f"what it may do: {', '.join(SCOPES)}",
    )
    new.add_argument(
        "--network",
        action="extend",
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="whence it may be used, such as 192.0.2.0/24 (default: from anywhere)",
    )
    _seconds_option(new)
    json_option(new)
    rotate = add("rotate", _rotate, "Give a key another secret, and print that.")
    rotate.add_argument("name")
    _seconds_option(rotate)
    grace = rotate.add_mutually_exclusive_group()
    grace.add_argument(
        "--grace",
        type=duration,
        default=GRACE_SECONDS,
        metavar="TIME",
        help="how long the secret of before stays good, such as 1h (default: 1d)",
    )
    grace.add_argument("--at-once", action="store_true", help="end the secret of before at once: others know it")
    json_option(rotate)
    add("remove", _remove, "Have a key no more.").add_argument("name")
    json_option(add("list", _list, "List the keys; their secrets are not kept."))
