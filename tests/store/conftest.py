from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.house import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store on each kind of database."""
    store = Store(database_url, tmp_path)
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite, for what is its alone."""
    store = Store("", tmp_path)
    yield store
    store.close()


@pytest.fixture
def postgres_store(postgres_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store on PostgreSQL, for what is its alone."""
    store = Store(postgres_url, tmp_path)
    yield store
    store.close()
