"""How long sessions have made their clients wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.net.conversation import Pause

if TYPE_CHECKING:
    import pytest


def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a list to which each `Pause` that is made from now on adds its seconds."""
    waited: list[float] = []
    make = Pause.__init__

    def remember(pause: Pause, seconds: float) -> None:
        waited.append(seconds)
        make(pause, seconds)

    monkeypatch.setattr(Pause, "__init__", remember)
    return waited
