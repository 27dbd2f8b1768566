"""The `tempmaild` command."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempmaild import __version__
from tempmaild.cli import (
    alerts,
    api_keys,
    audit,
    backup,
    bans,
    block_rules,
    check,
    client_config,
    clock,
    credentials,
    domains,
    host,
    limits,
    mail_log,
    mailboxes,
    people,
    receipts,
    schedules,
    setup,
    statistics,
)
from tempmaild.cli.calls import Call
from tempmaild.errors import TempmaildError
from tempmaild.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REFUSED = 1
_UNUSABLE = 2

_GROUPS = (
    ("domain", "Domains whose mail is taken.", domains),
    ("mailbox", "Disposable mailboxes.", mailboxes),
    ("credential", "Further secrets of a mailbox.", credentials),
    ("schedule", "What is done to mailboxes again and again.", schedules),
    ("clock", "The time that lifetimes go by.", clock),
    ("limit", "How much clients may do in a time.", limits),
    ("ban", "Networks that are turned away.", bans),
    ("block", "Senders and clients whose mail is refused, junk, or always taken.", block_rules),
    ("operator", "People who may sign in to the console.", people),
    ("key", "Keys by which programs use the API.", api_keys),
    ("alert", "How the parts of this host are, and who is told when one is not well.", alerts),
    ("audit", "What was done to mailboxes and settings.", audit),
    ("receipt", "Proofs that mailboxes were destroyed.", receipts),
)
"""The commands that have commands of their own, each with the module that has those."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 refused, 2 not understood or wrong settings."""
    options = _parser().parse_args(arguments)
    # Not a default of the parser: a command would put it over the --config that stands before the command.
    config = getattr(options, "config", None) or os.environ.get("TEMPMAILD_CONFIG")
    config = Path(config) if config else None
    try:
        settings = load(config, os.environ) if getattr(options, "needs_settings", True) else Settings()
        options.run(Call(settings, config, options))
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(_UNUSABLE)
    except TempmaildError as error:
        print(f"tempmaild: {_in_words(error)}", file=sys.stderr)
        sys.exit(_REFUSED)


def _in_words(error: TempmaildError) -> str:
    """Say what an error is about: its first sentence, and the thing itself."""
    meaning = (type(error).__doc__ or "").partition(".")[0]
    return f"{meaning[0].lower()}{meaning[1:]} ({error})"


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="settings (default: $TEMPMAILD_CONFIG)"
    )
    parser = argparse.ArgumentParser(prog="tempmaild", description="A disposable-mail appliance.", parents=[common])
    parser.add_argument("--version", action="version", version=f"tempmaild {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(group: Any, name: str, run: Callable[[Call], None], text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = group.add_parser(name, help=text, description=text, parents=[common])
        command.set_defaults(run=run)
        return command

    host.add_commands(partial(add, commands))
    setup.add_commands(partial(add, commands))
    backup.add_commands(partial(add, commands))
    receipts.add_host_commands(partial(add, commands))
    client_config.add_commands(partial(add, commands))
    check.add_commands(partial(add, commands))
    statistics.add_commands(partial(add, commands))
    mail_log.add_commands(partial(add, commands))
    for name, text, module in _GROUPS:
        group = commands.add_parser(name, help=text, description=text).add_subparsers(
            required=True, metavar="COMMAND"
        )
        module.add_commands(partial(add, group))
    return parser
