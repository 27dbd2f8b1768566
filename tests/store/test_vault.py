"""The signing key: made once, kept to its owner."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tempmaild.errors import StoreFailed
from tempmaild.store.vault import Vault, open_vault

if TYPE_CHECKING:
    from pathlib import Path


def public(vault: Vault) -> bytes:
    return vault.signing_key.verify_key.encode()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "receipts.key"
    first = open_vault("mx.box.test", file)
    assert public(open_vault("mx.box.test", file)) == public(first)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["receipts.key"]


def test_a_key_that_was_lost_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "receipts.key"
    first = open_vault("mx.box.test", file)
    file.unlink()
    assert public(open_vault("mx.box.test", file)) != public(first)


def test_processes_that_start_together_have_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Threads stand for processes: each has a draft of its own.
    monkeypatch.setattr("os.getpid", threading.get_ident)
    together, keys = threading.Barrier(8), set()

    def start() -> None:
        together.wait()
        keys.add(public(open_vault("mx.box.test", tmp_path / "receipts.key")))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", ["", "no key", "ab" * 31, "ab" * 33, "ä" * 64])
def test_what_is_no_key_is_not_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "receipts.key"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(StoreFailed, match="cannot use the signing key"):
        open_vault("mx.box.test", file)
    assert file.read_text(encoding="utf-8") == content


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="cannot use the signing key"):
        open_vault("mx.box.test", tmp_path / "missing" / "receipts.key")
