"""The console's key, and what is locked with it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tempmaild import log
from tempmaild.errors import StoreFailed
from tempmaild.store.console_key import FactorLock, console_key

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def lock_of(path: Path) -> FactorLock:
    return FactorLock(path, log.get_log("admin"))


def test_a_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    key = console_key(path)
    assert len(key) == 32
    assert console_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["admin.key"]


@pytest.mark.parametrize("content", [b"", b"k" * 31])
def test_what_is_too_short_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "admin.key"
    path.write_bytes(content)
    with pytest.raises(StoreFailed, match="it has not 32 octets"):
        console_key(path)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_read_or_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "admin.key").mkdir()
    with pytest.raises(StoreFailed, match=r"cannot use the console's key .*admin\.key"):
        console_key(tmp_path / "admin.key")
    with pytest.raises(StoreFailed, match=r"cannot use the console's key"):
        console_key(tmp_path / "nowhere" / "admin.key")


def test_secrets_are_locked_for_one_person_with_one_key(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    kept = lock_of(path).lock(7, SECRET)
    assert SECRET not in kept
    assert lock_of(path).unlock(7, kept) == SECRET
    assert lock_of(path).unlock(8, kept) is None
    path.unlink()
    assert lock_of(path).unlock(7, kept) is None


def test_a_key_is_not_made_before_it_is_needed(tmp_path: Path) -> None:
    lock_of(tmp_path / "admin.key")
    assert list(tmp_path.iterdir()) == []


def test_whoever_has_lost_the_key_reads_in_the_log_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = lock_of(tmp_path / "one.key").lock(7, SECRET)
    log.configure("info", "text")
    try:
        assert lock_of(tmp_path / "other.key").unlock(7, kept) is None
    finally:
        log.configure("error", "text")
    line = capsys.readouterr().err
    assert "error admin second-factor-unreadable person_id=7" in line
    assert "tempmaild operator reset" in line
    assert SECRET not in line
