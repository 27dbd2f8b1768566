"""Limits that there can be, and networks as the operator writes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.limit import SCOPES, SUBJECTS, Limit, network_of, parse_network
from tempmaild.errors import InvalidValue

LIMIT = Limit("recipients", "recipient", "mailbox", 10, 60)
LOGIN = Limit("guesses", "failed-login", "network", 10, 60, action="ban", ban_seconds=60)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"domain": "box.test"},
        {"subject": "sender-domain"},
        {"amount": 1, "window": 1},
        {"amount": 10**12, "window": 30 * 86_400},
        {"strategy": "moving-window", "amount": 1000},
        {"subject": "network", "ipv4_prefix": 8, "ipv6_prefix": 16},
        {"subject": "network", "action": "ban", "ban_seconds": 1},
        {"event": "bytes", "subject": "network", "strategy": "fixed-window"},
        {"event": "failed-login", "subject": "network", "action": "delay"},
    ],
)
def test_possible(fields: dict[str, Any]) -> None:
    msgspec.structs.replace(LIMIT, **fields).check()


@pytest.mark.parametrize(
    ("limit", "fields", "field", "reason"),
    [
        (LIMIT, {"name": ""}, "name", "'' is not made of"),
        (LIMIT, {"name": "A"}, "name", "'A' is not made of"),
        (LIMIT, {"name": "a" * 64}, "name", "is not made of at most 63"),
        (LIMIT, {"name": "a\n"}, "name", "is not made of"),
        (LIMIT, {"event": "sneeze"}, "event", "'sneeze' is not one of connection, message, recipient"),
        (LIMIT, {"subject": "api-key"}, "subject", "'api-key' is not one of network, sender-domain, mailbox"),
        (LIMIT, {"event": "connection"}, "subject", "'mailbox' is not one of network"),
        (LIMIT, {"strategy": "dice"}, "strategy", "'dice' is not one of fixed-window, moving-window"),
        (LIMIT, {"action": "frown"}, "action", "'frown' is not one of refuse, delay, ban"),
        (LIMIT, {"amount": 0}, "amount", "0 is not between 1 and 1000000000000"),
        (LIMIT, {"amount": -1}, "amount", "-1 is not between"),
        (LIMIT, {"amount": 10**12 + 1}, "amount", "is not between"),
        (LIMIT, {"window": 0}, "window", "0 is not between 1 and 2592000"),
        (LIMIT, {"window": 30 * 86_400 + 1}, "window", "is not between"),
        (LIMIT, {"ipv4_prefix": 7}, "ipv4_prefix", "7 is not between 8 and 32"),
        (LIMIT, {"ipv4_prefix": 33}, "ipv4_prefix", "33 is not between 8 and 32"),
        (LIMIT, {"ipv6_prefix": 15}, "ipv6_prefix", "15 is not between 16 and 128"),
        (LIMIT, {"ipv6_prefix": 129}, "ipv6_prefix", "129 is not between 16 and 128"),
        (LIMIT, {"ban_seconds": 60}, "ban_seconds", "60 is not 0"),
        (LIMIT, {"action": "ban", "ban_seconds": 60}, "action", "only a network can be banned, not a mailbox"),
        (LOGIN, {"ban_seconds": 0}, "ban_seconds", "0 is not between 1 and 315360000"),
        (LOGIN, {"ban_seconds": 3650 * 86_400 + 1}, "ban_seconds", "is not between"),
        (LOGIN, {"action": "refuse", "ban_seconds": 0}, "action", "a failed login is refused anyway"),
        (LOGIN, {"domain": "box.test"}, "domain", "only these belong to a domain of ours: recipient, new-address"),
        (LIMIT, {"strategy": "moving-window", "amount": 1001}, "strategy", "remembers each single one"),
        (
            LIMIT,
            {"event": "bytes", "subject": "network", "strategy": "moving-window"},
            "strategy",
            "remembers each single one",
        ),
    ],
)
def test_impossible(limit: Limit, fields: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        msgspec.structs.replace(limit, **fields).check()
    assert caught.value.field == field
    assert reason in caught.value.reason


def test_every_event_has_subjects_and_a_scope() -> None:
    assert SUBJECTS.keys() == SCOPES.keys()
    assert all(SUBJECTS.values())


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8:0:0::7", "2001:db8::7/128"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
    ],
)
def test_networks_are_kept_in_one_form(text: str, network: str) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not ADDRESS/PREFIX, or an address alone"),
        ("localhost", "is not ADDRESS/PREFIX"),
        ("192.0.2.0/33", "is not ADDRESS/PREFIX"),
        ("192.0.2.256", "is not ADDRESS/PREFIX"),
        ("2001:db8::/129", "is not ADDRESS/PREFIX"),
        ("fe80::1%eth0", "is not ADDRESS/PREFIX"),
        ("192.0.2.7/24", "goes on after its prefix: write 192.0.2.0/24"),
        ("2001:db8::1/64", "goes on after its prefix: write 2001:db8::/64"),
        ("::ffff:192.0.2.0/120", "holds IPv4 addresses: write them as such"),
    ],
)
def test_networks_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_network(text)
    assert caught.value.field == "network"
    assert reason in caught.value.reason


@given(st.text(max_size=40))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        network = parse_network(text)
    except InvalidValue:
        return
    assert parse_network(network) == network


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"), ("::1", "::/48")],
)
def test_clients_are_counted_by_network(address: str, network: str) -> None:
    assert network_of(address, 24, 48) == network
