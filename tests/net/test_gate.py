from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.net.gate import Gate, GateRules

RULES = GateRules(
    connections=10,
    connections_per_network=2,
    ipv4_prefix=24,
    ipv6_prefix=64,
    exempt=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8::5:6:7:8", "2001:db8::/64"),
        ("127.5.5.5", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert Gate(RULES).enter(address) == network


def test_one_network_has_its_limit_and_others_have_theirs() -> None:
    gate = Gate(RULES)
    first = gate.enter("192.0.2.1")
    assert first is not None
    assert gate.enter("192.0.2.2") is not None
    assert gate.enter("192.0.2.3") is None
    assert gate.enter("198.51.100.1") is not None
    gate.leave(first)
    assert gate.enter("192.0.2.3") is not None
    assert gate.enter("192.0.2.4") is None


def test_all_together_have_a_limit_that_spares_nobody() -> None:
    gate = Gate(RULES)
    for _ in range(10):
        assert gate.enter("127.0.0.1") is not None
    assert gate.enter("127.0.0.1") is None
    assert gate.enter("192.0.2.1") is None
    gate.leave("")
    assert gate.enter("192.0.2.1") is not None


def test_other_rules_count_for_whoever_comes_later() -> None:
    gate = Gate(RULES)
    first, second = gate.enter("192.0.2.1"), gate.enter("192.0.2.200")
    assert gate.enter("192.0.2.1") is None
    gate.change(replace(RULES, ipv4_prefix=32))
    third = gate.enter("192.0.2.1")
    assert third is not None
    for network in (first, second, third):
        assert network is not None
        gate.leave(network)
    assert gate._all == 0
    assert not gate._of_network


@given(st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.1", "::1", "2001:db8::1", ""]), max_size=40))
def test_nothing_is_left_when_all_have_left(comers: list[str]) -> None:
    gate = Gate(RULES)
    entered = [network for network in map(gate.enter, comers) if network is not None]
    assert gate._all == len(entered) <= 10
    for network in entered:
        gate.leave(network)
    assert gate._all == 0
    assert not gate._of_network
