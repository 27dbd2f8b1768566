"""SIGHUP: no option of the settings stays as it was without anybody saying so."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from tempmaild import daemon as module
from tempmaild.settings import load
from tempmaild.settings.options import OPTIONS, SECTIONS
from tempmaild.settings.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEXT = """\
[host]
state = "state"
[metrics]
listen = ["127.0.0.1:9825"]
"""


@contextmanager
def reads() -> Iterator[set[str]]:
    """Note the keys of the options that are read meanwhile."""
    read: set[str] = set()
    names: dict[type[Any], str] = {model: name for name, model in SECTIONS.items()}

    def read_one(section: Section, name: str) -> Any:
        read.add(f"{names.get(type(section))}.{name}")
        return object.__getattribute__(section, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "__getattribute__", read_one)
        yield read
    read.intersection_update(OPTIONS)


def test_what_is_read_at_the_start_is_read_again_or_needs_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "tempmaild.toml"
    config.write_text(_TEXT)
    settings = load(config, {})
    # These look at all options, and use none of them.
    monkeypatch.setattr(module, "load", lambda *_: settings)
    monkeypatch.setattr(module, "reloaded", lambda _, wanted: (wanted, ()))
    with reads() as at_start:
        daemon = module.Daemon(MemoryReactorClock(), settings, config, {})
    with closing(daemon._state_lock), closing(daemon._appliance.handle), reads() as again:
        done = Deferred.fromCoroutine(daemon.reload())
    assert done.called
    assert {"mailbox.operator", "store.readers"} <= at_start
    assert "mailbox.operator" in again
    needs_restart = {key for key, option in OPTIONS.items() if option.needs_restart}
    assert at_start - again - needs_restart == set()
