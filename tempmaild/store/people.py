"""The people who operate the host, their second factors, and invitations: changes to them, and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from tempmaild.core.person import Invitation, Person, Role
from tempmaild.core.totp import LOCKED
from tempmaild.errors import LastOwner, NoSuchInvitation, NoSuchPerson, PersonExists
from tempmaild.store.audit import record

if TYPE_CHECKING:
    from tempmaild.store.console_key import FactorLock
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_PERSON = "id, name, role, zone, language, theme, totp_secret <> '', enabled, created_at, signed_in_at"
_INVITATION = "i.id, i.role, coalesce(p.name, ''), i.note, i.invited_by, i.created_at, i.expires_at"
# One for somebody who may not sign in is of no use.
_INVITATIONS = (
    f"SELECT {_INVITATION} FROM invitation i LEFT JOIN person p ON p.id = i.person_id"
    " WHERE coalesce(p.enabled, TRUE) AND"
)


class Proof(NamedTuple):
    """What a password is recognised by."""

    verifier: bytes
    salt: bytes


class Factor(NamedTuple):
    """What a code of somebody's second factor is compared with.

    Attributes:
        secret: in base 32; "" without a second factor, None where nobody can read it any more.
        last_step: of the last code that was used.
        failed_codes: wrong ones since `failed_since` (UTC epoch seconds).
    """

    secret: str | None
    last_step: int
    failed_codes: int
    failed_since: int


class AddPerson(Struct, frozen=True):
    """Have one person more."""

    name: str
    role: Role
    verifier: bytes
    salt: bytes
    actor: str = ""

    def apply(self, transaction: Transaction) -> Person:
        """Add them.

        Raises:
            PersonExists: somebody has this name.
        """
        return _add(transaction, self.name, self.role, Proof(self.verifier, self.salt), self.actor)


class Invite(Struct, frozen=True):
    """Have a link by which somebody new gets in, or the person named `name` with another password."""

    lookup: bytes
    role: Role
    expires_at: int
    note: str = ""
    name: str = ""
    actor: str = ""

    def apply(self, transaction: Transaction) -> Invitation:
        """Keep it; one for the same person is good no longer.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        db, now = transaction.db, transaction.now
        db.run("DELETE FROM invitation WHERE expires_at <= ?", now)
        person = _named(transaction, self.name) if self.name else None
        role = person.role if person else self.role
        if person:
            db.run("DELETE FROM invitation WHERE person_id = ?", person.id)
        row = db.row(
            "INSERT INTO invitation (lookup, person_id, role, note, invited_by, created_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            *(self.lookup, person.id if person else None, role, self.note, self.actor, now, self.expires_at),
        )
        assert row is not None
        if person:
            record(transaction, self.actor, "person-reset", person.name, {"until": self.expires_at})
        else:
            record(transaction, self.actor, "person-invite", "", {"role": role, "until": self.expires_at})
        return Invitation(row[0], role, self.name, self.note, self.actor, now, self.expires_at)


class WithdrawInvitation(Struct, frozen=True):
    """Have an invitation no more."""

    id: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchInvitation: it is not there.
        """
        row = transaction.db.row("DELETE FROM invitation WHERE id = ? RETURNING role, invited_by", self.id)
        if not row:
            raise NoSuchInvitation(str(self.id))
        details = {"role": row[0], "invited_by": row[1]}
        record(transaction, self.actor, "invitation-withdraw", "", details)


class Accept(Struct, frozen=True):
    """Use an invitation: somebody new chooses name and password, somebody who is there another password alone.

    In the latter case their second factor is gone with the old password, and they are signed out everywhere.
    """

    lookup: bytes
    name: str
    verifier: bytes
    salt: bytes

    def apply(self, transaction: Transaction) -> Person:
        """Use it.

        Raises:
            NoSuchInvitation: it cannot be used any more.
            PersonExists: somebody has this name.
        """
        db = transaction.db
        wanted = f"{_INVITATIONS} i.lookup = ? AND i.expires_at > ?"
        row = db.row(wanted, self.lookup, transaction.now)
        if not row:
            raise NoSuchInvitation("")
        invitation = Invitation(*row)
        proof = Proof(self.verifier, self.salt)
        if invitation.name:
            person = _named(transaction, invitation.name)
            _use(transaction, invitation)
            _set_password(transaction, person, proof)
            _remove_factor(transaction, person.id)
            record(transaction, person.name, "password-reset", person.name, {"invited_by": invitation.invited_by})
            return _by_id(transaction, person.id)
        if _taken(transaction, self.name):
            raise PersonExists(self.name)
        _use(transaction, invitation)
        return _add(transaction, self.name, invitation.role, proof, self.name, invitation.invited_by)


class ChangePerson(Struct, frozen=True):
    """Give somebody a role, and let them sign in or not; a change signs them out."""

    name: str
    role: Role
    enabled: bool
    actor: str = ""

    def apply(self, transaction: Transaction) -> Person:
        """Change them; as they are now.

        Raises:
            NoSuchPerson: nobody has this name.
            LastOwner: nobody would be left who may do everything.
        """
        db, owners = transaction.db, _owners(transaction)
        person = _named(transaction, self.name)
        if (person.role, person.enabled) == (self.role, self.enabled):
            return person
        if not (self.role == "owner" and self.enabled) and owners == [person.id]:
            raise LastOwner(person.name)
        db.run("UPDATE person SET role = ?, enabled = ? WHERE id = ?", self.role, self.enabled, person.id)
        db.run("DELETE FROM admin_session WHERE person_id = ?", person.id)
        # Nor is a link good that was for them as they were.
        db.run("DELETE FROM invitation WHERE person_id = ?", person.id)
        details = {"role": self.role, "enabled": self.enabled}
        record(transaction, self.actor, "person-change", person.name, details)
        return _by_id(transaction, person.id)


class RemovePerson(Struct, frozen=True):
    """Have a person no more."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove them, with their sessions and codes.

        Raises:
            NoSuchPerson: nobody has this name.
            LastOwner: nobody would be left who may do everything.
        """
        owners = _owners(transaction)
        person = _named(transaction, self.name)
        if owners == [person.id]:
            raise LastOwner(person.name)
        transaction.db.run("DELETE FROM person WHERE id = ?", person.id)
        record(transaction, self.actor, "person-remove", person.name, {"id": person.id, "role": person.role})


class SetPassword(Struct, frozen=True):
    """Have another password, and be signed out everywhere."""

    name: str
    verifier: bytes
    salt: bytes
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Set it.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        person = _named(transaction, self.name)
        _set_password(transaction, person, Proof(self.verifier, self.salt))
        record(transaction, self.actor, "password-change", person.name, {})


class SetTotp(Struct, frozen=True):
    """Have a second factor from now on, or another one; whoever is signed in without it is signed out.

    Attributes:
        secret: locked.
    """

    name: str
    secret: str
    step: int
    recovery: tuple[bytes, ...]
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Set it, with the verifiers of its recovery codes.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        person = _named(transaction, self.name)
        transaction.db.run(
            "UPDATE person SET totp_secret = ?, totp_step = ?, failed_codes = 0, failed_codes_since = 0 WHERE id = ?",
            *(self.secret, self.step, person.id),
        )
        _set_recovery(transaction, person.id, self.recovery)
        transaction.db.run("DELETE FROM admin_session WHERE person_id = ?", person.id)
        record(transaction, self.actor, "totp-set", person.name, {})


class LockTotp(Struct, frozen=True):
    """Keep the secret of somebody locked that is in clear. Of no interest to the audit log.

    Attributes:
        clear: the secret.
        locked: the same as it is to be kept.
    """

    person_id: int
    clear: str
    locked: str

    def apply(self, transaction: Transaction) -> None:
        """Keep it so, unless there is another meanwhile; of the old one nothing is left on the disk."""
        db = transaction.db
        db.run(
            "UPDATE person SET totp_secret = ? WHERE id = ? AND totp_secret = ?",
            self.locked,
            self.person_id,
            self.clear,
        )
        transaction.traces.add("main")


class RemoveTotp(Struct, frozen=True):
    """Have no second factor any more."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it, with its recovery codes.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        person = _named(transaction, self.name)
        _remove_factor(transaction, person.id)
        record(transaction, self.actor, "totp-remove", person.name, {})


class SetRecovery(Struct, frozen=True):
    """Have other recovery codes; the old ones are good no longer."""

    name: str
    recovery: tuple[bytes, ...]
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Set their verifiers.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        person = _named(transaction, self.name)
        _set_recovery(transaction, person.id, self.recovery)
        record(transaction, self.actor, "recovery-codes", person.name, {})


class SetPreferences(Struct, frozen=True):
    """Have pages be like this for somebody. Of no interest to the audit log."""

    name: str
    zone: str
    language: str
    theme: str

    def apply(self, transaction: Transaction) -> None:
        """Set them.

        Raises:
            NoSuchPerson: nobody has this name.
        """
        person = _named(transaction, self.name)
        transaction.db.run(
            "UPDATE person SET zone = ?, language = ?, theme = ? WHERE id = ?",
            *(self.zone, self.language, self.theme, person.id),
        )


class PersonQueries:
    """What is read of people.

    Args:
        lock: with which the secrets of second factors are read.
    """

    def __init__(self, db: Handle, lock: FactorLock) -> None:
        self._db = db
        self._lock = lock

    def people(self) -> list[Person]:
        """Give everybody by name."""
        people = [as_person(*row) for row in self._db.rows(f"SELECT {_PERSON} FROM person")]
        return sorted(people, key=lambda person: person.name)

    def named(self, name: str) -> Person | None:
        """Give who has a name."""
        row = self._db.row(f"SELECT {_PERSON} FROM person WHERE name = ?", name)
        return as_person(*row) if row else None

    def proof(self, name: str) -> Proof | None:
        """Give what the password is recognised by of who has a name."""
        row = self._db.row("SELECT verifier, salt FROM person WHERE name = ?", name)
        return Proof(bytes(row[0]), bytes(row[1])) if row else None

    def factor(self, person_id: int) -> Factor | None:
        """Give what somebody's codes are compared with; None for nobody.

        Raises:
            StoreFailed: the console's key cannot be used.
        """
        row = self._db.row(
            "SELECT totp_secret, totp_step, failed_codes, failed_codes_since FROM person WHERE id = ?", person_id
        )
        return Factor(row[0] and self._lock.unlock(person_id, row[0]), *row[1:]) if row else None

    def clear_secrets(self) -> list[tuple[int, str]]:
        """Give the secrets of second factors that are not locked, with whose they are."""
        rows = self._db.rows("SELECT id, totp_secret FROM person WHERE totp_secret <> '' ORDER BY id")
        return [(person_id, secret) for person_id, secret in rows if not secret.startswith(LOCKED)]

    def recovery_codes(self, person_id: int) -> int:
        """Tell how many recovery codes somebody has left."""
        row = self._db.row("SELECT count(*) FROM recovery_code WHERE person_id = ?", person_id)
        assert row is not None
        count: int = row[0]
        return count

    def invitations(self, now: int) -> list[Invitation]:
        """Give those that can be used, the latest first."""
        rows = self._db.rows(f"{_INVITATIONS} i.expires_at > ? ORDER BY i.id DESC", now)
        return [Invitation(*row) for row in rows]

    def invitation(self, lookup: bytes, now: int) -> Invitation | None:
        """Give one by the digest of its token, if it can be used."""
        row = self._db.row(f"{_INVITATIONS} i.lookup = ? AND i.expires_at > ?", lookup, now)
        return Invitation(*row) if row else None


def as_person(*values: Any) -> Person:
    """Make a person of the columns that are read of one."""
    fields = dict(zip(Person.__struct_fields__, values, strict=True))
    # Numbers on SQLite.
    fields["has_totp"], fields["enabled"] = bool(fields["has_totp"]), bool(fields["enabled"])
    return Person(**fields)


def _add(transaction: Transaction, name: str, role: Role, proof: Proof, actor: str, invited_by: str = "") -> Person:
    if _taken(transaction, name):
        raise PersonExists(name)
    row = transaction.db.row(
        "INSERT INTO person (name, role, verifier, salt, totp_secret, totp_step, failed_codes, failed_codes_since,"
        " zone, language, theme, enabled, created_at, signed_in_at)"
        " VALUES (?, ?, ?, ?, '', 0, 0, 0, 'UTC', '', '', ?, ?, 0) RETURNING id",
        *(name, role, *proof, True, transaction.now),
    )
    assert row is not None
    details: dict[str, object] = {"id": row[0], "role": role}
    if invited_by:
        details["invited_by"] = invited_by
    record(transaction, actor, "person-add", name, details)
    return _by_id(transaction, row[0])


def _taken(transaction: Transaction, name: str) -> bool:
    return bool(transaction.db.row("SELECT 1 FROM person WHERE name = ?", name))


def _named(transaction: Transaction, name: str) -> Person:
    # On PostgreSQL nobody changes them until the commit; SQLite has but one who writes.
    lock = "" if transaction.db.sqlite else " FOR UPDATE"
    row = transaction.db.row(f"SELECT {_PERSON} FROM person WHERE name = ?{lock}", name)
    if not row:
        raise NoSuchPerson(name)
    return as_person(*row)


def _by_id(transaction: Transaction, person_id: int) -> Person:
    row = transaction.db.row(f"SELECT {_PERSON} FROM person WHERE id = ?", person_id)
    assert row is not None
    return as_person(*row)


def _owners(transaction: Transaction) -> list[int]:
    """Give the ids of the owners who can sign in."""
    # Two of them who demote each other at the same time must not both find the other.
    lock = "" if transaction.db.sqlite else " FOR UPDATE"
    rows = transaction.db.rows(f"SELECT id FROM person WHERE role = 'owner' AND enabled ORDER BY id{lock}")
    return [person_id for (person_id,) in rows]


def _use(transaction: Transaction, invitation: Invitation) -> None:
    if not transaction.db.run("DELETE FROM invitation WHERE id = ?", invitation.id):
        raise NoSuchInvitation("")


def _set_password(transaction: Transaction, person: Person, proof: Proof) -> None:
    transaction.db.run("UPDATE person SET verifier = ?, salt = ? WHERE id = ?", *proof, person.id)
    transaction.db.run("DELETE FROM admin_session WHERE person_id = ?", person.id)
    transaction.db.run("DELETE FROM invitation WHERE person_id = ?", person.id)


def _remove_factor(transaction: Transaction, person_id: int) -> None:
    transaction.db.run("UPDATE person SET totp_secret = '', totp_step = 0 WHERE id = ?", person_id)
    _set_recovery(transaction, person_id, ())


def _set_recovery(transaction: Transaction, person_id: int, verifiers: tuple[bytes, ...]) -> None:
    transaction.db.run("DELETE FROM recovery_code WHERE person_id = ?", person_id)
    if verifiers:
        transaction.db.many(
            "INSERT INTO recovery_code (person_id, verifier) VALUES (?, ?)",
            [(person_id, verifier) for verifier in verifiers],
        )
