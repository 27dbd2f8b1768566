"""Maildirs, as clients make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(path: Path) -> Path:
    """Make an empty one."""
    for folder in ("cur", "new", "tmp"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    return path


def files(path: Path) -> list[Path]:
    """Give the files of its messages, in no particular order."""
    return [file for folder in ("cur", "new") for file in (path / folder).iterdir()]


def messages(path: Path) -> list[bytes]:
    """Give its messages, in no particular order."""
    return [file.read_bytes() for file in files(path)]


def flags(file: Path) -> set[str]:
    """Give the letters of a message's flags: D draft, F flagged, P passed on, R replied, S seen, T trashed."""
    return set(file.name.partition(":2,")[2])
