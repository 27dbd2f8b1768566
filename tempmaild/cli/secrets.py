"""How commands are given a secret: never as an argument, which every user of the host could see."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    import argparse

_STANDARD_INPUT = "-"
_LARGEST = 4096


def read_secret(name: str) -> str:
    """Read the first line of a file, of standard input where the name is "-".

    Raises:
        InvalidValue: it cannot be read.
    """
    try:
        if name == _STANDARD_INPUT:
            text = sys.stdin.readline(_LARGEST)
        else:
            with Path(name).open(encoding="utf-8") as file:
                text = file.readline(_LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue("file", f"cannot read the secret: {error}") from None
    return text.rstrip("\r\n")


def password_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a password that somebody has chosen."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--password", action="store_true", help="ask for a password, instead of making up a secret")
    how.add_argument("--password-file", metavar="FILE", help="take the password from a file, - for standard input")


def chosen_password(options: argparse.Namespace) -> str | None:
    """Give the password that was chosen, None where a secret is to be made up.

    Raises:
        InvalidValue: it cannot be read, or was not typed the same twice.
    """
    if options.password_file:
        return read_secret(options.password_file)
    return ask_password() if options.password else None


def ask_password() -> str:
    """Ask for a password at the terminal, twice.

    Raises:
        InvalidValue: it was not typed the same twice.
    """
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError:
        raise InvalidValue("password", "there is none") from None
    if password != again:
        raise InvalidValue("password", "it was not typed the same twice")
    return password
