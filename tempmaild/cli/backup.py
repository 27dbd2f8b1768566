"""`tempmaild backup` and `tempmaild restore`: a copy of the database to go back to, and the way back."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.appliance import open_appliance
from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, with_appliance
from tempmaild.core.plural import counted
from tempmaild.errors import InvalidValue
from tempmaild.store.backup import back_up, dump_command, file_in, remove_old
from tempmaild.store.disk import lock_state
from tempmaild.store.restore import restore
from tempmaild.store.vault import open_vault

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.store.restore import Restored

_REFUSED = 1


@with_appliance
async def _backup(appliance: Appliance, call: Call) -> None:
    options = call.options
    now = int(time.time())
    folder = Path(options.folder) if options.folder else None
    if (folder is None) == (options.file is None):
        raise InvalidValue("file", "name either a new file, or a folder with --folder")
    if options.keep and not folder:
        raise InvalidValue("keep", "is for --folder alone")
    target = file_in(folder, now) if folder else Path(options.file)
    keys_target = Path(options.with_keys) if options.with_keys else None
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
    # Only now: a backup that fails costs none of those before.
    if folder and options.keep:
        for removed in remove_old(folder, now - options.keep):
            print(f"{removed} removed")


def _restore(call: Call) -> None:
    options, settings = call.options, call.settings
    if settings.store.url:
        raise InvalidValue("store.url", "PostgreSQL is restored with its own program: see docs/proof.md")
    with lock_state(settings.host.state):
        vault = open_vault(settings.host.name, settings.signing_key_path)
        keys = Path(options.keys) if options.keys else None
        done = restore(Path(options.file), keys, settings.sqlite_path, vault, int(time.time()))
        appliance = open_appliance(settings, clock=time.time)
        with closing(appliance.handle):
            purging = appliance.mailboxes.purge(OPERATOR)
            try:
                purging.send(None)
            except StopIteration as end:
                purged = end.value
    _tell(options.file, done, purged.mailboxes)


def _tell(backup: str, done: Restored, purged: int) -> None:
    one, many = "mailbox that has ended since was", "mailboxes that have ended since were"
    print(f"{backup} restored; {counted(purged, one, many)} destroyed again")
    if done.destroyed is None:
        print("what was destroyed before its time is over may have come back: the database of before could not tell")
    if done.kept:
        print(f"the database of before is in {done.kept} for a day")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild`."""
    backup = add("backup", _backup, "Copy the SQLite database while the daemon runs, without the mailboxes' keys.")
    backup.add_argument("file", nargs="?", metavar="FILE", help="a new file")
    backup.add_argument("--folder", metavar="DIR", help="a new file in this folder, named for the time")
    text = "remove those in the folder that are older, such as 7d; the latest stays"
    backup.add_argument("--keep", type=duration, metavar="TIME", help=text)
    backup.add_argument("--with-keys", metavar="FILE", help="copy the keys to this new file")
    restoring = add("restore", _restore, "Go back to a backup, while the daemon and the console do not run.")
    restoring.add_argument("file", metavar="FILE", help="what `tempmaild backup` has written")
    restoring.add_argument("--keys", metavar="FILE", help="what --with-keys has written, if the keys are lost")
