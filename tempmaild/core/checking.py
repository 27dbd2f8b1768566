"""What the operator wants done about what the checks find: for this host, and otherwise for single domains."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tempmaild.errors import InvalidValue

Action = Literal["mark", "junk", "strip", "refuse"]
"""What is done with mail that a check finds wrong.

mark: it is delivered, and its headers and keywords tell. junk: it is delivered into Junk. strip: it is delivered
without the part that is wrong, a note in its place. refuse: it is not taken (550).
"""
STERNNESS = ("accept", "mark", "strip", "junk", "refuse")
"""From the mildest to the sternest; "accept" where nothing is wrong."""
Failing = Literal["mark", "junk", "later"]
"""What is done when a check cannot be made: the same, or the sender is asked to come back (451)."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done about one check.

    Attributes:
        enabled: whether the check is made at all.
    """

    enabled: bool = True
    action: Action = "mark"
    failing: Failing = "mark"


class DmarcRule(Rule, frozen=True):
    """DMARC; `action` is the most that is done about p=reject, and p=quarantine never does more than Junk."""

    action: Action = "junk"


class ClamavRule(Rule, frozen=True):
    """ClamAV; `unscannable` is for what it could not look into: encrypted archives, and what exceeds its limits."""

    action: Action = "refuse"
    failing: Failing = "later"
    unscannable: Action = "junk"


class AttachmentsRule(Rule, frozen=True):
    """Names and types of attachments that are not wanted.

    Attributes:
        extensions: without the dot, in lower case.
        types: MIME types, such as "application/x-msdownload", as the content shows them.
        encrypted: what is done about archives whose content cannot be listed.
    """

    action: Action = "refuse"
    failing: Failing = "junk"
    extensions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    encrypted: Action = "mark"


class BlocklistsRule(Rule, frozen=True):
    """Lists of others that name clients and domains; which ones is in the settings."""

    action: Action = "refuse"


class SpamRule(Rule, frozen=True):
    """What a spam filter thinks; `threshold` is the score from which on `action` is done."""

    action: Action = "junk"
    threshold: float = 15.0


class Checking(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of all checks, by the name of the check."""

    spf: Rule = Rule()
    dkim: Rule = Rule()
    arc: Rule = Rule()
    dmarc: DmarcRule = DmarcRule()
    client: Rule = Rule()
    blocklists: BlocklistsRule = BlocklistsRule()
    attachments: AttachmentsRule = AttachmentsRule()
    clamav: ClamavRule = ClamavRule()
    spam: SpamRule = SpamRule()


Overrides = Mapping[str, Mapping[str, Any]]
"""What one domain wants otherwise: fields of rules, by the name of the check."""


def override(host: Checking, overrides: Overrides) -> Checking:
    """Give the rules of a domain.

    Raises:
        InvalidValue: it wants something impossible; names the field, such as "spf.action".
    """
    return _overridden(host, msgspec.json.encode(overrides, order="deterministic")) if overrides else host


@lru_cache(maxsize=1024)
def _overridden(host: Checking, overrides: bytes) -> Checking:
    rules: dict[str, dict[str, Any]] = msgspec.to_builtins(host)
    for name, changes in msgspec.json.decode(overrides).items():
        if name not in rules:
            problem = "there is no check %(name)r; there are %(names)s"
            raise InvalidValue("checks", problem, name=name, names=", ".join(rules))
        rules[name].update(changes)
    try:
        return msgspec.convert(rules, Checking)
    except msgspec.ValidationError as error:
        raise InvalidValue("checks", "this is none of the choices: %(problem)s", problem=error) from None
