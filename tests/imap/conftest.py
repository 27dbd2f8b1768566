from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.imap.house import LIFETIME, House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.lifetime import Lifetime


@pytest.fixture
def lifetime() -> int | Lifetime:
    """How long the mailbox of `house` lives, unless a test says otherwise."""
    return LIFETIME


@pytest.fixture
def house(tmp_path: Path, lifetime: int | Lifetime) -> Iterator[House]:
    house = House(tmp_path, lifetime)
    yield house
    house.appliance.close()
