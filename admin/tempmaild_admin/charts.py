"""Charts as pictures: SVG with an axis and lines to read it by, coloured by classes that `charts.css` knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_WIDTH, _HEIGHT = 600, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 88, 22, 14, 34
"""What the labels need on each side; the left one takes seven characters at the size that phones get."""
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_FLOOR = _TOP + _PLOT_HEIGHT
_NEXT_TO_NOTHING = 1e-9
"""Of a unit; less than that has no scale."""
_FEWEST_LINES = 3
"""That cross the picture above its floor; there may be nearly twice as many."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_BAR = 0.76
"""Of the width that each has."""
_LEAST = 1.5
"""So high is what is not nothing, so that it is seen beside what is much."""


@dataclass(frozen=True)
class Series:
    """One of the things that a chart shows.

    Attributes:
        kind: the class that gives it its colour, such as "good".
        values: one for each step, none below 0; None where nothing is known.
    """

    name: str
    kind: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart:
    """What a chart shows, by the steps of a time.

    Attributes:
        key: tells it apart from the others on its page: letters.
        summary: what its picture says, for those who do not see it.
        form: whether series stand upon each other as bars, or go along as lines.
        steps: what each step is called where there is room for it.
        marks: what stands below each step, "" for nothing.
        write: writes a value.
        unit: what the values are multiples of when they are written, such as 1024; lines go through round ones.
        whole: whether there is nothing between whole numbers of the unit.
    """

    key: str
    title: str
    summary: str
    form: Literal["bars", "lines"]
    steps: Sequence[str]
    marks: Sequence[str]
    series: Sequence[Series]
    write: Callable[[float], str]
    unit: float = 1.0
    whole: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be seen."""
        return not any(value for series in self.series for value in series.values)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The numbers: for each step, the last one first, what it is called, and the values as they are written."""
        columns = [["" if value is None else self.write(value) for value in series.values] for series in self.series]
        return [(step, [column[at] for column in columns]) for at, step in reversed(list(enumerate(self.steps)))]

    def picture(self) -> Markup:
        """Draw it."""
        return Markup("").join(self._draw())

    def _draw(self) -> Iterator[Markup]:
        ticks = ticks_to(self._highest(), self.unit, whole=self.whole)
        yield _element(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-summary">'
            '<title id="{}-title">{}</title><desc id="{}-summary">{}</desc>',
            *(_WIDTH, _HEIGHT, self.key, self.key, self.key, self.title, self.key, self.summary),
        )
        yield from self._draw_axes(ticks)
        yield from self._draw_bars(ticks[-1]) if self.form == "bars" else self._draw_lines(ticks[-1])
        yield from self._draw_hints()
        yield Markup("</svg>")

    def _highest(self) -> float:
        if self.form == "bars":
            return max((sum(value or 0 for value in values) for values in self._by_step()), default=0)
        return max((value or 0 for series in self.series for value in series.values), default=0)

    def _by_step(self) -> Iterable[tuple[float | None, ...]]:
        return zip(*(series.values for series in self.series), strict=True)

    def _draw_axes(self, ticks: Sequence[float]) -> Iterator[Markup]:
        for tick in ticks:
            y = _short(_y(tick, ticks[-1]))
            yield _element('<path class="line" d="M{} {}H{}"/>', _LEFT, y, _WIDTH - _RIGHT)
            yield _element('<text class="tick" x="{}" y="{}">{}</text>', _LEFT - 8, y, self.write(tick))
        for at, mark in enumerate(self.marks):
            if mark:
                yield _element(
                    '<text class="mark" x="{}" y="{}">{}</text>', _short(self._middle(at)), _FLOOR + 22, mark
                )

    def _draw_bars(self, highest: float) -> Iterator[Markup]:
        width = self._step * _BAR
        for at, values in enumerate(self._by_step()):
            y = float(_FLOOR)
            for series, value in zip(self.series, values, strict=True):
                if value:
                    height = max(_FLOOR - _y(value, highest), _LEAST)
                    y -= height
                    yield _element(
                        '<rect class="of-{}" x="{}" y="{}" width="{}" height="{}"/>',
                        *(series.kind, _short(self._middle(at) - width / 2), _short(y), _short(width)),
                        _short(height),
                    )

    def _draw_lines(self, highest: float) -> Iterator[Markup]:
        for series in self.series:
            for run in _runs(series.values):
                points = " ".join(f"{_short(self._middle(at))} {_short(_y(value, highest))}" for at, value in run)
                # A single point is no line: its round end is seen.
                yield _element('<path class="of-{}" d="M{}{}"/>', series.kind, points, "h0" if len(run) == 1 else "")

    def _draw_hints(self) -> Iterator[Markup]:
        """Have each step say what its values are to whoever points at it."""
        for at, (step, values) in enumerate(zip(self.steps, self._by_step(), strict=True)):
            told = [f"{s.name} {self.write(v)}" for s, v in zip(self.series, values, strict=True) if v]
            yield _element(
                '<g><title>{}</title><rect class="hint" x="{}" y="{}" width="{}" height="{}"/></g>',
                *("\n".join([step, *told]), _short(_LEFT + at * self._step), _TOP, _short(self._step), _PLOT_HEIGHT),
            )

    @property
    def _step(self) -> float:
        return _PLOT_WIDTH / max(len(self.steps), 1)

    def _middle(self, at: int) -> float:
        return _LEFT + (at + 0.5) * self._step


def ticks_to(highest: float, unit: float = 1.0, *, whole: bool = False) -> list[float]:
    """Give round multiples of the unit for lines from 0 to nothing below `highest`."""
    wanted = max(highest / unit / _FEWEST_LINES, _NEXT_TO_NOTHING) if highest > 0 else 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    distance = max(nice * power for nice in _NICE if nice * power <= wanted * (1 + 1e-9))
    if whole:
        distance = max(1.0, float(math.floor(distance)))
    count = max(1, math.ceil(highest / unit / distance - 1e-9))
    return [distance * unit * number for number in range(count + 1)]


def shares(parts: Sequence[tuple[str, float]]) -> Markup:
    """Draw how a whole is divided, as one bar.

    Args:
        parts: the class that gives each its colour, and how much it is; together no more than 1.
    """
    drawn, x = [], 0.0
    for kind, share in parts:
        if share > 0:
            width = 100 * share
            drawn.append(
                _element('<rect class="of-{}" x="{}" width="{}" height="8"/>', kind, _short(x), _short(width))
            )
            x += width
    # What it says stands beside it.
    return _element(
        '<svg class="shares" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        Markup("").join(drawn),
    )


def _element(pattern: str, *values: object) -> Markup:
    # Patterns are written in this file; all else is escaped.
    return Markup(pattern).format(*map(escape, values))  # noqa: S704


def _y(value: float, highest: float) -> float:
    return _FLOOR - _PLOT_HEIGHT * value / highest


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Give what is known one after the other, with where it is."""
    run: list[tuple[int, float]] = []
    for at, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((at, value))
    if run:
        yield run
