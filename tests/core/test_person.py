"""Names, passwords and preferences of people who operate the host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.person import check_note, check_password, check_preferences, check_role, normalise_name
from tempmaild.errors import InvalidValue


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann", "ann"),
        (" Ann ", "ann"),
        ("ann@example.org", "ann@example.org"),
        ("a", "a"),
        ("a.b+c_d-e", "a.b+c_d-e"),
    ],
)
def test_names(typed: str, kept: str) -> None:
    assert normalise_name(typed) == kept


@pytest.mark.parametrize(
    "name",
    ["", " ", "-ann", "ann-", ".", "an/n", "an n", "änn", "a" * 65, "a\nb", "operator", "Sweep", "host", "console"],
)
def test_names_that_nobody_can_have(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        normalise_name(name)
    assert caught.value.field == "name"


@given(st.text())
def test_a_name_that_is_kept_stays_as_it_is(text: str) -> None:
    try:
        name = normalise_name(text)
    except InvalidValue:
        return
    assert normalise_name(name) == name
    assert name.isascii()


@pytest.mark.parametrize(
    "password",
    [
        "nine lives of tea",
        "Tr0ub4dor&3xyz",
        "ÄÖÜ und Straße 7",
        "a" * 4 + "bcdefghixyzw",
        "483920174839",
        "x7" + "qlmw" * 60,
    ],
)
def test_passwords(password: str) -> None:
    check_password(password, "ann")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "it has not 12 to 256 characters"),
        ("elevenchars", "it has not 12 to 256 characters"),
        ("x7qlmw" * 50, "it has not 12 to 256 characters"),
        ("nine lives\tof tea", "it has characters that cannot be typed"),
        ("nine lives\0of tea", "it has characters that cannot be typed"),
        ("Password1234!", "it is one of those that are tried first"),
        ("12345Letmein12", "it is one of those that are tried first"),
        ("CorrectHorseBatteryStaple", "it is one of those that are tried first"),
        ("ann.miller1234", "it is one of those that are tried first"),
        ("Ann.Miller@example.org", "it is one of those that are tried first"),
        ("abababababab", "it repeats itself, or follows the alphabet or the keyboard"),
        ("123456789012", "it repeats itself, or follows the alphabet or the keyboard"),
        ("QwertyuiopAsdf", "it repeats itself, or follows the alphabet or the keyboard"),
        ("ijklmnopqrstuvwxyzabc", "it repeats itself, or follows the alphabet or the keyboard"),
    ],
)
def test_passwords_that_cannot_be_chosen(password: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_password(password, "ann.miller@example.org")
    assert (caught.value.field, caught.value.reason) == ("password", reason)


@pytest.mark.parametrize(
    ("zone", "language", "theme", "field"),
    [
        ("Europe/Nowhere", "", "", "zone"),
        ("", "", "", "zone"),
        ("../../etc/passwd", "", "", "zone"),
        ("UTC", "not a language", "", "language"),
        ("UTC", "e", "", "language"),
        ("UTC", "", "pink", "theme"),
    ],
)
def test_preferences_that_cannot_be(zone: str, language: str, theme: str, field: str) -> None:
    check_preferences("Europe/Vienna", "pt_BR", "dark")
    with pytest.raises(InvalidValue) as caught:
        check_preferences(zone, language, theme)
    assert caught.value.field == field


def test_roles_and_notes() -> None:
    check_role("viewer")
    check_note("for Ann, until June")
    with pytest.raises(InvalidValue, match="'root' is not one of viewer, operator, owner"):
        check_role("root")
    for note in ("a" * 201, "two\nlines"):
        with pytest.raises(InvalidValue, match="it is not one line of at most 200 characters"):
            check_note(note)
