"""Addresses in the one form under which they are kept and compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.address import normalise, normalise_domain, normalise_local_part
from tempmaild.errors import InvalidAddress


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Box.Test", "box.test"),
        ("box.test.", "box.test"),
        ("a", "a"),
        ("1-2.3", "1-2.3"),
        # RFC 5891 §4: A-labels
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bu\N{COMBINING DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        (f"{'a' * 63}.test", f"{'a' * 63}.test"),
    ],
)
def test_domains(name: str, normal: str) -> None:
    assert normalise_domain(name) == normal


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "a..b", ".a", "a..", "-a.test", "a-.test", "a_b.test", "a b", "a\n", "[127.0.0.1]", "a@b"),
        *("\N{FULLWIDTH FULL STOP}", "\udc80.test", "a\0.test", f"{'a' * 64}.test", f"{'ü' * 60}.test"),
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_domain(name: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise_domain(name)


@pytest.mark.parametrize(
    ("local_part", "normal"),
    [
        ("Joe", "joe"),
        ("a.b+c=d{e}", "a.b+c=d{e}"),
        ("ÉCOLE", "école"),
        # RFC 6532 §3.1: NFC
        ("e\N{COMBINING ACUTE ACCENT}", "é"),
        ("x" * 64, "x" * 64),
    ],
)
def test_local_parts(local_part: str, normal: str) -> None:
    assert normalise_local_part(local_part) == normal


@pytest.mark.parametrize(
    "local_part",
    ["", ".a", "a.", "a..b", "a b", '"a"', "a@b", "a\r", "a\0", "a,b", "\x7f", "\ud800", "x" * 65, "é" * 33],
)
def test_what_names_no_mailbox(local_part: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise_local_part(local_part)


@pytest.mark.parametrize("address", ["", "joe", "@box.test", "joe@", "a@b@", "joe@box..test"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(address)


def test_the_last_at_sign_counts() -> None:
    assert normalise("Joe@Box.Test") == "joe@box.test"
    with pytest.raises(InvalidAddress):
        normalise("a@b@box.test")


@given(st.text(max_size=30), st.text(max_size=30) | st.from_regex(r"[a-z]{1,5}\.test", fullmatch=True))
def test_normalising_twice_is_normalising_once(local_part: str, domain: str) -> None:
    try:
        once = normalise(f"{local_part}@{domain}")
    except InvalidAddress:
        return
    assert normalise(once) == once
    once.encode()
