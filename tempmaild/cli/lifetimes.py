"""The options that say how long mailboxes live, and how a lifetime is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tempmaild.cli.calls import duration, iso
from tempmaild.core.lifetime import FOREVER, PRESETS, Lifetime
from tempmaild.core.plural import counted
from tempmaild.core.timespan import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

ABSENT = "none"
"""What is written for something that there is not to be."""
_FOREVER = "forever"
_FIELDS = Lifetime.__struct_fields__


def lifetime_options(parser: argparse.ArgumentParser, *, removable: bool = False) -> None:
    """Let a command take a lifetime.

    Args:
        removable: whether there may be none any more.
    """
    life = parser.add_mutually_exclusive_group()
    life.add_argument(
        "--lifetime", dest="seconds", type=_life, metavar="TIME", help="such as 600, 10m, 24h, 7d or forever"
    )
    presets = [*PRESETS, ABSENT] if removable else [*PRESETS]
    life.add_argument("--preset", choices=presets, help="a ready-made lifetime, which further options change")
    for option, text in (
        ("idle", "the mailbox ends when nobody has used it for so long"),
        ("retention", "a message goes so long after it came"),
        ("extend", "the owner may put off the end up to so long after the creation"),
    ):
        parser.add_argument(f"--{option}", type=time_or_none, metavar="TIME", help=f"{text}; or none")
    text = "a message goes so long after it was first read; 0 for at once, or none"
    parser.add_argument("--delete-after-reading", dest="after_reading", type=_after, metavar="TIME", help=text)
    parser.add_argument("--messages", type=int, metavar="N", help="so many in a folder; 0 for any number")
    text = "with one too many, the oldest goes, or it is refused"
    parser.add_argument("--when-full", choices=["oldest", "refuse"], help=text)


def lifetime_of(options: argparse.Namespace, usual: Lifetime) -> Lifetime | None:
    """Give the lifetime that was asked for: what was not named is as in the preset, or as usual; None for nothing."""
    changes = given(options, _FIELDS)
    if changes.get("after_reading") == ABSENT:
        changes["after_reading"] = None
    preset = PRESETS.get(options.preset)
    return msgspec.structs.replace(preset or usual, **changes) if changes or preset else None


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Give those of these options that were given."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def in_words(lifetime: Lifetime) -> str:
    """Describe a lifetime."""
    parts = [span(lifetime.seconds) if lifetime.seconds else _FOREVER]
    if lifetime.idle:
        parts.append(f"idle {span(lifetime.idle)} at most")
    if lifetime.extend:
        parts.append(f"extendable to {span(lifetime.extend)}")
    if lifetime.messages:
        what = "then the oldest goes" if lifetime.when_full == "oldest" else "then none is taken"
        parts.append(f"{counted(lifetime.messages, 'message', 'messages')}, {what}")
    if lifetime.retention:
        parts.append(f"each message for {span(lifetime.retention)}")
    if lifetime.after_reading is not None:
        parts.append(f"each for {span(lifetime.after_reading)} after it was read")
    return "; ".join(parts)


def span(seconds: int) -> str:
    """Write seconds as `duration` reads them, in the largest unit that divides them."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if seconds and not seconds % size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def until(seconds: int) -> str:
    """Write when something ends, in UTC epoch seconds, for people."""
    return "never" if seconds >= FOREVER else iso(seconds)


def time_or_none(text: str) -> int:
    """Read a time, or "none"; seconds, 0 for none."""
    return 0 if text == ABSENT else duration(text)


def _life(text: str) -> int:
    return 0 if text == _FOREVER else duration(text)


def _after(text: str) -> int | str:
    if text == ABSENT:
        return ABSENT
    return 0 if text == "0" else duration(text)
