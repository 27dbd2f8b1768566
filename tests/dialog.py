"""Drives a session with plain bytes, and replays dialogues written down as `C:` and `S:` lines.

`Dialog` performs the effects of one session: no sockets, no clock, no reactor.

    dialog = Dialog(session)
    assert dialog.read() == b"+OK ready\\r\\n"
    assert dialog.send(b"NOOP\\r\\n") == b"+OK\\r\\n"

A `Script` is a text file. Its first line tells what it shows; further `# name: value` lines before the first step
are options for the test that replays it (`pipeline: yes` is known here: all `C` steps are sent at once as well).
Other lines that start with `#` are comments. The steps:

    C: text     the client sends the text and CRLF
    C! b"..."   the client sends exactly these bytes
    S: text     the server says this line
    S~ pattern  the server says a line that fully matches the regular expression
    S! b"..."   the server says exactly these bytes, wherever lines begin and end
    S.          the server has closed the connection
    I: name     the session is interrupted: TimedOut, ShuttingDown

`${name}` in a step stands for a value given by the test. Before each `C` or `I` that follows an `S`, and at the
end, the server must have said nothing beyond what the `S` steps name.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.net.conversation import Compress, Effect, Input, Interruption, ShuttingDown, StartTls, Take, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tempmaild.net.conversation import Session

WHOLE = 0
"""Cut size: what the client sends between two answers arrives in one piece."""

PIPELINED = -1
"""Cut size: everything that the client ever sends arrives in one piece."""

TLS = "TLSv1.3, TLS_AES_256_GCM_SHA384"

_INTERRUPTIONS: dict[str, type[Interruption]] = {kind.__name__: kind for kind in (TimedOut, ShuttingDown)}
_STEP = re.compile(r"(C|S|I)([:!~.])(?: (.*))?")
_STEPS = frozenset({"C:", "C!", "S:", "S~", "S!", "S.", "I:"})
_OPTION = re.compile(r"# ([a-z0-9-]+): (.*)")
_VALUE = re.compile(r"\$\{([a-z0-9_]+)\}")


class Dialog:
    """One session and the client's end of its connection.

    Whatever the services give the session is there at once, so it never awaits anything but effects.

    Attributes:
        closed: whether the session has ended, or the connection was lost.
        largest_output: the most octets that the session ever said before it waited for the client.
        drains: how often the session waited for the client to take what was said.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.closed = False
        self.largest_output = 0
        self.drains = 0
        self._input = Input()
        self._unread: list[bytes] = []
        self._coroutine = session.converse()
        self._awaited: Take[Any] | None = None
        session.wake = self._look
        self._resume(None)

    @property
    def awaited(self) -> Take[Any] | None:
        """What the session waits for now."""
        return self._awaited

    def send(self, data: bytes, cut: int = WHOLE) -> bytes:
        """Send `data` in pieces of `cut` octets; give what the session has said since the last look."""
        for start in range(0, len(data), cut or len(data) or 1):
            if self.closed:
                break
            self._input.append(data[start : start + cut] if cut else data)
            self._look()
        return self.read()

    def read(self) -> bytes:
        """Give what the session has said since the last look."""
        said = b"".join(self._unread)
        self._unread.clear()
        return said

    def interrupt(self, interruption: Interruption) -> bytes:
        """Raise `interruption` where the session waits for input; give what it says to that."""
        assert self._awaited, "the session waits for nothing"
        self._awaited = None
        self._resume(interruption)
        return self.read()

    def hang_up(self) -> None:
        """Lose the connection, as far as the session can tell."""
        self.closed = True
        self._awaited = None
        self._coroutine.close()

    def _look(self) -> None:
        """See whether the input fulfils what the session waits for. A running session waits for nothing."""
        awaited = self._awaited
        if awaited is None:
            return
        try:
            result = awaited.take(self._input)
        except Exception as error:  # whatever it is belongs to the session
            self._awaited = None
            self._resume(error)
        else:
            if result is not None:
                self._awaited = None
                self._resume(result)

    def _resume(self, result: object) -> None:
        """Let the session run until it waits for input that is not there, or ends."""
        while not self.closed:
            try:
                if isinstance(result, Exception):
                    awaited = self._coroutine.throw(result)
                else:
                    awaited = self._coroutine.send(result)
            except StopIteration:
                self.closed = True
                self._collect()
                return
            result = None
            assert isinstance(awaited, Effect), f"the session awaits {awaited!r}"
            if isinstance(awaited, Take):
                try:
                    result = awaited.take(self._input)
                except Exception as error:  # whatever it is belongs to the session
                    result = error
                if result is None:
                    self._awaited = awaited
                    self._collect()
                    return
                continue
            self._collect()
            if isinstance(awaited, StartTls):
                self._input.clear()
                self.session.peer.tls = TLS
            elif isinstance(awaited, Compress):
                # What the client packs and unpacks is its own business: the script tells what it says and hears.
                continue
            else:
                self.drains += 1

    def _collect(self) -> None:
        self.largest_output = max(self.largest_output, sum(map(len, self.session.output)))
        self._unread += self.session.output
        self.session.output.clear()


@dataclass(frozen=True)
class Step:
    """One line of a script; `kind` is its first two characters."""

    number: int
    kind: str
    text: str


@dataclass(frozen=True)
class Script:
    """A dialogue that was written down."""

    name: str
    title: str
    options: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def read_script(path: Path) -> Script:
    """Read a script; whatever it is not allowed to say is a `ValueError`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or not re.match(r"# RFC \d+ §", lines[0]):
        message = f"{path}:1: not '# RFC nnnn §n: what it shows'"
        raise ValueError(message)
    options: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("#"):
            if (option := _OPTION.fullmatch(line)) and not steps:
                options[option[1]] = option[2]
        elif line.strip():
            parsed = _STEP.fullmatch(line)
            if not parsed or parsed[1] + parsed[2] not in _STEPS:
                message = f"{path}:{number}: not a step: {line}"
                raise ValueError(message)
            steps.append(Step(number, parsed[1] + parsed[2], parsed[3] or ""))
    return Script(path.stem, lines[0].removeprefix("# "), options, tuple(steps))


def replays(folder: Path, cuts: tuple[int, ...] = (WHOLE, 1, 2, 7)) -> list[Any]:
    """Give every script of a folder with every cut size, as parameters `script` and `cut` of a test."""
    parameters = []
    for path in sorted(folder.glob("*.txt")):
        script = read_script(path)
        pipelined = (PIPELINED,) if script.options.get("pipeline") == "yes" else ()
        parameters += [pytest.param(script, cut, id=f"{script.name}-{cut}") for cut in cuts + pipelined]
    assert parameters, f"no scripts in {folder}"
    return parameters


def replay(script: Script, dialog: Dialog, cut: int = WHOLE, values: Mapping[str, str] | None = None) -> None:
    """Hold the dialogue of `script` and fail at the first difference."""
    steps = script.steps
    if cut == PIPELINED:
        # A stable sort: what the client says comes first, and after it what the server says.
        steps = tuple(sorted(steps, key=lambda step: step.kind[0] != "C"))
    _Replay(script, dialog, cut, values or {}).run(steps)


class _Replay:
    def __init__(self, script: Script, dialog: Dialog, cut: int, values: Mapping[str, str]) -> None:
        self._script = script
        self._dialog = dialog
        self._cut = max(cut, WHOLE)
        self._pipelined = cut == PIPELINED
        self._values = values
        self._said = dialog.read()

    def run(self, steps: tuple[Step, ...]) -> None:
        for side, group in groupby(steps, key=lambda step: step.kind[0]):
            if side == "C":
                self._send(list(group))
            elif side == "I":
                self._interrupt(list(group))
            else:
                for step in group:
                    self._expect(step)
        if self._said:
            self._fail(steps[-1], "nothing more")

    def _send(self, steps: list[Step]) -> None:
        self._before(steps[0])
        data = b"".join(self._bytes(step) for step in steps)
        self._said += self._dialog.send(data, self._cut)

    def _interrupt(self, steps: list[Step]) -> None:
        for step in steps:
            self._before(step)
            self._said += self._dialog.interrupt(_INTERRUPTIONS[step.text]())

    def _before(self, step: Step) -> None:
        if self._said and not self._pipelined:
            self._fail(step, "nothing more before this")
        if self._dialog.closed:
            self._fail(step, "an open connection")

    def _expect(self, step: Step) -> None:
        if step.kind == "S.":
            if self._said or not self._dialog.closed:
                self._fail(step, "the connection closed")
        elif step.kind == "S~":
            pattern = self._filled(step, re.escape).encode()
            line, end, rest = self._said.partition(b"\r\n")
            if not end or not re.fullmatch(pattern, line):
                self._fail(step, f"a line like {pattern!r}")
            self._said = rest
        else:
            expected = self._bytes(step)
            if not self._said.startswith(expected):
                self._fail(step, repr(expected))
            self._said = self._said.removeprefix(expected)

    def _bytes(self, step: Step) -> bytes:
        text = self._filled(step, str)
        if step.kind.endswith("!"):
            literal = ast.literal_eval(text)
            assert isinstance(literal, bytes), f"line {step.number}: not a bytes literal"
            return literal
        return text.encode() + b"\r\n"

    def _filled(self, step: Step, quoted: Callable[[str], str]) -> str:
        return _VALUE.sub(lambda match: quoted(self._values[match[1]]), step.text)

    def _fail(self, step: Step, expected: str) -> None:
        state = "closed" if self._dialog.closed else "open"
        pytest.fail(
            f"{self._script.name} ({self._script.title}), line {step.number}: {step.kind} {step.text}\n"
            f"expected {expected}\nthe server said {self._said!r}, connection {state}",
            pytrace=False,
        )
