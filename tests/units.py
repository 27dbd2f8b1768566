"""Reading unit files of systemd, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from pathlib import Path


class Unit(NamedTuple):
    """The options of a unit file: name and value, in the order of the file."""

    options: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one; sections are not kept apart, for no option of ours is in two of them."""
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "["))]
        parts = (line.partition("=") for line in lines)
        return cls(tuple((name, value) for name, _, value in parts))

    def values(self, name: str) -> list[str]:
        """Give the values of an option that may be given several times."""
        return [value for option, value in self.options if option == name]

    def value(self, name: str) -> str:
        """Give the value of an option; "" when it is not there."""
        return (self.values(name) or [""])[-1]

    def is_on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return self.value(name) == "yes"
