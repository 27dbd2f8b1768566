"""What the commands have in common: how they are called, what they print, what their options may be."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

from tempmaild.appliance import open_appliance
from tempmaild.core import iso_time
from tempmaild.core.timespan import DAY, HOUR, MINUTE
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.settings import Settings

OPERATOR = "operator"
"""Whom the audit log names for what is done with the command."""
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


class Call(NamedTuple):
    """One call of the command."""

    settings: Settings
    config: Path | None
    options: argparse.Namespace


class Commands(Protocol):
    """Where a module puts its commands; the parser that comes back takes their arguments."""

    def __call__(self, name: str, run: Callable[[Call], None], text: str) -> argparse.ArgumentParser: ...  # noqa: D102


def with_appliance(command: Callable[[Appliance, Call], Awaitable[None]]) -> Callable[[Call], None]:
    """Make a command of one that needs the store, which works in this thread and never has to wait."""

    def run(call: Call) -> None:
        appliance = open_appliance(call.settings)
        try:
            command(appliance, call).__await__().__next__()
        except StopIteration:
            return
        finally:
            appliance.handle.close()

    return run


def print_json(value: dict[str, Any]) -> None:
    """Print an object on a line of its own."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def iso(seconds: int) -> str:
    """Write UTC epoch seconds for people and programs."""
    return iso_time.iso(seconds)


def json_option(parser: argparse.ArgumentParser) -> None:
    """Let a command print JSON."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def moment(text: str) -> int:
    """Read what `iso` writes, or another form of ISO 8601; without a zone it is UTC. UTC epoch seconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        return iso_time.parse_iso(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def opened(path: Path) -> AbstractContextManager[TextIO]:
    """Open a list that is to be imported; "-" for standard input.

    Raises:
        InvalidValue: there is no such file.
    """
    if str(path) == "-":
        return nullcontext(sys.stdin)
    try:
        return path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidValue("file", str(error)) from None


def duration(text: str) -> int:
    """Read a time such as 600, 10m, 24h or 7d; seconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 600, 10m, 24h or 7d")
    return int(number) * _UNITS[unit]
