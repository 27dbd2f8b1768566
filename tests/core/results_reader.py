"""Another reader of Authentication-Results, to hold ours against: Python's email package and authres."""

from __future__ import annotations

import email
import email.policy
import re
from typing import Any, NamedTuple

import authres


class Told(NamedTuple):
    """What one method is said to have found; `properties` have names such as "header.d"."""

    method: str
    result: str
    reason: str
    properties: dict[str, str]

    @property
    def words(self) -> str:
        """The result, and the values of the properties."""
        return " ".join([self.result, *self.properties.values()])


def read(written: bytes) -> Any:
    """Read one whole field with Python's email package and authres."""
    message = email.message_from_bytes(written + b"\r\nbody\r\n", policy=email.policy.default)
    assert message.keys() == ["Authentication-Results"]
    (value,) = message.get_all("Authentication-Results", [])
    return authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")


def told(header: Any) -> list[Told]:
    """Give the results of what was read."""
    return [
        Told(
            result.method,
            result.result,
            _unescaped(result.reason or ""),
            {f"{each.type}.{each.name}": _unescaped(each.value) for each in result.properties},
        )
        for result in header.results
    ]


def _unescaped(text: str) -> str:
    # authres leaves the backslashes of quoted pairs, and the ends of folded lines.
    return re.sub(r"\\(.)", r"\1", text)
