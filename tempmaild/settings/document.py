"""Reads a TOML file, and says in the operator's words why it cannot."""

import re
import tomllib
from pathlib import Path
from typing import Any

_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


class DocumentError(Exception):
    """The file cannot be read as TOML; the text says why, and in which line."""


def read_document(path: Path) -> dict[str, Any]:
    """Read the file, or raise DocumentError."""
    text = _text(path)
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number with thousands of digits
        raise DocumentError(_syntax_words(str(error), text)) from None


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DocumentError(f"{path}: no such file") from None
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"line {line}: not UTF-8 text") from None


def _syntax_words(words: str, text: str) -> str:
    """Put the place, which tomllib writes last, first: "line 3, column 18: invalid value"."""
    parts = _SYNTAX.fullmatch(words)
    if parts is None:
        return words
    place = f"line {parts[2]}, column {parts[3]}" if parts[2] else f"line {len(text.splitlines())}, at its end"
    return f"{place}: {parts[1][0].lower()}{parts[1][1:]}"
