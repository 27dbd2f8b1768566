"""Keys of programs: how their secrets look, what they may do, and whence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.api_key import (
    LONGEST_GRACE,
    LONGEST_KEY,
    MOST_NETWORKS,
    SCOPES,
    ApiKey,
    check_grace,
    check_seconds,
    new_secret,
    normal_name,
    normal_networks,
    normal_scopes,
    prefix_of,
    verifier_of,
)
from tempmaild.errors import InvalidValue

SECRET = new_secret(lambda count: bytes(range(256 - count, 256)))


def key(*networks: str) -> ApiKey:
    return ApiKey(1, "tests", "tmk_abcdefgh", ("mailboxes:read",), networks, "op", 0, 1)


def refusal(function: object, *arguments: object) -> tuple[str, str]:
    """Give the field and the reason of what is refused."""
    with pytest.raises(InvalidValue) as refused:
        function(*arguments)  # type: ignore[operator]
    return refused.value.field, refused.value.reason


def test_a_secret_has_256_bits_and_is_known_by_its_mark() -> None:
    assert re.fullmatch(r"tmk_[\w-]{43}", SECRET, re.ASCII)
    assert prefix_of(SECRET) == SECRET[:12]
    assert new_secret(lambda count: b"\x00" * count) != SECRET
    asked: list[int] = []
    new_secret(lambda count: asked.append(count) or b"\x01" * count)  # type: ignore[func-returns-value]
    assert asked == [32]


def test_what_is_kept_is_of_the_whole_secret() -> None:
    for place in range(len(SECRET)):
        other = SECRET[:place] + ("A" if SECRET[place] != "A" else "B") + SECRET[place + 1 :]
        assert verifier_of(other) != verifier_of(SECRET)
    assert SECRET.encode() not in verifier_of(SECRET)
    assert len(verifier_of(SECRET)) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tmk_",
        SECRET[:-1],
        f"{SECRET}A",
        f" {SECRET}",
        f"{SECRET}\n",
        SECRET.upper(),
        f"tmk_{'ä' * 43}",
        "x" * 10**6,
    ],
)
def test_what_is_no_key_has_no_prefix(text: str) -> None:
    assert prefix_of(text) == ""


@given(st.text())
def test_whatever_is_sent_as_a_key_can_be_compared(text: str) -> None:
    assert len(verifier_of(text + "\ud800")) == 32
    assert prefix_of(text) == ""


@pytest.mark.parametrize(
    ("networks", "address", "may"),
    [
        ((), "192.0.2.1", True),
        ((), "", True),
        (("192.0.2.0/24",), "192.0.2.255", True),
        (("192.0.2.0/24",), "192.0.3.0", False),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("2001:db8::/32",), "192.0.2.1", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("192.0.2.1/32",), "192.0.2.1", True),
        (("192.0.2.0/24",), "", False),
        (("192.0.2.0/24",), "no address", False),
        (("fe80::/10",), "fe80::1%eth0", True),
    ],
)
def test_it_comes_from_its_networks_alone(networks: tuple[str, ...], address: str, may: bool) -> None:
    assert key(*networks).may_come_from(address) is may


@given(st.text())
def test_whatever_somebody_comes_from_is_answered(address: str) -> None:
    assert key("192.0.2.0/24").may_come_from(address) in {True, False}


def test_names() -> None:
    assert normal_name(" Shop.Tests-1_a ") == "shop.tests-1_a"
    assert normal_name("a") == "a"
    assert normal_name("a" * 63)
    for name in ("", " ", "-a", "a-", "a b", "a" * 64, "ä", "a/b", "a\0b", "a\nb"):
        field, reason = refusal(normal_name, name)
        assert field == "name"
        assert reason.endswith("is not made of at most 63 of a-z, 0-9 and inner . _ -")


def test_scopes_stand_once_and_in_their_order() -> None:
    assert normal_scopes(["messages:read", "mailboxes:create", "messages:read"]) == (
        "mailboxes:create",
        "messages:read",
    )
    assert normal_scopes(reversed(SCOPES)) == SCOPES
    assert refusal(normal_scopes, []) == ("scopes", "a key that may do nothing is of no use")
    field, reason = refusal(normal_scopes, ["mailboxes:read", "root"])
    assert (field, reason[:22]) == ("scopes", "'root' is not one of m")


def test_networks_stand_once_and_as_they_are_kept() -> None:
    assert normal_networks(["192.0.2.1", "192.0.2.1/32", "2001:DB8::/32"]) == ("192.0.2.1/32", "2001:db8::/32")
    assert normal_networks([]) == ()
    assert refusal(normal_networks, ["192.0.2.1/24"])[0] == "networks"
    assert refusal(normal_networks, ["here"]) == ("networks", "'here' is not ADDRESS/PREFIX, or an address alone")
    many = [f"192.0.2.{number}" for number in range(MOST_NETWORKS + 1)]
    assert len(normal_networks(many[1:])) == MOST_NETWORKS
    assert refusal(normal_networks, many) == ("networks", "there are more than 50")


def test_times_have_bounds() -> None:
    for seconds in (1, LONGEST_KEY):
        check_seconds(seconds)
    for seconds in (0, -1, LONGEST_KEY + 1):
        assert refusal(check_seconds, seconds)[0] == "seconds"
    for seconds in (0, LONGEST_GRACE):
        check_grace(seconds)
    for seconds in (-1, LONGEST_GRACE + 1):
        assert refusal(check_grace, seconds)[0] == "grace"
