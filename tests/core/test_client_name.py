"""What a client calls itself is a host, an address literal, or nothing."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.client_name import literal_address, looks_like_host


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("mx.example.org", True),
        ("MX.Example.Org.", True),
        ("1.2.example", True),
        ("xn--bcher-kva.example", True),
        ("a.1b", True),
        ("localhost", False),
        ("ylmf-pc", False),
        ("192.0.2.1", False),
        ("192.0.2.1.", False),
        ("under_score.example", False),
        ("-a.example", False),
        ("a..example", False),
        (".example", False),
        ("[192.0.2.1]", False),
        ("bücher.example", False),
        (f"{'a' * 63}.example", True),
        (f"{'a' * 64}.example", False),
        (".".join(["a" * 50] * 5), False),
        ("", False),
    ],
)
def test_names_of_hosts(name: str, host: bool) -> None:
    assert looks_like_host(name) is host


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("[ipv6:2001:DB8::1]", "2001:db8::1"),
        ("[2001:db8::1]", None),
        ("[IPv6:192.0.2.1]", None),
        ("[IPv6:fe80::1%eth0]", None),
        ("[192.0.2.1", None),
        ("192.0.2.1]", None),
        ("192.0.2.1", None),
        ("[192.0.2.256]", None),
        ("[x:y]", None),
        ("[]", None),
        ("[", None),
        ("", None),
    ],
)
def test_literals(text: str, address: str | None) -> None:
    assert literal_address(text) == (ip_address(address) if address else None)


@given(st.text(alphabet="[]:.IPv6 019af-_%", max_size=300))
def test_nothing_is_both(text: str) -> None:
    assert not (looks_like_host(text) and literal_address(text))
