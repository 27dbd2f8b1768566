from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.admin.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """The console on a fresh SQLite file."""
    console = Console(tmp_path)
    yield console
    console.house.close()
