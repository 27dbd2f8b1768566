"""The proof that a mailbox was destroyed, and the id by which its owner asks for it.

The id is random and known to the owner alone. The store has two digests of it: one to find the receipt by, and one of
id and address together, which the receipt shows. Who has neither learns nothing from the receipt of which mailbox it
is; who has both can check that it is theirs.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tempmaild.core.secret import typed
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from nacl.signing import SigningKey

LONGEST = 16 << 10
"""Octets that no receipt comes near."""
_DOMAIN = b"tempmaild receipt\0"
"""Stands before what is signed, so that the signature is good for nothing else."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"

_Hex32 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Hex64 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{128}\Z")]


def lookup(receipt_id: str) -> bytes:
    """Give what a receipt is found by."""
    return hashlib.sha256(b"tempmaild receipt lookup\0" + typed(receipt_id)).digest()


def subject(receipt_id: str, address: str) -> bytes:
    """Give what a receipt calls the mailbox: a hash of its address, salted with the id."""
    return hashlib.sha256(b"tempmaild receipt subject\0" + typed(receipt_id) + b"\0" + address.encode()).digest()


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """What a host states about a destruction.

    Attributes:
        host: its name.
        mailbox: `subject` of the mailbox, in hexadecimal.
        messages: how many were in it at its end.
        destroyed_at: when, in UTC, to the second.
        audit_row: the row of the audit log that says the same.
        audit_digest: that row's digest, in hexadecimal, which vouches for all rows before it.
        key: the host's Ed25519 key that checks the signature (RFC 8032), in hexadecimal.
    """

    version: Literal[1]
    host: Annotated[str, Meta(max_length=255, pattern=r"\A[^\x00-\x20\x7f-\xa0]+\Z")]
    mailbox: _Hex32
    messages: Annotated[int, Meta(ge=0)]
    destroyed_at: Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
    audit_row: Annotated[int, Meta(ge=1)]
    audit_digest: _Hex32
    key: _Hex32
    signature: _Hex64

    @property
    def signed(self) -> bytes:
        """What is signed: all other values in their order as a JSON array without white space, in UTF-8."""
        *values, _ = msgspec.structs.astuple(self)
        return _DOMAIN + msgspec.json.encode(values)


_decoder = msgspec.json.Decoder(Receipt)


def issue(
    key: SigningKey, host: str, mailbox: bytes, messages: int, destroyed_at: int, audit_row: int, audit_digest: bytes
) -> Receipt:
    """Sign that a mailbox was destroyed.

    Args:
        mailbox: what `subject` gave for it.
        destroyed_at: UTC epoch seconds.
    """
    public = key.verify_key.encode().hex()
    draft = Receipt(1, host, mailbox.hex(), messages, moment(destroyed_at), audit_row, audit_digest.hex(), public, "")
    return msgspec.structs.replace(draft, signature=key.sign(draft.signed).signature.hex())


def moment(seconds: int) -> str:
    """Write UTC epoch seconds as a receipt does."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def to_text(receipt: Receipt) -> str:
    """Write a receipt as JSON."""
    return msgspec.json.encode(receipt).decode()


def from_text(text: bytes | str) -> Receipt:
    """Read a receipt that anybody may have written.

    Raises:
        InvalidValue: it is none.
    """
    if len(text) > LONGEST:
        raise InvalidValue("receipt", "it has more than %(longest)s octets, no receipt is that long", longest=LONGEST)
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue(
            "receipt", "it is no receipt, or not the whole of one: %(problem)a", problem=str(error)
        ) from None


def check(receipt: Receipt, key: bytes | None = None) -> None:
    """See that a receipt was signed as it is, and with this key where one is given.

    Raises:
        InvalidValue: it was not.
    """
    if key is not None and receipt.key != key.hex():
        raise InvalidValue("receipt", "it is signed with another key, %(key)s", key=receipt.key)
    try:
        VerifyKey(bytes.fromhex(receipt.key)).verify(receipt.signed, bytes.fromhex(receipt.signature))
    except BadSignatureError:
        raise InvalidValue("receipt", "its signature is not of what it says: it was changed, or is forged") from None


def check_subject(receipt: Receipt, receipt_id: str, address: str) -> None:
    """See that a receipt is about the mailbox that had this receipt id and this address, in its normal form.

    Raises:
        InvalidValue: it is about another.
    """
    if receipt.mailbox != subject(receipt_id, address).hex():
        raise InvalidValue("receipt", "it is about another mailbox than that of this receipt id and address")
