"""Geometry of the charts. `templates/charts.j2` draws it as SVG, `static/charts.css` colours it.

Charts are drawn inline and not by a charting library. An image of 10 models takes 2 kB (13 kB and
30 ms with altair and vl-convert), follows the page's theme, and needs no script.
"""

import csv as _csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snakeval.report import text

ROW = 20  # height of a line of a dot chart, pixels
CHARACTER = 7.1  # width of a character of a label, pixels


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self, count: int = 4) -> list[tuple[float, str]]:
        """Round values within the scale, as (pixel, label)."""
        return [
            (self(value), _tick_label(value)) for value in nice_ticks(self.low, self.high, count)
        ]


@dataclass(frozen=True)
class Mark:
    """One line of a dot chart."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    strong: bool = False  # filled: the best, or tied with it
    note: str = ""  # after the value


@dataclass(frozen=True)
class Dots:
    """A dot and an interval per line."""

    width: int
    height: int
    axis: Axis
    gutter: float  # pixels left of the axis, for labels
    letters: int  # of a label, at most
    marks: Sequence[Mark]
    reference: float | None
    unit: str
    y: Callable[[int], float] = lambda i: 11.0 + ROW * i


def dots(
    marks: Sequence[Mark],
    *,
    unit: str,
    bounded: bool,
    reference: float | None = None,
    width: int = 360,
    note: int = 44,
    letters: int = 18,
) -> Dots:
    """A dot chart of `width` pixels.

    Bounded scores share the axis from 0 to 1, others get one that holds all intervals.
    """
    widths = [len(text.shortened(mark.label, letters)) for mark in marks]
    gutter = min(max(widths, default=1), letters) * CHARACTER + 8
    low, high = (0.0, 1.0) if bounded else span(marks, reference)
    axis = Axis(low, high, gutter + 4, width - note - 6)
    return Dots(width, ROW * len(marks) + 24, axis, gutter, letters, marks, reference, unit)


def span(marks: Sequence[Mark], reference: float | None) -> tuple[float, float]:
    """The smallest and largest of all intervals and the reference, with a margin of 5 %."""
    ends = [
        end
        for mark in marks
        for end in (mark.value, mark.low, mark.high)
        if end is not None and math.isfinite(end)
    ]
    ends += [reference] if reference is not None else []
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = 0.05 * (high - low) or abs(low) * 0.1 or 1.0
    return low - margin, high + margin


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` multiples of 1, 2 or 5 times a power of ten within [low, high].

    Heckbert, Graphics Gems (1990).
    """
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Panel:
    """A small square plot of points with vertical intervals, or of a line."""

    title: str
    x: Axis
    y: Axis
    x_ticks: int
    points: list[tuple[float, float, float | None, float | None, str]]
    """x, y, low, high in values, and a tooltip."""
    line: bool
    diagonal: bool
    note: str

    @property
    def path(self) -> str:
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y, *_ in self.points)


def panel(
    title: str,
    points: list,
    *,
    x: tuple[float, float],
    y: tuple[float, float] = (0.0, 1.0),
    x_ticks=2,
    line=False,
    diagonal=False,
    note="",
) -> Panel:
    """A panel of 190 by 190 pixels."""
    return Panel(title, Axis(*x, 30, 170), Axis(*y, 140, 24), x_ticks, points, line, diagonal, note)


@dataclass(frozen=True)
class Point:
    """One model in a scatter plot; x in pixels, the rest in values."""

    label: str
    x: float
    value: float
    low: float | None
    high: float | None
    strong: bool
    title: str
    label_y: float  # pixels; apart from the point's own where labels would overlap
    shape: str  # path data around 0, 0


@dataclass(frozen=True)
class Scatter:
    """Points with vertical intervals, 480 by 260 pixels, and 24 more above for a legend."""

    x_ticks: list[tuple[float, str]]
    y: Axis
    points: list[Point]
    unit: str
    label: str
    legend: list[tuple[str, str]]  # shape, meaning

    @property
    def legend_x(self) -> list[float]:
        """Pixels at which the items of the legend begin."""
        widths = [24 + CHARACTER * len(meaning) for _, meaning in self.legend]
        return [round(50 + sum(widths[:i]), 1) for i in range(len(widths))]


SHAPES = (  # of points: circle, square, triangle, diamond, triangle on its tip
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "M-3.6,-3.6h7.2v7.2h-7.2z",
    "M0,-5l4.6,8.4h-9.2z",
    "M0,-5.2l5.2,5.2l-5.2,5.2l-5.2,-5.2z",
    "M0,5l4.6,-8.4h-9.2z",
)


def amounts(values: Sequence[float]) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Pixels of positive amounts from 44 to 460, and ticks.

    The scale begins at 0, or is logarithmic where amounts differ by more than 20 times.
    """
    low, high = min(values), max(values)
    if high <= 20 * low:
        axis = Axis(0.0, high * 1.08, 44, 460)
        return axis, axis.ticks(5)
    axis = Axis(math.floor(math.log10(low)), math.ceil(math.log10(high)), 44, 460)
    powers = range(int(axis.low), int(axis.high) + 1)
    ticks = [(axis(power), f"{10.0**power:g}") for power in powers]
    return lambda value: axis(math.log10(value)), ticks


def apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, moved down where they are closer than `gap` to the one above."""
    moved = list(places)
    below = -math.inf
    for i in sorted(range(len(places)), key=lambda i: (places[i], i)):
        below = moved[i] = round(max(places[i], below + gap), 1)
    return moved


def csv(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Comma-separated values.

    Text that a spreadsheet would run as a formula gets a leading apostrophe, which keeps it text.
    """
    out = io.StringIO()
    writer = _csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_csv_cell(cell) for cell in row] for row in rows])
    return out.getvalue()


def table_csv(lines: Sequence[dict]) -> str:
    """A table of the run, all columns."""
    return csv(tuple(lines[0]) if lines else ("model",), [tuple(line.values()) for line in lines])


def _csv_cell(cell: object) -> object:
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def _tick_label(value: float) -> str:
    return f"{value:,.10g}".replace("-", "−").replace(",", " ")
