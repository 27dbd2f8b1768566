"""What the doctor tells."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["fine", "note", "warning", "error"]
"""error: mail is lost, refused or not read, or will be within days. warning: somebody should look. note: to be known.
fine: this was looked at, and is as it has to be."""
SEVERITIES: tuple[Severity, ...] = ("fine", "note", "warning", "error")


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        subject: what was looked at, such as "certificate".
        text: what is so.
        remedy: what to do about it; "" where there is nothing to be done.
    """

    severity: Severity
    subject: str
    text: str
    remedy: str = ""


def gravest(findings: list[Finding]) -> Severity:
    """Give the worst that was found."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="fine")
