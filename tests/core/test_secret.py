"""The secret that opens a mailbox, and what is kept of it."""

from __future__ import annotations

import hashlib
import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.secret import (
    VERIFIER_OCTETS,
    check_password,
    generate,
    is_code,
    keys_of_code,
    keys_of_password,
    prepared,
)
from tempmaild.errors import InvalidValue

SECRET = "00041-06105-0r3gg-28a1c-60t3g-f"


@pytest.mark.parametrize(
    ("octets", "secret"),
    [(bytes(range(16)), SECRET), (b"\xff" * 16, "7zzzz-zzzzz-zzzzz-zzzzz-zzzzz-z")],
)
def test_is_the_random_number_in_base_32(octets: bytes, secret: str) -> None:
    assert generate(lambda count: octets[:count]) == secret


@given(st.binary(min_size=16, max_size=16))
def test_holds_all_128_bits(octets: bytes) -> None:
    secret = generate(lambda _: octets)
    assert re.fullmatch(r"(?:[0-9a-hjkmnp-tv-z]{5}-){5}[0-9a-hjkmnp-tv-z]", secret)
    number = 0
    for digit in secret.replace("-", ""):
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    assert number.to_bytes(16, "big") == octets


@pytest.mark.parametrize(
    "typed",
    [SECRET, SECRET.upper(), SECRET.replace("-", ""), SECRET.replace("-", " "), SECRET.replace("0", "o"),
     SECRET.replace("1", "l"), SECRET.replace("1", "I"), f" {SECRET} "],
)  # fmt: skip
def test_is_the_same_however_it_is_typed(typed: str) -> None:
    assert keys_of_code(typed).fit(keys_of_code(SECRET).verifier)


@pytest.mark.parametrize("typed", ["", SECRET[:-1], SECRET + "0", SECRET.replace("2", "3"), "\udc80", "\0", "é"])
def test_is_not_another(typed: str) -> None:
    assert not keys_of_code(typed).fit(keys_of_code(SECRET).verifier)


def test_the_verifier_is_a_hash_of_what_rfc_5869_gives() -> None:
    key = HKDF(SHA256(), 32, salt=None, info=b"tempmaild login verifier").derive(SECRET.replace("-", "").encode())
    assert keys_of_code(SECRET).verifier == hashlib.sha256(key).digest()
    assert len(keys_of_code("").verifier) == VERIFIER_OCTETS


def test_the_wrapping_key_is_what_rfc_5869_gives() -> None:
    key = HKDF(SHA256(), 32, salt=None, info=b"tempmaild key wrapping").derive(SECRET.replace("-", "").encode())
    assert keys_of_code(SECRET).wrapping_key == key


def test_a_chosen_password_counts_as_it_was_typed() -> None:
    keys = keys_of_password("Correct Horse", bytes(16))
    assert keys.fit(keys_of_password("Correct Horse", bytes(16)).verifier)
    assert not keys.fit(keys_of_password("correct horse", bytes(16)).verifier)
    assert not keys.fit(keys_of_password("Correct Horse", b"\x01" * 16).verifier)


@pytest.mark.parametrize(
    ("secret", "code"), [(SECRET, True), (SECRET.upper(), True), (SECRET[:-1], False), ("", False)]
)
def test_a_code_is_known_by_its_form(secret: str, code: bool) -> None:
    assert is_code(secret) is code


def test_the_keys_of_a_password_are_what_they_were() -> None:
    # Argon2id of "correct horse", 64 MiB, three passes, one lane: OpenSSL's gives the same.
    key = HKDF(SHA256(), 32, salt=None, info=b"tempmaild login verifier").derive(
        bytes.fromhex("7305faebadc453c91558d7566069a56037063a9c13d29d3f275c56d904a9fb96")
    )
    assert keys_of_password("correct horse", bytes(16)).verifier == hashlib.sha256(key).digest()


@pytest.mark.parametrize(
    ("typed", "same"),
    [("pa\u0308ssword", "p\u00e4ssword"), ("two\u00a0words", "two words"), ("two\u3000words", "two words")],
)
def test_a_password_is_the_same_from_every_keyboard(typed: str, same: str) -> None:
    assert prepared(typed) == prepared(same) == same


@pytest.mark.parametrize("password", ["correct horse", "12345678", "Pässwörter", "x" * 256, "joe@box.test2"])
def test_a_password_may_be_chosen(password: str) -> None:
    check_password(password, "joe@box.test")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "8 to 256"),
        ("1234567", "8 to 256"),
        ("x" * 257, "8 to 256"),
        (SECRET, "generated"),
        (SECRET.upper().replace("-", " "), "generated"),
        ("joseph.miller@box.test", "address"),
        ("Joseph.Miller", "address"),
        ("line\r\nbreak", "typed"),
        ("nul\0nul\0nul", "typed"),
        ("\udc80surrogate", "typed"),
    ],
)
def test_a_password_may_not_be_chosen(password: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason) as refusal:
        check_password(password, "joseph.miller@box.test")
    assert refusal.value.field == "password"
    assert password not in str(refusal.value) or not password
