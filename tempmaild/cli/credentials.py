"""`tempmaild credential`: further secrets of a mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tempmaild.cli.calls import OPERATOR, Call, Commands, iso, json_option, print_json, with_appliance
from tempmaild.cli.secrets import chosen_password, password_options, read_secret

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Credential


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options, credentials = call.options, appliance.credentials
    password = chosen_password(options)
    if options.secret_file:
        secret = read_secret(options.secret_file)
        added = await credentials.add(
            options.address, secret, options.label, read_only=options.read_only, password=password
        )
    else:
        added = await credentials.add_unsealed(
            options.address, options.label, read_only=options.read_only, password=password, actor=OPERATOR
        )
    if options.json:
        print_json(_as_json(added.credential) | {"secret": None if password else added.secret})
        return
    print(f"id        {added.credential.id}")
    print(f"secret    {'as chosen' if password else f'{added.secret}    (shown only now)'}")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for credential in await appliance.credentials.list_all(call.options.address):
        if call.options.json:
            print_json(_as_json(credential))
        else:
            print("  ".join(_words(credential)))


@with_appliance
async def _revoke(appliance: Appliance, call: Call) -> None:
    await appliance.credentials.revoke(call.options.address, call.options.id, OPERATOR)
    print(f"{call.options.id} revoked")


def _words(credential: Credential) -> list[str]:
    words = [str(credential.id), credential.kind, f"since {iso(credential.created_at)}"]
    words += ["read-only"] if credential.read_only else []
    words += ["password"] if credential.chosen else []
    return [*words, credential.label] if credential.label else words


def _as_json(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "kind": credential.kind,
        "label": credential.label,
        "read_only": credential.read_only,
        "chosen": credential.chosen,
        "created_at": iso(credential.created_at),
    }


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild credential`."""
    new = add("add", _add, "Give a mailbox one more secret; it is shown this once.")
    new.add_argument("address")
    new.add_argument("--label", default="", help="what it is for")
    new.add_argument("--read-only", action="store_true", help="lets read the mail, not change anything")
    new.add_argument(
        "--secret-file",
        metavar="FILE",
        help="holds the owner's secret, - for standard input; a sealed mailbox needs it",
    )
    password_options(new)
    json_option(new)
    listing = add("list", _list, "List the credentials of a mailbox.")
    listing.add_argument("address")
    json_option(listing)
    revoke = add("revoke", _revoke, "Have a secret open nothing any more; sessions that use it end.")
    revoke.add_argument("address")
    revoke.add_argument("id", type=int, help="as `list` shows it")
