"""Owners decide who operates the host, and people get in by links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.errors import InvalidValue, LastOwner, NoSuchInvitation, NoSuchPerson, PersonExists, WrongCredentials
from tempmaild.service.people import LONGEST_INVITATION
from tempmaild.service.sign_ins import Client
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.service.people import People
    from tests.support import TestAppliance

PASSWORD, OTHER = "nine lives of tea", "seven seas of rye"
HERE = Client("192.0.2.1")


@pytest.fixture
def people(house: TestAppliance) -> People:
    return house.appliance.people


def can_sign_in(house: TestAppliance, name: str, password: str) -> bool:
    try:
        return bool(run(house.appliance.sign_ins.sign_in(name, password, HERE)))
    except WrongCredentials:
        return False


def test_people_are_added_changed_and_removed(house: TestAppliance, people: People) -> None:
    ann = run(people.add("Ann", "owner", PASSWORD, "operator"))
    assert (ann.name, ann.role) == ("ann", "owner")
    assert can_sign_in(house, "ann", PASSWORD)
    assert not can_sign_in(house, "ann", OTHER)
    with pytest.raises(PersonExists):
        run(people.add("ANN", "viewer", PASSWORD))
    assert run(people.get(" ANN ")).name == "ann"
    run(people.add("bob", "owner", PASSWORD))
    assert run(people.change("ann", "viewer", enabled=True, actor="bob")).role == "viewer"
    with pytest.raises(LastOwner):
        run(people.change("bob", "viewer", enabled=True))
    run(people.remove("ann", "bob"))
    with pytest.raises(NoSuchPerson):
        run(people.get("ann"))
    assert [person.name for person in run(people.list_all())] == ["bob"]


def test_what_is_impossible(people: People) -> None:
    for name, role, password, field in (
        ("no name", "viewer", PASSWORD, "name"),
        ("ann", "root", PASSWORD, "role"),
        ("ann", "viewer", "short", "password"),
        ("annabel.lee", "viewer", "Annabel.Lee1", "password"),
    ):
        with pytest.raises(InvalidValue) as caught:
            run(people.add(name, role, password))  # type: ignore[arg-type]
        assert caught.value.field == field
    with pytest.raises(InvalidValue, match="role: 'root'"):
        run(people.change("ann", "root", enabled=True))  # type: ignore[arg-type]


def test_somebody_is_invited(house: TestAppliance, people: People) -> None:
    invitation, token = run(people.invite("viewer", 60, "for Ann", "bob"))
    assert (invitation.note, invitation.invited_by, invitation.expires_at) == ("for Ann", "bob", NOW + 60)
    assert len(token) == 43
    assert run(people.invitation(token)) == invitation
    with pytest.raises(InvalidValue, match="password"):
        run(people.accept(token, "ann", "short"))
    with pytest.raises(InvalidValue, match="name"):
        run(people.accept(token, "no name", PASSWORD))
    ann = run(people.accept(token, "Ann", PASSWORD))
    assert (ann.name, ann.role) == ("ann", "viewer")
    assert can_sign_in(house, "ann", PASSWORD)
    with pytest.raises(NoSuchInvitation):
        run(people.accept(token, "eve", PASSWORD))


def test_an_invitation_is_over(house: TestAppliance, people: People) -> None:
    invited = run(people.invite("viewer", 60))
    house.clock.now += 60
    assert run(people.invitations()) == []
    for token in (invited.token, "", "\ud800", "x" * 10_000):
        with pytest.raises(NoSuchInvitation):
            run(people.invitation(token))
        with pytest.raises(NoSuchInvitation):
            run(people.accept(token, "ann", PASSWORD))
    invited = run(people.invite("viewer", 60))
    run(people.withdraw(invited.invitation.id, "bob"))
    with pytest.raises(NoSuchInvitation):
        run(people.invitation(invited.token))


@pytest.mark.parametrize(
    ("role", "seconds", "note", "field"),
    [
        ("root", 60, "", "role"),
        ("viewer", 0, "", "seconds"),
        ("viewer", LONGEST_INVITATION + 1, "", "seconds"),
        ("viewer", 60, "a\nb", "note"),
    ],
)
def test_invitations_that_cannot_be(people: People, role: str, seconds: int, note: str, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        run(people.invite(role, seconds, note))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_password_is_lost(house: TestAppliance, people: People) -> None:
    run(people.add("ann", "owner", PASSWORD))
    with pytest.raises(NoSuchPerson):
        run(people.reset("bob"))
    token = run(people.reset("ann", 60, "operator")).token
    assert can_sign_in(house, "ann", PASSWORD)
    assert run(people.accept(token, "", OTHER)).role == "owner"
    assert not can_sign_in(house, "ann", PASSWORD)
    assert can_sign_in(house, "ann", OTHER)
