from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import TestAppliance, make_appliance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[TestAppliance]:
    """An appliance on each kind of database."""
    house = make_appliance(tmp_path, store={"url": database_url}, smtp={"max_message_bytes": 65536})
    yield house
    house.close()
