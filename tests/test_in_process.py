"""The daemon's end of the pipe to its writer, without the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

from tempmaild import in_process
from tempmaild.in_pipe import RESTART_AFTER
from tempmaild.in_process import WriterProcess
from tempmaild.log import get_log
from tempmaild.store.writer import Configuration
from tests.test_in_reading import Companion

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_has_happened_is_noted_before_anybody_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    companions: list[Companion] = []

    class Started(Companion):
        def start(self, *_: Any) -> None:
            companions.append(self)

    monkeypatch.setattr(in_process, "Companion", Started)
    steps: list[tuple[str, Any]] = []
    reactor, database = Clock(), tmp_path / "tempmaild.db"
    writer = WriterProcess(
        reactor,
        Configuration("", str(database), "mx.box.test", str(tmp_path / "key"), 1, 1, "info", "text"),
        reactor.seconds,
        lambda touched: steps.append(("noted", touched)),
        lambda touched: steps.append(("told", touched)),
        get_log("store"),
    )
    writer.start()
    change: Any = "change"
    writer.submit(change).addCallback(lambda result: steps.append(("answered", result)))
    reactor.advance(0)
    ((_, (ticket,), _),) = companions[0].given
    companions[0].say(([(ticket, "done")], {7}))
    assert steps == [("noted", {7}), ("answered", "done"), ("told", {7})]
    steps.clear()
    companions[0].end("killed")
    reactor.advance(RESTART_AFTER)
    assert steps == [("noted", None), ("told", None)]
