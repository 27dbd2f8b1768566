"""What the doctor tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from tempmaild.core import health

Severity = Literal["fine", "note", "warning", "error"]
"""error: mail is lost, refused or not read, or will be within days. warning: somebody should look. note: to be known.
fine: this was looked at, and is as it has to be."""
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_OF_STATES: dict[health.State, Severity] = {
    "fine": "fine",
    "unknown": "note",
    "warning": "warning",
    "problem": "error",
}


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


def of_health(found: health.Finding) -> Finding:
    """Give what a daemon tells, in the doctor's way: no whole sentence."""
    text = found.text[:1].lower() + found.text[1:].removesuffix(".")
    return Finding(_OF_STATES[found.state], found.name, text, found.remedy)


def gravest(findings: list[Finding]) -> Severity:
    """Give the worst that was found."""
    return max((finding.severity for finding in findings), key=_SEVERITIES.index, default="fine")
