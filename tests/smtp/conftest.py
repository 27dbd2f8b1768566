from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.smtp.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.appliance.close()
