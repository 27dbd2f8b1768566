"""Sealing: who can open what, and that what is kept today can be read tomorrow."""

from __future__ import annotations

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.sealing import (
    ContentKey,
    KeyPair,
    Masked,
    NotOurs,
    Opener,
    Sealer,
    new_content_key,
    new_key_pair,
    unwrap,
    wrap,
)

PAIR = new_key_pair(lambda count: bytes(range(count)))
OTHER = new_key_pair(lambda count: bytes(range(1, count + 1)))
WRAPPING = b"\x07" * 32

# With these, whatever the private key, the shared secret is zero (RFC 7748 §6.1).
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def changed(octets: bytes, place: int, by: int = 1) -> bytes:
    """Give them with one octet changed."""
    place %= len(octets)
    return octets[:place] + bytes((octets[place] ^ by,)) + octets[place + 1 :]


class TestFormat:
    """What was written by the first version of the format; it has to be readable for ever."""

    CONTENT_KEY = bytes.fromhex(
        "017c1557ba91d264a68ebbd88a6561b87319ec79e9394a1336ba862d5310ab4d53"
        "1805d0079ecba43f66d334b8"
        "158ba87b94439517fd0db35511d924231c0a6956e6cd560304ac5f33947f3b6eca684a8f434be3ea6006b0f34b3d952b"
    )
    CONTENT = bytes.fromhex("b5b6074e425c4fb79d788972048422bbf98d569a92a6f7ed3d32d3e8433905")
    SUMMARY = bytes.fromhex("b312a548326e5317634f0f6b2e5a74c353c36b831ecbcd")
    WRAPPED = bytes.fromhex(
        "01007121ae8906fde491491e8e"
        "bf2c124d6fe52acfc46cc0d86298e924e49732b0517f0db8cf6837ca57cd18dc6333b3beda1d817e9903cde06fa4818c"
    )

    def test_is_still_read(self) -> None:
        pair = KeyPair(PAIR.public, unwrap(self.WRAPPED, WRAPPING, PAIR.public))
        key = Opener(pair).open(self.CONTENT_KEY)
        assert pair == PAIR
        assert key.octets == b"\x09" * 32
        assert key.open_content(self.CONTENT, 1) == b"Subject: kept\r\n"
        assert key.open_summary(self.SUMMARY) == b"summary"

    def test_is_what_the_documentation_says(self) -> None:
        key = new_content_key()
        sealed = Sealer(Clock()).seal(key, PAIR.public)
        version, sender, nonce, box = sealed[:1], sealed[1:33], sealed[33:45], sealed[45:]
        assert (version, len(box)) == (b"\x01", 48)
        secret = X25519PrivateKey.from_private_bytes(PAIR.private).exchange(X25519PublicKey.from_public_bytes(sender))
        shared = hashlib.sha256(b"tempmaild content key\0" + secret + sender + PAIR.public).digest()
        assert AESGCM(shared).decrypt(nonce, box, b"\x01") == key.octets
        content = AESGCM(key.octets).decrypt(bytes(12), key.seal_content(b"content", 1), b"\x01")
        summary = AESGCM(key.octets).decrypt(bytes(11) + b"\x01", key.seal_summary(b"summary"), None)
        assert (content, summary) == (b"content", b"summary")

    def test_of_the_wrapped_key_is_what_the_documentation_says(self) -> None:
        wrapped = wrap(PAIR.private, WRAPPING, PAIR.public)
        assert (wrapped[:1], len(wrapped)) == (b"\x01", 61)
        assert AESGCM(WRAPPING).decrypt(wrapped[1:13], wrapped[13:], b"\x01" + PAIR.public) == PAIR.private


class TestSealer:
    def test_seals_for_one_mailbox(self) -> None:
        key = new_content_key()
        sealed = Sealer(Clock()).seal(key, PAIR.public)
        assert Opener(PAIR).open(sealed).octets == key.octets
        with pytest.raises(NotOurs):
            Opener(OTHER).open(sealed)

    def test_does_not_repeat_itself(self) -> None:
        sealer, key = Sealer(Clock()), new_content_key()
        first, second = sealer.seal(key, PAIR.public), sealer.seal(key, PAIR.public)
        assert first[:33] == second[:33], "one key pair a minute"
        assert first[33:45] != second[33:45], "a nonce of its own"
        assert new_content_key().octets != key.octets

    def test_takes_another_key_pair_every_minute(self) -> None:
        clock = Clock()
        sealer, key, opener = Sealer(clock), new_content_key(), Opener(PAIR)
        first = sealer.seal(key, PAIR.public)
        clock.now += 60
        assert sealer.seal(key, OTHER.public)[:33] == first[:33]
        clock.now += 0.001
        second = sealer.seal(key, PAIR.public)
        assert second[:33] != first[:33]
        assert opener.open(first).octets == opener.open(second).octets == key.octets

    def test_forgets_its_key_pair_though_nothing_comes(self) -> None:
        clock = Clock()
        sealer = Sealer(clock)
        sealer.seal(new_content_key(), PAIR.public)
        private = sealer._private
        sealer.forget_old()
        assert sealer._private == private != b""
        clock.now += 60.001
        sealer.forget_old()
        assert (sealer._private, sealer._shared) == (b"", {})
        assert Opener(PAIR).open(sealer.seal(new_content_key(), PAIR.public))

    def test_remembers_only_so_many_mailboxes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.core.sealing._MOST_SHARED", 2)
        sealer, key = Sealer(Clock()), new_content_key()
        pairs = [new_key_pair(os.urandom) for _ in range(3)]
        sealed = [sealer.seal(key, pair.public) for pair in pairs]
        assert sealed[0][:33] == sealed[1][:33] != sealed[2][:33]
        assert len(sealer._shared) == 1
        assert [Opener(pair).open(box).octets for pair, box in zip(pairs, sealed, strict=True)] == [key.octets] * 3

    @pytest.mark.parametrize("public_key", [*SMALL_ORDER, b"", PAIR.public[:-1], PAIR.public + b"\0"])
    def test_refuses_what_is_no_public_key(self, public_key: bytes) -> None:
        sealer = Sealer(Clock())
        with pytest.raises(NotOurs):
            sealer.seal(new_content_key(), public_key)
        # It still seals for others.
        assert Opener(PAIR).open(sealer.seal(new_content_key(), PAIR.public))


class TestOpener:
    @pytest.mark.parametrize("sender", SMALL_ORDER)
    def test_refuses_a_sender_that_makes_the_secret_known(self, sender: bytes) -> None:
        shared = hashlib.sha256(b"tempmaild content key\0" + bytes(32) + sender + PAIR.public).digest()
        forged = b"\x01" + sender + bytes(12) + AESGCM(shared).encrypt(bytes(12), bytes(32), b"\x01")
        with pytest.raises(NotOurs):
            Opener(PAIR).open(forged)

    def test_remembers_only_so_many_minutes(self) -> None:
        clock, key, opener = Clock(), new_content_key(), Opener(PAIR)
        sealer = Sealer(clock)
        for _ in range(Opener._MOST + 2):
            clock.now += 61
            assert opener.open(sealer.seal(key, PAIR.public)).octets == key.octets
            assert len(opener._shared) <= Opener._MOST

    def test_gives_the_key_of_each_message(self) -> None:
        sealer, opener = Sealer(Clock()), Opener(PAIR)
        keys = [new_content_key() for _ in range(2)]
        first, second = (sealer.seal(key, PAIR.public) for key in keys)
        opened = [opener.open(sealed).octets for sealed in (first, first, second, first)]
        assert opened == [keys[0].octets, keys[0].octets, keys[1].octets, keys[0].octets]

    def test_does_not_show_its_key(self) -> None:
        assert repr(PAIR.private) not in repr(PAIR)


class TestMasked:
    def test_spares_later_logins_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known, key = Masked(), new_content_key()
        sealed = Sealer(Clock()).seal(key, PAIR.public)
        assert Opener(PAIR, known).open(sealed).octets == key.octets
        monkeypatch.delattr("tempmaild.core.sealing._shared_key")
        assert Opener(PAIR, known).open(sealed).octets == key.octets
        with pytest.raises(NameError):
            Opener(PAIR).open(sealed)

    def test_is_noise_without_the_private_key(self) -> None:
        known = Masked()
        sealed = Sealer(Clock()).seal(new_content_key(), PAIR.public)
        sender = sealed[1:33]
        shared = known.shared_key(PAIR, sender)
        assert shared not in known._masked.values()
        assert known.shared_key(PAIR, sender) == shared
        # Who knows the public key, and thinks of a private one, does not find it.
        assert known.shared_key(KeyPair(PAIR.public, OTHER.private), sender) != shared
        assert known.shared_key(PAIR, sender) == shared

    def test_keeps_mailboxes_apart(self) -> None:
        known, sealer, key = Masked(), Sealer(Clock()), new_content_key()
        for pair in (PAIR, OTHER):
            assert Opener(pair, known).open(sealer.seal(key, pair.public)).octets == key.octets
        with pytest.raises(NotOurs):
            Opener(PAIR, known).open(sealer.seal(key, OTHER.public))

    def test_remembers_only_so_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Masked, "_MOST", 2)
        known, key = Masked(), new_content_key()
        for _ in range(3):
            assert Opener(PAIR, known).open(Sealer(Clock()).seal(key, PAIR.public)).octets == key.octets
        assert len(known._masked) == 1


class TestTampering:
    @given(st.integers(0, 92), st.integers(1, 255))
    def test_with_a_content_key_is_seen(self, place: int, by: int) -> None:
        sealed = Sealer(Clock()).seal(new_content_key(), PAIR.public)
        with pytest.raises(NotOurs):
            Opener(PAIR).open(changed(sealed, place, by))

    @given(st.integers(0, 92))
    def test_with_the_length_of_a_content_key_is_seen(self, length: int) -> None:
        sealed = Sealer(Clock()).seal(new_content_key(), PAIR.public)
        assert len(sealed) == 93
        for cut in (sealed[:length], sealed + sealed[:length] + b"\0"):
            with pytest.raises(NotOurs):
                Opener(PAIR).open(cut)

    @given(st.binary(max_size=100), st.integers(0, 200), st.integers(1, 255))
    def test_with_content_or_summary_is_seen(self, plain: bytes, place: int, by: int) -> None:
        key = ContentKey(b"\x09" * 32)
        content, summary = key.seal_content(plain, 1), key.seal_summary(plain)
        assert (key.open_content(content, 1), key.open_summary(summary)) == (plain, plain)
        with pytest.raises(NotOurs):
            key.open_content(changed(content, place, by), 1)
        with pytest.raises(NotOurs):
            key.open_summary(changed(summary, place, by))

    def test_with_the_codec_is_seen(self) -> None:
        key = new_content_key()
        with pytest.raises(NotOurs):
            key.open_content(key.seal_content(b"content", 1), 0)

    def test_by_taking_the_summary_for_the_content_is_seen(self) -> None:
        key = new_content_key()
        with pytest.raises(NotOurs):
            key.open_summary(key.seal_content(b"content", 0))
        with pytest.raises(NotOurs):
            key.open_content(key.seal_summary(b"summary"), 0)

    @pytest.mark.parametrize("sealed", [b"", b"short", bytes(15)])
    def test_by_cutting_is_seen(self, sealed: bytes) -> None:
        with pytest.raises(NotOurs):
            new_content_key().open_content(sealed, 0)

    @given(st.integers(0, 60), st.integers(1, 255))
    def test_with_a_wrapped_key_is_seen(self, place: int, by: int) -> None:
        wrapped = wrap(PAIR.private, WRAPPING, PAIR.public)
        assert unwrap(wrapped, WRAPPING, PAIR.public) == PAIR.private
        for attempt in (changed(wrapped, place, by), wrapped[:place], wrapped + b"\0"):
            with pytest.raises(NotOurs):
                unwrap(attempt, WRAPPING, PAIR.public)

    def test_by_giving_the_key_to_another_mailbox_is_seen(self) -> None:
        wrapped = wrap(PAIR.private, WRAPPING, PAIR.public)
        with pytest.raises(NotOurs):
            unwrap(wrapped, WRAPPING, OTHER.public)
        with pytest.raises(NotOurs):
            unwrap(wrapped, b"\x08" * 32, PAIR.public)
