"""Changes to the domains that mail is taken for: added, decided otherwise, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins

from tempmaild.core import address as addresses
from tempmaild.core import policy as policies
from tempmaild.core.mailbox import Domain
from tempmaild.core.policy import Kind, Policy
from tempmaild.errors import DomainExists, DomainInUse, NoSuchDomain
from tempmaild.store.audit import record

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction


class AddDomain(Struct, frozen=True):
    """Take mail for a domain."""

    name: str
    kind: Kind = "claimed"
    sealed: bool = True
    policy: Policy = Policy()
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Add it.

        Raises:
            DomainExists: it is there, or one that looks like it.
        """
        db = transaction.db
        if not db.sqlite:
            # Of two that look alike and are added at the same time, the second one sees the first.
            db.row("SELECT value FROM counter WHERE name = 'settings' FOR UPDATE")
        if db.row("SELECT id FROM domain WHERE name = ?", self.name):
            raise DomainExists(self.name)
        for (name,) in db.rows("SELECT name FROM domain"):
            if _look_alike(self.name, name):
                raise DomainExists(f"{addresses.readable(self.name)} looks like {addresses.readable(name)}")
        domain = Domain(
            transaction.next_id(), self.name, self.kind, transaction.now, sealed=self.sealed, policy=self.policy
        )
        db.run(
            "INSERT INTO domain (id, name, kind, created_at, sealed, enabled, policy) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(domain.id, domain.name, domain.kind, domain.created_at, domain.sealed, domain.enabled),
            policies.to_text(domain.policy),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "domain-add", self.name, _decided(domain))
        return domain


def _look_alike(pattern: str, other: str) -> bool:
    """Tell whether the names of two domains, wildcards or not, are different and look alike."""
    one, two = pattern.removeprefix(addresses.WILDCARD), other.removeprefix(addresses.WILDCARD)
    return one != two and addresses.are_twins(one, two) and addresses.skeleton(one) == addresses.skeleton(two)


class ChangeDomain(Struct, frozen=True):
    """Decide otherwise for a domain; its mailboxes keep the lifetime and the sealing that they were made with."""

    domain: Domain
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Change it to what `domain` says; its name and id stay.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes and would become open, or stop being open: what was somebody's would be
                everybody's, or nobody's.
        """
        domain = self.domain
        row = transaction.db.row("SELECT kind FROM domain WHERE id = ?", domain.id)
        if row is None:
            raise NoSuchDomain(domain.name)
        if row[0] != domain.kind and "open" in {row[0], domain.kind} and _has_mailboxes(transaction.db, domain.id):
            raise DomainInUse(domain.name)
        policy = policies.to_text(domain.policy)
        transaction.db.run(
            "UPDATE domain SET kind = ?, sealed = ?, enabled = ?, policy = ? WHERE id = ?",
            *(domain.kind, domain.sealed, domain.enabled, policy, domain.id),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "domain-change", domain.name, _decided(domain))
        return domain


def _decided(domain: Domain) -> dict[str, object]:
    """Say for the audit log what holds for a domain; it is told that addresses are given, not which."""
    policy = to_builtins(domain.policy)
    given = {name: True for name in ("catch_all", "operator") if name in policy}
    return {"kind": domain.kind, "sealed": domain.sealed, "enabled": domain.enabled, "policy": policy | given}


class RemoveDomain(Struct, frozen=True):
    """Take no more mail for a domain that has no mailboxes."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        db = transaction.db
        row = db.row("SELECT id FROM domain WHERE name = ?", self.name)
        if row is None:
            raise NoSuchDomain(self.name)
        if _has_mailboxes(db, row[0]):
            raise DomainInUse(self.name)
        db.run("DELETE FROM domain WHERE id = ?", row[0])
        transaction.settings_changed()
        record(transaction, self.actor, "domain-remove", self.name, {})


def _has_mailboxes(db: Handle, domain_id: int) -> bool:
    return db.row("SELECT 1 FROM mailbox WHERE domain_id = ? LIMIT 1", domain_id) is not None
