"""What the operator has decided for one domain."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from tempmaild.core.lifetime import Lifetime

Kind = Literal["claimed", "catch-all", "open"]
"""Who takes mail for an address of a domain.

claimed: the mailbox that was made for it, nobody else. catch-all: the same, and one mailbox takes what is for all
other names. open: mail makes the mailbox, and whoever knows its name reads it.
"""

# RFC 2142: mail to these names is for whoever runs the host. RFC 5321 §4.5.1 wants the first to be taken always.
ROLES = frozenset(
    [
        "postmaster",
        "abuse",
        "hostmaster",
        "webmaster",
        "security",
        "noc",
        "info",
        "marketing",
        "sales",
        "support",
        "mailer-daemon",
        "usenet",
        "news",
        "www",
        "uucp",
        "ftp",
        "root",
        "admin",
        "administrator",
    ]
)


class Policy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What holds for the mailboxes of a domain.

    Attributes:
        lifetime: of a new mailbox, where its maker wants no other; None for what the settings say.
        longest: seconds that an owner may ask for at most; 0 for as long as can be.
        largest_message: octets; 0 for what the settings say.
        names: how local parts are made up: pronounceable words with digits, or the first 8 digits of a UUID.
        passwords: whether owners may choose a password; each wrong one then costs time and memory (Argon2id).
        catch_all: the address whose mailbox takes all other names of a "catch-all" domain.
        operator: the address whose mailbox takes mail to the roles of RFC 2142; "" for what the settings say.
        reserved: local parts that nobody gets, beside the roles.
    """

    lifetime: Lifetime | None = None
    longest: int = 0
    largest_message: int = 0
    names: Literal["words", "short"] = "words"
    passwords: bool = False
    catch_all: str = ""
    operator: str = ""
    reserved: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Policy)


def to_text(policy: Policy) -> str:
    """Write a policy as the store keeps it (JSON)."""
    return _encoder.encode(policy).decode()


def from_text(text: str) -> Policy:
    """Read what `to_text` wrote."""
    return _decoder.decode(text)
