"""What has been measured, as a table for people and as values for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.bench.measure import median

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.measure import Sample
    from tests.bench.rows import Row, Wanted

_HEAD = ("what", "unit", "of", "figure", "beside", "figure", "ratio", "wanted", "CPU µs each", "MiB")
_NONE = "-"
_LEFT = {0, 1, 2, 4}
"""The columns of words."""


@dataclass(frozen=True)
class Result:
    """A row with the samples of each of its servers; none of them, and the problem, if it could not be measured."""

    row: Row
    samples: Mapping[str, Sequence[Sample]]
    problem: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether it was measured, and is as good as wanted."""
        if self.problem:
            return False
        own, *others = (self.row.figure(self.median(name)) for name in self.row.servers)
        wanted, rivals = self.row.wanted, others[: self.row.rivals]
        best = (max if wanted.at_least else min)(rivals, default=None)
        return wanted.is_reached(own, best)

    def median(self, server: str) -> Sample:
        """Give the medians of one server."""
        return median(self.samples[server])


def table(results: Sequence[Result]) -> str:
    """Lay the results out, a line for each peer, and below whether each row is reached."""
    lines = [_HEAD, *(line for result in results if not result.problem for line in _lines(result))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [_aligned(line, widths) for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*text, "", *map(_verdict, results)])


def as_values(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Give the results as JSON can hold them, with every sample."""
    return [
        {
            "row": result.row.name,
            "title": result.row.title,
            "unit": result.row.unit,
            "subject": result.row.subject,
            "wanted": result.row.wanted._asdict(),
            "reached": result.is_reached,
            "problem": result.problem,
            "medians": {name: median(samples)._asdict() for name, samples in result.samples.items()},
            "samples": {name: [sample._asdict() for sample in samples] for name, samples in result.samples.items()},
        }
        for result in results
    ]


def _lines(result: Result) -> Iterator[tuple[str, ...]]:
    row = result.row
    subject = result.median(row.subject)
    own = (row.title, row.unit, row.subject, _number(row.figure(subject)))
    wanted = in_words(row.wanted)
    if not row.peers:
        yield (*own, _NONE, _NONE, _NONE, wanted, _number(subject.cpu), _number(subject.memory))
    for number, name in enumerate(row.peers):
        peer = result.median(name)
        yield (
            *own,
            name,
            _number(row.figure(peer)),
            f"{row.figure(subject) / row.figure(peer):.2f}",
            _NONE if number else wanted,
            _both(subject.cpu, peer.cpu),
            _both(subject.memory, peer.memory),
        )


def _verdict(result: Result) -> str:
    title = f"{result.row.title} ({result.row.name})"
    if result.problem:
        return f"NOT MEASURED  {title}: {result.problem}"
    return f"{'reached' if result.is_reached else 'MISSED':<12}  {title}: {in_words(result.row.wanted)}"


def in_words(wanted: Wanted) -> str:
    """Say what is wanted."""
    return f"{'≥' if wanted.at_least else '≤'} {wanted.limit:.3g}{'x' if wanted.relative else ''}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(line, widths, strict=True)
    words = [
        f"{cell:<{width}}" if number in _LEFT else f"{cell:>{width}}" for number, (cell, width) in enumerate(cells)
    ]
    return "  ".join(words).rstrip()


def _both(subject: float | None, peer: float | None) -> str:
    return _NONE if subject is None else f"{_number(subject)} / {_number(peer)}"


def _number(value: float | None) -> str:
    """Three figures that count, more where they are whole."""
    if value is None:
        return _NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
