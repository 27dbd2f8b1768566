"""Rules of the operator are written in one form, or refused with the name of what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.block_rule import BlockRule, helo_key, sender_key
from tempmaild.errors import InvalidValue


@pytest.mark.parametrize(
    ("kind", "subject", "kept"),
    [
        ("address", "Spam@Example.ORG", "spam@example.org"),
        ("address", "spam@bücher.example.", "spam@xn--bcher-kva.example"),
        ("address", "Jörg@example.org", "jörg@example.org"),
        ("address", "a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("address", '"a b"@example.org', '"a b"@example.org'),
        ("domain", "Example.ORG.", "example.org"),
        ("domain", "bücher.example", "xn--bcher-kva.example"),
        ("network", "192.0.2.0/24", "192.0.2.0/24"),
        ("network", "2001:DB8::/32", "2001:db8::/32"),
        ("network", "192.0.2.1", "192.0.2.1/32"),
        ("helo", "YLMF-PC", "ylmf-pc"),
        ("helo", "[192.0.2.1]", "[192.0.2.1]"),
        ("helo", "mx.example.org.", "mx.example.org"),
        ("helo", "mx.example.org..", "mx.example.org"),
    ],
)
def test_subjects_have_one_form(kind: str, subject: str, kept: str) -> None:
    rule = BlockRule(kind, subject).normalised()  # type: ignore[arg-type]
    assert rule.subject == kept
    assert rule.normalised() == rule


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "country"}, "kind"),
        ({"action": "delay"}, "action"),
        ({"note": "two\nlines"}, "note"),
        ({"note": "a" * 201}, "note"),
        ({"until": -1}, "until"),
        ({"until": 10**12}, "until"),
        ({"domain": "no domain"}, "domain"),
        ({"domain": "*."}, "domain"),
        ({"subject": "*.example.org"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"kind": "address", "subject": "example.org"}, "subject"),
        ({"kind": "address", "subject": "@example.org"}, "subject"),
        ({"kind": "address", "subject": "a@"}, "subject"),
        ({"kind": "address", "subject": "a\0@example.org"}, "subject"),
        ({"kind": "address", "subject": "\ud800@example.org"}, "subject"),
        ({"kind": "address", "subject": f"{'a' * 320}@example.org"}, "subject"),
        ({"kind": "network", "subject": "example.org"}, "network"),
        ({"kind": "network", "subject": "192.0.2.1/24"}, "network"),
        ({"kind": "helo", "subject": "two words"}, "subject"),
        ({"kind": "helo", "subject": "a" * 256}, "subject"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        BlockRule(**{"kind": "domain", "subject": "example.org", **fields}).normalised()  # type: ignore[arg-type]
    assert caught.value.field == field


@given(st.sampled_from(["address", "domain", "network", "helo"]), st.text(max_size=330))
def test_whatever_is_written_is_refused_or_kept_in_one_form(kind: str, subject: str) -> None:
    try:
        rule = BlockRule(kind, subject).normalised()  # type: ignore[arg-type]
    except InvalidValue:
        return
    assert rule.normalised() == rule
    rule.subject.encode()


@given(st.text(max_size=400))
def test_keys_can_be_made_of_anything(text: str) -> None:
    assert sender_key(sender_key(text)) == sender_key(text)
    assert isinstance(helo_key(text), str)
