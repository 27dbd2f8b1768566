"""Log lines with fields: one event a line, readable by people and by machines.

A line names an event and what belongs to it; it never holds content of mail, or a secret.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from functools import lru_cache
from typing import TextIO

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WORD = re.compile(r"[!#-<>-\[\]-~]+")
"""Printable ASCII without the space, the quotation mark, the equals sign and the backslash."""


class Log:
    """Writes events of one part of the product, each with this log's own fields, such as the session's id."""

    __slots__ = ("_fields", "_logger")

    def __init__(self, logger: logging.Logger, fields: dict[str, object]) -> None:
        self._logger = logger
        self._fields = fields

    def bind(self, **fields: object) -> Log:
        """Make a log whose lines have these fields as well."""
        return Log(self._logger, self._fields | fields)

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
        if self._logger.isEnabledFor(logging.ERROR):
            self._logger.error(event, exc_info=error, extra={"fields": self._fields | fields})

    def _write(self, level: int, event: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": self._fields | fields})


def get_log(part: str) -> Log:
    """Give the log of one part of the product, such as "smtp"."""
    return Log(logging.getLogger(f"tempmaild.{part}"), {})


def configure(level: str, line_format: str, stream: TextIO | None = None) -> None:
    """Send all log lines to `stream` (standard error by default).

    Args:
        level: the least level that is written: debug, info, warning or error.
        line_format: "text" for `time level part event key=value …`, "json" for an object a line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines() if line_format == "json" else _TextLines())
    logger = logging.getLogger("tempmaild")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(_LEVELS[level])
    # Nobody reads where in the code a line was written: looking it up is half of what a line costs.
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _moment(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=1)
def _second(created: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        part = record.name.removeprefix("tempmaild.")
        words = [_moment(record), record.levelname.lower(), part, record.getMessage()]
        words += [f"{name}={_text(value)}" for name, value in _fields(record).items()]
        if record.exc_info:
            words.append("traceback=" + _text(self.formatException(record.exc_info)))
        return " ".join(words)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "part": record.name.removeprefix("tempmaild."),
            "event": record.getMessage(),
        }
        line |= _fields(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=_text)


def _text(value: object) -> str:
    """One word: quoted as in JSON where it has spaces, quotes or anything that is not plain ASCII."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text)
