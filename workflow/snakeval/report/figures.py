"""Figures that several views show."""

from collections.abc import Sequence
from dataclasses import dataclass

from snakeval.report import charts, text
from snakeval.report.board import Row

LEVELS = 9  # steps of the heat map
LINE = 18.0  # height of a line of the heat map, pixels


@dataclass(frozen=True)
class HeatCell:
    x: float
    y: float
    level: int  # 0 (at chance or below) to LEVELS - 1 (perfect)
    label: str
    title: str


@dataclass(frozen=True)
class Heat:
    """Lines × models, coloured by the share of the way from chance to a perfect score."""

    width: float
    height: float
    left: float
    top: float
    cell: float
    rows: list[tuple[float, int, str]]  # y, depth, label
    columns: list[tuple[float, str]]
    cells: list[HeatCell]


def heat(
    lines: Sequence[tuple[int, str, float]],
    values: Sequence[Sequence[float | None]],
    models: Sequence[str],
) -> Heat:
    """A heat map of `values`, one row for each line and one column for each model.

    `lines`: (depth, label, the value that is palest). A value of None has no cell.
    """
    widths = [len(text.shortened(label, 26)) + 2 * depth for depth, label, _ in lines]
    heads = max(len(text.shortened(model, 16)) for model in models)
    cell = 46.0 if len(models) <= 16 else 18.0
    left = max(widths, default=1) * charts.CHARACTER + 8
    top = min(heads, 16) * 4.6 + 14
    cells = [
        HeatCell(
            left + j * cell,
            top + i * LINE,
            _level(value, floor),
            text.number(value, 2) if cell > 40 else "",
            f"{name}, {model}: {text.number(value)}",
        )
        for i, ((_, name, floor), own) in enumerate(zip(lines, values, strict=True))
        for j, (model, value) in enumerate(zip(models, own, strict=True))
        if value is not None
    ]
    return Heat(
        width=left + len(models) * cell + 60,
        height=top + LINE * len(lines) + 4,
        left=left,
        top=top,
        cell=cell,
        rows=[(top + i * LINE, depth, label) for i, (depth, label, _) in enumerate(lines)],
        columns=[(left + (j + 0.5) * cell, model) for j, model in enumerate(models)],
        cells=cells,
    )


def scores_csv(rows: Sequence[Row]) -> str:
    """Scores with everything known about them, one line per model."""
    known = ("ci_low", "ci_high", "stderr", "rank_low", "rank_high", "chance", "ci_method")
    header = ("task", "filter", "metric", "model", "n", "score", *known)
    lines = [
        (
            *(row.task, row.filter, row.metric, model, row.n, c.value, c.low, c.high, c.stderr),
            *(c.rank_low, c.rank_high, row.chance, row.ci_method),
        )
        for row in rows
        for model, c in row.cells.items()
    ]
    return charts.csv(header, lines)


def _level(value: float, floor: float) -> int:
    """The step of the heat map."""
    if floor >= 1:
        return 0
    return max(0, min(LEVELS - 1, int(LEVELS * (value - floor) / (1 - floor))))
