"""Log lines: one event a line, for people and for machines, and nothing secret."""

from __future__ import annotations

import io
import json
import re

import pytest

from tempmaild.log import configure, get_log


@pytest.fixture
def lines() -> io.StringIO:
    """Where log lines go in this test."""
    return io.StringIO()


_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_text_lines(lines: io.StringIO) -> None:
    configure("info", "text", lines)
    get_log("smtp").bind(session="a1").info("taken", octets=12, to="joe@box.test", helo='a "b"\n', none="")
    line = lines.getvalue()
    assert re.fullmatch(
        _TIME + r' info smtp taken session=a1 octets=12 to=joe@box\.test helo="a \\"b\\"\\n" none=""\n', line
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\xff\r\n", '"\\\\xff\\r\\n"'),
        ("é", '"\\u00e9"'),
        ("a=b", '"a=b"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("back\\slash", '"back\\\\slash"'),
        ("\N{LINE SEPARATOR}", '"\\u2028"'),
        (None, "None"),
        (ValueError("two words"), '"two words"'),
    ],
)
def test_values_keep_to_their_line(lines: io.StringIO, value: object, text: str) -> None:
    configure("info", "text", lines)
    get_log("smtp").info("event", value=value)
    assert lines.getvalue().endswith(f" event value={text}\n")
    assert len(lines.getvalue().splitlines()) == 1


def test_json_lines(lines: io.StringIO) -> None:
    configure("debug", "json", lines)
    get_log("imap").bind(session="a1").warning("odd", octets=12, data=b"\xff\n", error=ValueError("x"))
    event = json.loads(lines.getvalue())
    assert re.fullmatch(_TIME, event.pop("time"))
    assert event == {
        "level": "warning",
        "part": "imap",
        "event": "odd",
        "session": "a1",
        "octets": 12,
        "data": '"\\\\xff\\n"',
        "error": "x",
    }


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_failures_bring_their_traceback_in_one_line(lines: io.StringIO, line_format: str) -> None:
    configure("error", line_format, lines)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        get_log("store").failure("write-failed", error, change="Deliver")
    (line,) = lines.getvalue().splitlines()
    for part in ("write-failed", "Deliver", "Traceback", "ZeroDivisionError", "test_log.py"):
        assert part in line


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(lines: io.StringIO, level: str, written: int) -> None:
    configure(level, "text", lines)
    log = get_log("daemon")
    for write in (log.debug, log.info, log.warning, log.error):
        write("event")
    assert len(lines.getvalue().splitlines()) == written


def test_configuring_again_replaces(lines: io.StringIO) -> None:
    configure("info", "text", io.StringIO())
    configure("info", "text", lines)
    get_log("daemon").info("event")
    assert len(lines.getvalue().splitlines()) == 1


def test_bound_fields_stay_with_their_log(lines: io.StringIO) -> None:
    configure("info", "text", lines)
    log = get_log("smtp")
    log.bind(session="a1")
    log.info("event")
    assert "session" not in lines.getvalue()
