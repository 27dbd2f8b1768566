"""People who operate this host."""

from __future__ import annotations

import re
from typing import Literal, get_args
from zoneinfo import available_timezones

from msgspec import Struct

from tempmaild.core import secret as secrets
from tempmaild.errors import InvalidValue

Role = Literal["viewer", "operator", "owner"]
"""What somebody may do.

viewer: look at everything that the console shows. operator: change everything but people. owner: everything.
"""
ROLES: tuple[Role, ...] = ("viewer", "operator", "owner")
"""From the least to the most."""
Theme = Literal["", "light", "dark"]

RECOVERY_CODES = 10
"""How many somebody gets at once."""
SHORTEST_PASSWORD = 12
"""Characters. More than for a mailbox: who guesses it has the whole host."""
LONGEST_NOTE = 200
"""Characters of what is noted with an invitation."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?")
_NOBODYS = frozenset({"console", "host", "operator", "owner", "sweep", "tempmaild"})
"""Whom the audit log names where no person did it."""
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:[_-][A-Za-z0-9]{2,8})*)?")
_FEWEST_DIFFERENT = 5
"""Characters that a password has to have that are not the same."""
_COMMON = frozenset((
    "administrator", "changeme", "correcthorsebatterystaple", "disposablemail", "iloveyou", "letmein",
    "monkey", "mypassword", "operator", "owner", "passphrase", "passw0rd", "password", "passwort", "qwerty",
    "qwertyuiop", "qwertyuiopasdfghjkl", "qwertz", "qwertzuiop", "secret", "superuser", "sunshine",
    "tempmail", "tempmaild", "thisisapassword", "thisismypassword", "trustno1", "welcome",
))  # fmt: skip
"""What nothing but digits and punctuation makes a password of."""
_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz" * 2, "0123456789" * 8, "9876543210" * 8, "qwertyuiopasdfghjklzxcvbnm")


class Person(Struct, frozen=True):
    """Somebody who may sign in to the console.

    Attributes:
        name: by which they sign in, and which the audit log names.
        zone: of the times that they are shown (IANA).
        language: of their pages; "" for their browser's.
        theme: "light", "dark", or "" for their browser's.
        has_totp: whether signing in takes a code of theirs as well (RFC 6238).
        created_at: UTC epoch seconds.
        signed_in_at: when they did so last (UTC epoch seconds), 0 for never.
    """

    id: int
    name: str
    role: Role
    zone: str = "UTC"
    language: str = ""
    theme: str = ""
    has_totp: bool = False
    enabled: bool = True
    created_at: int = 0
    signed_in_at: int = 0


class Invitation(Struct, frozen=True):
    """A link by which one person gets in, once. Times are in UTC epoch seconds.

    Attributes:
        role: which they get.
        name: of who is there already and is to choose another password; "" for somebody new.
        note: for the owners to read.
        invited_by: whom the audit log names.
    """

    id: int
    role: Role
    name: str
    note: str
    invited_by: str
    created_at: int
    expires_at: int


class Session(Struct, frozen=True):
    """Somebody who is signed in. Times are in UTC epoch seconds.

    Attributes:
        person_id: who it is.
        verified: False while a code is still due.
        failed_codes: wrong ones that were given in it.
        used_at: when it was last used, within a minute.
        address: the IP address from which they signed in.
        agent: what their browser calls itself.
    """

    id: int
    person_id: int
    verified: bool
    failed_codes: int
    created_at: int
    used_at: int
    expires_at: int
    address: str
    agent: str


def normalise_name(name: str) -> str:
    """Give a name as it is kept: letter case does not count.

    Raises:
        InvalidValue: nobody can have it.
    """
    normal = name.strip().lower()
    if not _NAME.fullmatch(normal):
        raise InvalidValue("name", "%(name)r is not made of at most 64 of a-z, 0-9 and inner . _ @ + -", name=name)
    if normal in _NOBODYS:
        raise InvalidValue("name", "%(name)r stands in the audit log for what no person did", name=normal)
    return normal


def check_role(role: str) -> None:
    """See that there is such a role.

    Raises:
        InvalidValue: there is none.
    """
    if role not in ROLES:
        raise InvalidValue("role", "%(value)r is not one of %(allowed)s", allowed=", ".join(ROLES), value=role)


def check_note(note: str) -> None:
    """See that this can be noted with an invitation.

    Raises:
        InvalidValue: it cannot.
    """
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise InvalidValue("note", "it is not one line of at most %(longest)s characters", longest=LONGEST_NOTE)


def check_preferences(zone: str, language: str, theme: str) -> None:
    """See that pages can be like this.

    Raises:
        InvalidValue: they cannot; names the field.
    """
    if zone not in available_timezones():
        raise InvalidValue("zone", "%(zone)r is no time zone such as Europe/Vienna", zone=zone)
    if not _LANGUAGE.fullmatch(language):
        raise InvalidValue("language", "%(language)r is no language such as en", language=language)
    if theme not in get_args(Theme):
        raise InvalidValue("theme", "%(theme)r is not light or dark", theme=theme)


def check_password(password: str, name: str) -> None:
    """See that somebody of this name may choose this password.

    Raises:
        InvalidValue: it is too short or too long, cannot be typed, or is one of those that are tried first.
    """
    if not SHORTEST_PASSWORD <= len(password) <= secrets.LONGEST_PASSWORD:
        raise InvalidValue(
            "password",
            "it has not %(shortest)s to %(longest)s characters",
            shortest=SHORTEST_PASSWORD,
            longest=secrets.LONGEST_PASSWORD,
        )
    if not password.isprintable():
        raise InvalidValue("password", "it has characters that cannot be typed")
    folded = password.casefold()
    word = folded.strip("0123456789!?.,;:#$%&*+-_=@ ")
    if word in _COMMON or word in {name, name.partition("@")[0]}:
        raise InvalidValue("password", "it is one of those that are tried first")
    if len(set(folded)) < _FEWEST_DIFFERENT or any(folded in sequence for sequence in _SEQUENCES):
        raise InvalidValue("password", "it repeats itself, or follows the alphabet or the keyboard")
