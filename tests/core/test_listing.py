"""What block lists are asked, and what their answers mean."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.listing import address_label, domains_to_look_up, meaning, reason, unlisted_address_label

CODES = [(0x7F000002, 0x7F00000B), (0x7F000014, 0x7F000014)]
"""127.0.0.2-11 and 127.0.0.20."""


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("192.0.2.99", "99.2.0.192"),  # RFC 5782 §2.1
        ("2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"),  # §2.4
    ],
)
def test_addresses_are_looked_up_backwards(address: str, label: str) -> None:
    assert address_label(ip_address(address)) == label


def test_what_is_in_no_list() -> None:
    assert unlisted_address_label(4) == "1.0.0.127"
    assert unlisted_address_label(6) == address_label(ip_address("::ffff:7f00:1"))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], ("not listed", "")),
        (["127.0.0.2"], ("listed", "127.0.0.2")),
        (["127.0.0.1", "127.0.0.2"], ("no answer", "127.0.0.1")),
        (["127.0.0.11"], ("listed", "127.0.0.11")),
        (["127.0.0.12"], ("not listed", "")),
        (["127.0.0.12", "127.0.0.20", "127.0.0.3"], ("listed", "127.0.0.20")),
        (["127.0.0.2", "127.255.255.254"], ("no answer", "127.255.255.254")),
        (["127.255.255.0"], ("no answer", "127.255.255.0")),
        (["198.51.100.1"], ("no answer", "198.51.100.1")),
    ],
)
def test_answers_mean_something(answers: list[str], said: tuple[str, str]) -> None:
    assert meaning(answers, CODES) == said


def test_without_codes_every_answer_counts_but_those_that_are_none() -> None:
    assert meaning(["127.9.9.9"], ()) == ("listed", "127.9.9.9")
    assert meaning(["127.255.254.255"], ()) == ("listed", "127.255.254.255")
    assert meaning(["127.255.255.255"], ()) == ("no answer", "127.255.255.255")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], ""),
        ([b"https://example.org/?ip=192.0.2.1", b"more"], "https://example.org/?ip=192.0.2.1"),
        (
            [b" two\r\nSubject: lines\0 \xff "],
            "two Subject: lines",
        ),
        ([b"a" * 65_000], "a" * 200),
    ],
)
def test_reasons_are_one_short_line(texts: list[bytes], said: str) -> None:
    assert reason(texts) == said


@given(st.lists(st.binary(max_size=400)))
def test_whatever_a_list_says_is_plain(texts: list[bytes]) -> None:
    said = reason(texts)
    assert len(said) <= 200
    assert all(" " <= character <= "~" for character in said)


@pytest.mark.parametrize(
    ("name", "domains"),
    [
        ("example.org", ["example.org"]),
        ("Mail.Example.ORG.", ["mail.example.org", "example.org"]),
        ("a.b.c.example.org", ["a.b.c.example.org", "c.example.org", "example.org"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
        ("localhost", []),
        ("[192.0.2.1]", []),
        ("192.0.2.1", []),
        ("under_score.example", []),
        ("", []),
    ],
)
def test_domains_are_looked_up_with_those_above(name: str, domains: list[str]) -> None:
    assert domains_to_look_up([name]) == domains


@given(st.lists(st.text(max_size=300), max_size=5))
def test_whatever_a_message_names_is_looked_up_at_most_three_times(names: list[str]) -> None:
    domains = domains_to_look_up(names)
    assert len(domains) <= 3 * len(names)
    assert all(domain.isascii() and "." in domain for domain in domains)
