"""Sealing: what is kept of a message can be read only with the private key of the mailbox that has it.

Each content has a random key of its own, under which content and summary are encrypted (AES-256-GCM). For each
recipient that key is wrapped under one that the sealer and the mailbox share: X25519 (RFC 7748 §6.1) between the
mailbox's key pair and one that the sealer makes anew every minute and then forgets, so that neither a stolen disk
nor, a minute later, the memory of the process that sealed it opens a message.

The private key itself is kept wrapped under a key that comes from a secret, one copy for each credential.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from nacl import bindings as sodium

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_OCTETS = 32
_NONCE_OCTETS = 12
# A content's key encrypts two things only, each under a nonce of its own.
_NONCE_OF_CONTENT = bytes(_NONCE_OCTETS)
_NONCE_OF_SUMMARY = bytes(_NONCE_OCTETS - 1) + b"\x01"

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


def new_key_pair(random: Callable[[int], bytes]) -> KeyPair:
    """Make the keys of a new mailbox."""
    private = random(KEY_OCTETS)
    return KeyPair(sodium.crypto_scalarmult_base(private), private)


def wrap(private_key: bytes, wrapping_key: bytes, mailbox: bytes) -> bytes:
    """Encrypt a mailbox's private key under a key that comes from a secret; `mailbox` is its public key."""
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + AESGCM(wrapping_key).encrypt(nonce, private_key, mailbox)


def unwrap(wrapped: bytes, wrapping_key: bytes, mailbox: bytes) -> bytes:
    """Give back what was wrapped.

    Raises:
        NotOurs: under another key, or for another mailbox.
    """
    try:
        return AESGCM(wrapping_key).decrypt(wrapped[:_NONCE_OCTETS], wrapped[_NONCE_OCTETS:], mailbox)
    except (InvalidTag, ValueError):
        raise NotOurs("the wrapped key") from None


class ContentKey:
    """The key of one content."""

    __slots__ = ("_cipher", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self._cipher = AESGCM(octets)

    def seal_content(self, content: bytes) -> bytes:
        """Encrypt the content; once only."""
        return self._cipher.encrypt(_NONCE_OF_CONTENT, content, None)

    def seal_summary(self, summary: bytes) -> bytes:
        """Encrypt the summary; once only."""
        return self._cipher.encrypt(_NONCE_OF_SUMMARY, summary, None)

    def open_content(self, sealed: bytes) -> bytes:
        """Give the content.

        Raises:
            NotOurs: it was encrypted under another key, or tampered with.
        """
        return self._open(_NONCE_OF_CONTENT, sealed)

    def open_summary(self, sealed: bytes) -> bytes:
        """Give the summary.

        Raises:
            NotOurs: it was encrypted under another key, or tampered with.
        """
        return self._open(_NONCE_OF_SUMMARY, sealed)

    def _open(self, nonce: bytes, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
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
        self._public = b""
        self._private = b""
        self._shared: dict[bytes, AESGCM] = {}

    def seal(self, key: ContentKey, public_key: bytes) -> bytes:
        """Wrap a content key for the mailbox with this public key."""
        now = self._clock()
        if not self._public or now - self._since > _EPOCH or len(self._shared) >= _MOST_SHARED:
            pair = new_key_pair(os.urandom)
            self._public, self._private, self._since = pair.public, pair.private, now
            self._shared = {}
        shared = self._shared.get(public_key)
        if shared is None:
            shared = self._shared[public_key] = _shared_key(self._private, public_key, self._public, public_key)
        nonce = os.urandom(_NONCE_OCTETS)
        return self._public + nonce + shared.encrypt(nonce, key.octets, None)


class Opener:
    """Opens what was sealed for one mailbox, for as long as one login lasts."""

    __slots__ = ("_pair", "_shared")

    _MOST = 256
    """Shared keys that are remembered: one for each minute in which mail has come."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair
        self._shared: dict[bytes, AESGCM] = {}

    @property
    def private_key(self) -> bytes:
        """The mailbox's private key, to be wrapped for a further credential."""
        return self._pair.private

    def open(self, sealed: bytes) -> ContentKey:
        """Give the content key that was sealed.

        Raises:
            NotOurs: it was sealed for another mailbox, or tampered with.
        """
        sender, box = sealed[:KEY_OCTETS], sealed[KEY_OCTETS:]
        shared = self._shared.get(sender)
        if shared is None:
            if len(self._shared) >= self._MOST:
                self._shared.clear()
            shared = self._shared[sender] = _shared_key(self._pair.private, sender, sender, self._pair.public)
        try:
            return ContentKey(shared.decrypt(box[:_NONCE_OCTETS], box[_NONCE_OCTETS:], None))
        except (InvalidTag, ValueError):
            raise NotOurs("the content key") from None


def _shared_key(private: bytes, public: bytes, sender: bytes, mailbox: bytes) -> AESGCM:
    """Give what both sides can work out: a hash of the X25519 secret and of both public keys (RFC 7748 §6.1)."""
    try:
        secret = sodium.crypto_scalarmult(private, public)
    except Exception as error:  # libsodium's word for a point of small order, or a wrong length
        raise NotOurs("the public key") from error
    return AESGCM(hashlib.sha256(b"tempmaild content key\0" + secret + sender + mailbox).digest())
