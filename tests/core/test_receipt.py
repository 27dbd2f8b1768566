"""Receipts: what is signed, and what is not believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey, VerifyKey

from tempmaild.core import receipt as receipts
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from tempmaild.core.receipt import Receipt

KEY = SigningKey(b"\x01" * 32)
OTHER_KEY = SigningKey(b"\x02" * 32)
RECEIPT_ID = "76vrk-rx9fm-f6cr6-p4g43-5grkm-c"


def make(key: SigningKey = KEY) -> Receipt:
    mailbox = receipts.subject(RECEIPT_ID, "joe@box.test")
    return receipts.issue(key, "mx.box.test", mailbox, 3, 1_780_000_000, 17, b"\x05" * 32)


def changed(**values: Any) -> str:
    return json.dumps(json.loads(receipts.to_text(make())) | values)


def test_it_says_what_was_destroyed_and_when() -> None:
    assert json.loads(receipts.to_text(make())) == {
        "version": 1,
        "host": "mx.box.test",
        "mailbox": receipts.subject(RECEIPT_ID, "joe@box.test").hex(),
        "messages": 3,
        "destroyed_at": "2026-05-28T20:26:40Z",
        "audit_row": 17,
        "audit_digest": "05" * 32,
        "key": KEY.verify_key.encode().hex(),
        "signature": make().signature,
    }


def test_it_is_checked_without_this_program() -> None:
    # As docs/proof.md says how.
    values = json.loads(receipts.to_text(make()))
    signature = bytes.fromhex(values.pop("signature"))
    signed = json.dumps(list(values.values()), separators=(",", ":"), ensure_ascii=False).encode()
    VerifyKey(KEY.verify_key.encode()).verify(b"tempmaild receipt\0" + signed, signature)


def test_it_is_read_in_any_layout() -> None:
    values = json.loads(receipts.to_text(make()))
    text = json.dumps(dict(sorted(values.items())), indent=4)
    receipt = receipts.from_text(text.encode())
    assert receipt == make()
    receipts.check(receipt, KEY.verify_key.encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "mx.other.test"),
        ("mailbox", "00" * 32),
        ("messages", 4),
        ("destroyed_at", "2026-05-28T20:26:41Z"),
        ("audit_row", 18),
        ("audit_digest", "06" * 32),
        ("key", OTHER_KEY.verify_key.encode().hex()),
        ("key", "00" * 32),  # of small order: libsodium takes no signature of it
        ("signature", "00" * 64),
        ("signature", make(OTHER_KEY).signature),
    ],
)
def test_what_was_changed_is_seen(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match="it was changed, or is forged"):
        receipts.check(receipts.from_text(changed(**{field: value})))


def test_another_key_is_seen() -> None:
    receipts.check(make(OTHER_KEY))
    with pytest.raises(InvalidValue, match="another key"):
        receipts.check(make(OTHER_KEY), KEY.verify_key.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 10_000,
        changed(version=2).encode(),
        changed(messages=-1).encode(),
        changed(messages="3").encode(),
        changed(audit_row=0).encode(),
        changed(host="").encode(),
        changed(host="a\x1b[2Jb").encode(),
        changed(destroyed_at="yesterday").encode(),
        changed(mailbox="5" * 63).encode(),
        changed(key="AB" * 32).encode(),
        changed(more=1).encode(),
        changed(host="a" * receipts.LONGEST).encode(),
    ],
)
def test_what_is_no_receipt_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue, match="receipt: it"):
        receipts.from_text(text)


def test_part_of_one_is_refused() -> None:
    text = receipts.to_text(make())
    for end in range(len(text)):
        with pytest.raises(InvalidValue, match="not the whole"):
            receipts.from_text(text[:end])


def test_what_a_forger_writes_does_not_reach_the_terminal() -> None:
    with pytest.raises(InvalidValue) as refused:
        receipts.from_text(changed(**{"\x1b[2J": 1}))
    assert str(refused.value).isprintable()


@given(st.binary(max_size=200))
def test_garbage_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue):
        receipts.from_text(text)


class TestSubject:
    def test_is_of_id_and_address(self) -> None:
        receipts.check_subject(make(), RECEIPT_ID, "joe@box.test")
        receipts.check_subject(make(), RECEIPT_ID.upper().replace("-", " "), "joe@box.test")
        for receipt_id, address in ((RECEIPT_ID, "jo@box.test"), (RECEIPT_ID[:-1] + "d", "joe@box.test"), ("", "")):
            with pytest.raises(InvalidValue, match="another mailbox"):
                receipts.check_subject(make(), receipt_id, address)

    def test_does_not_say_how_it_is_found(self) -> None:
        assert receipts.lookup(RECEIPT_ID) == receipts.lookup(RECEIPT_ID.upper())
        assert receipts.lookup(RECEIPT_ID).hex() not in receipts.to_text(make())
