"""Keys of the API: changes to them, and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core.api_key import ApiKey
from tempmaild.errors import NameTaken, NoSuchApiKey
from tempmaild.store.audit import record

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_COLUMNS = "id, name, prefix, scopes, networks, created_by, created_at, expires_at, used_at, old_prefix, old_until"
_WIDTH = len(ApiKey.__struct_fields__)


class KeptKey(NamedTuple):
    """A key, with what its secrets are recognised by; `old_verifier` is empty without an old one."""

    key: ApiKey
    verifier: bytes
    old_verifier: bytes


class AddApiKey(Struct, frozen=True):
    """Have one key more; its values are as `core.api_key` keeps them."""

    name: str
    prefix: str
    verifier: bytes
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    expires_at: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> ApiKey:
        """Add it.

        Raises:
            NameTaken: there is one of this name.
        """
        db = transaction.db
        if db.row("SELECT 1 FROM api_key WHERE name = ?", self.name):
            raise NameTaken(self.name)
        db.run(
            "INSERT INTO api_key (name, prefix, verifier, old_prefix, old_verifier, old_until, scopes, networks,"
            " created_by, created_at, expires_at, used_at) VALUES (?, ?, ?, '', ?, 0, ?, ?, ?, ?, ?, 0)",
            *(self.name, self.prefix, self.verifier, b"", " ".join(self.scopes), " ".join(self.networks)),
            *(self.actor, transaction.now, self.expires_at),
        )
        key = _named(transaction, self.name)
        record(transaction, self.actor, "api-key-add", key.name, _details(key))
        return key


class ChangeApiKey(Struct, frozen=True):
    """Have a key do other things, or come from elsewhere."""

    name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    actor: str = ""

    def apply(self, transaction: Transaction) -> ApiKey:
        """Change it; as it is now.

        Raises:
            NoSuchApiKey: there is none of this name.
        """
        key = _named(transaction, self.name)
        if (key.scopes, key.networks) == (self.scopes, self.networks):
            return key
        transaction.db.run(
            "UPDATE api_key SET scopes = ?, networks = ? WHERE id = ?",
            *(" ".join(self.scopes), " ".join(self.networks), key.id),
        )
        key = _named(transaction, self.name)
        record(transaction, self.actor, "api-key-change", key.name, _details(key))
        return key


class RotateApiKey(Struct, frozen=True):
    """Give a key another secret; the one that it has is good for a while, the one before that no longer.

    Attributes:
        grace: seconds for which the present secret stays good, but no longer than it was, or than the new one is.
    """

    name: str
    prefix: str
    verifier: bytes
    expires_at: int
    grace: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> ApiKey:
        """Change it; as it is now.

        Raises:
            NoSuchApiKey: there is none of this name.
        """
        key = _named(transaction, self.name)
        old_until = min(key.expires_at, transaction.now + self.grace, self.expires_at)
        transaction.db.run(
            "UPDATE api_key SET old_prefix = prefix, old_verifier = verifier, old_until = ?,"
            " prefix = ?, verifier = ?, expires_at = ? WHERE id = ?",
            *(old_until, self.prefix, self.verifier, self.expires_at, key.id),
        )
        key = _named(transaction, self.name)
        details = {**_details(key), "old_prefix": key.old_prefix, "old_until": key.old_until}
        record(transaction, self.actor, "api-key-rotate", key.name, details)
        return key


class UseApiKey(Struct, frozen=True):
    """Note that a key is in use. Of no interest to the audit log."""

    id: int

    def apply(self, transaction: Transaction) -> None:
        """Note it."""
        transaction.db.run("UPDATE api_key SET used_at = ? WHERE id = ?", transaction.now, self.id)


class RemoveApiKey(Struct, frozen=True):
    """Have a key no more."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchApiKey: there is none of this name.
        """
        key = _named(transaction, self.name)
        transaction.db.run("DELETE FROM api_key WHERE id = ?", key.id)
        record(transaction, self.actor, "api-key-remove", key.name, {"prefix": key.prefix})


class ApiKeyQueries:
    """What is read of keys."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def page(self, after: str, limit: int) -> list[ApiKey]:
        """Give up to `limit` keys by name, those behind the name `after`."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM api_key WHERE name > ? ORDER BY name LIMIT ?", after, limit)
        return [_key(row) for row in rows]

    def named(self, name: str) -> ApiKey | None:
        """Give the key of a name."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM api_key WHERE name = ?", name)
        return _key(row) if row else None

    def with_prefix(self, prefix: str) -> list[KeptKey]:
        """Give the keys whose secret, or the one before, begins like this: one, or none, but for a great chance."""
        rows = self._db.rows(
            f"SELECT {_COLUMNS}, verifier, old_verifier FROM api_key WHERE prefix = ? OR old_prefix = ?",
            *(prefix, prefix),
        )
        return [KeptKey(_key(row[:_WIDTH]), *map(bytes, row[_WIDTH:])) for row in rows]


def end_keys(transaction: Transaction) -> None:
    """Have no key be good any more until it gets another secret."""
    transaction.db.run(
        "UPDATE api_key SET expires_at = ?, old_until = 0 WHERE expires_at > ?", transaction.now, transaction.now
    )


def _named(transaction: Transaction, name: str) -> ApiKey:
    # On PostgreSQL nobody changes it until the commit; SQLite has but one who writes.
    lock = "" if transaction.db.sqlite else " FOR UPDATE"
    row = transaction.db.row(f"SELECT {_COLUMNS} FROM api_key WHERE name = ?{lock}", name)
    if not row:
        raise NoSuchApiKey(name)
    return _key(row)


def _key(row: tuple[object, ...]) -> ApiKey:
    key_id, name, prefix, scopes, networks, *rest = row
    return ApiKey(key_id, name, prefix, tuple(str(scopes).split()), tuple(str(networks).split()), *rest)  # type: ignore[arg-type] # as in `_COLUMNS`


def _details(key: ApiKey) -> dict[str, object]:
    return {"prefix": key.prefix, "scopes": key.scopes, "networks": key.networks, "until": key.expires_at}
