"""What an operator can decide for a domain, and what is impossible."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

import msgspec
import pytest

from tempmaild.core.lifetime import LONGEST, PRESETS, SHORTEST, Lifetime
from tempmaild.core.policy import ROLES, Kind, Policy, from_text, to_text, usual_lifetime
from tempmaild.core.timespan import DAY, HOUR
from tempmaild.errors import InvalidValue

FULL = Policy(
    lifetime=Lifetime(HOUR, idle=60, messages=3, when_full="refuse", after_reading=0, retention=30, extend=DAY),
    longest=DAY,
    largest_message=1 << 20,
    names="short",
    passwords=True,
    catch_all="all@box.test",
    operator="me@box.test",
    reserved=("boss", "ceo"),
)


def test_is_kept_as_text() -> None:
    assert from_text(to_text(FULL)) == FULL
    assert to_text(Policy()) == "{}"


def test_is_brought_into_one_form() -> None:
    written = msgspec.structs.replace(
        FULL, catch_all="All@Box.Test.", operator="ME@box.test", reserved=("CEO", "Boss", "ceo")
    )
    assert written.checked("catch-all") == FULL
    assert FULL.checked("catch-all") == FULL


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("claimed", {"lifetime": Lifetime(SHORTEST - 1)}, "seconds"),
        ("claimed", {"lifetime": Lifetime(HOUR, idle=DAY)}, "idle"),
        ("claimed", {"longest": SHORTEST - 1}, "longest"),
        ("claimed", {"longest": LONGEST + 1}, "longest"),
        ("claimed", {"longest": -1}, "longest"),
        ("claimed", {"longest": HOUR, "lifetime": Lifetime(HOUR + 1)}, "seconds"),
        ("claimed", {"longest": HOUR, "lifetime": Lifetime(0)}, "seconds"),
        ("claimed", {"longest": HOUR, "lifetime": Lifetime(HOUR, extend=DAY)}, "extend"),
        ("claimed", {"largest_message": (64 << 10) - 1}, "largest_message"),
        ("claimed", {"largest_message": (1 << 30) + 1}, "largest_message"),
        ("claimed", {"largest_message": -1}, "largest_message"),
        ("claimed", {"catch_all": "all@box.test"}, "catch_all"),
        ("open", {"catch_all": "all@box.test"}, "catch_all"),
        ("open", {"passwords": True}, "passwords"),
        ("catch-all", {}, "catch_all"),
        ("catch-all", {"catch_all": "all"}, "catch_all"),
        ("claimed", {"operator": "a b@box.test"}, "operator"),
        ("claimed", {"reserved": ("a b",)}, "reserved"),
        ("claimed", {"reserved": ("",)}, "reserved"),
        ("claimed", {"reserved": tuple(f"name{i}" for i in range(1001))}, "reserved"),
    ],
)
def test_what_is_impossible(kind: Kind, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Policy(**changes).checked(kind)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert refused.value.reason


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("claimed", Policy()),
        ("open", Policy(lifetime=PRESETS["ten-minutes"], operator="me@box.test")),
        ("claimed", Policy(longest=HOUR, lifetime=Lifetime(HOUR))),
        ("claimed", Policy(lifetime=Lifetime(0))),
        ("claimed", Policy(longest=SHORTEST, largest_message=64 << 10)),
        ("claimed", Policy(longest=LONGEST, largest_message=1 << 30)),
    ],
)
def test_what_is_possible(kind: Kind, policy: Policy) -> None:
    assert policy.checked(kind) == policy


def test_no_owner_gets_a_longer_life() -> None:
    Policy().allow(Lifetime(LONGEST, extend=LONGEST))
    policy = Policy(longest=HOUR)
    policy.allow(Lifetime(HOUR, extend=HOUR))
    for lifetime in (Lifetime(HOUR + 1), Lifetime(0), Lifetime(60, extend=HOUR + 1)):
        with pytest.raises(InvalidValue):
            policy.allow(lifetime)


def test_what_nobody_gets() -> None:
    policy = Policy(reserved=("boss",))
    assert all(policy.reserves(name) for name in ROLES)
    assert policy.reserves("boss")
    # They look like "boss" and "info".
    assert policy.reserves("bоss")
    assert policy.reserves("ınfo")
    for name in ("joe", "bossy", "bos", "jürgen"):
        assert not policy.reserves(name)
    assert not Policy().reserves("boss")


def test_a_mailbox_of_an_open_domain_is_bounded() -> None:
    assert usual_lifetime("open", HOUR) == Lifetime(HOUR, messages=50)
    assert usual_lifetime("claimed", HOUR) == usual_lifetime("catch-all", HOUR) == Lifetime(HOUR)
