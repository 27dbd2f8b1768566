"""`tempmaild backup`: a copy of the database to go back to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.cli.calls import OPERATOR, Call, Commands, with_appliance
from tempmaild.store.backup import back_up, dump_command

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance

_REFUSED = 1


@with_appliance
async def _backup(appliance: Appliance, call: Call) -> None:
    target = Path(call.options.file)
    keys_target = Path(call.options.with_keys) if call.options.with_keys else None
    if not appliance.handle.sqlite:
        command = dump_command(call.settings.store.url, target)
        print(f"tempmaild: PostgreSQL is backed up with its own program:\n{command}", file=sys.stderr)
        sys.exit(_REFUSED)
    back_up(appliance.handle, target, keys_target)
    await appliance.audit.note(OPERATOR, "backup", with_keys=keys_target is not None)
    if keys_target:
        print(f"{target} and {keys_target} written; together they open what is destroyed from now on")
    else:
        print(f"{target} written, without the keys of sealed mailboxes")


def add_commands(add: Commands) -> None:
    """Put it below `tempmaild`."""
    backup = add("backup", _backup, "Copy the SQLite database while the daemon runs, without the mailboxes' keys.")
    backup.add_argument("file", metavar="FILE", help="a new file")
    backup.add_argument("--with-keys", metavar="FILE", help="copy the keys to this new file")
