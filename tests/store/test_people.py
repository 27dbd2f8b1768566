"""People, invitations and sessions are kept on either kind of database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.errors import LastOwner, NoSuchInvitation, NoSuchPerson, NoSuchSession, PersonExists
from tempmaild.log import get_log
from tempmaild.store.audit import AuditLog
from tempmaild.store.backup import RESTORED, FinishRestore
from tempmaild.store.console_key import FactorLock
from tempmaild.store.people import (
    Accept,
    AddPerson,
    ChangePerson,
    Factor,
    Invite,
    LockTotp,
    PersonQueries,
    Proof,
    RemovePerson,
    RemoveTotp,
    SetPassword,
    SetPreferences,
    SetRecovery,
    SetTotp,
    WithdrawInvitation,
)
from tempmaild.store.sign_ins import (
    CODES_WINDOW,
    MOST_FAILED_CODES,
    MOST_SESSIONS,
    BeginSession,
    EndSession,
    EndSessions,
    FailCode,
    FailSignIn,
    SignInQueries,
    SignOut,
    SpendCode,
    UseSession,
)
from tests.support import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.person import Person, Role
    from tempmaild.store.transaction import Change
    from tests.store.house import Store

DAY = 86_400
IDLE = 3600
VERIFIER, SALT = b"\x01" * 32, b"\x02" * 16
LINK = b"\x03" * 32


def add(store: Store, name: str, role: Role = "operator") -> Person:
    person: Person = store.write(AddPerson(name, role, VERIFIER, SALT, "operator"))
    return person


def lookup(number: int) -> bytes:
    return number.to_bytes(32, "big")


def begin(store: Store, person: Person, number: int, *, verified: bool = True) -> None:
    store.write(BeginSession(person.id, lookup(number), verified, store.now + DAY, IDLE, "192.0.2.1", "Browser"))


def is_signed_in(store: Store, number: int) -> bool:
    return SignInQueries(store.handle).visitor(lookup(number)) is not None


def audited(store: Store) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Give actor, action, subject and details of the rows of the audit log."""
    return [(row.actor, row.action, row.subject, json.loads(row.details)) for row in AuditLog(store.handle).rows()][
        1:
    ]


@pytest.fixture
def lock(tmp_path: Path) -> FactorLock:
    return FactorLock(tmp_path / "admin.key", get_log("admin"))


@pytest.fixture
def people(store: Store, lock: FactorLock) -> PersonQueries:
    return PersonQueries(store.handle, lock)


def test_people_are_kept(store: Store, people: PersonQueries) -> None:
    assert people.people() == []
    assert people.named("ann") is None
    assert people.proof("ann") is None
    assert people.factor(1) is None
    bob, ann = add(store, "bob", "owner"), add(store, "ann")
    assert people.people() == [ann, bob]
    assert people.named("ann") == ann
    assert (ann.role, ann.zone, ann.enabled, ann.has_totp, ann.created_at) == ("operator", "UTC", True, False, NOW)
    assert people.proof("ann") == Proof(VERIFIER, SALT)
    with pytest.raises(PersonExists):
        add(store, "ann")
    assert audited(store)[-1] == ("operator", "person-add", "ann", {"id": ann.id, "role": "operator"})


@pytest.mark.parametrize(
    "change",
    [
        ChangePerson("nobody", "owner", True),
        RemovePerson("nobody"),
        SetPassword("nobody", VERIFIER, SALT),
        SetTotp("nobody", "A" * 32, 1, ()),
        RemoveTotp("nobody"),
        SetRecovery("nobody", ()),
        SetPreferences("nobody", "UTC", "", ""),
        Invite(LINK, "owner", NOW + 60, name="nobody"),
        BeginSession(1, LINK, True, NOW + 60, 60),
    ],
)
def test_nothing_is_done_to_nobody(store: Store, change: Change[Any]) -> None:
    before = audited(store)
    with pytest.raises(NoSuchPerson):
        store.write(change)
    assert audited(store) == before


def test_a_change_of_role_signs_out(store: Store) -> None:
    add(store, "owner1", "owner")
    ann = add(store, "ann")
    begin(store, ann, 1)
    unchanged = store.write(ChangePerson("ann", "operator", True, "owner1"))
    assert unchanged.role == "operator"
    assert is_signed_in(store, 1)
    changed = store.write(ChangePerson("ann", "viewer", True, "owner1"))
    assert changed.role == "viewer"
    assert not is_signed_in(store, 1)
    assert audited(store)[-1] == ("owner1", "person-change", "ann", {"role": "viewer", "enabled": True})


def test_who_may_not_sign_in_is_not_signed_in(store: Store) -> None:
    ann = add(store, "ann")
    begin(store, ann, 1)
    store.write(ChangePerson("ann", "operator", False))
    assert store.count("admin_session") == 0
    with pytest.raises(NoSuchPerson):
        begin(store, ann, 2)


@pytest.mark.parametrize(
    "change",
    [ChangePerson("ann", "operator", True), ChangePerson("ann", "owner", False), RemovePerson("ann")],
)
def test_the_last_owner_stays(store: Store, people: PersonQueries, change: Change[Any]) -> None:
    add(store, "ann", "owner")
    add(store, "bob", "operator")
    disabled = add(store, "carl", "owner")
    store.write(ChangePerson("carl", "owner", False))
    with pytest.raises(LastOwner):
        store.write(change)
    assert next((p.name, p.role, p.enabled) for p in people.people()) == ("ann", "owner", True)
    store.write(ChangePerson("bob", "owner", True))
    store.write(change)
    with pytest.raises(LastOwner):
        store.write(RemovePerson("bob"))
    store.write(RemovePerson(disabled.name))


def test_of_two_owners_who_go_together_one_stays(store: Store, people: PersonQueries) -> None:
    add(store, "ann", "owner")
    add(store, "bob", "owner")
    results = store.group(RemovePerson("ann"), RemovePerson("bob"))
    assert isinstance(results[1], LastOwner)
    assert [person.name for person in people.people()] == ["bob"]


def test_nothing_is_left_of_who_is_removed(store: Store) -> None:
    ann = add(store, "ann")
    store.write(SetTotp("ann", "A" * 32, 5, (b"\x07" * 32,)))
    begin(store, ann, 1)
    store.write(Invite(LINK, "viewer", NOW + 60, name="ann"))
    store.write(RemovePerson("ann", "bob"))
    for table in ("person", "recovery_code", "admin_session", "invitation"):
        assert store.count(table) == 0
    assert audited(store)[-1] == ("bob", "person-remove", "ann", {"id": ann.id, "role": "operator"})


def test_an_invitation_is_good_once(store: Store, people: PersonQueries) -> None:
    invitation = store.write(Invite(LINK, "owner", NOW + 60, "for Ann", actor="operator"))
    assert people.invitations(NOW) == [invitation]
    assert people.invitation(LINK, NOW) == invitation
    assert people.invitation(LINK, NOW + 60) is None
    assert people.invitation(b"\x04" * 32, NOW) is None
    add(store, "bob")
    with pytest.raises(PersonExists):
        store.write(Accept(LINK, "bob", VERIFIER, SALT))
    ann = store.write(Accept(LINK, "ann", VERIFIER, SALT))
    assert (ann.name, ann.role) == ("ann", "owner")
    with pytest.raises(NoSuchInvitation):
        store.write(Accept(LINK, "eve", VERIFIER, SALT))
    assert audited(store)[-1] == (
        "ann", "person-add", "ann", {"id": ann.id, "role": "owner", "invited_by": "operator"},
    )  # fmt: skip


def test_an_invitation_ends(store: Store, people: PersonQueries) -> None:
    store.write(Invite(LINK, "owner", NOW + 60))
    store.now += 60
    with pytest.raises(NoSuchInvitation):
        store.write(Accept(LINK, "ann", VERIFIER, SALT))
    assert people.invitations(store.now) == []
    store.write(Invite(lookup(2), "owner", store.now + 60))
    assert store.count("invitation") == 1


def test_an_invitation_is_withdrawn(store: Store) -> None:
    invitation = store.write(Invite(LINK, "viewer", NOW + 60, actor="ann"))
    store.write(WithdrawInvitation(invitation.id, "bob"))
    with pytest.raises(NoSuchInvitation):
        store.write(Accept(LINK, "ann", VERIFIER, SALT))
    with pytest.raises(NoSuchInvitation):
        store.write(WithdrawInvitation(invitation.id))
    assert audited(store)[-1] == ("bob", "invitation-withdraw", "", {"role": "viewer", "invited_by": "ann"})


def test_a_link_for_another_password(store: Store, people: PersonQueries) -> None:
    ann = add(store, "ann")
    store.write(SetTotp("ann", "A" * 32, 5, (b"\x07" * 32,)))
    begin(store, ann, 1)
    store.write(Invite(lookup(8), "viewer", NOW + 60, name="ann"))
    link = store.write(Invite(LINK, "viewer", NOW + 60, name="ann", actor="bob"))
    assert (link.name, link.role) == ("ann", "operator")
    assert people.invitations(NOW) == [link], "the first one is good no longer"
    assert is_signed_in(store, 1), "until it is used everything stays as it is"
    renewed = store.write(Accept(LINK, "eve", b"\x09" * 32, SALT))
    assert (renewed.name, renewed.role, renewed.has_totp) == ("ann", "operator", False)
    assert people.proof("ann") == Proof(b"\x09" * 32, SALT)
    assert people.recovery_codes(ann.id) == 0
    assert not is_signed_in(store, 1)
    assert people.invitations(NOW) == []
    assert audited(store)[-1] == ("ann", "password-reset", "ann", {"invited_by": "bob"})


def test_a_link_is_of_no_use_to_who_may_not_sign_in(store: Store, people: PersonQueries) -> None:
    add(store, "ann")
    store.write(ChangePerson("ann", "operator", False))
    store.write(Invite(LINK, "viewer", NOW + 60, name="ann"))
    assert people.invitation(LINK, NOW) is None
    with pytest.raises(NoSuchInvitation):
        store.write(Accept(LINK, "ann", VERIFIER, SALT))
    store.write(ChangePerson("ann", "viewer", True))
    assert people.invitation(LINK, NOW) is None, "it was for them as they were"


def test_a_password_is_changed(store: Store, people: PersonQueries) -> None:
    ann = add(store, "ann")
    begin(store, ann, 1)
    store.write(SetPassword("ann", b"\x09" * 32, b"\x0a" * 16, "ann"))
    assert people.proof("ann") == Proof(b"\x09" * 32, b"\x0a" * 16)
    assert not is_signed_in(store, 1)
    assert audited(store)[-1] == ("ann", "password-change", "ann", {})


def test_a_second_factor(store: Store, people: PersonQueries) -> None:
    ann = add(store, "ann")
    codes = (lookup(101), lookup(102))
    begin(store, ann, 1)
    store.write(SetTotp("ann", "A" * 32, 5, codes, "ann"))
    assert not is_signed_in(store, 1)
    assert people.factor(ann.id) == Factor("A" * 32, 5, 0, 0)
    named = people.named("ann")
    assert named is not None
    assert named.has_totp
    assert not store.write(SpendCode(ann.id, 5)), "it was used to set it up"
    assert store.write(SpendCode(ann.id, 6))
    assert not store.write(SpendCode(ann.id, 6))
    assert not store.write(SpendCode(ann.id, 5))
    assert store.write(SpendCode(ann.id, recovery=codes[0]))
    assert not store.write(SpendCode(ann.id, recovery=codes[0]))
    assert people.recovery_codes(ann.id) == 1
    assert audited(store)[-1] == ("ann", "recovery-code-use", "ann", {})
    store.write(SetRecovery("ann", (lookup(103),), "ann"))
    assert not store.write(SpendCode(ann.id, recovery=codes[1]))
    store.write(RemoveTotp("ann", "ann"))
    assert people.factor(ann.id) == Factor("", 0, 0, 0)
    assert people.recovery_codes(ann.id) == 0
    assert [row[1] for row in audited(store)][-2:] == ["recovery-codes", "totp-remove"]


def test_a_second_factor_that_was_kept_in_clear_is_locked(
    store: Store, people: PersonQueries, lock: FactorLock
) -> None:
    ann, bob, cy = add(store, "ann"), add(store, "bob"), add(store, "cy")
    for person, kept in ((ann, "A" * 32), (bob, lock.lock(bob.id, "B" * 32))):
        store.write(SetTotp(person.name, kept, 5, ()))
    assert people.clear_secrets() == [(ann.id, "A" * 32)]
    store.write(LockTotp(ann.id, "C" * 32, lock.lock(ann.id, "C" * 32)))
    assert people.clear_secrets() == [(ann.id, "A" * 32)], "there is another one meanwhile"
    store.write(LockTotp(ann.id, "A" * 32, lock.lock(ann.id, "A" * 32)))
    assert people.clear_secrets() == []
    for person, secret in ((ann, "A" * 32), (bob, "B" * 32), (cy, "")):
        factor = people.factor(person.id)
        assert factor is not None
        assert factor.secret == secret


def test_wrong_codes_end_a_session_that_waits_for_one(store: Store, people: PersonQueries) -> None:
    ann = add(store, "ann")
    store.write(SetTotp("ann", "A" * 32, 5, ()))
    for number in (1, 2):
        begin(store, ann, number, verified=False)
        for _ in range(MOST_FAILED_CODES):
            assert is_signed_in(store, number)
            store.write(FailCode(ann.id, lookup(number)))
        assert not is_signed_in(store, number)
    assert people.factor(ann.id) == Factor("A" * 32, 5, 2 * MOST_FAILED_CODES, NOW)
    assert audited(store)[-1] == ("ann", "code-wrong", "ann", {})
    store.now += CODES_WINDOW
    store.write(FailCode(ann.id, lookup(1)))
    assert people.factor(ann.id) == Factor("A" * 32, 5, 1, store.now)
    store.now -= CODES_WINDOW  # a clock that is set back
    store.write(FailCode(ann.id, lookup(1)))
    assert people.factor(ann.id) == Factor("A" * 32, 5, 1, store.now)
    store.write(SpendCode(ann.id, 6))
    assert people.factor(ann.id) == Factor("A" * 32, 6, 0, 0)


def test_sessions(store: Store) -> None:
    queries = SignInQueries(store.handle)
    ann = add(store, "ann")
    begin(store, ann, 1)
    store.now += 10
    begin(store, ann, 2)
    begin(store, ann, 3, verified=False)
    visitor = queries.visitor(lookup(2))
    assert visitor is not None
    assert visitor.person.signed_in_at == store.now
    session = visitor.session
    assert (session.verified, session.address, session.agent) == (True, "192.0.2.1", "Browser")
    assert (session.created_at, session.used_at, session.expires_at) == (NOW + 10, NOW + 10, NOW + 10 + DAY)
    second, first = queries.sessions(ann.id, store.now, IDLE)
    assert second == session
    store.now += 60
    store.write(UseSession(first.id))
    assert [s.id for s in queries.sessions(ann.id, store.now, IDLE)] == [first.id, second.id]
    assert [s.id for s in queries.sessions(ann.id, store.now + IDLE - 30, IDLE)] == [first.id]
    assert queries.sessions(ann.id, store.now + DAY, 2 * DAY) == []
    store.write(SignOut(lookup(3)))
    assert audited(store)[-1][1] == "sign-in", "who has not got in does not get out"
    store.write(SignOut(lookup(2)))
    assert audited(store)[-1] == ("ann", "sign-out", "ann", {})
    store.write(SignOut(lookup(2)))
    assert not is_signed_in(store, 2)
    bob = add(store, "bob")
    with pytest.raises(NoSuchSession):
        store.write(EndSession(first.id, bob.id))
    store.write(EndSession(first.id, ann.id, "bob"))
    assert audited(store)[-1] == ("bob", "session-end", "ann", {})
    assert not is_signed_in(store, 1)


def test_sessions_end_but_for_one(store: Store) -> None:
    ann, bob = add(store, "ann"), add(store, "bob")
    for number in range(3):
        begin(store, ann, number)
    begin(store, bob, 9)
    visitor = SignInQueries(store.handle).visitor(lookup(1))
    assert visitor is not None
    assert store.write(EndSessions(ann.id, visitor.session.id, "ann")) == 2
    assert store.write(EndSessions(ann.id, visitor.session.id, "ann")) == 0
    assert [is_signed_in(store, number) for number in (0, 1, 2, 9)] == [False, True, False, True]


def test_what_is_over_is_removed_and_there_are_not_too_many(store: Store) -> None:
    ann = add(store, "ann")
    begin(store, ann, 0)
    store.now += IDLE
    for number in range(1, MOST_SESSIONS + 6):
        store.now += 1
        begin(store, ann, number)
        assert not is_signed_in(store, 0)
    assert store.count("admin_session") == MOST_SESSIONS
    assert not is_signed_in(store, 5)
    assert is_signed_in(store, 6)
    for number in range(100, 105 + MOST_SESSIONS):
        begin(store, ann, number, verified=False)
    assert store.count("admin_session") == 2 * MOST_SESSIONS
    assert is_signed_in(store, 6)


def test_a_session_that_takes_the_place_of_another_is_no_sign_in(store: Store) -> None:
    ann = add(store, "ann")
    before = audited(store)
    store.write(BeginSession(ann.id, lookup(1), True, NOW + DAY, IDLE, renewed=True))
    assert audited(store) == before
    assert is_signed_in(store, 1)


def test_a_backup_brings_no_session_and_no_link_back(store: Store) -> None:
    begin(store, add(store, "ann"), 1)
    store.write(Invite(LINK, "owner", NOW + 60))
    store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
    store.write(FinishRestore())
    assert not is_signed_in(store, 1)
    assert (store.count("person"), store.count("invitation")) == (1, 0)


def test_a_failed_sign_in_is_noted_and_what_was_typed_is_not(store: Store) -> None:
    add(store, "ann")
    store.write(FailSignIn("ann"))
    store.write(FailSignIn("my secret password"))
    assert [row[0::2] for row in audited(store)][-2:] == [("console", "ann"), ("console", "")]
