"""Log lines with fields: one event a line, readable by people and by machines.

A line names an event and what belongs to it; it never holds content of mail, or a secret.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import time
import traceback
from functools import lru_cache
from typing import TextIO

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_NAMES = {number: name for name, number in _LEVELS.items()}
_is_word = re.compile(r"[!#-<>-\[\]-~]+").fullmatch
"""Printable ASCII without the space, the quotation mark, the equals sign and the backslash."""


class Log:
    """Writes events of one part of the product, each with this log's own fields, such as the session's id."""

    __slots__ = ("_fields", "_part")

    def __init__(self, part: str, fields: dict[str, object]) -> None:
        self._part = part
        self._fields = fields

    def bind(self, **fields: object) -> Log:
        """Make a log whose lines have these fields as well."""
        return Log(self._part, self._fields | fields)

    def debug(self, event: str, **fields: object) -> None:
        """Tell what only somebody who looks for a defect wants to know."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Tell what happens in normal operation."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Tell what the operator may want to mend."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Tell what the operator must mend."""
        self._write(logging.ERROR, event, fields)

    def failure(self, event: str, error: BaseException, **fields: object) -> None:
        """Tell of a defect of our own, with its traceback."""
        self._write(logging.ERROR, event, fields, error)

    def _write(self, level: int, event: str, fields: dict[str, object], error: BaseException | None = None) -> None:
        if _lines is None:
            # Nobody has said where to; whoever has us as a library may have said it to this one.
            logger = logging.getLogger(f"tempmaild.{self._part}")
            logger.log(level, event, exc_info=error, extra={"fields": self._fields | fields})
        elif level >= _lines.level:
            _lines.write(level, self._part, event, self._fields | fields, error)


def get_log(part: str) -> Log:
    """Give the log of one part of the product, such as "smtp"."""
    return Log(part, {})


class _Lines:
    """Writes lines to a stream: each by one call of the system, so that those of several processes stay whole."""

    def __init__(self, level: int, line_format: str, stream: TextIO) -> None:
        self.level = level
        self._to_line = _json_line if line_format == "json" else _text_line
        self._stream = stream
        try:
            self._descriptor = stream.fileno()
        except io.UnsupportedOperation:
            self._descriptor = -1

    def write(
        self, level: int, part: str, event: str, fields: dict[str, object], error: BaseException | None
    ) -> None:
        """Write a line; if nobody reads them any more it is lost, and nothing else is."""
        if error is not None:
            fields |= {"traceback": "".join(traceback.format_exception(error)).rstrip()}
        line = self._to_line(_moment(time.time()), _NAMES[level], part, event, fields) + "\n"
        try:
            if self._descriptor < 0:
                self._stream.write(line)
            else:
                os.write(self._descriptor, line.encode())
        except OSError:
            return


_lines: _Lines | None = None


def configure(level: str, line_format: str, stream: TextIO | None = None) -> None:
    """Send all log lines to `stream` (standard error by default).

    Args:
        level: the least level that is written: debug, info, warning or error.
        line_format: "text" for `time level part event key=value …`, "json" for an object a line.
    """
    # Python's own logging takes three times as long, which is a twentieth of a short session.
    global _lines  # noqa: PLW0603 - where a process writes its log is one thing
    _lines = _Lines(_LEVELS[level], line_format, stream or sys.stderr)


def reset() -> None:
    """Go back to Python's own logging, as before `configure`."""
    global _lines  # noqa: PLW0603
    _lines = None


def _moment(now: float) -> str:
    second, part = divmod(int(now * 1000), 1000)
    return f"{_second(second)}.{part:03d}Z"


@lru_cache(maxsize=1)
def _second(since_epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_epoch))


def _text_line(moment: str, level: str, part: str, event: str, fields: dict[str, object]) -> str:
    words = [f"{moment} {level} {part} {event}", *[f"{name}={_text(value)}" for name, value in fields.items()]]
    return " ".join(words)


def _json_line(moment: str, level: str, part: str, event: str, fields: dict[str, object]) -> str:
    line: dict[str, object] = {"time": moment, "level": level, "part": part, "event": event}
    return json.dumps(line | fields, default=_text)


def _text(value: object) -> str:
    """One word: quoted as in JSON where it has spaces, quotes or anything that is not plain ASCII."""
    if isinstance(value, int):
        return str(value)
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text if _is_word(text) else json.dumps(text)
