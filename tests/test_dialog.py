from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.log import get_log
from tempmaild.net.conversation import (
    Drain,
    Input,
    Interruption,
    Line,
    LineTooLong,
    Peer,
    Session,
    ShuttingDown,
    StartTls,
    Take,
    TimedOut,
)
from tests.dialog import PIPELINED, TLS, Dialog, read_script, replay, replays

if TYPE_CHECKING:
    from pathlib import Path


class Bell(Take[bool]):
    """Is fulfilled by a bell that somebody else rings."""

    __slots__ = ("session",)

    def __init__(self, session: Parrot) -> None:
        super().__init__(60)
        self.session = session

    def take(self, source: Input) -> bool | None:
        del source
        return True if self.session.rung else None


class Parrot(Session):
    """Says everything twice."""

    rung = False
    hung_up = False

    async def converse(self) -> None:
        self.say(b"hello\r\n")
        try:
            while (line := await self._line()) != b"bye":
                if line == b"tls":
                    await StartTls()
                    self.say(self.peer.tls.encode() + b"\r\n")
                elif line == b"bell":
                    await Bell(self)
                    self.say(b"ding\r\n")
                else:
                    self.say(line + b"\r\n")
                    await Drain()
                    self.say(line + b"\r\n")
        except Interruption as interruption:
            self.say(type(interruption).__name__.encode() + b"\r\n")
        except GeneratorExit:
            self.hung_up = True

    async def _line(self) -> bytes:
        try:
            return await Line(10, 60)
        except LineTooLong:
            return b"long"


@pytest.fixture
def dialog() -> Dialog:
    return Dialog(Parrot(Peer("192.0.2.1"), "1", get_log("test")))


def _script(folder: Path, text: str) -> Path:
    path = folder / "dialogue.txt"
    path.write_text("# RFC 0 §0: a test\n" + text, encoding="utf-8")
    return path


def test_effects_are_performed(dialog: Dialog) -> None:
    assert dialog.read() == b"hello\r\n"
    assert dialog.send(b"a") == b""
    assert dialog.send(b"\r\nb\n") == b"a\r\na\r\nb\r\nb\r\n"
    assert dialog.drains == 2
    assert dialog.send(b"0123456789a\r\n") == b"long\r\nlong\r\n"
    assert dialog.send(b"tls\r\ninjected\r\n") == TLS.encode() + b"\r\n"
    assert dialog.send(b"bye\r\n") == b""
    assert dialog.closed


def test_wake_looks_again(dialog: Dialog) -> None:
    parrot = dialog.session
    assert isinstance(parrot, Parrot)
    dialog.read()
    assert dialog.send(b"bell\r\nx\r\n") == b""
    parrot.rung = True
    parrot.wake()
    assert dialog.read() == b"ding\r\nx\r\nx\r\n"


def test_interruptions_reach_the_session(dialog: Dialog) -> None:
    dialog.read()
    assert dialog.interrupt(TimedOut()) == b"TimedOut\r\n"
    assert dialog.closed


def test_a_lost_connection_closes_the_coroutine(dialog: Dialog) -> None:
    dialog.hang_up()
    assert dialog.closed
    assert isinstance(dialog.session, Parrot)
    assert dialog.session.hung_up


@pytest.mark.parametrize("cut", [0, 1, 2, 7, PIPELINED])
def test_a_script_is_replayed(dialog: Dialog, tmp_path: Path, cut: int) -> None:
    text = "S: hello\nC: ${word}\nS: hi\nS~ ${word}|h.\n"
    odd = 'C! b"\\x00\\n"\nS! b"\\x00\\r"\nS! b"\\n\\x00\\r\\n"\nC: bye\nS.\n'
    replay(read_script(_script(tmp_path, text + odd)), dialog, cut, {"word": "hi"})


def test_a_script_interrupts(dialog: Dialog, tmp_path: Path) -> None:
    replay(read_script(_script(tmp_path, "S: hello\nI: ShuttingDown\nS: ShuttingDown\nS.\n")), dialog)


@pytest.mark.parametrize(
    "text",
    [
        "S: hullo\n",  # another line
        "C: a\n",  # something was said before this
        "S: hello\nC: a\nS: a\n",  # something is said after the end
        "S: hello\nS.\n",  # the connection is open
        "S: hello\nS~ .*\n",  # no further line
        "S: hello\nC: bye\nC: more\nS: more\n",  # nobody hears what is sent after the end
        "S: hello\nC: bye\nS.\nC: more\n",  # the connection is closed
    ],
)
def test_differences_are_found(dialog: Dialog, tmp_path: Path, text: str) -> None:
    with pytest.raises(pytest.fail.Exception):
        replay(read_script(_script(tmp_path, text)), dialog)


@pytest.mark.parametrize("text", ["X: a\n", "C. \n", "S:hello\n", "I! a\n"])
def test_what_is_not_a_step_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"dialogue\.txt:2"):
        read_script(_script(tmp_path, text))


def test_a_script_needs_its_title(tmp_path: Path) -> None:
    (tmp_path / "untitled.txt").write_text("S: hello\n", encoding="utf-8")
    with pytest.raises(ValueError, match="RFC"):
        replays(tmp_path)


def test_replays_gives_every_cut(tmp_path: Path) -> None:
    _script(tmp_path, "# pipeline: yes\n# tls: no\n# only a comment\nS: hello\n# after: the first step\n")
    parameters = replays(tmp_path, (0, 7))
    assert [parameter.values[1] for parameter in parameters] == [0, 7, PIPELINED]
    assert parameters[0].values[0].options == {"pipeline": "yes", "tls": "no"}


def test_an_interruption_needs_a_waiting_session(dialog: Dialog) -> None:
    dialog.send(b"bye\r\n")
    with pytest.raises(AssertionError):
        dialog.interrupt(ShuttingDown())
