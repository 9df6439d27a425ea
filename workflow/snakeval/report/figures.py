"""What each figure and table of the page holds, from the tables of the run; the templates only place it."""

from dataclasses import dataclass

from snakeval.report import charts, text
from snakeval.report.board import Row, Standing
from snakeval.report.variety import Clustered

LEVELS = 9  # steps of the heat map


@dataclass(frozen=True)
class HeatCell:
    x: float
    y: float
    level: int  # 0 (at chance or below) to LEVELS - 1 (perfect)
    label: str
    title: str


@dataclass(frozen=True)
class Heat:
    """Tasks × models, coloured by the share of the way from chance to a perfect score."""

    width: float
    height: float
    left: float
    top: float
    cell: float
    rows: list[tuple[float, int, str]]  # y, depth, task
    columns: list[tuple[float, str]]
    cells: list[HeatCell]


def standing_chart(standings: list[Standing]) -> charts.Dots:
    """The models' means over tasks."""
    best = standings[0]
    marks = [
        charts.Mark(
            s.model,
            s.mean,
            s.low,
            s.high,
            strong=best.low is not None and s.high is not None and s.high >= best.low,
            note=_interval(s.low, s.high),
        )
        for s in standings
    ]
    return charts.dots(marks, unit="mean score", bounded=True, width=660, note=170, letters=34)


def task_chart(row: Row) -> charts.Dots:
    """The models' scores on one task, best first."""
    cells = sorted(row.cells.items(), key=lambda item: _order(row, item[1].value))
    marks = [
        charts.Mark(model, cell.value, cell.low, cell.high, strong=cell.best or cell.tied)
        for model, cell in cells
    ]
    return charts.dots(marks, unit=row.metric, bounded=row.bounded, reference=row.chance)


def row_csv(rows: list[Row]) -> str:
    """Scores with everything known about them, one line per model."""
    header = (
        "task",
        "filter",
        "metric",
        "model",
        "n",
        "score",
        "ci_low",
        "ci_high",
        "stderr",
        "rank_low",
        "rank_high",
        "chance",
        "ci_method",
    )
    lines = [
        (
            row.task,
            row.filter,
            row.metric,
            model,
            row.n,
            c.value,
            c.low,
            c.high,
            c.stderr,
            c.rank_low,
            c.rank_high,
            row.chance,
            row.ci_method,
        )
        for row in rows
        for model, c in row.cells.items()
    ]
    return charts.csv(header, lines)


def standing_csv(standings: list[Standing]) -> str:
    lines = [(s.model, s.mean, s.low, s.high, s.best, s.rows) for s in standings]
    return charts.csv(("model", "mean", "ci_low", "ci_high", "best_or_tied", "tasks"), lines)


def heat(rows: list[Row], models: list[str]) -> Heat:
    """The leading metric of every task scored from 0 to 1."""
    shown = [row for row in rows if row.primary and row.bounded]
    values = [
        [row.cells[model].value if model in row.cells else None for model in models]
        for row in shown
    ]
    return grid([(row.depth, row.task, row.chance or 0.0) for row in shown], values, models)


def cluster_heat(found: Clustered, models: list[str]) -> Heat:
    """The clusters of one task."""
    values = [[found.means[model][i] for model in models] for i in range(len(found.names))]
    labels = [
        (0, f"{name} ({size})", found.row.chance or 0.0)
        for name, size in zip(found.names, found.sizes, strict=True)
    ]
    return grid(labels, values, models)


def grid(
    lines: list[tuple[int, str, float]], values: list[list[float | None]], models: list[str]
) -> Heat:
    """Lines as (depth, label, the value that is palest) × models."""
    labels = max(
        (len(text.shortened(label, 26)) + 2 * depth for depth, label, _ in lines), default=1
    )
    cell = 46.0 if len(models) <= 16 else 18.0
    left, top = (
        labels * charts.CHARACTER + 8,
        min(max(len(text.shortened(m, 16)) for m in models), 16) * 4.6 + 14,
    )
    cells = []
    for i, ((_, name, floor), own) in enumerate(zip(lines, values, strict=True)):
        for j, (model, value) in enumerate(zip(models, own, strict=True)):
            if value is None:
                continue
            level = (
                max(0, min(LEVELS - 1, int(LEVELS * (value - floor) / (1 - floor))))
                if floor < 1
                else 0
            )
            label = text.number(value, 2) if cell > 40 else ""
            cells.append(
                HeatCell(
                    left + j * cell,
                    top + i * 18.0,
                    level,
                    label,
                    f"{name}, {model}: {text.number(value)}",
                )
            )
    columns = [(left + (j + 0.5) * cell, model) for j, model in enumerate(models)]
    places = [(top + i * 18.0, depth, label) for i, (depth, label, _) in enumerate(lines)]
    return Heat(
        left + len(models) * cell + 60,
        top + 18.0 * len(lines) + 4,
        left,
        top,
        cell,
        places,
        columns,
        cells,
    )


def heat_csv(rows: list[Row]) -> str:
    lines = [
        (row.task, model, cell.value, row.chance)
        for row in rows
        if row.primary and row.bounded
        for model, cell in row.cells.items()
    ]
    return charts.csv(("task", "model", "value", "chance"), lines)


def edges_csv(edges: list[list[str]]) -> str:
    return charts.csv(("from", "to"), edges)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{text.number(low)} to {text.number(high)}"


def _order(row: Row, value: float | None) -> float:
    return float("inf") if value is None else -value if row.higher_is_better else value
