"""How long a session keeps the reactor from everybody else: the time of each step of its coroutine.

A step ends when the session awaits something that is not there: input, a pause, the client that has to take what was
said, a thread, the writer. The time is that of this thread on a processor, so that a busy machine changes little.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tempmaild.store.access import Immediate

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.dialog import Dialog
    from tests.imap.house import House


class Watchdog:
    """Watches the sessions of one house.

    Attributes:
        longest: seconds of the longest step since the last `ask`.
    """

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self._house = house
        self.longest = 0.0
        self._began = 0.0
        for elsewhere in ("read_long", "stretch", "write"):
            monkeypatch.setattr(Immediate, elsewhere, self._elsewhere(getattr(Immediate, elsewhere)))

    def select(self, name: str = "INBOX") -> Dialog:
        """Log in, open a folder, and watch the session from then on."""
        dialog: Any = self._house.select(name)
        dialog._coroutine = _Watched(dialog._coroutine, self)
        watched: Dialog = dialog
        return watched

    def ask(self, dialog: Dialog, data: bytes) -> bytes:
        """Send commands; what is said to them. `longest` tells how long others had to wait."""
        self.longest = 0.0
        return dialog.send(data)

    def begin(self) -> None:
        """A step begins."""
        self._began = time.thread_time()

    def end(self) -> None:
        """A step ends."""
        self.longest = max(self.longest, time.thread_time() - self._began)

    def _elsewhere(self, work: Callable[..., Any]) -> Callable[..., Any]:
        async def work_elsewhere(*args: Any, **kwargs: Any) -> Any:
            self.end()
            try:
                return await work(*args, **kwargs)
            finally:
                self.begin()

        return work_elsewhere


class _Watched:
    """A coroutine whose steps are timed."""

    def __init__(self, coroutine: Any, watchdog: Watchdog) -> None:
        self._coroutine = coroutine
        self._watchdog = watchdog

    def send(self, value: object) -> Any:
        return self._timed(self._coroutine.send, value)

    def throw(self, error: BaseException) -> Any:
        return self._timed(self._coroutine.throw, error)

    def close(self) -> None:
        self._coroutine.close()

    def _timed(self, step: Callable[[Any], Any], argument: object) -> Any:
        self._watchdog.begin()
        try:
            return step(argument)
        finally:
            self._watchdog.end()
