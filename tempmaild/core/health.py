"""How the parts of an appliance are: what is told of each, and how bad that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["fine", "unknown", "warning", "problem"]
"""fine: it is as it has to be. unknown: nobody could tell. warning: somebody should look within days.
problem: mail is put off, refused or not read, is not checked as it was wanted, or will be within days."""
STATES: tuple[State, ...] = get_args(State)
"""From the best to the worst."""
Values = dict[str, str | int]
"""What is put into a text."""


class Finding(Struct, frozen=True):
    """How one part is.

    Attributes:
        name: which part, such as "certificate" or "listener smtp"; the same one has the same name every time.
        template: what is so, for people, with a place such as %(days)s for each value; for translations.
        advice: what to do about it, likewise; "" where there is nothing to be done.
        values: what is put into both.
    """

    name: str
    state: State
    template: str
    advice: str = ""
    values: Values = {}

    @property
    def text(self) -> str:
        """What is so, in English."""
        return _filled(self.template, self.values)

    @property
    def remedy(self) -> str:
        """What to do about it, in English; "" where there is nothing to be done."""
        return _filled(self.advice, self.values)


def _filled(template: str, values: Values) -> str:
    return template % values if values else template


def worst(findings: Iterable[Finding]) -> State:
    """Give the worst state of all; "fine" for none."""
    return max((finding.state for finding in findings), key=STATES.index, default="fine")


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Give the worst first, and else the order of the names."""
    return sorted(findings, key=lambda finding: (-STATES.index(finding.state), finding.name))
