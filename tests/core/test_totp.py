"""RFC 6238: codes of the second factor, and those that stand in for them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core import totp
from tempmaild.core.totp import STEP, matching_step, new_recovery_code, recovery_verifier

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""That of RFC 6238, appendix B, whose codes of eight digits end in ours."""
NEVER = -1


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_codes_of_the_standard_are_good(at: int, code: str) -> None:
    assert matching_step(SECRET, code, at, NEVER) == at // STEP
    assert matching_step(SECRET, f"{code[:3]} {code[3:]}", at, NEVER) == at // STEP


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-61, False), (-60, False), (-30, True), (0, True), (59, True), (60, False), (90, False)]
)
def test_a_clock_may_be_off_by_a_step(seconds: int, is_good: bool) -> None:
    """The code of the step that begins at 1111111110, typed earlier or later."""
    found = matching_step(SECRET, "050471", 1_111_111_110 + seconds, NEVER)
    assert found == (1_111_111_110 // STEP if is_good else None)


def test_no_code_is_good_twice_nor_one_from_before() -> None:
    step = 1_111_111_111 // STEP
    assert matching_step(SECRET, "050471", 1_111_111_111, step - 1) == step
    assert matching_step(SECRET, "050471", 1_111_111_111, step) is None
    assert matching_step(SECRET, "081804", 1_111_111_111, step) is None, "the code of the step before"


@pytest.mark.parametrize(
    "code", ["", "28708", "2870820", "\uff12\uff18\uff17\uff10\uff18\uff12", "28708a", "-87082", "2870\n82", "٢٨٧٠٨٢"]
)
def test_what_is_no_code_is_never_good(code: str) -> None:
    assert matching_step(SECRET, code, 59, NEVER) is None


@given(st.text(max_size=40), st.integers(0, 2**40), st.integers(-1, 2**40))
def test_garbage_is_no_code(text: str, now: int, last: int) -> None:
    found = matching_step(SECRET, text, now, last)
    assert found is None or (found > last and abs(found - now // STEP) <= 1)
    verifier = recovery_verifier(text)
    assert verifier is None or len(verifier) == 32


def test_what_a_qr_code_says() -> None:
    assert totp.secret_of(b"12345678901234567890 and more") == SECRET
    assert totp.uri(SECRET, "ann@example.org", "mx.box.test") == (
        f"otpauth://totp/tempmaild:ann%40example.org%40mx.box.test?secret={SECRET}&issuer=tempmaild"
    )


def test_recovery_codes_can_be_typed_in_many_ways() -> None:
    code = new_recovery_code(lambda count: bytes(range(count)))
    assert code == "aaaq-eaye-auda-ocaj"
    kept = hashlib.sha256(b"aaaqeayeaudaocaj").digest()
    for typed in (code, code.upper(), code.replace("-", " "), f" {code.replace('-', '')} ", code.replace("o", "0")):
        assert recovery_verifier(typed) == kept


@pytest.mark.parametrize("text", ["", "123456", "aaaq-eaye-auda-oca", "aaaq-eaye-auda-ocaja", "äaaq-eaye-auda-ocaj"])
def test_what_is_no_recovery_code(text: str) -> None:
    assert recovery_verifier(text) is None


KEY = totp.locking_key(b"k" * 32)


def test_a_secret_is_locked_differently_each_time_and_unlocked() -> None:
    kept = totp.lock(SECRET, KEY, 7)
    assert kept != totp.lock(SECRET, KEY, 7)
    assert totp.unlock(kept, KEY, 7) == SECRET
    assert SECRET not in kept


def test_the_locking_key_is_not_the_one_that_it_comes_of() -> None:
    # A known answer: with another derivation nobody's second factor could be read any more.
    assert KEY.hex() == "50e7cc0c48f7553b8f5d9d21738866699f431b7e2a51e88be18821d9d3ff0740"
    assert totp.locking_key(b"l" * 32) != KEY


def test_a_secret_is_unlocked_for_nobody_else_and_with_no_other_key() -> None:
    kept = totp.lock(SECRET, KEY, 7)
    for key, person_id in ((KEY, 8), (totp.locking_key(b"l" * 32), 7)):
        with pytest.raises(totp.Locked):
            totp.unlock(kept, key, person_id)


def test_a_secret_of_an_earlier_program_is_as_it_is() -> None:
    assert totp.unlock(SECRET, KEY, 7) == SECRET


@given(st.binary(max_size=80))
def test_what_was_not_locked_by_us_is_not_unlocked(octets: bytes) -> None:
    for kept in (totp.LOCKED + base64.b64encode(octets).decode(), totp.LOCKED + octets.decode("latin-1")):
        with pytest.raises(totp.Locked):
            totp.unlock(kept, KEY, 7)


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_secret_that_was_changed_is_not_unlocked(place: int, change: int) -> None:
    octets = bytearray(base64.b64decode(totp.lock(SECRET, KEY, 7).removeprefix(totp.LOCKED)))
    octets[place] ^= change
    with pytest.raises(totp.Locked):
        totp.unlock(totp.LOCKED + base64.b64encode(octets).decode(), KEY, 7)
