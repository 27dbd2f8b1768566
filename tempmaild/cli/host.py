"""Commands for the host as a whole: the daemon, its settings, a trial of it, and purging."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.appliance import open_appliance
from tempmaild.cli.calls import OPERATOR, Call, Commands, json_option, print_json, with_appliance
from tempmaild.core.plural import counted
from tempmaild.settings import load

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance

_REFUSED = 1


def _run(call: Call) -> None:
    from tempmaild import daemon  # noqa: PLC0415 - brings Twisted, which no other command needs
    from tempmaild.in_checks import ChecksUnusable  # noqa: PLC0415
    from tempmaild.net.listeners import CannotListen  # noqa: PLC0415
    from tempmaild.net.tls import CertificateUnusable  # noqa: PLC0415

    try:
        daemon.run(call.settings, call.config, os.environ)
    except (CannotListen, CertificateUnusable, ChecksUnusable) as error:
        print(f"tempmaild: {error}", file=sys.stderr)
        sys.exit(_REFUSED)


def _check_config(call: Call) -> None:
    print(f"{call.config or 'the defaults'}: no problem found")


@with_appliance
async def _purge(appliance: Appliance, call: Call) -> None:
    await appliance.clock.check()
    purged = await appliance.mailboxes.purge(OPERATOR)
    if call.options.json:
        print_json({"mailboxes": purged.mailboxes, "messages": purged.messages})
    else:
        mailboxes = counted(purged.mailboxes, "expired mailbox", "expired mailboxes")
        print(f"{mailboxes} destroyed, with {counted(purged.messages, 'message', 'messages')}")


def _trial(call: Call) -> None:
    from tempmaild import trial  # noqa: PLC0415 - nothing else needs it

    trial.prepare(Path(call.options.state))
    config = Path(call.options.state) / "tempmaild.toml"
    settings = load(config, os.environ)
    open_trial = open_appliance(settings)
    try:
        trial.add_domain(open_trial)
        secret = trial.add_operator(open_trial)
        link = trial.invite_owner(open_trial, settings.admin.url)
    finally:
        open_trial.handle.close()
    print(trial.welcome(config, settings, secret, link), flush=True)
    with trial.console(config):
        _run(call._replace(settings=settings, config=config))


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild`."""
    add("run", _run, "Run the daemon in the foreground.")
    add("check-config", _check_config, "Report every problem of the settings.")
    trial = add("trial", _trial, "Run on high loopback ports with a domain and a certificate made for it.")
    trial.add_argument("--state", default="./var", metavar="DIR", help="where everything goes (default: ./var)")
    json_option(add("purge", _purge, "Destroy all expired mailboxes now."))
