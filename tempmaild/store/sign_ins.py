"""Who is signed in to the console: changes to that, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from tempmaild.core.person import Person, Session
from tempmaild.errors import NoSuchPerson, NoSuchSession
from tempmaild.store.audit import record
from tempmaild.store.people import as_person

if TYPE_CHECKING:
    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

MOST_SESSIONS = 20
"""Of one person, and as many in which a code is due; the one that was not used for the longest time ends when there
would be more."""
MOST_FAILED_CODES = 5
"""Wrong codes after which the password has to be given again."""
CODES_WINDOW = 3600
"""Seconds for which somebody's wrong codes are counted together, in whichever sessions they were given."""

_SESSION = "s.id, s.person_id, s.verified, s.failed_codes, s.created_at, s.used_at, s.expires_at, s.address, s.agent"
_PERSON = (
    "p.id, p.name, p.role, p.zone, p.language, p.theme, p.totp_secret <> '', p.enabled, p.created_at, p.signed_in_at"
)


class Visitor(NamedTuple):
    """Somebody who is signed in, and by what."""

    person: Person
    session: Session


class BeginSession(Struct, frozen=True):
    """Have somebody be signed in.

    Attributes:
        lookup: the digest of the token.
        verified: False while a code is still due.
        expires_at: UTC epoch seconds.
        idle: seconds; sessions that nobody has used for so long are removed.
        renewed: whether it only takes the place of another one.
    """

    person_id: int
    lookup: bytes
    verified: bool
    expires_at: int
    idle: int
    address: str = ""
    agent: str = ""
    renewed: bool = False

    def apply(self, transaction: Transaction) -> None:
        """Begin it.

        Raises:
            NoSuchPerson: they are gone, or may not sign in.
        """
        db, now = transaction.db, transaction.now
        row = db.row("SELECT name FROM person WHERE id = ? AND enabled", self.person_id)
        if not row:
            raise NoSuchPerson("")
        db.run("DELETE FROM admin_session WHERE expires_at <= ? OR used_at <= ?", now, now - self.idle)
        db.run(
            # Each kind for itself: who knows the password alone ends nobody's session by giving it again and again.
            "DELETE FROM admin_session WHERE id IN (SELECT id FROM admin_session WHERE person_id = ? AND verified = ?"
            " ORDER BY used_at DESC, id DESC LIMIT 1000000 OFFSET ?)",
            *(self.person_id, self.verified, MOST_SESSIONS - 1),
        )
        db.run(
            "INSERT INTO admin_session (lookup, person_id, verified, failed_codes, created_at, used_at, expires_at,"
            " address, agent) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)",
            *(self.lookup, self.person_id, self.verified, now, now, self.expires_at, self.address, self.agent),
        )
        if self.verified and not self.renewed:
            db.run("UPDATE person SET signed_in_at = ? WHERE id = ?", now, self.person_id)
            record(transaction, row[0], "sign-in", row[0], {})


class SpendCode(Struct, frozen=True):
    """Use a code of the second factor: that of a time step, or a recovery code. It is good no longer."""

    person_id: int
    step: int = 0
    recovery: bytes = b""

    def apply(self, transaction: Transaction) -> bool:
        """Use it; False where it was used meanwhile, or never was good."""
        db = transaction.db
        if self.recovery:
            used = db.run(
                "DELETE FROM recovery_code WHERE person_id = ? AND verifier = ?", self.person_id, self.recovery
            )
            if used:
                _record(transaction, self.person_id, "recovery-code-use")
        else:
            used = db.run(
                "UPDATE person SET totp_step = ? WHERE id = ? AND totp_step < ?", self.step, self.person_id, self.step
            )
        if used:
            db.run("UPDATE person SET failed_codes = 0, failed_codes_since = 0 WHERE id = ?", self.person_id)
        return bool(used)


class FailCode(Struct, frozen=True):
    """Count a wrong code; after too many in one session that session ends.

    Attributes:
        lookup: of the session in which it was given.
    """

    person_id: int
    lookup: bytes

    def apply(self, transaction: Transaction) -> None:
        """Count it."""
        db, now = transaction.db, transaction.now
        db.run("UPDATE admin_session SET failed_codes = failed_codes + 1 WHERE lookup = ?", self.lookup)
        db.run(
            "DELETE FROM admin_session WHERE lookup = ? AND NOT verified AND failed_codes >= ?",
            *(self.lookup, MOST_FAILED_CODES),
        )
        over = db.run(
            "UPDATE person SET failed_codes = 1, failed_codes_since = ?"
            " WHERE id = ? AND (failed_codes_since <= ? OR failed_codes_since > ?)",
            *(now, self.person_id, now - CODES_WINDOW, now),
        )
        if not over:
            db.run("UPDATE person SET failed_codes = failed_codes + 1 WHERE id = ?", self.person_id)
        _record(transaction, self.person_id, "code-wrong")


class FailSignIn(Struct, frozen=True):
    """Note that a sign-in failed. Of names that nobody has only that is noted: people type their passwords there."""

    name: str

    def apply(self, transaction: Transaction) -> None:
        """Note it."""
        row = transaction.db.row("SELECT name FROM person WHERE name = ?", self.name)
        record(transaction, "console", "sign-in-failed", row[0] if row else "", {})


class UseSession(Struct, frozen=True):
    """Note that a session is in use."""

    id: int

    def apply(self, transaction: Transaction) -> None:
        """Note it."""
        transaction.db.run("UPDATE admin_session SET used_at = ? WHERE id = ?", transaction.now, self.id)


class SignOut(Struct, frozen=True):
    """End the session that somebody has the token of."""

    lookup: bytes

    def apply(self, transaction: Transaction) -> None:
        """End it; nothing happens where it has ended already."""
        row = transaction.db.row(
            "DELETE FROM admin_session WHERE lookup = ? RETURNING person_id, verified", self.lookup
        )
        if row and row[1]:
            _record(transaction, row[0], "sign-out")


class EndSession(Struct, frozen=True):
    """End a session of somebody."""

    id: int
    person_id: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """End it.

        Raises:
            NoSuchSession: it has ended, or is not theirs.
        """
        ended = transaction.db.run(
            "DELETE FROM admin_session WHERE id = ? AND person_id = ?", self.id, self.person_id
        )
        if not ended:
            raise NoSuchSession(str(self.id))
        _record(transaction, self.person_id, "session-end", self.actor)


class EndSessions(Struct, frozen=True):
    """End all sessions of somebody but one."""

    person_id: int
    but: int = 0
    actor: str = ""

    def apply(self, transaction: Transaction) -> int:
        """End them; how many there were."""
        ended = transaction.db.run(
            "DELETE FROM admin_session WHERE person_id = ? AND id <> ?", self.person_id, self.but
        )
        if ended:
            _record(transaction, self.person_id, "session-end", self.actor)
        return ended


class SignInQueries:
    """What is read of sessions."""

    def __init__(self, db: Handle) -> None:
        self._db = db

    def visitor(self, lookup: bytes) -> Visitor | None:
        """Give whose session it is, by the digest of its token, over or not; None for nobody who may sign in."""
        row = self._db.row(
            f"SELECT {_SESSION}, {_PERSON} FROM admin_session s JOIN person p ON p.id = s.person_id"
            " WHERE s.lookup = ? AND p.enabled",
            lookup,
        )
        if not row:
            return None
        width = len(Session.__struct_fields__)
        return Visitor(as_person(*row[width:]), _session(*row[:width]))

    def sessions(self, person_id: int, now: int, idle: int) -> list[Session]:
        """Give the sessions of somebody that are not over, those first that were used last."""
        rows = self._db.rows(
            f"SELECT {_SESSION} FROM admin_session s WHERE s.person_id = ? AND s.verified AND s.expires_at > ?"
            " AND s.used_at > ? ORDER BY s.used_at DESC, s.id DESC",
            *(person_id, now, now - idle),
        )
        return [_session(*row) for row in rows]


def _session(session_id: int, person_id: int, verified: object, *values: object) -> Session:
    # A number on SQLite.
    return Session(session_id, person_id, bool(verified), *values)  # type: ignore[arg-type] # as in `_SESSION`


def _record(transaction: Transaction, person_id: int, action: str, actor: str = "") -> None:
    row = transaction.db.row("SELECT name FROM person WHERE id = ?", person_id)
    if row:
        record(transaction, actor or row[0], action, row[0], {})
