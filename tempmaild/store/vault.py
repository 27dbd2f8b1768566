"""What a process that commits keeps in memory from one commit to the next, above all keys."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from tempmaild.core.sealing import Sealer
from tempmaild.errors import StoreFailed
from tempmaild.store.disk import sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Vault:
    """What sealing and proving need, and what one commit leaves to the next.

    Attributes:
        sealer: seals what arrives.
        host: the name under which receipts are signed.
        signing_key: the host's Ed25519 key (RFC 8032), under which it signs receipts.
        traces: the schemas in which something was deleted, of which there may still be traces on the disk.
        spare_ids: those for messages that were fetched and are not used yet.
    """

    def __init__(self, host: str, signing_key: SigningKey) -> None:
        self.sealer = Sealer(time.monotonic)
        self.host = host
        self.signing_key = signing_key
        self.traces: set[str] = set()
        self.spare_ids: Iterator[int] = iter(())


def open_vault(host: str, key_file: Path) -> Vault:
    """Read the host's signing key, which is made when it is missing.

    A key that was lost is replaced like that. Receipts that it signed stay good: the audit log has every key with
    which receipts were ever signed.

    Raises:
        StoreFailed: the file cannot be read or written, or holds no key.
    """
    try:
        with suppress(FileExistsError):
            _create(key_file, SigningKey.generate())
        return Vault(host, SigningKey(bytes.fromhex(key_file.read_text(encoding="ascii"))))
    except (OSError, ValueError) as error:
        raise StoreFailed(f"cannot use the signing key {key_file}: {error}") from error


def _create(key_file: Path, key: SigningKey) -> None:
    """Write a key, so that another process sees all of it or nothing.

    Raises:
        FileExistsError: there is one.
    """
    if key_file.exists():
        raise FileExistsError(key_file)
    draft = key_file.with_name(f"{key_file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(bytes(key).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, key_file)
        sync(key_file)
    finally:
        draft.unlink()
