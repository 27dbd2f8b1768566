"""Sealing: what is kept of a message can be read only with the private key of the mailbox that has it.

Each content has a random key of its own, under which content and summary are encrypted (AES-256-GCM). For each
recipient that key is wrapped under one that the sealer and the mailbox share: X25519 (RFC 7748 §6.1) between the
mailbox's key pair and one that the sealer makes anew every minute and then forgets, so that neither a stolen disk
nor, a minute later, the memory of the process that sealed it opens a message.

The private key itself is kept wrapped under a key that comes from a secret, one copy for each credential.

What is kept, in octets (docs/decisions/0005-sealing.md says why it is so):

    sealed content key   01, the sealer's public key (32), nonce (12), the key encrypted under the shared key (48)
    wrapped private key  01, nonce (12), the key encrypted under the wrapping key (48)
    content              encrypted under the content key, nonce 0; the codec in one octet is authenticated with it
    summary              encrypted under the content key, nonce 1
    shared key           SHA-256 of "tempmaild content key", 00, the X25519 secret, the sealer's and the mailbox's
                         public key

The first octet, the format, is authenticated with what follows it, and the wrapped key with the mailbox's public key.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_OCTETS = 32
_NONCE_OCTETS = 12
_FORMAT = b"\x01"
# A content's key encrypts two things only, each under a nonce of its own.
_NONCE_OF_CONTENT = bytes(_NONCE_OCTETS)
_NONCE_OF_SUMMARY = bytes(_NONCE_OCTETS - 1) + b"\x01"

_SENDER_END = 1 + KEY_OCTETS
_NONCE_END = _SENDER_END + _NONCE_OCTETS

_FAILURES = (InvalidTag, ValueError)
"""What decryption raises: the tag is wrong; the nonce is too short, because something is cut off."""

_EPOCH = 60
"""Seconds after which the sealer takes another key pair."""
_MOST_SHARED = 50_000
"""Mailboxes for which a sealer remembers the shared key within an epoch."""


class NotOurs(Exception):
    """The key does not open this, or it was tampered with."""


class KeyPair(Struct, frozen=True):
    """A mailbox's X25519 keys."""

    public: bytes
    private: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


def new_key_pair(random: Callable[[int], bytes]) -> KeyPair:
    """Make the keys of a new mailbox."""
    private = random(KEY_OCTETS)
    return KeyPair(sodium.crypto_scalarmult_base(private), private)


def wrap(private_key: bytes, wrapping_key: bytes, mailbox: bytes) -> bytes:
    """Encrypt a mailbox's private key under a key that comes from a secret; `mailbox` is its public key."""
    nonce = os.urandom(_NONCE_OCTETS)
    return _FORMAT + nonce + AESGCM(wrapping_key).encrypt(nonce, private_key, _FORMAT + mailbox)


def unwrap(wrapped: bytes, wrapping_key: bytes, mailbox: bytes) -> bytes:
    """Give back what was wrapped.

    Raises:
        NotOurs: under another key, or for another mailbox.
    """
    version, nonce, box = wrapped[:1], wrapped[1 : 1 + _NONCE_OCTETS], wrapped[1 + _NONCE_OCTETS :]
    try:
        return AESGCM(wrapping_key).decrypt(nonce, box, version + mailbox)
    except _FAILURES:
        raise NotOurs("the wrapped key") from None


class ContentKey:
    """The key of one content."""

    __slots__ = ("_cipher", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self._cipher = AESGCM(octets)

    def seal_content(self, content: bytes, codec: int) -> bytes:
        """Encrypt the content, which is in this codec (0 to 255); once only."""
        return self._cipher.encrypt(_NONCE_OF_CONTENT, content, bytes((codec,)))

    def seal_summary(self, summary: bytes) -> bytes:
        """Encrypt the summary; once only."""
        return self._cipher.encrypt(_NONCE_OF_SUMMARY, summary, None)

    def open_content(self, sealed: bytes, codec: int) -> bytes:
        """Give the content.

        Raises:
            NotOurs: it was encrypted under another key, or it or the codec was tampered with.
        """
        return self._open(_NONCE_OF_CONTENT, sealed, bytes((codec,)))

    def open_summary(self, sealed: bytes) -> bytes:
        """Give the summary.

        Raises:
            NotOurs: it was encrypted under another key, or tampered with.
        """
        return self._open(_NONCE_OF_SUMMARY, sealed, None)

    def _open(self, nonce: bytes, sealed: bytes, authenticated: bytes | None) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, authenticated)
        except _FAILURES:
            raise NotOurs("the content") from None


def new_content_key() -> ContentKey:
    """Make the key of a new content."""
    return ContentKey(os.urandom(KEY_OCTETS))


class Sealer:
    """Wraps content keys for mailboxes of which only the public key is known.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = 0.0
        self._private = b""
        self._header = b""
        self._shared: dict[bytes, AESGCM] = {}

    def seal(self, key: ContentKey, public_key: bytes) -> bytes:
        """Wrap a content key for the mailbox with this public key.

        Raises:
            NotOurs: this is no public key.
        """
        self.forget_old()
        shared = self._shared.get(public_key)
        if shared is None:
            shared = self._share(public_key)
        # Random, not counted: should this process ever be copied, the copies still use no nonce twice.
        nonce = os.urandom(_NONCE_OCTETS)
        return self._header + nonce + shared.encrypt(nonce, key.octets, _FORMAT)

    def forget_old(self) -> None:
        """Forget the key pair after its minute; to be called now and then while there is nothing to seal."""
        if self._shared and self._clock() - self._since > _EPOCH:
            self._forget()

    def _share(self, public_key: bytes) -> AESGCM:
        if len(self._shared) >= _MOST_SHARED:
            self._forget()
        if not self._shared:
            pair = new_key_pair(os.urandom)
            self._private, self._header, self._since = pair.private, _FORMAT + pair.public, self._clock()
        shared = AESGCM(_shared_key(self._private, public_key, self._header[1:], public_key))
        self._shared[public_key] = shared
        return shared

    def _forget(self) -> None:
        self._private = self._header = b""
        self._shared = {}


class Masked:
    """Shared keys that earlier logins have worked out; without the mailbox's private key they are noise.

    Where one is kept and with what it is masked are the halves of a hash (BLAKE2) that is keyed with the private key.
    To find one takes a tenth of the time to work it out, and a listing may need one for each message.
    """

    _MOST = 10_000
    """About 250 octets each."""

    def __init__(self) -> None:
        self._masked: dict[bytes, bytes] = {}

    def shared_key(self, pair: KeyPair, sender: bytes) -> bytes:
        """Give the key that the mailbox with this key pair shares with a sealer.

        Raises:
            NotOurs: there is none.
        """
        digest = hashlib.blake2b(sender + pair.public, key=pair.private, person=b"tempmaild masked").digest()
        place, mask = digest[:KEY_OCTETS], digest[KEY_OCTETS:]
        masked = self._masked.get(place)
        if masked is not None:
            return _different_bits(masked, mask)
        shared = _shared_key(pair.private, sender, sender, pair.public)
        if len(self._masked) >= self._MOST:
            self._masked.clear()
        self._masked[place] = _different_bits(shared, mask)
        return shared


def _different_bits(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(KEY_OCTETS, "big")


class Opener:
    """Opens what was sealed for one mailbox, for as long as one login lasts.

    Args:
        known: what earlier logins have worked out.
    """

    __slots__ = ("_known", "_last", "_pair", "_shared")

    _MOST = 256
    """Shared keys that are remembered: one for each minute in which mail has come."""

    def __init__(self, pair: KeyPair, known: Masked | None = None) -> None:
        self._pair = pair
        self._known = known or Masked()
        self._shared: dict[bytes, AESGCM] = {}
        # A client asks for a message's summary first, and then for its content.
        self._last: tuple[bytes, ContentKey] | None = None

    @property
    def private_key(self) -> bytes:
        """The mailbox's private key, to be wrapped for a further credential."""
        return self._pair.private

    def open(self, sealed: bytes) -> ContentKey:
        """Give the content key that was sealed.

        Raises:
            NotOurs: it was sealed for another mailbox, or tampered with.
        """
        last = self._last
        if last is not None and last[0] == sealed:
            return last[1]
        version, sender = sealed[:1], sealed[1:_SENDER_END]
        shared = self._shared.get(sender)
        if shared is None:
            if len(self._shared) >= self._MOST:
                self._shared.clear()
            shared = self._shared[sender] = AESGCM(self._known.shared_key(self._pair, sender))
        try:
            key = ContentKey(shared.decrypt(sealed[_SENDER_END:_NONCE_END], sealed[_NONCE_END:], version))
        except _FAILURES:
            raise NotOurs("the content key") from None
        self._last = sealed, key
        return key


def _shared_key(private: bytes, public: bytes, sender: bytes, mailbox: bytes) -> bytes:
    """Give what both sides can work out: a hash of the X25519 secret and of both public keys (RFC 7748 §6.1)."""
    if len(private) != KEY_OCTETS or len(public) != KEY_OCTETS:
        # PyNaCl does not look, and libsodium would read on past the end.
        raise NotOurs("the length of a key")
    try:
        secret = sodium.crypto_scalarmult(private, public)
    except CryptoError:  # a point of small order: the secret would be known to everybody
        raise NotOurs("the public key") from None
    return hashlib.sha256(b"tempmaild content key\0" + secret + sender + mailbox).digest()
